-- One beginning and one end for contributions of both kinds; dimension rows that did not change stay as they are.

-- What applying and publishing begin with: the target's lock, and whether there is anything left to do. With an
-- outcome there is not; it is the answer.
create function ingestion.begin_settling(
    p_contribution_id uuid, out contribution ingestion.contribution, out counting ingestion.contribution, out outcome jsonb
) language plpgsql as $$
begin
    select * into contribution from ingestion.contribution c where c.contribution_id = p_contribution_id;
    if contribution.target_kind = 'dataset' then
        perform from ingestion.dataset d where d.name = contribution.target for update;
    else
        perform from ingestion.dimension d where d.name = contribution.target for update;
    end if;
    -- Read again: what was settled before the lock was ours is settled.
    select * into contribution from ingestion.contribution c where c.contribution_id = p_contribution_id;
    if contribution.state <> 'pending' then
        outcome := jsonb_build_object('outcome', 'already_settled', 'state', contribution.state);
        return;
    end if;
    select * into counting from ingestion.contribution c
    where c.target_kind = contribution.target_kind and c.target = contribution.target
        and c.file_id = contribution.file_id and c.is_current;
    if counting.version > contribution.version then
        outcome := ingestion.settle(contribution, 'superseded', null);
    end if;
end
$$;

-- Ends a contribution, in the ledger and for whoever waits for it; none of its stages is left.
create or replace function ingestion.settle(
    p_contribution ingestion.contribution, p_state text, p_target_version bigint
) returns jsonb language plpgsql as $$
begin
    update ingestion.contribution set state = p_state, settled_at = now(), target_version = p_target_version
    where contribution_id = p_contribution.contribution_id;
    if p_contribution.target_kind = 'dataset' then
        delete from ingestion.contribution_stage where contribution_id = p_contribution.contribution_id;
    else
        delete from ingestion.dimension_stage where contribution_id = p_contribution.contribution_id;
    end if;
    perform ingestion.post(p_contribution.file_id, p_contribution.version, 'status', 'facts_changed');
    return jsonb_build_object('outcome', p_state, 'target_version', p_target_version);
end
$$;

-- Applies a staged contribution exactly once.
-- p_base_id: the contribution that the differences were made against; p_dataset_version: the version that looked-up
-- extremes were read at, null when there are none. Answers: {"outcome": "applied" | "already_settled" |
-- "superseded" | "stale_base" | "stale_dataset" | "incomplete_stage"}
create or replace function ingestion.apply_contribution(
    p_contribution_id uuid, p_stage_id uuid, p_cells_staged bigint, p_base_id uuid, p_dataset_version bigint,
    p_partial_key text, p_first_key text, p_last_key text, p_cells bigint, p_rows bigint
) returns jsonb language plpgsql as $$
declare
    v_begun record;
    v_contribution ingestion.contribution;
    v_current ingestion.contribution;
    v_dataset ingestion.dataset;
begin
    select * into v_begun from ingestion.begin_settling(p_contribution_id);
    if v_begun.outcome is not null then
        return v_begun.outcome;
    end if;
    v_contribution := v_begun.contribution;
    v_current := v_begun.counting;
    select * into v_dataset from ingestion.dataset where name = v_contribution.target;
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

-- Publishes a staged dimension file version: readers see the rows before or the rows after.
-- Every file keeps its own rows; of rows with the same key, the one of the file version that arrived last is visible.
-- Answers: {"outcome": "applied" | "already_settled" | "superseded" | "refused" | "incomplete_stage", …}
create or replace function ingestion.publish_dimension(p_contribution_id uuid, p_stage_id uuid, p_rows_staged bigint)
returns jsonb language plpgsql as $$
declare
    v_begun record;
    v_contribution ingestion.contribution;
    v_current ingestion.contribution;
    v_dimension ingestion.dimension;
    v_error jsonb;
begin
    select * into v_begun from ingestion.begin_settling(p_contribution_id);
    if v_begun.outcome is not null then
        return v_begun.outcome;
    end if;
    v_contribution := v_begun.contribution;
    v_current := v_begun.counting;
    select * into v_dimension from ingestion.dimension where name = v_contribution.target;
    if p_rows_staged <> (select count(*) from ingestion.dimension_stage
        where contribution_id = p_contribution_id and stage_id = p_stage_id) then
        return jsonb_build_object('outcome', 'incomplete_stage');
    end if;
    v_error := ingestion.repeated_keys(p_contribution_id, p_stage_id);
    if v_error is not null then
        perform ingestion.refuse_file(v_contribution.file_id, v_contribution.version, v_error);
        return ingestion.settle(v_contribution, 'refused', null);
    end if;

    perform ingestion.replace_dimension_rows(v_dimension, v_contribution, p_stage_id);
    update ingestion.dimension set version = version + 1 where name = v_dimension.name
    returning version into v_dimension.version;
    update ingestion.contribution set is_current = false where contribution_id = v_current.contribution_id;
    update ingestion.contribution set is_current = true, rows = p_rows_staged
    where contribution_id = p_contribution_id;
    return ingestion.settle(v_contribution, 'applied', v_dimension.version);
