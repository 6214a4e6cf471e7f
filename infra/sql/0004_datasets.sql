-- Datasets: cells, staged differences, and the one call that applies a contribution.

create table ingestion.dataset (
    name text primary key,
    event text not null,
    table_no integer generated always as identity unique,
    key_types text[] not null,
    extremes boolean[] not null,
    version bigint not null default 0,
    created_at timestamptz not null default now()
);
create index dataset_by_event on ingestion.dataset (event);

-- Differences between two partials: inert until applied. A stage belongs to one attempt of one worker.
create table ingestion.contribution_stage (
    contribution_id uuid not null,
    stage_id uuid not null,
    cell_key text collate "C" not null,
    rows bigint not null,
    counts bigint[] not null,
    sums numeric[] not null,
    minimums numeric[] not null,
    maximums numeric[] not null,
    exact boolean[] not null,
    primary key (contribution_id, stage_id, cell_key)
);

-- Takes in a chunk of a stage: positional arrays [key, rows, counts, sums, minimums, maximums, exact].
create function ingestion.stage_differences(p_contribution_id uuid, p_stage_id uuid, p_rows jsonb)
returns integer language plpgsql as $$
declare
    v_count integer;
begin
    -- Settling removes all stages of a contribution, and none comes after it.
    perform from ingestion.contribution where contribution_id = p_contribution_id and state = 'pending' for share;
    if not found then
        return 0;
    end if;
    insert into ingestion.contribution_stage
    select p_contribution_id, p_stage_id, r ->> 0, (r ->> 1)::bigint,
        array(select e::bigint from jsonb_array_elements_text(r -> 2) with ordinality x(e, i) order by i),
        array(select e::numeric from jsonb_array_elements_text(r -> 3) with ordinality x(e, i) order by i),
        array(select e::numeric from jsonb_array_elements_text(r -> 4) with ordinality x(e, i) order by i),
        array(select e::numeric from jsonb_array_elements_text(r -> 5) with ordinality x(e, i) order by i),
        array(select e::boolean from jsonb_array_elements_text(r -> 6) with ordinality x(e, i) order by i)
    from jsonb_array_elements(p_rows) as r
    on conflict do nothing;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

-- The MERGE that adds a stage's differences to a dataset's cells; a cell without rows goes.
create function ingestion.merge_statement(p_table_no integer, p_key_types text[], p_extremes boolean[])
returns text language plpgsql immutable as $$
declare
    v_set text := 'row_count = c.row_count + d.rows';
    v_columns text := 'cell_key, row_count';
    v_values text := 'd.cell_key, d.rows';
begin
    for i in 1 .. cardinality(p_key_types) loop
        v_columns := v_columns || format(', k%s', i);
        v_values := v_values || format(', (d.cell_key::jsonb ->> %s)::%s', i - 1, p_key_types[i]);
    end loop;
    for i in 1 .. cardinality(p_extremes) loop
        v_set := v_set || format(', m%1$s_count = c.m%1$s_count + d.counts[%1$s], m%1$s_sum = c.m%1$s_sum + d.sums[%1$s]', i);
        v_columns := v_columns || format(', m%1$s_count, m%1$s_sum', i);
        v_values := v_values || format(', d.counts[%1$s], d.sums[%1$s]', i);
        if p_extremes[i] then
            v_set := v_set || format(', m%1$s_min = case when d.exact[%1$s] then d.minimums[%1$s]'
                || ' else least(c.m%1$s_min, d.minimums[%1$s]) end', i)
                || format(', m%1$s_max = case when d.exact[%1$s] then d.maximums[%1$s]'
                || ' else greatest(c.m%1$s_max, d.maximums[%1$s]) end', i);
            v_columns := v_columns || format(', m%1$s_min, m%1$s_max', i);
            v_values := v_values || format(', d.minimums[%1$s], d.maximums[%1$s]', i);
        end if;
    end loop;
    return format(
        'merge into stored.cells_%s as c using (select * from ingestion.contribution_stage'
        || ' where contribution_id = $1 and stage_id = $2) as d on c.cell_key = d.cell_key'
        || ' when matched and c.row_count + d.rows = 0 then delete'
        || ' when matched then update set %s'
        || ' when not matched then insert (%s) values (%s)',
        p_table_no, v_set, v_columns, v_values);
end
$$;

-- Applies a staged contribution exactly once.
-- p_base_id: the contribution that the differences were made against; p_dataset_version: the version that looked-up
-- extremes were read at, null when there are none. Answers: {"outcome": "applied" | "already_settled" |
-- "superseded" | "stale_base" | "stale_dataset" | "incomplete_stage"}
create function ingestion.apply_contribution(
    p_contribution_id uuid, p_stage_id uuid, p_cells_staged bigint, p_base_id uuid, p_dataset_version bigint,
    p_partial_key text, p_first_key text, p_last_key text, p_cells bigint, p_rows bigint
) returns jsonb language plpgsql as $$
declare
    v_contribution ingestion.contribution;
    v_current ingestion.contribution;
    v_dataset ingestion.dataset;
