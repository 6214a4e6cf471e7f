-- Changes of specs that have many files: each a handful of statements, however many files there are. A run of a pipeline
-- takes stock as of one instant, and tells of what nobody was told of for a while.

-- By target, since what is asked for is a target's: whether a dataset that is filled has all its files, after each of
-- them, and what a run finds open. All that is open is found by it as before.
drop index ingestion."contribution pending";
create index "contribution pending" on ingestion.contribution (target_kind, target, created_at) where state = 'pending';

-- A page of messages is found where it begins, whatever else waits.
drop index operations.outbox_by_file;
create index outbox_by_file on operations.outbox (file_id, version, outbox_id);
create index outbox_by_dataset on operations.outbox ((body ->> 'dataset'), outbox_id)
    where queue = 'perf' and body ->> 'kind' = 'aggregate';

-- The message that has a contribution made: of rows that come ready, or to cells. A plain expression, which the planner
-- puts in the place of a call for each file.
create function ingestion.message_of(p_file_id uuid, p_version integer, p_target text, p_has_rows boolean) returns jsonb
language sql stable as $$
    select jsonb_build_object('v', 1, 'file_id', p_file_id, 'version', p_version) || case
        when p_has_rows then jsonb_build_object('kind', 'load_dimension')
        else jsonb_build_object('kind', 'aggregate', 'dataset', p_target) end;
$$;

-- Whether a target's rows come ready: they are registered with dimensions then.
create function ingestion.has_rows(p_kind text, p_target text) returns boolean language sql stable as $$
    select exists (select from ingestion.dimension d where d.kind = p_kind and d.name = p_target);
$$;

-- As before.
create or replace function ingestion.contribution_message(p_contribution ingestion.contribution) returns jsonb
language sql stable as $$
    select ingestion.message_of(p_contribution.file_id, p_contribution.version, p_contribution.target,
        ingestion.has_rows(p_contribution.target_kind, p_contribution.target));
$$;

-- As before, in one statement.
create or replace function ingestion.contribute_existing_files(p_dataset text, p_event text)
returns integer language plpgsql as $$
declare
    v_count integer;
begin
    with newest as (
        select distinct on (t.file_id) t.file_id, t.version, t.mode
        from ingestion.file_tracker t
        where t.ingestion_type = 'event' and t.ingestion_name = p_event and t.error is null
            and t.validated_at is not null and t.unchanged_of is null
        order by t.file_id, t.version desc),
    begun as (
        insert into ingestion.contribution (target_kind, target, file_id, version)
        select 'dataset', p_dataset, n.file_id, n.version from newest n left join (
            select distinct c.file_id from ingestion.contribution c
            where c.target_kind = 'dataset' and c.target = p_dataset and (c.is_current or c.state = 'pending')
        ) taken on taken.file_id = n.file_id
        where n.mode <> 'delete' or taken.file_id is not null
        on conflict do nothing returning file_id, version),
    told as (
        insert into operations.outbox (file_id, version, queue, body)
        select file_id, version, 'perf', ingestion.message_of(file_id, version, p_dataset, false)
        from begun order by file_id)
    select count(*) into v_count from begun;
    update ingestion.dataset d set filled_from = now(), building = v_count > 0 or (d.building and exists (
        select from ingestion.contribution c
        where c.target_kind = 'dataset' and c.target = d.name and c.state = 'pending'))
    where d.name = p_dataset;
    return v_count;
end
$$;

-- ---- Pipelines

-- When a run last told of a contribution; null where none did.
alter table ingestion.contribution add column told_at timestamptz;
-- The same of what a run found; a file on its way has no contribution.
alter table operations.pipeline_run_step add column told_at timestamptz;
create index "step told" on operations.pipeline_run_step (file_id, version, told_at)
    where contribution_id is null and told_at is not null;

-- As before, with a look at each target in the place of one at each file.
create or replace function ingestion.settle_pipeline(p_name text) returns void language plpgsql as $$
declare
    v_targets jsonb;
