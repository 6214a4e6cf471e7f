-- A retired dataset takes no files, and catches up once it is restored; a dimension whose readers do not let go is said to
-- be in use.

-- From when on a dataset is filled: files that were to contribute by then are waited for before it is shown.
alter table ingestion.dataset add column filled_from timestamptz not null default now();
update ingestion.dataset set filled_from = created_at;

-- As before, but nothing is begun for a retired dataset.
create or replace function ingestion.begin_contributions(p_file ingestion.file_tracker, p_sender ingestion.file_tracker)
returns void language plpgsql as $$
declare
    v_about jsonb := jsonb_build_object('file_id', p_file.file_id, 'version', p_file.version);
    v_target record;
begin
    if p_file.ingestion_type = 'dimension' then
        insert into ingestion.contribution (target_kind, target, file_id, version)
        values ('dimension', p_file.ingestion_name, p_file.file_id, p_file.version) on conflict do nothing;
        perform ingestion.post(p_sender.file_id, p_sender.version, 'perf', 'load_dimension', v_about);
        return;
    end if;
    for v_target in
        select d.name from ingestion.dataset d where d.event = p_file.ingestion_name
            and not exists (select from spec.retired r where r.kind = 'dataset' and r.name = d.name)
        order by d.name
    loop
        insert into ingestion.contribution (target_kind, target, file_id, version)
        values ('dataset', v_target.name, p_file.file_id, p_file.version) on conflict do nothing;
        perform ingestion.post(p_sender.file_id, p_sender.version, 'perf', 'aggregate',
            v_about || jsonb_build_object('dataset', v_target.name));
    end loop;
end
$$;

-- Has every file's newest version that is not in a dataset contribute to it, a deletion where an older version counts; the
-- dataset is unseen until those have settled, and those that it waited for before. How many began.
create or replace function ingestion.contribute_existing_files(p_dataset text, p_event text)
returns integer language plpgsql as $$
declare
    v_file record;
    v_count integer := 0;
begin
    for v_file in
        select distinct on (t.file_id) t.file_id, t.version, t.mode
        from ingestion.file_tracker t
        where t.ingestion_type = 'event' and t.ingestion_name = p_event and t.error is null
            and t.validated_at is not null and t.unchanged_of is null
        order by t.file_id, t.version desc
    loop
        continue when v_file.mode = 'delete' and not exists (
            select from ingestion.contribution c where c.target_kind = 'dataset' and c.target = p_dataset
                and c.file_id = v_file.file_id and (c.is_current or c.state = 'pending'));
        insert into ingestion.contribution (target_kind, target, file_id, version)
        values ('dataset', p_dataset, v_file.file_id, v_file.version) on conflict do nothing;
        continue when not found;
        perform ingestion.post(v_file.file_id, v_file.version, 'perf', 'aggregate',
            jsonb_build_object('dataset', p_dataset));
        v_count := v_count + 1;
    end loop;
    update ingestion.dataset d set filled_from = now(), building = v_count > 0 or (d.building and exists (
        select from ingestion.contribution c
        where c.target_kind = 'dataset' and c.target = d.name and c.state = 'pending'))
    where d.name = p_dataset;
    return v_count;
end
$$;

-- As before; who is waited for is those that were to contribute when the dataset began to be filled.
create or replace function ingestion.settle(
    p_contribution ingestion.contribution, p_state text, p_target_version bigint
) returns jsonb language plpgsql as $$
declare
    v_dataset ingestion.dataset;
begin
    update ingestion.contribution set state = p_state, settled_at = now(), target_version = p_target_version
    where contribution_id = p_contribution.contribution_id;
    if p_contribution.target_kind = 'dataset' then
        delete from ingestion.contribution_stage where contribution_id = p_contribution.contribution_id;
        -- Locked before it is looked who still waits: of two that settle at once, the second one sees the first.
        select * into v_dataset from ingestion.dataset where name = p_contribution.target and building for update;
        if found and not exists (
            select from ingestion.contribution c where c.target_kind = 'dataset' and c.target = v_dataset.name
                and c.state = 'pending' and c.created_at <= v_dataset.filled_from
        ) then
            update ingestion.dataset set building = false where name = v_dataset.name;
        end if;
    else
        delete from ingestion.dimension_stage where contribution_id = p_contribution.contribution_id;
    end if;
    perform ingestion.post(p_contribution.file_id, p_contribution.version, 'status', 'facts_changed');
    return jsonb_build_object('outcome', p_state, 'target_version', p_target_version);
