-- Repaired and replayed files: versions that take over what was kept of the version before, and try its rejected rows
-- once more.

-- `base_version` is the version whose rejected rows are tried again, `root_version` the one that came as a file: rows have
-- its header and its lines. A repair has the hash of the file that it repairs, which is still what the file holds when the
-- same bytes come again; `repair_sha256` is that of its own object.
alter table ingestion.file_tracker
    drop constraint file_tracker_mode_check,
    add constraint file_tracker_mode_check check (mode in ('new', 'replace', 'delete', 'repair', 'replay')),
    add column base_version integer,
    add column root_version integer,
    add column repair_sha256 text,
    add constraint what_is_taken_as_it_came_has_no_base check (mode in ('repair', 'replay') or base_version is null),
    add constraint what_has_a_base_has_a_root check ((base_version is null) = (root_version is null));

-- Registers a version that tries the rejected rows of the file's latest one again: a repair waits for its object, a replay
-- needs none and is on its way with this commit. p_base_version is the version that the caller has seen, null for
-- whichever it is. Nothing is begun while something else is under way: both would take over the same rows.
-- Answers: as begin_version, and {"outcome": "under_way" | "moved_on" | "nothing_rejected" | "no_repair_file", "file_id",
-- "version"} | {"outcome": "held_elsewhere", "file_id", "version"}: of the file that holds the bytes
create function ingestion.begin_repair(
    p_file_id uuid, p_mode text, p_base_version integer, p_awaited_seconds integer,
    p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_base ingestion.file_tracker;
    v_outcome text;
    v_begun jsonb;
begin
    perform from ingestion.file where file_id = p_file_id for update;
    if p_idempotency_key is not null and exists (select from operations.idempotency
        where client_id = p_client_id and idempotency_key = p_idempotency_key) then
        return ingestion.begin_version(
            '', '', '', p_mode, p_file_id, p_file_id, p_client_id, p_idempotency_key, p_request_sha256);
    end if;
    -- What was refused never was the file's content, but for one that only counts whole, which is what a repair is for.
    select * into v_base from ingestion.file_tracker
    where file_id = p_file_id and (error is null or error ->> 'rule' = 'rows_rejected')
        and (received_at is not null or created_at > now() - make_interval(secs => p_awaited_seconds))
    order by version desc limit 1;
    v_outcome := case
        when v_base.mode is null or v_base.mode = 'delete' then 'no_file'
        when v_base.validated_at is null and v_base.error is null then 'under_way'
        when p_base_version <> v_base.version then 'moved_on'
        when v_base.unchanged_of <> p_file_id then 'held_elsewhere'
        when v_base.content_format <> 'csv' and p_mode = 'repair' then 'no_repair_file'
        when not exists (select from ingestion.chunk where file_id = p_file_id and version = v_base.version
            and row_errors_key is not null) then 'nothing_rejected'
    end;
    if v_outcome is not null then
        return jsonb_build_object('outcome', v_outcome, 'version', v_base.version,
            'file_id', case v_outcome when 'held_elsewhere' then v_base.unchanged_of else p_file_id end);
    end if;

    v_begun := ingestion.begin_version(
        '', '', '', p_mode, p_file_id, p_file_id, p_client_id, p_idempotency_key, p_request_sha256);
    if v_begun ->> 'outcome' = 'created' then
        update ingestion.file_tracker set base_version = v_base.version,
            root_version = coalesce(v_base.root_version, v_base.version), sha256 = v_base.sha256,
            content_format = v_base.content_format, on_error = v_base.on_error,
            received_at = case p_mode when 'replay' then now() end, size_bytes = case p_mode when 'replay' then 0 end
        where file_id = p_file_id and version = cast(v_begun ->> 'version' as integer);
        if p_mode = 'replay' then
            perform ingestion.post(p_file_id, cast(v_begun ->> 'version' as integer), 'ingest', 'ingest_file');
        end if;
    end if;
    return v_begun;
end
$$;

-- Whether the same repaired file was taken before, by a version that the base of this one builds on.
create function ingestion.is_repeated_repair(p_file_id uuid, p_version integer, p_repair_sha256 text) returns boolean
language sql stable as $$
    with recursive chain as (
        select base_version as version from ingestion.file_tracker
        where file_id = p_file_id and version = p_version
        union all
        select t.base_version from ingestion.file_tracker t join chain using (version) where t.file_id = p_file_id
    )
    select exists (select from ingestion.file_tracker t join chain using (version)
        where t.file_id = p_file_id and t.repair_sha256 = p_repair_sha256);
$$;

-- Completes a version that tried rejected rows again: the parts of its base, which stay where they are, and one chunk of
-- its own for all that was rejected. Without counts it has the chunks of its base as they are.
create function ingestion.finish_repair(
    p_file_id uuid, p_version integer, p_part_key text, p_row_errors_key text, p_row_errors_bytes bigint,
    p_rows bigint, p_kept bigint, p_rejected bigint, p_repair_sha256 text
) returns boolean language plpgsql as $$
declare
    v_file ingestion.file_tracker;
begin
    select * into v_file from ingestion.file_tracker where file_id = p_file_id and version = p_version for update;
    if v_file.validated_at is not null or v_file.error is not null then
        return v_file.validated_at is not null;
    end if;
    insert into ingestion.chunk (file_id, version, chunk, part_key, row_errors_key, row_errors_bytes,
        rows, kept, rejected)
    select p_file_id, p_version, chunk, part_key, null, 0, kept, kept, 0 from ingestion.chunk
    where file_id = p_file_id and version = v_file.base_version and p_rows is not null and part_key is not null
    union all
    select p_file_id, p_version, coalesce(max(chunk) + 1, 0), p_part_key, p_row_errors_key, p_row_errors_bytes,
        p_rows, p_kept, p_rejected
    from ingestion.chunk where file_id = p_file_id and version = v_file.base_version having p_rows is not null
    union all
    select p_file_id, p_version, chunk, part_key, row_errors_key, row_errors_bytes, rows, kept, rejected
    from ingestion.chunk where file_id = p_file_id and version = v_file.base_version and p_rows is null;
    update ingestion.file_tracker t set chunks_expected = c.chunks, chunks_done = c.chunks, rows = c.rows, kept = c.kept,
        rejected = c.rejected, repair_sha256 = p_repair_sha256, received_at = coalesce(received_at, now())
    from (
        select count(*) as chunks, sum(rows) as rows, sum(kept) as kept, sum(rejected) as rejected
        from ingestion.chunk where file_id = p_file_id and version = p_version
    ) c
    where t.file_id = p_file_id and t.version = p_version;
    perform ingestion.complete_validation(p_file_id, p_version);
    return true;
end
$$;

-- As before (claim_object), but for a version that tried rejected rows again: it changes nothing where no row became
-- clean, and holds what the file held before.
alter function ingestion.claim_content(ingestion.file_tracker) rename to claim_object;
create function ingestion.claim_content(p_file ingestion.file_tracker) returns uuid language plpgsql as $$
begin
    if p_file.base_version is null then
        return ingestion.claim_object(p_file);
    end if;
    if exists (select from ingestion.file_tracker where file_id = p_file.file_id and version = p_file.base_version
        and validated_at is not null and error is null and kept = p_file.kept) then
        return p_file.file_id;
    end if;
    -- An older version that comes late must not touch what a newer one has claimed.
    if exists (select from ingestion.file_tracker where file_id = p_file.file_id and version > p_file.version
        and error is null and validated_at is not null) then
        return null;
    end if;
    insert into ingestion.content_claim (ingestion_type, ingestion_name, sha256, file_id)
    values (p_file.ingestion_type, p_file.ingestion_name, p_file.sha256, p_file.file_id)
    on conflict do nothing;
    perform ingestion.release_content(p_file, null, p_file.sha256);
    return null;
end
$$;

-- As before, but bytes that the version before holds too, as those of a repaired file are, are not let go for a moment:
-- another file of the same bytes would take them over. Versions that changed nothing are refused with the version whose
-- content they have, not with one before that.
create or replace function ingestion.refuse_file(p_file_id uuid, p_version integer, p_error jsonb) returns void
language plpgsql as $$
declare
    v_file ingestion.file_tracker;
    v_live ingestion.file_tracker;
    v_same record;
begin
    select * into v_file from ingestion.file_tracker where file_id = p_file_id and version = p_version;
    perform ingestion.lock_spec(v_file.ingestion_type, v_file.ingestion_name);
    update ingestion.file_tracker set error = coalesce(error, p_error)
    where file_id = p_file_id and version = p_version;
    for v_same in
        update ingestion.file_tracker t set error = p_error
        where t.file_id = p_file_id and t.version > p_version and t.sha256 = v_file.sha256
            and t.unchanged_of = p_file_id and t.error is null
            and not exists (select from ingestion.file_tracker c where c.file_id = p_file_id and c.version > p_version
                and c.version < t.version and c.validated_at is not null and c.unchanged_of is null and c.error is null)
        returning t.version
    loop
        perform ingestion.post(p_file_id, p_version, 'status', 'facts_changed',
            jsonb_build_object('version', v_same.version));
    end loop;
    select * into v_live from ingestion.file_tracker t
    where t.file_id = p_file_id and t.error is null and t.validated_at is not null order by t.version desc limit 1;
    if v_live.unchanged_of <> p_file_id or v_live.mode = 'delete' then
        v_live := null;
    end if;
    if v_live.sha256 is distinct from v_file.sha256 then
        perform ingestion.release_content(v_file, v_file.sha256, null);
    end if;
    insert into ingestion.content_claim (ingestion_type, ingestion_name, sha256, file_id)
    select v_live.ingestion_type, v_live.ingestion_name, v_live.sha256, v_live.file_id
    where v_live.file_id is not null
    on conflict do nothing;
end
$$;