begin
    select definition -> 'targets' into v_targets from spec.spec
    where kind = 'pipeline' and name = p_name order by version desc limit 1;
    if exists (select from spec.retired where kind = 'pipeline' and name = p_name) then
        v_targets := '[]';
    end if;
    perform ingestion.lock_feeds(p_name, v_targets);
    delete from operations.pipeline_target where pipeline = p_name;
    insert into operations.pipeline_target (pipeline, target_kind, target, fed_by, holds)
    select p_name, t ->> 'kind', t ->> 'name', t ->> 'fed_by', s.definition ->> 'runs' = 'on_request'
    from jsonb_array_elements(v_targets) t,
        (select definition from spec.spec where kind = 'pipeline' and name = p_name order by version desc limit 1) s;
    -- In one order, as whoever takes stock for a run.
    perform from ingestion.contribution where is_held order by contribution_id for update;
    with held as materialized (
        select distinct target_kind, target from ingestion.contribution where is_held),
    free as materialized (
        select target_kind, target, ingestion.has_rows(target_kind, target) as has_rows from held
        where not ingestion.is_on_hold(target_kind, target)),
    let_go as (
        update ingestion.contribution c set is_held = false, told_at = now() from free f
        where c.target_kind = f.target_kind and c.target = f.target and c.is_held and c.state = 'pending'
        returning c.file_id, c.version, c.target, f.has_rows)
    insert into operations.outbox (file_id, version, queue, body)
    select operations.pipeline_outbox(p_name), 0, 'perf', ingestion.message_of(file_id, version, target, has_rows)
    from let_go;
end
$$;

-- Takes stock for a run that has begun, as of one instant: what its pipeline's targets have open, and the files that are on
-- their way to them. What is held is let go. Of the rest nobody is told again who was told within a quarter of an hour: it
-- is at work, and would be done twice; what is open for longer may have been lost.
create function operations.take_stock(p_run_id uuid, p_pipeline text) returns void language plpgsql as $$
declare
    v_told_before timestamptz := now() - interval '15 minutes';
begin
    -- In one order: two runs for the same target do not wait for each other in a circle.
    perform from ingestion.contribution c
    join operations.pipeline_target g on g.target_kind = c.target_kind and g.target = c.target
    where g.pipeline = p_pipeline and c.state = 'pending'
        and (c.is_held or coalesce(c.told_at, c.created_at) < v_told_before)
    order by c.contribution_id for update of c;

    with target as materialized (
        select target_kind, target, fed_by, ingestion.has_rows(target_kind, target) as has_rows
        from operations.pipeline_target where pipeline = p_pipeline),
    feed as (
        select distinct case target_kind when 'dimension' then 'dimension' else 'event' end as kind, fed_by from target),
    open as (
        select c.contribution_id, c.file_id, c.version, c.target, c.is_held, t.sequence, g.has_rows,
            c.is_held or coalesce(c.told_at, c.created_at) < v_told_before as is_silent
        from ingestion.contribution c
        join target g on g.target_kind = c.target_kind and g.target = c.target
        join ingestion.file_tracker t on t.file_id = c.file_id and t.version = c.version
        where c.state = 'pending'),
    coming as (
        select t.file_id, t.version, t.sequence, t.received_at < v_told_before and not exists (
            select from operations.pipeline_run_step s
            where s.file_id = t.file_id and s.version = t.version and s.contribution_id is null
                and s.told_at >= v_told_before) as is_silent
        from ingestion.file_tracker t
        join feed f on f.kind = t.ingestion_type and f.fed_by = t.ingestion_name
        where t.validated_at is null and t.error is null and t.received_at is not null),
    noted as (
        insert into operations.pipeline_run_step (run_id, file_id, version, target, contribution_id, was_held, told_at)
        select p_run_id, file_id, version, target, contribution_id, is_held, case when is_silent then now() end from (
            select file_id, version, target, contribution_id, is_held, is_silent, sequence from open
            union all
            select file_id, version, '', null, false, is_silent, sequence from coming) found
        order by sequence, target),
    told as (
        update ingestion.contribution c set is_held = false, told_at = now() from open o
        where c.contribution_id = o.contribution_id and o.is_silent and c.state = 'pending')
    insert into operations.outbox (file_id, version, queue, body)
    select operations.pipeline_outbox(p_pipeline), 0, queue, body from (
        select sequence, 'perf' as queue, ingestion.message_of(file_id, version, target, has_rows) as body
        from open where is_silent
        union all
        select sequence, 'ingest',
            jsonb_build_object('v', 1, 'kind', 'ingest_file', 'file_id', file_id, 'version', version)
        from coming where is_silent) message
    order by sequence;
