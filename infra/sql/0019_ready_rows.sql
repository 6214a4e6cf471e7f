-- Datasets whose rows come ready: kept, published and shown as those of dimensions are.

-- Whose rows a table holds: a dimension's, or a dataset's. No two specs of these kinds have one name, since both are shown
-- under it.
alter table ingestion.dimension
    add column kind text not null default 'dimension' check (kind in ('dimension', 'dataset'));

-- As before, but a dataset may have a table of rows (p_table has column_types) in the place of cells (p_table has an event).
create or replace function spec.create_spec(
    p_kind text, p_name text, p_body jsonb, p_definition jsonb, p_client_id text, p_table jsonb, p_statements jsonb,
    p_needs jsonb default '[]'
) returns void language plpgsql as $$
declare
    v_has_rows boolean := jsonb_typeof(p_table -> 'column_types') = 'array';
    v_has_cells boolean := jsonb_typeof(p_table -> 'event') = 'string';
    v_statement text;
begin
    if v_has_cells then
        -- Whoever validates a file of this event now waits for us, or we for them: no file is missed.
        perform ingestion.lock_spec('event', p_table ->> 'event');
    end if;
    insert into spec.spec (kind, name, version, body, definition, created_by)
    values (p_kind, p_name, 1, p_body, p_definition, p_client_id);
    insert into spec.dependency
    select distinct p_kind, p_name, n ->> 0, n ->> 1 from jsonb_array_elements(p_needs) as n;
    if v_has_rows then
        insert into ingestion.dimension (table_no, kind, name, column_types, key_positions) overriding system value
        values ((p_table ->> 'table_no')::integer, p_kind, p_name,
            array(select jsonb_array_elements_text(p_table -> 'column_types')),
            array(select jsonb_array_elements_text(p_table -> 'key_positions')::integer));
    elsif v_has_cells then
        insert into ingestion.dataset (table_no, name, event, key_types, extremes) overriding system value
        values ((p_table ->> 'table_no')::integer, p_name, p_table ->> 'event',
            array(select jsonb_array_elements_text(p_table -> 'key_types')),
            array(select jsonb_array_elements_text(p_table -> 'extremes')::boolean));
    end if;
    for v_statement in select jsonb_array_elements_text(p_statements) loop
        execute v_statement;
    end loop;
    if v_has_cells then
        perform ingestion.contribute_existing_files(p_name, p_table ->> 'event');
    end if;
end
$$;

-- As before, but p_column_types may be those of a dataset's rows too.
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
        if p_column_types is not null then
            -- Whoever publishes rows has this row first and the table then, too.
            update ingestion.dimension set column_types = array(select jsonb_array_elements_text(p_column_types))
            where kind = p_kind and name = p_name;
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

-- As before, but a dataset that is computed takes no files: {"outcome": "no_spec", "is_computed": true}
create or replace function ingestion.next_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid, p_client_id text
) returns jsonb language plpgsql as $$
begin
    if p_mode <> 'delete' and exists (
        select from spec.retired r
        left join ingestion.file f on f.file_id = p_file_id
        where r.kind = coalesce(f.ingestion_type, p_type) and r.name = coalesce(f.ingestion_name, p_name)
    ) then
        return jsonb_build_object('outcome', 'no_spec', 'is_retired', true);
    elsif p_file_id is null and p_type = 'dataset'
        and exists (select from spec.spec where kind = 'dataset' and name = p_name)
        and not exists (select from ingestion.dimension where kind = 'dataset' and name = p_name) then
        return jsonb_build_object('outcome', 'no_spec', 'is_computed', true);
    end if;
    return ingestion.add_version(p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id);
end
$$;

-- As before, and a dataset that is computed has an outcome of its own: {"outcome": "computed"}
create or replace function ingestion.begin_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid,
    p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_begun jsonb := ingestion.begin_keyed_version(
        p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id, p_idempotency_key, p_request_sha256);
begin
    return case
        when v_begun -> 'is_retired' is not null then jsonb_build_object('outcome', 'retired')
        when v_begun -> 'is_computed' is not null then jsonb_build_object('outcome', 'computed')
        else v_begun
    end;
end
$$;

-- As before; the ready rows of a dataset have their format beside their fields.
create or replace function ingestion.is_whole_or_nothing(p_file ingestion.file_tracker) returns boolean
language sql stable as $$
    select coalesce(p_file.on_error, (
        select coalesce(s.definition -> 'csv', s.definition -> 'rows' -> 'csv') ->> 'on_error' from spec.spec s
        where s.kind = p_file.ingestion_type and s.name = p_file.ingestion_name and s.version = p_file.spec_version
    ), 'partial') = 'reject_all';
$$;

-- As before, but files of ready rows feed their own table, as those of a dimension do.
create or replace function ingestion.begin_contributions(
    p_file ingestion.file_tracker, p_sender ingestion.file_tracker
) returns void language plpgsql as $$
declare
    v_about jsonb := jsonb_build_object('file_id', p_file.file_id, 'version', p_file.version);
    v_target record;
begin
    if p_file.ingestion_type in ('dimension', 'dataset') then
        insert into ingestion.contribution (target_kind, target, file_id, version)
        values (p_file.ingestion_type, p_file.ingestion_name, p_file.file_id, p_file.version) on conflict do nothing;
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