end
$$;

-- As before, and a dataset takes in what came while it was retired: their messages are in the files' outboxes.
-- Answers: {"outcome": "restored" | "no_spec"} | {"outcome": "needs_retired", "needs": the first hundred}
create or replace function spec.restore_spec(p_kind text, p_name text) returns jsonb language plpgsql as $$
declare
    v_needs jsonb;
    v_event text;
begin
    if p_kind = 'dataset' then
        -- As for a new dataset: whoever validates a file of its event now waits for us, or we for them.
        select event into v_event from ingestion.dataset where name = p_name;
        perform ingestion.lock_spec('event', v_event);
    end if;
    perform pg_advisory_xact_lock(spec.lock_key(p_kind, p_name));
    if not exists (select from spec.spec where kind = p_kind and name = p_name) then
        return jsonb_build_object('outcome', 'no_spec');
    end if;
    perform pg_advisory_xact_lock_shared(spec.lock_key(needs_kind, needs_name))
    from spec.dependency where kind = p_kind and name = p_name;
    select jsonb_agg(jsonb_build_object('kind', r.kind, 'name', r.name, 'is_retired', true)) into v_needs
    from (
        select r.kind, r.name from spec.dependency d join spec.retired r on r.kind = d.needs_kind and r.name = d.needs_name
        where d.kind = p_kind and d.name = p_name order by 1, 2 limit 100
    ) r;
    if v_needs is not null then
        return jsonb_build_object('outcome', 'needs_retired', 'needs', v_needs);
    end if;
    delete from spec.retired where kind = p_kind and name = p_name;
    if found and v_event is not null then
        perform ingestion.contribute_existing_files(p_name, v_event);
    end if;
    return jsonb_build_object('outcome', 'restored');
end
$$;
revoke all on function spec.restore_spec(text, text) from public;

-- As before, but a reader who holds a table for long is told of.
-- Answers: {"outcome": "created" | "identical" | "stale", "version"} | {"outcome": "retired" | "no_spec" | "in_use"}
create or replace function spec.migrate_spec(
    p_kind text, p_name text, p_version integer, p_body jsonb, p_definition jsonb, p_client_id text,
    p_column_types jsonb, p_statements jsonb
) returns jsonb language plpgsql set lock_timeout = '5s' as $$
declare
    v_newest spec.spec;
    v_statement text;
begin
    perform pg_advisory_xact_lock(spec.lock_key(p_kind, p_name));
    select * into v_newest from spec.spec where kind = p_kind and name = p_name order by version desc limit 1;
    if v_newest.name is null then
        return jsonb_build_object('outcome', 'no_spec');
    elsif exists (select from spec.retired where kind = p_kind and name = p_name) then
        return jsonb_build_object('outcome', 'retired');
    elsif v_newest.body = p_body then
        return jsonb_build_object('outcome', 'identical', 'version', v_newest.version);
    elsif v_newest.version <> p_version then
        return jsonb_build_object('outcome', 'stale', 'version', v_newest.version);
    end if;
    begin
        insert into spec.spec (kind, name, version, body, definition, created_by)
        values (p_kind, p_name, p_version + 1, p_body, p_definition, p_client_id);
        if p_kind = 'dimension' then
            -- Whoever publishes rows has this row first and the table then, too.
            update ingestion.dimension set column_types = array(select jsonb_array_elements_text(p_column_types))
            where name = p_name;
        end if;
        for v_statement in select jsonb_array_elements_text(p_statements) loop
            execute v_statement;
        end loop;
    exception when lock_not_available then
        return jsonb_build_object('outcome', 'in_use');
    end;
    return jsonb_build_object('outcome', 'created', 'version', p_version + 1);
end
$$;
revoke all on function spec.migrate_spec(text, text, integer, jsonb, jsonb, text, jsonb, jsonb) from public;
