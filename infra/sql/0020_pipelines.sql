-- Pipelines and schedules: when files are taken in, by whom that is begun, and where their objects go in the end.

alter table spec.spec drop constraint spec_kind_check;
alter table spec.spec add constraint spec_kind_check
    check (kind in ('dimension', 'event', 'dataset', 'source', 'transformer', 'pipeline', 'schedule'));
create view spec.pipeline as
select name as pipeline_name, version, definition ->> 'pipeline_type' as pipeline_type,
    definition ->> 'runs' as runs, body as pipeline_data, created_by, created_at
from spec.spec where kind = 'pipeline';
create view spec.schedule as
select name as schedule_name, version, definition -> 'target' ->> 'pipeline' as pipeline_name,
    definition -> 'target' ->> 'move' as scheduled_type, definition ->> 'expression' as scheduled_at,
    definition ->> 'time_zone' as time_zone, definition ->> 'state' as state, body as schedule_data, created_by, created_at
from spec.spec where kind = 'schedule';

-- ---- What is held

-- A held contribution is pending, and nobody has been told of it: it waits for a run.
alter table ingestion.contribution add column is_held boolean not null default false;
create index "contribution held" on ingestion.contribution (target_kind, target) where is_held;

-- What the pipelines in use name, in their newest versions; whoever holds has files wait until a run begins.
create table operations.pipeline_target (
    pipeline text not null,
    target_kind text not null check (target_kind in ('dataset', 'dimension')),
    target text not null,
    fed_by text not null,
    holds boolean not null,
    primary key (pipeline, target_kind, target)
);
create index "pipeline_target holding" on operations.pipeline_target (target_kind, target) where holds;

create function ingestion.is_on_hold(p_kind text, p_target text) returns boolean language sql stable as $$
    select exists (
        select from operations.pipeline_target where target_kind = p_kind and target = p_target and holds);
$$;

-- Where the messages of a pipeline wait: its runs', and those of what it lets go.
create function operations.pipeline_outbox(p_pipeline text) returns uuid language sql immutable as $$
    select cast(md5('pipeline ' || p_pipeline) as uuid);
$$;

-- The message that has a contribution made.
create function ingestion.contribution_message(p_contribution ingestion.contribution) returns jsonb
language sql stable as $$
    select jsonb_build_object('v', 1, 'file_id', p_contribution.file_id, 'version', p_contribution.version)
        || case
            -- The rows of a dataset come ready, as those of a dimension, where they are registered with them.
            when exists (select from ingestion.dimension d
                where d.kind = p_contribution.target_kind and d.name = p_contribution.target)
                then jsonb_build_object('kind', 'load_dimension')
            else jsonb_build_object('kind', 'aggregate', 'dataset', p_contribution.target) end;
$$;

-- As before, but what is on hold is not announced.
create or replace function ingestion.begin_contributions(
    p_file ingestion.file_tracker, p_sender ingestion.file_tracker
) returns void language plpgsql as $$
declare
    v_target record;
    v_contribution ingestion.contribution;
    v_message jsonb;
begin
    for v_target in
        select p_file.ingestion_type as kind, p_file.ingestion_name as name
        where p_file.ingestion_type in ('dimension', 'dataset')
        union all
        (select 'dataset', d.name from ingestion.dataset d
        where p_file.ingestion_type = 'event' and d.event = p_file.ingestion_name
            and not exists (select from spec.retired r where r.kind = 'dataset' and r.name = d.name)
        order by d.name)
    loop
        v_contribution := null;
        insert into ingestion.contribution (target_kind, target, file_id, version, is_held)
        values (v_target.kind, v_target.name, p_file.file_id, p_file.version,
            ingestion.is_on_hold(v_target.kind, v_target.name))
        on conflict do nothing;
        select * into v_contribution from ingestion.contribution
        where target_kind = v_target.kind and target = v_target.name and file_id = p_file.file_id
            and version = p_file.version;
        continue when v_contribution.is_held;
        v_message := ingestion.contribution_message(v_contribution);
        perform ingestion.post(p_sender.file_id, p_sender.version, 'perf', v_message ->> 'kind', v_message);
    end loop;
end
$$;

-- Locks what feeds a pipeline's targets, those that it had and those of a definition, in one order. Whoever changes a
-- pipeline does so first: others have these locks before those of the specs.
create function ingestion.lock_feeds(p_pipeline text, p_targets jsonb) returns void language plpgsql as $$
declare
    v_feed record;
begin
    for v_feed in
        select case target_kind when 'dimension' then 'dimension' else 'event' end as kind, fed_by
        from operations.pipeline_target where pipeline = p_pipeline
        union
        select case t ->> 'kind' when 'dimension' then 'dimension' else 'event' end, t ->> 'fed_by'
        from jsonb_array_elements(coalesce(p_targets, '[]')) t order by 1, 2
    loop
        perform ingestion.lock_spec(v_feed.kind, v_feed.fed_by);
    end loop;
