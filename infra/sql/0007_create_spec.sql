-- Creating a spec in one statement: its row, its table and view, and what existing files contribute to it. A caller who
-- goes away leaves no transaction open, and with it no lock.

-- The numbers of the tables are taken beforehand, since they are part of the statements; one that is not used is a gap.
create function spec.next_table_no(p_kind text) returns bigint language sql as $$
    select nextval(pg_get_serial_sequence('ingestion.' || p_kind, 'table_no'));
$$;

-- p_table is what ingestion.dimension or ingestion.dataset keeps; p_statements create the table and the view. Runs with
-- the rights of its caller, who has to be the owner.
create function spec.create_spec(
    p_kind text, p_name text, p_body jsonb, p_definition jsonb, p_client_id text, p_table jsonb, p_statements jsonb
) returns void language plpgsql as $$
declare
    v_statement text;
begin
    if p_kind = 'dataset' then
        -- Whoever validates a file of this event now waits for us, or we for them: no file is missed.
        perform ingestion.lock_spec('event', p_table ->> 'event');
    end if;
    insert into spec.spec (kind, name, version, body, definition, created_by)
    values (p_kind, p_name, 1, p_body, p_definition, p_client_id);
    if p_kind = 'dimension' then
        insert into ingestion.dimension (table_no, name, column_types, key_positions) overriding system value
        values ((p_table ->> 'table_no')::integer, p_name,
            array(select jsonb_array_elements_text(p_table -> 'column_types')),
            array(select jsonb_array_elements_text(p_table -> 'key_positions')::integer));
    elsif p_kind = 'dataset' then
        insert into ingestion.dataset (table_no, name, event, key_types, extremes) overriding system value
        values ((p_table ->> 'table_no')::integer, p_name, p_table ->> 'event',
            array(select jsonb_array_elements_text(p_table -> 'key_types')),
            array(select jsonb_array_elements_text(p_table -> 'extremes')::boolean));
    end if;
    for v_statement in select jsonb_array_elements_text(p_statements) loop
        execute v_statement;
    end loop;
    if p_kind = 'dataset' then
        perform ingestion.contribute_existing_files(p_name, p_table ->> 'event');
    end if;
end
$$;
revoke all on function spec.next_table_no(text), spec.create_spec(text, text, jsonb, jsonb, text, jsonb, jsonb) from public;
