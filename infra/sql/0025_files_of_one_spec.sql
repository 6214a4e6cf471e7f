-- A file that is replaced by its id keeps its spec: whoever names another one has another file in mind. Files that were sent
-- with the bytes of another are found by it.

create index "copies of a file" on ingestion.file_tracker (unchanged_of, sequence) where unchanged_of is not null;

-- As before, but a version of a file that is another spec's is refused; a deletion names none.
create or replace function ingestion.begin_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid,
    p_client_id text, p_idempotency_key text, p_request_sha256 text, p_content_format text, p_on_error text,
    p_declared_bytes bigint, p_declared_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_other jsonb;
    v_begun jsonb;
begin
    -- What was done under the key before is answered again, whatever it was.
    if p_mode <> 'delete' and not exists (select from operations.idempotency i
        where i.client_id = p_client_id and i.idempotency_key = p_idempotency_key) then
        select jsonb_build_object('outcome', 'other_spec', 'ingestion_type', f.ingestion_type,
            'ingestion_name', f.ingestion_name)
        into v_other from ingestion.file f
        where f.file_id = p_file_id and (f.ingestion_type, f.ingestion_name) <> (p_type, p_name);
        if found then
            return v_other;
        end if;
    end if;
    v_begun := ingestion.begin_version(
        p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id, p_idempotency_key, p_request_sha256,
        p_content_format, p_on_error);
    if v_begun ->> 'outcome' = 'created' then
        update ingestion.file_tracker set declared_bytes = p_declared_bytes, declared_sha256 = p_declared_sha256
        where file_id = cast(v_begun ->> 'file_id' as uuid) and version = cast(v_begun ->> 'version' as integer);
    end if;
    return v_begun;
end
$$;

-- As before, but its time is linear whatever the planner believes of the stage, whose rows come and go faster than its
-- statistics: few touched rows alone are looked for one by one.
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
    v_nests text := current_setting('enable_nestloop');
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
    perform set_config('enable_nestloop', 'off', true);
    execute format(
        'with gone as (update %1$s t set valid_to = $2, is_visible = false'
        || ' where t.file_id = $1 and t.valid_to = ''infinity'' and not exists ('
        || ' select from ingestion.dimension_stage s where s.contribution_id = $3 and s.stage_id = $4 and %2$s)'
        || ' returning t.row_key) insert into touched_keys select row_key from gone', v_table, v_is_same)
    using p_contribution.file_id, v_now, p_contribution.contribution_id, p_stage_id;
    execute format(
        'insert into %1$s (row_key, file_id, file_version, file_sequence, valid_from%2$s)'
        || ' select s.row_key, $1, $2, $3, $4%3$s from ingestion.dimension_stage s'
        || ' where s.contribution_id = $5 and s.stage_id = $6'
        || ' on conflict (row_key, file_id) where valid_to = ''infinity'' do nothing',
        v_table, v_columns, v_values)
    using p_contribution.file_id, p_contribution.version, v_sequence, v_now, p_contribution.contribution_id, p_stage_id;
    analyze touched_keys;
    if (select count(*) from touched_keys) <= 1000 then
        perform set_config('enable_nestloop', v_nests, true);
    end if;
    execute format(
        'create temporary table shown_rows on commit drop as select distinct on (t.row_key) t.row_key, t.file_id'
        || ' from %1$s t join ('
        || ' select c.file_id, f.sequence from ingestion.contribution c join ingestion.file_tracker f'
        || ' using (file_id, version) where c.target_kind = %5$L and c.target = %2$L and c.is_current'
        || ' and c.file_id <> %3$L union all select %3$L::uuid, %4$L::bigint) arrival using (file_id)'
        || ' where t.valid_to = ''infinity'' and t.row_key in (select row_key from touched_keys)'
        || ' order by t.row_key, arrival.sequence desc',
        v_table, p_dimension.name, p_contribution.file_id, v_sequence, p_dimension.kind);
    -- First what is not to be seen any more, then what is: two rows of a key never are at once.
    execute format('update %s t set is_visible = false from shown_rows s'
        || ' where t.row_key = s.row_key and t.file_id <> s.file_id and t.is_visible', v_table);
    execute format('update %s t set is_visible = true from shown_rows s where t.row_key = s.row_key'
        || ' and t.file_id = s.file_id and t.valid_to = ''infinity'' and not t.is_visible', v_table);
    drop table touched_keys, shown_rows;
    perform set_config('enable_nestloop', v_nests, true);
end
$$;

-- As before, but not the transaction's beginning, which a long one has far behind it.
create or replace function ingestion.settle(
    p_contribution ingestion.contribution, p_state text, p_target_version bigint
) returns jsonb language plpgsql as $$
declare
    v_dataset ingestion.dataset;
begin
    update ingestion.contribution set state = p_state, settled_at = clock_timestamp(), target_version = p_target_version
    where contribution_id = p_contribution.contribution_id;
    delete from ingestion.dimension_stage where contribution_id = p_contribution.contribution_id;
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
    end if;
    perform ingestion.post(p_contribution.file_id, p_contribution.version, 'status', 'facts_changed');
    return jsonb_build_object('outcome', p_state, 'target_version', p_target_version);
end
$$;