begin
    select d.* into v_dataset from ingestion.dataset d
    join ingestion.contribution c on c.target_kind = 'dataset' and c.target = d.name
    where c.contribution_id = p_contribution_id for update of d;
    select * into v_contribution from ingestion.contribution where contribution_id = p_contribution_id;
    if v_contribution.state <> 'pending' then
        return jsonb_build_object('outcome', 'already_settled', 'state', v_contribution.state);
    end if;
    select * into v_current from ingestion.contribution
    where target_kind = 'dataset' and target = v_dataset.name and file_id = v_contribution.file_id and is_current;
    if v_current.version > v_contribution.version then
        return ingestion.settle(v_contribution, 'superseded', null);
    end if;
    if v_current.contribution_id is distinct from p_base_id then
        return jsonb_build_object('outcome', 'stale_base');
    end if;
    if p_dataset_version <> v_dataset.version then
        return jsonb_build_object('outcome', 'stale_dataset');
    end if;
    if p_cells_staged <> (select count(*) from ingestion.contribution_stage
        where contribution_id = p_contribution_id and stage_id = p_stage_id) then
        return jsonb_build_object('outcome', 'incomplete_stage');
    end if;

    execute ingestion.merge_statement(v_dataset.table_no, v_dataset.key_types, v_dataset.extremes)
    using p_contribution_id, p_stage_id;
    update ingestion.dataset set version = version + 1 where name = v_dataset.name
    returning version into v_dataset.version;
    update ingestion.contribution set is_current = false where contribution_id = v_current.contribution_id;
    update ingestion.contribution set is_current = true, partial_key = p_partial_key, first_key = p_first_key,
        last_key = p_last_key, cells = p_cells, rows = p_rows
    where contribution_id = p_contribution_id;
    return ingestion.settle(v_contribution, 'applied', v_dataset.version);
end
$$;

-- Ends a contribution, in the ledger and for whoever waits for it.
create function ingestion.settle(p_contribution ingestion.contribution, p_state text, p_target_version bigint)
returns jsonb language plpgsql as $$
begin
    update ingestion.contribution set state = p_state, settled_at = now(), target_version = p_target_version
    where contribution_id = p_contribution.contribution_id;
    delete from ingestion.contribution_stage where contribution_id = p_contribution.contribution_id;
    perform ingestion.post(p_contribution.file_id, p_contribution.version, 'status', 'facts_changed');
    return jsonb_build_object('outcome', p_state, 'target_version', p_target_version);
end
$$;

-- A dataset that comes after its files: every live file version is to contribute.
create function ingestion.contribute_existing_files(p_dataset text, p_event text)
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
        if v_file.mode <> 'delete' then
            insert into ingestion.contribution (target_kind, target, file_id, version)
            values ('dataset', p_dataset, v_file.file_id, v_file.version) on conflict do nothing;
            perform ingestion.post(v_file.file_id, v_file.version, 'perf', 'aggregate',
                jsonb_build_object('dataset', p_dataset));
            v_count := v_count + 1;
        end if;
    end loop;
    return v_count;
end
$$;

-- numerator / denominator, rounded half away from zero to six places; exact however large the numbers are
-- (numeric division itself keeps 16 significant digits). Null without a denominator.
create function ingestion.ratio(p_numerator numeric, p_denominator numeric) returns numeric
language sql immutable as $$
    select case when p_denominator <> 0 then trim_scale(
        sign(p_numerator) * sign(p_denominator)
        * div(abs(p_numerator) * 2000000 + abs(p_denominator), 2 * abs(p_denominator)) * 0.000001) end;
$$;

-- Refuses a file version that was validated, when what it feeds cannot take it; the first reason stays. Its bytes are
-- free again, and those of the version before it are held again.
create function ingestion.refuse_file(p_file_id uuid, p_version integer, p_error jsonb) returns void
language plpgsql as $$
declare
    v_file ingestion.file_tracker;
    v_same record;
begin
    select * into v_file from ingestion.file_tracker where file_id = p_file_id and version = p_version;
    perform ingestion.lock_spec(v_file.ingestion_type, v_file.ingestion_name);
    update ingestion.file_tracker set error = coalesce(error, p_error)
    where file_id = p_file_id and version = p_version;
    -- Later versions that changed nothing of this one are refused with it.
    for v_same in
        update ingestion.file_tracker set error = p_error
        where file_id = p_file_id and version > p_version and sha256 = v_file.sha256
            and unchanged_of = p_file_id and error is null
        returning version
    loop
        perform ingestion.post(p_file_id, p_version, 'status', 'facts_changed',
            jsonb_build_object('version', v_same.version));
    end loop;
    perform ingestion.release_content(v_file, v_file.sha256, null);
    insert into ingestion.content_claim (ingestion_type, ingestion_name, sha256, file_id)
    select ingestion_type, ingestion_name, sha256, file_id from (
        select * from ingestion.file_tracker t where t.file_id = p_file_id and t.error is null
            and t.validated_at is not null order by t.version desc limit 1
    ) live
    where live.mode <> 'delete' and (live.unchanged_of is null or live.unchanged_of = live.file_id)
    on conflict do nothing;
end
$$;

-- Refuses a contribution whose file cannot be brought into the dataset (too many groups, a sum that does not fit).
create function ingestion.refuse_contribution(p_contribution_id uuid, p_error jsonb) returns jsonb
language plpgsql as $$
declare
    v_contribution ingestion.contribution;
begin
    select * into v_contribution from ingestion.contribution where contribution_id = p_contribution_id for update;
    if v_contribution.state <> 'pending' then
        return jsonb_build_object('outcome', 'already_settled', 'state', v_contribution.state);
    end if;
    perform ingestion.refuse_file(v_contribution.file_id, v_contribution.version, p_error);
    return ingestion.settle(v_contribution, 'refused', null);
end
$$;