end
$$;

-- The file error for rows that repeat a key, or null.
create or replace function ingestion.repeated_keys(p_contribution_id uuid, p_stage_id uuid) returns jsonb
language sql as $$
    with repeated as (
        select row_key, count(*) as times, min(record) as first_record from ingestion.dimension_stage
        where contribution_id = p_contribution_id and stage_id = p_stage_id
        group by row_key having count(*) > 1
    )
    select case when count(*) > 0 then jsonb_build_object(
        'rule', 'repeated_key',
        'rows', sum(times),
        'message', format('%s rows share %s keys that must be unique; the first is %s, on record %s',
            sum(times), count(*), left((array_agg(row_key order by first_record))[1], 200), min(first_record)))
    end from repeated;
$$;

-- Closes the file's rows that have gone or changed, opens those that are new or changed, leaves the others with the
-- time from which they hold, and settles which rows are visible. `file_version` and `file_sequence` of a row are those
-- of the version that brought it; the order of arrival is that of the files' current versions, which may be later.
create or replace function ingestion.replace_dimension_rows(
    p_dimension ingestion.dimension, p_contribution ingestion.contribution, p_stage_id uuid
) returns void language plpgsql as $$
declare
    v_table text := format('stored.dimension_%s', p_dimension.table_no);
    v_columns text := '';
    v_values text := '';
    v_is_same text := 's.row_key = t.row_key';
    -- Not the transaction's beginning, which may lie before the end of the one that held the lock: times of validity
    -- follow each other.
    v_now timestamptz := clock_timestamp();
    v_sequence bigint;
begin
    select sequence into v_sequence from ingestion.file_tracker
    where file_id = p_contribution.file_id and version = p_contribution.version;
    for i in 1 .. cardinality(p_dimension.column_types) loop
        v_columns := v_columns || format(', c%s', i);
        v_values := v_values || format(', (s.cells ->> %s)::%s', i - 1, p_dimension.column_types[i]);
        v_is_same := v_is_same
            || format(' and t.c%s is not distinct from (s.cells ->> %s)::%s', i, i - 1, p_dimension.column_types[i]);
    end loop;
    create temporary table touched_keys on commit drop as
        select row_key from ingestion.dimension_stage
        where contribution_id = p_contribution.contribution_id and stage_id = p_stage_id;
    execute format(
        'with gone as (update %1$s t set valid_to = $2, is_visible = false'
        || ' where t.file_id = $1 and t.valid_to = ''infinity'' and not exists ('
        || ' select from ingestion.dimension_stage s where s.contribution_id = $3 and s.stage_id = $4 and %2$s)'
        || ' returning t.row_key) insert into touched_keys select row_key from gone', v_table, v_is_same)
    using p_contribution.file_id, v_now, p_contribution.contribution_id, p_stage_id;
    execute format(
        'insert into %1$s (row_key, file_id, file_version, file_sequence, valid_from%2$s)'
        || ' select s.row_key, $1, $2, $3, $4%3$s from ingestion.dimension_stage s'
        || ' where s.contribution_id = $5 and s.stage_id = $6 and not exists (select from %1$s t'
        || ' where t.row_key = s.row_key and t.file_id = $1 and t.valid_to = ''infinity'')',
        v_table, v_columns, v_values)
    using p_contribution.file_id, p_contribution.version, v_sequence, v_now, p_contribution.contribution_id, p_stage_id;
    execute format(
        'create temporary table shown_rows on commit drop as select distinct on (t.row_key) t.row_key, t.file_id'
        || ' from %s t join ('
        || ' select c.file_id, f.sequence from ingestion.contribution c join ingestion.file_tracker f'
        || ' using (file_id, version) where c.target_kind = ''dimension'' and c.target = %L and c.is_current'
        || ' and c.file_id <> %3$L union all select %3$L::uuid, %4$L::bigint) arrival using (file_id)'
        || ' where t.valid_to = ''infinity'' and t.row_key in (select row_key from touched_keys)'
        || ' order by t.row_key, arrival.sequence desc',
        v_table, p_dimension.name, p_contribution.file_id, v_sequence);
    -- First what is not to be seen any more, then what is: two rows of a key never are at once.
    execute format('update %s t set is_visible = false from shown_rows s'
        || ' where t.row_key = s.row_key and t.file_id <> s.file_id and t.is_visible', v_table);
    execute format('update %s t set is_visible = true from shown_rows s where t.row_key = s.row_key'
        || ' and t.file_id = s.file_id and t.valid_to = ''infinity'' and not t.is_visible', v_table);
    drop table touched_keys, shown_rows;
end
$$;
