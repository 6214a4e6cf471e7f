-- Dimensions: rows enter the database, staged, then published at once.

create table ingestion.dimension (
    name text primary key,
    table_no integer generated always as identity unique,
    column_types text[] not null,
    key_positions integer[] not null,
    version bigint not null default 0,
    created_at timestamptz not null default now()
);

create table ingestion.dimension_stage (
    contribution_id uuid not null,
    stage_id uuid not null,
    record bigint not null,
    row_key text collate "C" not null,
    cells jsonb not null,
    primary key (contribution_id, stage_id, record)
);

-- Takes in a chunk of a stage: positional arrays [record, [cell, …]], cells as text or null.
create function ingestion.stage_dimension_rows(p_contribution_id uuid, p_stage_id uuid, p_rows jsonb)
returns integer language plpgsql as $$
declare
    v_count integer;
    v_key_positions integer[];
begin
    select d.key_positions into v_key_positions from ingestion.dimension d
    join ingestion.contribution c on c.target_kind = 'dimension' and c.target = d.name
    where c.contribution_id = p_contribution_id and c.state = 'pending' for share of c;
    if not found then -- settled: no stage comes after that
        return 0;
    end if;
    insert into ingestion.dimension_stage
    select p_contribution_id, p_stage_id, (r ->> 0)::bigint,
        (select jsonb_agg(r -> 1 -> (p - 1) order by i) from unnest(v_key_positions) with ordinality x(p, i))::text,
        r -> 1
    from jsonb_array_elements(p_rows) as r
    on conflict do nothing;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

-- Publishes a staged dimension file version: readers see the rows before or the rows after.
-- Every file keeps its own rows; of rows with the same key, the one of the file version that arrived last is visible.
-- Answers: {"outcome": "applied" | "already_settled" | "superseded" | "refused" | "incomplete_stage", …}
create function ingestion.publish_dimension(p_contribution_id uuid, p_stage_id uuid, p_rows_staged bigint)
returns jsonb language plpgsql as $$
declare
    v_contribution ingestion.contribution;
    v_current ingestion.contribution;
    v_dimension ingestion.dimension;
    v_error jsonb;
begin
    select d.* into v_dimension from ingestion.dimension d
    join ingestion.contribution c on c.target_kind = 'dimension' and c.target = d.name
    where c.contribution_id = p_contribution_id for update of d;
    select * into v_contribution from ingestion.contribution where contribution_id = p_contribution_id;
    if v_contribution.state <> 'pending' then
        return jsonb_build_object('outcome', 'already_settled', 'state', v_contribution.state);
    end if;
    select * into v_current from ingestion.contribution
    where target_kind = 'dimension' and target = v_dimension.name and file_id = v_contribution.file_id and is_current;
    if v_current.version > v_contribution.version then
        delete from ingestion.dimension_stage where contribution_id = p_contribution_id;
        return ingestion.settle(v_contribution, 'superseded', null);
    end if;
    if p_rows_staged <> (select count(*) from ingestion.dimension_stage
        where contribution_id = p_contribution_id and stage_id = p_stage_id) then
        return jsonb_build_object('outcome', 'incomplete_stage');
    end if;
    v_error := ingestion.repeated_keys(p_contribution_id, p_stage_id);
    if v_error is not null then
        perform ingestion.refuse_file(v_contribution.file_id, v_contribution.version, v_error);
        delete from ingestion.dimension_stage where contribution_id = p_contribution_id;
        return ingestion.settle(v_contribution, 'refused', null);
    end if;

    perform ingestion.replace_dimension_rows(v_dimension, v_contribution, p_stage_id);
    update ingestion.dimension set version = version + 1 where name = v_dimension.name
    returning version into v_dimension.version;
    update ingestion.contribution set is_current = false where contribution_id = v_current.contribution_id;
    update ingestion.contribution set is_current = true, rows = p_rows_staged
    where contribution_id = p_contribution_id;
    delete from ingestion.dimension_stage where contribution_id = p_contribution_id;
    return ingestion.settle(v_contribution, 'applied', v_dimension.version);
end
$$;

-- The file error for rows that repeat a key, or null.
create function ingestion.repeated_keys(p_contribution_id uuid, p_stage_id uuid) returns jsonb language sql as $$
    with repeated as (
        select row_key, count(*) as times, min(record) as first_record from ingestion.dimension_stage
        where contribution_id = p_contribution_id and stage_id = p_stage_id
        group by row_key having count(*) > 1
    )
    select case when count(*) > 0 then jsonb_build_object(
        'rule', 'repeated_key',
        'rows', sum(times),
        'message', format('%s rows share %s keys that must be unique; the first is %s, on record %s',
            sum(times), count(*), (array_agg(row_key order by first_record))[1], min(first_record)))
    end from repeated;
$$;

-- Closes the file's rows that have gone or changed, opens the new ones, and settles which rows are visible.
create function ingestion.replace_dimension_rows(
    p_dimension ingestion.dimension, p_contribution ingestion.contribution, p_stage_id uuid
) returns void language plpgsql as $$
declare
    v_table text := format('stored.dimension_%s', p_dimension.table_no);
    v_columns text := '';
    v_values text := '';
    v_sequence bigint;
begin
    select sequence into v_sequence from ingestion.file_tracker
    where file_id = p_contribution.file_id and version = p_contribution.version;
    for i in 1 .. cardinality(p_dimension.column_types) loop
        v_columns := v_columns || format(', c%s', i);
        v_values := v_values || format(', (s.cells ->> %s)::%s', i - 1, p_dimension.column_types[i]);
    end loop;
    create temporary table touched_keys on commit drop as
        select row_key from ingestion.dimension_stage
        where contribution_id = p_contribution.contribution_id and stage_id = p_stage_id;
    execute format(
        'with gone as (update %1$s set valid_to = now(), is_visible = false'
        || ' where file_id = $1 and valid_to = ''infinity'' returning row_key)'
        || ' insert into touched_keys select row_key from gone', v_table)
    using p_contribution.file_id;
    execute format(
        'insert into %1$s (row_key, file_id, file_version, file_sequence, valid_from%2$s)'
        || ' select s.row_key, $1, $2, $3, now()%3$s from ingestion.dimension_stage s'
        || ' where s.contribution_id = $4 and s.stage_id = $5', v_table, v_columns, v_values)
    using p_contribution.file_id, p_contribution.version, v_sequence, p_contribution.contribution_id, p_stage_id;
    -- First nothing of a touched key is visible, then the latest row is: two rows never are at once.
    execute format('update %1$s t set is_visible = false from (select distinct row_key from touched_keys) k'
        || ' where t.row_key = k.row_key and t.is_visible', v_table);
    execute format('update %1$s t set is_visible = true from ('
        || ' select distinct on (row_key) row_key, file_sequence from %1$s'
        || ' where valid_to = ''infinity'' and row_key in (select row_key from touched_keys)'
        || ' order by row_key, file_sequence desc) latest'
        || ' where t.row_key = latest.row_key and t.file_sequence = latest.file_sequence'
        || ' and t.valid_to = ''infinity''', v_table);
    drop table touched_keys;
end
$$;
