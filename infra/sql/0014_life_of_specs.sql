-- The life of specs: further versions that add to what is there, retirement, and the way back.

-- Specs that are not to be used any more. Their versions, data and views stay, and so does the name.
create table spec.retired (
    kind text not null,
    name text not null,
    retired_by text not null,
    retired_at timestamptz not null default now(),
    primary key (kind, name)
);

-- Whoever changes the life of a spec holds this lock, and whoever begins to need it shares it: none of them overlooks the
-- other. A spec's own comes before those of what it needs; nothing needs itself, so that nobody waits in a circle.
create function spec.lock_key(p_kind text, p_name text) returns bigint language sql immutable as $$
    select hashtextextended('life of ' || p_kind || ' ' || p_name, 0);
$$;

-- Nothing begins to need a retired spec (SQLSTATE MR001).
create function spec.hold_needed() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(spec.lock_key(new.needs_kind, new.needs_name));
    if exists (select from spec.retired where kind = new.needs_kind and name = new.needs_name) then
        raise exception 'the % % is retired', new.needs_kind, new.needs_name using errcode = 'MR001';
    end if;
    return new;
end
$$;
create trigger hold_needed before insert on spec.dependency for each row execute function spec.hold_needed();

-- Makes the version after p_version of a spec. p_column_types are those of a dimension's columns, null for other kinds;
-- p_statements add columns and make the view anew. A reader who holds a table for long makes this give up.
-- Answers: {"outcome": "created" | "identical" | "stale", "version"} | {"outcome": "retired" | "no_spec"}
create function spec.migrate_spec(
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
    return jsonb_build_object('outcome', 'created', 'version', p_version + 1);
end
$$;

-- What was compiled against a spec, by kind and name, with whether it is retired itself.
create function spec.dependants(p_kind text, p_name text) returns table (kind text, name text, is_retired boolean)
language sql stable as $$
    select d.kind, d.name, exists (select from spec.retired r where r.kind = d.kind and r.name = d.name)
    from spec.dependency d where d.needs_kind = p_kind and d.needs_name = p_name order by 1, 2;
$$;

-- Retires a spec that nothing needs which is not retired itself; a source moreover only once its runs are over, so that
-- nobody brings files to a target that is retired after it.
-- Answers: {"outcome": "retired" | "no_spec" | "at_work"} | {"outcome": "needed", "dependants": the first hundred}
create function spec.retire_spec(p_kind text, p_name text, p_client_id text) returns jsonb language plpgsql as $$
declare
    v_dependants jsonb;
begin
    perform pg_advisory_xact_lock(spec.lock_key(p_kind, p_name));
    if not exists (select from spec.spec where kind = p_kind and name = p_name) then
        return jsonb_build_object('outcome', 'no_spec');
    end if;
    select jsonb_agg(jsonb_build_object('kind', d.kind, 'name', d.name, 'is_retired', false)) into v_dependants
    from (select * from spec.dependants(p_kind, p_name) where not is_retired limit 100) d;
    if v_dependants is not null then
        return jsonb_build_object('outcome', 'needed', 'dependants', v_dependants);
    elsif p_kind = 'source' and exists (
        select from operations.run where source = p_name and state in ('queued', 'running')
    ) then
        return jsonb_build_object('outcome', 'at_work');
    end if;
    insert into spec.retired (kind, name, retired_by) values (p_kind, p_name, p_client_id) on conflict do nothing;
    return jsonb_build_object('outcome', 'retired');
end
$$;

-- Brings a retired spec back, unless it needs one that is retired.
-- Answers: {"outcome": "restored" | "no_spec"} | {"outcome": "needs_retired", "needs": the first hundred}
create function spec.restore_spec(p_kind text, p_name text) returns jsonb language plpgsql as $$
declare
    v_needs jsonb;
begin
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
    return jsonb_build_object('outcome', 'restored');
end
$$;
revoke all on function spec.migrate_spec(text, text, integer, jsonb, jsonb, text, jsonb, jsonb),
    spec.retire_spec(text, text, text), spec.restore_spec(text, text) from public;

-- Registers the next version of a file (add_version) unless its spec is retired, which takes no files any more; what is
-- there can be taken back still. A file that was registered before goes on its way.
-- Answers: as add_version, and {"outcome": "no_spec", "is_retired": true}
alter function ingestion.next_version(text, text, text, text, uuid, uuid, text) rename to add_version;
create function ingestion.next_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid, p_client_id text
) returns jsonb language plpgsql as $$
begin
    if p_mode <> 'delete' and exists (
        select from spec.retired r
        left join ingestion.file f on f.file_id = p_file_id
        where r.kind = coalesce(f.ingestion_type, p_type) and r.name = coalesce(f.ingestion_name, p_name)
    ) then
        return jsonb_build_object('outcome', 'no_spec', 'is_retired', true);
    end if;
    return ingestion.add_version(p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id);
end
$$;

-- As before (begin_keyed_version), but a retired spec has an outcome of its own: {"outcome": "retired"}
alter function ingestion.begin_version(text, text, text, text, uuid, uuid, text, text, text) rename to begin_keyed_version;
create function ingestion.begin_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid,
    p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_begun jsonb := ingestion.begin_keyed_version(
        p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id, p_idempotency_key, p_request_sha256);
begin
    return case when v_begun -> 'is_retired' is not null then jsonb_build_object('outcome', 'retired') else v_begun end;
end
$$;

-- As before (begin_run_of_source), but no run of a retired source begins, not even while it is being retired:
-- {"outcome": "retired"}
alter function operations.begin_run(uuid, text, text, text, text, text) rename to begin_run_of_source;
create function operations.begin_run(
    p_run_id uuid, p_source text, p_begun_by text, p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(spec.lock_key('source', p_source));
    if exists (select from spec.retired where kind = 'source' and name = p_source) then
        return jsonb_build_object('outcome', 'retired');
    end if;
    return operations.begin_run_of_source(p_run_id, p_source, p_begun_by, p_client_id, p_idempotency_key, p_request_sha256);
end
$$;