end
$$;

-- As before; what the run finds is taken stock of in one statement.
create or replace function operations.begin_pipeline_run(
    p_run_id uuid, p_pipeline text, p_begun_by text, p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_spec spec.spec;
    v_remembered operations.idempotency;
    v_outcome jsonb := jsonb_build_object('outcome', 'created', 'run_id', p_run_id);
begin
    perform pg_advisory_xact_lock_shared(spec.lock_key('pipeline', p_pipeline));
    select * into v_spec from spec.spec where kind = 'pipeline' and name = p_pipeline order by version desc limit 1;
    if v_spec.name is null then
        return jsonb_build_object('outcome', 'no_pipeline');
    elsif exists (select from spec.retired where kind = 'pipeline' and name = p_pipeline) then
        return jsonb_build_object('outcome', 'retired');
    end if;
    if p_idempotency_key is not null then
        insert into operations.idempotency values (p_client_id, p_idempotency_key, p_request_sha256, v_outcome, now())
        on conflict do nothing;
        if not found then
            select * into v_remembered from operations.idempotency
            where client_id = p_client_id and idempotency_key = p_idempotency_key;
            if v_remembered.request_sha256 <> p_request_sha256 then
                return jsonb_build_object('outcome', 'key_reused');
            end if;
            return v_remembered.outcome || jsonb_build_object('outcome', 'replayed');
        end if;
    end if;
    insert into operations.pipeline_run (run_id, pipeline, spec_version, begun_by, requested_by)
    values (p_run_id, p_pipeline, v_spec.version, p_begun_by, p_client_id) on conflict (run_id) do nothing;
    if not found then -- the same trigger again
        return v_outcome || jsonb_build_object('outcome', 'replayed');
    end if;
    perform operations.take_stock(p_run_id, p_pipeline);

    with old as (
        select run_id from operations.pipeline_run
        where pipeline = p_pipeline and created_at < now() - interval '90 days'
        order by sequence limit 2 for update skip locked),
    steps as (delete from operations.pipeline_run_step s using old where s.run_id = old.run_id)
    delete from operations.pipeline_run r using old where r.run_id = old.run_id;
    return v_outcome;
end
$$;

-- What a run found open, and where each of it stands, from the facts: "waiting", or how it ended and when. It takes the
-- place of operations.step_state, which functions of the version before ask.
create function operations.steps_of_run(p_run_id uuid) returns table (
    step_no bigint, file_id uuid, version integer, target text, was_held boolean, state text, ended_at timestamptz
) language sql stable as $$
    select s.step_no, s.file_id, s.version, s.target, s.was_held, case
            when s.contribution_id is null and t.error is not null then 'refused'
            when s.contribution_id is null and t.validated_at is not null then 'validated'
            when s.contribution_id is null or c.state = 'pending' then 'waiting'
            else c.state end,
        coalesce(c.settled_at, t.validated_at)
    from operations.pipeline_run_step s
    left join ingestion.contribution c on c.contribution_id = s.contribution_id
    left join ingestion.file_tracker t
        on s.contribution_id is null and t.file_id = s.file_id and t.version = s.version
    where s.run_id = p_run_id;
$$;
