-- Uploads that never arrive, chunk sizes that stay, idempotency keys that end, and the index of what is open.

-- The size that a version's object is split by, from the first time it is seen: a plan made again makes the same chunks.
alter table ingestion.file_tracker add column chunk_bytes bigint;

-- What is open is read from these two (Store::list_files); the one before named statuses, which no query does.
drop index ingestion.file_tracker_open;
create index "file_tracker open" on ingestion.file_tracker (sequence) where validated_at is null and error is null;
create index "contribution pending" on ingestion.contribution (file_id, version) where state = 'pending';

-- As before, but: only a version whose bytes have come makes a file that is there, so an upload that never arrived does
-- not stand in the way of a new one. Earlier versions that still wait for their bytes are looked for once more; that
-- ends those whose address has expired (ingestion.end_upload). Of several under way, the one registered last counts.
create or replace function ingestion.next_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid, p_client_id text
) returns jsonb language plpgsql as $$
declare
    v_file ingestion.file;
    v_live boolean;
    v_spec_version integer;
    v_looked_for integer;
begin
    if p_mode = 'new' then
        insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name)
        select p_new_file_id, p_type, p_name, p_file_name
        where exists (select from spec.spec where kind = p_type and name = p_name)
        on conflict (ingestion_type, ingestion_name, file_name) do nothing;
    end if;
    select * into v_file from ingestion.file
    where (p_file_id is not null and file_id = p_file_id)
        or (p_file_id is null and ingestion_type = p_type and ingestion_name = p_name and file_name = p_file_name)
    for update;
    if v_file.file_id is null then
        if p_file_id is null and not exists (select from spec.spec where kind = p_type and name = p_name) then
            return jsonb_build_object('outcome', 'no_spec');
        end if;
        return jsonb_build_object('outcome', 'no_file');
    end if;
    select max(version) into v_spec_version from spec.spec
    where kind = v_file.ingestion_type and name = v_file.ingestion_name;

    -- The newest version that was not refused says whether the file is there: of those whose bytes have come. Taken
    -- back can be one, too, whose bytes are on their way.
    select coalesce((
        select t.mode <> 'delete' from ingestion.file_tracker t
        where t.file_id = v_file.file_id and t.error is null and (t.received_at is not null or p_mode = 'delete')
        order by t.version desc limit 1
    ), false) into v_live;
    if p_mode = 'new' and v_live then
        return jsonb_build_object('outcome', 'exists', 'file_id', v_file.file_id, 'version', v_file.latest_version);
    end if;
    -- A file that was refused by one dataset may still count in another: that can be taken back too.
    if p_mode = 'delete' and not v_live and not exists (
        select from ingestion.contribution c where c.file_id = v_file.file_id and c.is_current and c.rows > 0
    ) then
        return jsonb_build_object('outcome', 'no_file');
    end if;

    update ingestion.file set latest_version = latest_version + 1 where file_id = v_file.file_id
    returning latest_version into v_file.latest_version;
    insert into ingestion.file_tracker (
        file_id, version, ingestion_type, ingestion_name, spec_version, file_name, mode, created_by)
    values (v_file.file_id, v_file.latest_version, v_file.ingestion_type, v_file.ingestion_name,
        v_spec_version, v_file.file_name, p_mode, p_client_id);
    v_looked_for := ingestion.look_for_uploads(v_file.file_id, v_file.latest_version);
    if p_mode = 'delete' then
        update ingestion.file_tracker set received_at = now(), size_bytes = 0, chunks_expected = 0
        where file_id = v_file.file_id and version = v_file.latest_version;
        perform ingestion.complete_validation(v_file.file_id, v_file.latest_version);
    end if;
    return jsonb_build_object('outcome', 'created', 'file_id', v_file.file_id, 'version', v_file.latest_version,
        'ingestion_type', v_file.ingestion_type, 'ingestion_name', v_file.ingestion_name,
        'file_name', v_file.file_name, 'mode', p_mode, 'has_open_predecessors', v_looked_for > 0);
end
$$;

-- Has the versions before one looked for in the landing bucket, where their bytes have not come yet; a few at a time,
-- the rest when the next version is registered. The messages wait in the outbox of that one.
create function ingestion.look_for_uploads(p_file_id uuid, p_version integer) returns integer language plpgsql as $$
declare
    v_count integer;
begin
    perform ingestion.post(p_file_id, p_version, 'ingest', 'ingest_file', jsonb_build_object('version', t.version))
    from (
        select version from ingestion.file_tracker
        where file_id = p_file_id and version < p_version and received_at is null and error is null
        order by version limit 10
    ) t;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

-- Ends a version whose bytes have not come in so many seconds; false when they have, or may still come. Bytes that come
-- later than that take the version up again (Store::mark_received).
create function ingestion.end_upload(p_file_id uuid, p_version integer, p_after_seconds integer, p_error jsonb)
returns boolean language plpgsql as $$
begin
    update ingestion.file_tracker set error = p_error
    where file_id = p_file_id and version = p_version and received_at is null and error is null
        and created_at <= now() - make_interval(secs => p_after_seconds);
    if not found then
        return false;
    end if;
    perform ingestion.post(p_file_id, p_version, 'status', 'facts_changed');
    return true;
end
$$;

-- Idempotency keys are remembered for seven days at least: every new one takes a few of the expired along, so that
-- there are never many, and nothing has to look for them.
create index idempotency_by_age on operations.idempotency (created_at);
create function operations.forget_old_keys() returns trigger language plpgsql as $$
begin
    delete from operations.idempotency i using (
        select client_id, idempotency_key from operations.idempotency
        where created_at < now() - interval '7 days' order by created_at limit 10 for update skip locked
    ) expired
    where i.client_id = expired.client_id and i.idempotency_key = expired.idempotency_key;
    return null;
end
$$;
create trigger forget_old_keys after insert on operations.idempotency
for each row execute function operations.forget_old_keys();

-- As before, but a key that is forgotten between the two looks at it is a new one.
create or replace function ingestion.begin_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid,
    p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_outcome jsonb;
    v_remembered operations.idempotency;
begin
    while p_idempotency_key is not null loop
        insert into operations.idempotency values (p_client_id, p_idempotency_key, p_request_sha256, 'null', now())
        on conflict do nothing;
        exit when found;
        select * into v_remembered from operations.idempotency
        where client_id = p_client_id and idempotency_key = p_idempotency_key;
        continue when not found;
        if v_remembered.request_sha256 <> p_request_sha256 then
            return jsonb_build_object('outcome', 'key_reused');
        end if;
        return v_remembered.outcome || jsonb_build_object('outcome', 'replayed');
    end loop;

    v_outcome := ingestion.next_version(
        p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id);
    if p_idempotency_key is not null then
        if v_outcome ->> 'outcome' = 'created' then
            update operations.idempotency set outcome = v_outcome
            where client_id = p_client_id and idempotency_key = p_idempotency_key;
        else -- only what was done is remembered
            delete from operations.idempotency
            where client_id = p_client_id and idempotency_key = p_idempotency_key;
        end if;
    end if;
    return v_outcome;
end
$$;