end
$$;

-- Writes down what a pipeline names now, and lets go of what nobody holds any more. Whoever validates a file of what
-- feeds it waits for us, or we for them: nothing is held that nobody would let go.
create function ingestion.settle_pipeline(p_name text) returns void language plpgsql as $$
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
    with let_go as (
        update ingestion.contribution c set is_held = false
        where c.is_held and c.state = 'pending' and not ingestion.is_on_hold(c.target_kind, c.target) returning c)
    insert into operations.outbox (file_id, version, queue, body)
    select operations.pipeline_outbox(p_name), 0, 'perf', ingestion.contribution_message(c) from let_go;
end
$$;

-- ---- Runs

create table operations.pipeline_run (
    run_id uuid primary key,
    sequence bigint generated always as identity unique,
    pipeline text not null,
    spec_version integer not null,
    begun_by text not null check (begun_by in ('schedule', 'request')),
    requested_by text not null,
    created_at timestamptz not null default now()
);
create index pipeline_run_by_pipeline on operations.pipeline_run (pipeline, sequence);

-- What a run found open: contributions, and file versions that were on their way to become some (target is empty).
create table operations.pipeline_run_step (
    run_id uuid not null references operations.pipeline_run,
    step_no bigint generated always as identity,
    file_id uuid not null,
    version integer not null,
    target text not null,
    contribution_id uuid,
    was_held boolean not null,
    primary key (run_id, step_no)
);