-- As before; of a table without a key, every row of a file is one of its own: its key is the file and its record.
create or replace function ingestion.stage_dimension_rows(p_contribution_id uuid, p_stage_id uuid, p_rows jsonb)
returns integer language plpgsql as $$
declare
    v_count integer;
    v_key_positions integer[];
    v_file_id uuid;
begin
    select d.key_positions, c.file_id into v_key_positions, v_file_id from ingestion.dimension d
    join ingestion.contribution c on c.target_kind = d.kind and c.target = d.name
    where c.contribution_id = p_contribution_id and c.state = 'pending' for share of c;
    if not found then -- settled: no stage comes after that
        return 0;
    end if;
    insert into ingestion.dimension_stage
    select p_contribution_id, p_stage_id, (r ->> 0)::bigint,
        case when cardinality(v_key_positions) = 0 then jsonb_build_array(v_file_id, lpad(r ->> 0, 15, '0'))
        else (select jsonb_agg(r -> 1 -> (p - 1) order by i) from unnest(v_key_positions) with ordinality x(p, i))
        end::text,
        r -> 1
    from jsonb_array_elements(p_rows) as r
    on conflict do nothing;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

-- As before, but a dataset's lock may be that of its rows.
create or replace function ingestion.begin_settling(
    p_contribution_id uuid, out contribution ingestion.contribution, out counting ingestion.contribution, out outcome jsonb
) language plpgsql as $$
begin
    select * into contribution from ingestion.contribution c where c.contribution_id = p_contribution_id;
    if contribution.target_kind = 'dataset' then
        perform from ingestion.dataset d where d.name = contribution.target for update;
    end if;
    perform from ingestion.dimension d where d.kind = contribution.target_kind and d.name = contribution.target for update;
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

-- As before, but a dataset's stage may be one of rows.
create or replace function ingestion.settle(
    p_contribution ingestion.contribution, p_state text, p_target_version bigint
) returns jsonb language plpgsql as $$
declare
    v_dataset ingestion.dataset;
begin
    update ingestion.contribution set state = p_state, settled_at = now(), target_version = p_target_version
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

-- As before, but for the kind of the table.
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
end
$$;

-- As before, but for datasets whose rows come ready, which have versions of their own.
create or replace function ingestion.dataset_version(p_dataset text) returns bigint language sql stable as $$
    select coalesce(sum(v.version), 0)::bigint from ingestion.upstream(p_dataset) u
    join (
        select name, version from ingestion.dataset
        union all select name, version from ingestion.dimension where kind = 'dataset'
    ) v on u.kind = 'dataset' and v.name = u.name
$$;

-- As before, but for its words: what has no spec can be taken again without being put there again, and a dataset that is
-- computed takes no files.
create or replace function ingestion.begin_drop(
    p_key text, p_write_id text, p_object_version text, p_object_etag text, p_sequencer text, p_size_bytes bigint,
    p_type text, p_name text, p_file_name text, p_new_file_id uuid, p_error jsonb
) returns jsonb language plpgsql as $$
declare
    v_drop operations.dropped_object;
    v_begun jsonb;
begin
    perform pg_advisory_xact_lock(hashtextextended('drop ' || p_key, 0));
    select * into v_drop from operations.dropped_object where object_key = p_key and write_id = p_write_id;
    if v_drop.state is distinct from 'taken' then
        -- What was refused may be taken once it is looked at again: its spec may be there now.
        v_drop.object_key := p_key;
        v_drop.object_version := p_object_version;
        v_drop.object_etag := p_object_etag;
        if p_error is null then
            v_begun := ingestion.begin_dropped(v_drop, p_type, p_name, p_file_name, p_new_file_id);
            if v_begun ->> 'outcome' = 'no_spec' then
                p_error := jsonb_build_object('rule', 'unknown_spec', 'message', format(case
                    when v_begun -> 'is_computed' is not null
                    then 'the %s %s is computed and takes no files: send them to what it is computed from'
                    else 'there is no %s spec %s that takes files; once there is one, have the dropped objects taken again'
                    end, p_type, p_name));
            elsif v_begun ->> 'outcome' <> 'created' then
                raise exception 'a dropped object was not registered: %', v_begun ->> 'outcome';
            end if;
        end if;
        if p_error is not null and v_drop.drop_id is not null then
            update operations.dropped_object set error = p_error where drop_id = v_drop.drop_id;
            return jsonb_build_object('outcome', 'refused');
        end if;
        delete from operations.dropped_object where drop_id = v_drop.drop_id;
        insert into operations.dropped_object (object_key, write_id, object_version, object_etag, place, size_bytes,
            state, error, file_id, version)
        values (p_key, p_write_id, p_object_version, p_object_etag,
            rpad(lower(coalesce(p_sequencer, '')), 64, '0'), p_size_bytes,
            case when p_error is null then 'taken' else 'refused' end, p_error,
            cast(v_begun ->> 'file_id' as uuid), cast(v_begun ->> 'version' as integer))
        returning * into v_drop;
        if p_error is not null then
            return jsonb_build_object('outcome', 'refused');
        end if;
        perform ingestion.begin_later_drops(v_drop, p_type, p_name, p_file_name, p_new_file_id);
    end if;
    return jsonb_build_object('outcome', 'taken', 'files', (
        select jsonb_agg(jsonb_build_object('file_id', d.file_id, 'version', d.version) order by d.version desc)
        from operations.dropped_object d join ingestion.file_tracker t using (file_id, version)
        where d.object_key = p_key and (d.write_id = p_write_id
            or (d.place > v_drop.place and t.validated_at is null and t.error is null))));
end
$$;