-- Begins a run: what its pipeline's targets have open is driven on, what is held for them let go; one commit with the
-- idempotency key, if there is one. Runs are kept for 90 days at least: every new one takes two of its pipeline's older
-- ones along.
-- Answers: {"outcome": "created" | "replayed" | "no_pipeline" | "retired" | "key_reused", "run_id"}
create function operations.begin_pipeline_run(
    p_run_id uuid, p_pipeline text, p_begun_by text, p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_spec spec.spec;
    v_remembered operations.idempotency;
    v_outbox uuid := operations.pipeline_outbox(p_pipeline);
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

    with target as (select * from operations.pipeline_target where pipeline = p_pipeline),
    open as (
        select c as contribution, t.sequence from ingestion.contribution c
        join target g on g.target_kind = c.target_kind and g.target = c.target
        join ingestion.file_tracker t on t.file_id = c.file_id and t.version = c.version
        where c.state = 'pending'),
    noted as (
        insert into operations.pipeline_run_step (run_id, file_id, version, target, contribution_id, was_held)
        select p_run_id, (contribution).file_id, (contribution).version, (contribution).target,
            (contribution).contribution_id, (contribution).is_held
        from open order by sequence),
    let_go as (
        update ingestion.contribution c set is_held = false from open
        where c.contribution_id = (open.contribution).contribution_id and c.is_held)
    insert into operations.outbox (file_id, version, queue, body)
    select v_outbox, 0, 'perf', ingestion.contribution_message(contribution) from open order by sequence;

    with feed as (
        select distinct case target_kind when 'dimension' then 'dimension' else 'event' end as kind, fed_by
        from operations.pipeline_target where pipeline = p_pipeline),
    coming as (
        select t.file_id, t.version, t.sequence from ingestion.file_tracker t
        join feed f on f.kind = t.ingestion_type and f.fed_by = t.ingestion_name
        where t.validated_at is null and t.error is null and t.received_at is not null),
    noted as (
        insert into operations.pipeline_run_step (run_id, file_id, version, target, was_held)
        select p_run_id, file_id, version, '', false from coming order by sequence)
    insert into operations.outbox (file_id, version, queue, body)
    select v_outbox, 0, 'ingest', jsonb_build_object('v', 1, 'kind', 'ingest_file', 'file_id', file_id, 'version', version)
    from coming order by sequence;

    with old as (
        select run_id from operations.pipeline_run
        where pipeline = p_pipeline and created_at < now() - interval '90 days'
        order by sequence limit 2 for update skip locked),
    steps as (delete from operations.pipeline_run_step s using old where s.run_id = old.run_id)
    delete from operations.pipeline_run r using old where r.run_id = old.run_id;
    return v_outcome;
end
$$;

-- Where a step of a run stands, from the facts: "waiting", or how it ended and when.
create function operations.step_state(p_step operations.pipeline_run_step, out state text, out ended_at timestamptz)
language sql stable as $$
    select case c.state when 'pending' then 'waiting' else c.state end, c.settled_at
    from ingestion.contribution c where c.contribution_id = p_step.contribution_id
    union all
    select case when t.error is not null then 'refused' when t.validated_at is not null then 'validated' else 'waiting' end,
        t.validated_at
    from ingestion.file_tracker t
    where p_step.contribution_id is null and t.file_id = p_step.file_id and t.version = p_step.version;
$$;

-- ---- Schedules

-- What EventBridge Scheduler is to have, and has. `change` counts the changes of what is wanted: what was done for an
-- older one is done again for the newer.
create table operations.schedule (
    name text primary key,
    change bigint not null default 1,
    version integer not null,
    is_wanted boolean not null,
    taken_change bigint,
    taken_at timestamptz,
    error jsonb
);

-- What follows from a change in the life of a spec, in the same commit.
create function spec.follow_change(p_kind text, p_name text) returns void language plpgsql as $$
begin
    if p_kind = 'pipeline' then
        perform ingestion.settle_pipeline(p_name);
    elsif p_kind = 'schedule' then
        insert into operations.schedule as s (name, version, is_wanted)
        select p_name, max(version), not exists (select from spec.retired where kind = p_kind and name = p_name)
        from spec.spec where kind = p_kind and name = p_name
        on conflict (name) do update
        set change = s.change + 1, version = excluded.version, is_wanted = excluded.is_wanted, error = null
        where (s.version, s.is_wanted) <> (excluded.version, excluded.is_wanted);
    end if;
end
$$;

-- As before (create_any_spec), with what follows.
alter function spec.create_spec(text, text, jsonb, jsonb, text, jsonb, jsonb, jsonb) rename to create_any_spec;
create function spec.create_spec(
    p_kind text, p_name text, p_body jsonb, p_definition jsonb, p_client_id text, p_table jsonb, p_statements jsonb,
    p_needs jsonb default '[]'
) returns void language plpgsql as $$
begin
    if p_kind = 'pipeline' then
        perform ingestion.lock_feeds(p_name, p_definition -> 'targets');
    end if;
    perform spec.create_any_spec(p_kind, p_name, p_body, p_definition, p_client_id, p_table, p_statements, p_needs);
    perform spec.follow_change(p_kind, p_name);
end
$$;

-- As before (migrate_any_spec), with what follows; what a pipeline or a schedule needs is what its newest version needs.
alter function spec.migrate_spec(text, text, integer, jsonb, jsonb, text, jsonb, jsonb) rename to migrate_any_spec;
create function spec.migrate_spec(
    p_kind text, p_name text, p_version integer, p_body jsonb, p_definition jsonb, p_client_id text,
    p_column_types jsonb, p_statements jsonb, p_needs jsonb default '[]'
) returns jsonb language plpgsql as $$
declare
    v_outcome jsonb;
begin
    if p_kind = 'pipeline' then
        perform ingestion.lock_feeds(p_name, p_definition -> 'targets');
    end if;
    v_outcome := spec.migrate_any_spec(
        p_kind, p_name, p_version, p_body, p_definition, p_client_id, p_column_types, p_statements);
    if v_outcome ->> 'outcome' = 'created' and p_kind in ('pipeline', 'schedule') then
        delete from spec.dependency where kind = p_kind and name = p_name;
        insert into spec.dependency
        select distinct p_kind, p_name, n ->> 0, n ->> 1 from jsonb_array_elements(p_needs) as n order by 3, 4;
        perform spec.follow_change(p_kind, p_name);
    end if;
    return v_outcome;
end
$$;

-- As before (retire_any_spec, restore_any_spec), with what follows.
alter function spec.retire_spec(text, text, text) rename to retire_any_spec;
create function spec.retire_spec(p_kind text, p_name text, p_client_id text) returns jsonb language plpgsql as $$
declare
    v_outcome jsonb;
begin
    if p_kind = 'pipeline' then
        perform ingestion.lock_feeds(p_name, null);
    end if;
    v_outcome := spec.retire_any_spec(p_kind, p_name, p_client_id);
    if v_outcome ->> 'outcome' = 'retired' then
        perform spec.follow_change(p_kind, p_name);
    end if;
    return v_outcome;
end
$$;
alter function spec.restore_spec(text, text) rename to restore_any_spec;
create function spec.restore_spec(p_kind text, p_name text) returns jsonb language plpgsql as $$
declare
    v_outcome jsonb;
begin
    if p_kind = 'pipeline' then
        perform ingestion.lock_feeds(p_name, (
            select definition -> 'targets' from spec.spec where kind = 'pipeline' and name = p_name
            order by version desc limit 1));
    end if;
    v_outcome := spec.restore_any_spec(p_kind, p_name);
    if v_outcome ->> 'outcome' = 'restored' then
        perform spec.follow_change(p_kind, p_name);
    end if;
    return v_outcome;
end
$$;
revoke all on function spec.create_spec(text, text, jsonb, jsonb, text, jsonb, jsonb, jsonb),
    spec.migrate_spec(text, text, integer, jsonb, jsonb, text, jsonb, jsonb, jsonb),
    spec.retire_spec(text, text, text), spec.restore_spec(text, text), spec.follow_change(text, text) from public;
