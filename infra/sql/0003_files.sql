-- Files, their versions, chunks and contributions: the facts from which every status follows.

-- A file that a provider sends, under one name in one spec.
create table ingestion.file (
    file_id uuid primary key,
    ingestion_type text not null check (ingestion_type in ('dimension', 'event', 'dataset')),
    ingestion_name text not null,
    file_name text not null,
    latest_version integer not null default 0,
    created_at timestamptz not null default now(),
    unique (ingestion_type, ingestion_name, file_name)
);

-- One version of a file. `sequence` is the order of arrival over all files.
create table ingestion.file_tracker (
    file_id uuid not null references ingestion.file,
    version integer not null check (version > 0),
    sequence bigint generated always as identity unique,
    ingestion_type text not null,
    ingestion_name text not null,
    spec_version integer not null,
    file_name text not null,
    mode text not null check (mode in ('new', 'replace', 'delete')),
    size_bytes bigint,
    sha256 text,
    chunks_expected integer,
    chunks_done integer not null default 0,
    rows bigint not null default 0,
    kept bigint not null default 0,
    rejected bigint not null default 0,
    unchanged_of uuid,
    error jsonb,
    file_status text not null default 'Upload_in_progress',
    created_by text not null,
    created_at timestamptz not null default now(),
    received_at timestamptz,
    validated_at timestamptz,
    archived_at timestamptz,
    primary key (file_id, version),
    constraint every_row_is_accounted_for check (rows = kept + rejected)
);
create index file_tracker_by_spec on ingestion.file_tracker (ingestion_type, ingestion_name, sequence);
create index file_tracker_open on ingestion.file_tracker (sequence)
    where file_status not in ('Ready_to_archive', 'Archived', 'Error');

-- A validated range of a file version's object; the primary key makes a repeat harmless.
create table ingestion.chunk (
    file_id uuid not null,
    version integer not null,
    chunk integer not null check (chunk >= 0),
    part_key text,
    row_errors_key text,
    row_errors_bytes bigint not null default 0,
    rows bigint not null,
    kept bigint not null,
    rejected bigint not null,
    finished_at timestamptz not null default now(),
    primary key (file_id, version, chunk),
    foreign key (file_id, version) references ingestion.file_tracker,
    check (rows = kept + rejected)
);

-- Which file holds which bytes at present, so that the same bytes under another name change nothing.
create table ingestion.content_claim (
    ingestion_type text not null,
    ingestion_name text not null,
    sha256 text not null,
    file_id uuid not null,
    primary key (ingestion_type, ingestion_name, sha256)
);
create index content_claim_by_file on ingestion.content_claim (file_id);

-- The ledger: what a file version does to a dataset or a dimension, once.
create table ingestion.contribution (
    contribution_id uuid primary key default gen_random_uuid(),
    target_kind text not null check (target_kind in ('dataset', 'dimension')),
    target text not null,
    file_id uuid not null,
    version integer not null,
    state text not null default 'pending' check (state in ('pending', 'applied', 'superseded', 'refused')),
    is_current boolean not null default false,
    partial_key text,
    first_key text collate "C",
    last_key text collate "C",
    cells bigint,
    rows bigint,
    target_version bigint,
    created_at timestamptz not null default now(),
    settled_at timestamptz,
    unique (target_kind, target, file_id, version),
    foreign key (file_id, version) references ingestion.file_tracker
);
create unique index contribution_current on ingestion.contribution (target_kind, target, file_id) where is_current;
create index contribution_by_file on ingestion.contribution (file_id, version);

create view ingestion.file_pipeline_tracker as
select file_id, version, target as dataset_name,
    case when state in ('applied', 'superseded') then 1 else 0 end as status, state, created_at, settled_at
from ingestion.contribution;

-- Registers the next version of a file, or says why not. One commit with the idempotency key, if there is one.
-- Answers: {"outcome": "created" | "replayed" | "exists" | "no_file" | "no_spec" | "key_reused", "file_id", "version"}
create function ingestion.begin_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid,
    p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_outcome jsonb;
    v_remembered operations.idempotency;
begin
    if p_idempotency_key is not null then
        insert into operations.idempotency values (p_client_id, p_idempotency_key, p_request_sha256, 'null', now())
        on conflict do nothing;
        if not found then
            select * into v_remembered from operations.idempotency
            where client_id = p_client_id and idempotency_key = p_idempotency_key;
            if v_remembered.request_sha256 <> p_request_sha256 then
                return jsonb_build_object('outcome', 'key_reused');
            end if;
            return v_remembered.outcome || jsonb_build_object('outcome', 'replayed');
        end if;
    end if;

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

create function ingestion.next_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid, p_client_id text
) returns jsonb language plpgsql as $$
declare
    v_file ingestion.file;
    v_live boolean;
    v_spec_version integer;
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

    -- The newest version that was not refused says whether the file is there.
    select coalesce((
        select t.mode <> 'delete' from ingestion.file_tracker t
        where t.file_id = v_file.file_id and t.error is null order by t.version desc limit 1
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
    if p_mode = 'delete' then
        update ingestion.file_tracker set received_at = now(), size_bytes = 0, chunks_expected = 0
        where file_id = v_file.file_id and version = v_file.latest_version;
        perform ingestion.complete_validation(v_file.file_id, v_file.latest_version);
    end if;
    return jsonb_build_object('outcome', 'created', 'file_id', v_file.file_id, 'version', v_file.latest_version,
        'ingestion_type', v_file.ingestion_type, 'ingestion_name', v_file.ingestion_name,
        'file_name', v_file.file_name, 'mode', p_mode);
end
$$;

-- Writes a message into the outbox of a file version.
create function ingestion.post(p_file_id uuid, p_version integer, p_queue text, p_kind text, p_more jsonb default '{}')
returns void language sql as $$
    insert into operations.outbox (file_id, version, queue, body)
    values (p_file_id, p_version, p_queue,
        jsonb_build_object('v', 1, 'kind', p_kind, 'file_id', p_file_id, 'version', p_version) || p_more);
$$;

-- The fan-in: counts a chunk once, and completes the file when the last one is in.
-- p_chunks_expected is given by whoever knows it: the planner, or the worker of a file in one chunk.
create function ingestion.finish_chunk(
    p_file_id uuid, p_version integer, p_chunk integer, p_part_key text, p_row_errors_key text,
    p_row_errors_bytes bigint, p_rows bigint, p_kept bigint, p_rejected bigint,
    p_chunks_expected integer, p_sha256 text, p_size_bytes bigint
) returns boolean language plpgsql as $$
declare
    v_new integer;
    v_file ingestion.file_tracker;
begin
    if p_chunk is not null then
        insert into ingestion.chunk (file_id, version, chunk, part_key, row_errors_key, row_errors_bytes,
            rows, kept, rejected)
        values (p_file_id, p_version, p_chunk, p_part_key, p_row_errors_key, p_row_errors_bytes,
            p_rows, p_kept, p_rejected)
        on conflict do nothing;
        get diagnostics v_new = row_count;
    else
        v_new := 0;
    end if;
    update ingestion.file_tracker set
        chunks_done = chunks_done + v_new,
        rows = rows + v_new * coalesce(p_rows, 0),
        kept = kept + v_new * coalesce(p_kept, 0),
        rejected = rejected + v_new * coalesce(p_rejected, 0),
        chunks_expected = coalesce(chunks_expected, p_chunks_expected),
        sha256 = coalesce(sha256, p_sha256),
        size_bytes = coalesce(size_bytes, p_size_bytes),
        received_at = coalesce(received_at, now())
    where file_id = p_file_id and version = p_version
    returning * into v_file;
    if v_file.validated_at is null and v_file.error is null and v_file.chunks_done = v_file.chunks_expected then
        perform ingestion.complete_validation(p_file_id, p_version);
        return true;
    end if;
    return v_file.validated_at is not null;
end
$$;

-- Decides, once all chunks are in, whether the bytes are new, and what they feed.
create function ingestion.complete_validation(p_file_id uuid, p_version integer)
returns void language plpgsql as $$
declare
    v_file ingestion.file_tracker;
    v_unchanged_of uuid;
begin
    select * into v_file from ingestion.file_tracker where file_id = p_file_id and version = p_version for update;
    if v_file.rows = 0 and v_file.mode <> 'delete' then
        perform ingestion.fail_file(p_file_id, p_version, jsonb_build_object(
            'rule', 'empty_file', 'message', 'the file has no rows after its header'));
        return;
    end if;
    perform ingestion.lock_spec(v_file.ingestion_type, v_file.ingestion_name);
    v_unchanged_of := ingestion.claim_content(v_file);
    update ingestion.file_tracker set validated_at = now(), unchanged_of = v_unchanged_of
    where file_id = p_file_id and version = p_version;
    perform ingestion.post(p_file_id, p_version, 'status', 'facts_changed');
    if v_unchanged_of is null then
        perform ingestion.begin_contributions(v_file, v_file);
    end if;
end
$$;

-- Whoever decides about a spec's files, or declares what they feed, waits for the others: each sees what was decided.
create function ingestion.lock_spec(p_type text, p_name text) returns void language sql as $$
    select pg_advisory_xact_lock(hashtextextended(p_type || ' ' || p_name, 0));
$$;

-- Has a file version contribute to everything that it feeds. The messages wait in the outbox of p_sender, the file
-- version that is at work.
create function ingestion.begin_contributions(p_file ingestion.file_tracker, p_sender ingestion.file_tracker)
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
    for v_target in select name from ingestion.dataset where event = p_file.ingestion_name order by name loop
        insert into ingestion.contribution (target_kind, target, file_id, version)
        values ('dataset', v_target.name, p_file.file_id, p_file.version) on conflict do nothing;
        perform ingestion.post(p_sender.file_id, p_sender.version, 'perf', 'aggregate',
            v_about || jsonb_build_object('dataset', v_target.name));
    end loop;
end
$$;

-- The file that holds these bytes already, if the version changes nothing; claims them otherwise.
create function ingestion.claim_content(p_file ingestion.file_tracker) returns uuid language plpgsql as $$
declare
    v_before ingestion.file_tracker;
    v_owner uuid;
begin
    select * into v_before from ingestion.file_tracker
    where file_id = p_file.file_id and version < p_file.version and error is null
    order by version desc limit 1;
    if p_file.mode <> 'delete' and v_before.validated_at is not null and v_before.mode <> 'delete'
        and v_before.sha256 = p_file.sha256 and v_before.spec_version = p_file.spec_version
        -- … and those bytes still count: where they were another file's, it holds them to this day, …
        and (v_before.unchanged_of is null or v_before.unchanged_of = p_file.file_id or exists (
            select from ingestion.content_claim where ingestion_type = p_file.ingestion_type
                and ingestion_name = p_file.ingestion_name and sha256 = p_file.sha256
                and file_id = v_before.unchanged_of))
        -- … and no dataset has taken, or may yet take, a version in between that another one refused.
        and not exists (select from ingestion.contribution where file_id = p_file.file_id
            and version > v_before.version and version < p_file.version and state in ('pending', 'applied')) then
        return coalesce(v_before.unchanged_of, p_file.file_id);
    end if;
    -- An older version that comes late must not touch what a newer one has claimed.
    if exists (select from ingestion.file_tracker where file_id = p_file.file_id and version > p_file.version
        and error is null and validated_at is not null) then
        return null;
    end if;
    if p_file.mode = 'delete' then
        perform ingestion.release_content(p_file, null, null);
        return null;
    end if;
    insert into ingestion.content_claim (ingestion_type, ingestion_name, sha256, file_id)
    values (p_file.ingestion_type, p_file.ingestion_name, p_file.sha256, p_file.file_id)
    on conflict do nothing;
    select file_id into v_owner from ingestion.content_claim
    where ingestion_type = p_file.ingestion_type and ingestion_name = p_file.ingestion_name
        and sha256 = p_file.sha256;
    if p_file.mode = 'new' and v_owner <> p_file.file_id then
        return v_owner;
    end if;
    perform ingestion.release_content(p_file, null, p_file.sha256);
    return null;
end
$$;

-- Lets go of the bytes that a file held: all, only some, or all but some. Where another file came with the same bytes meanwhile and was
-- told that they count already, it holds them from now on and contributes in the file's place: bytes that a live file
-- has always count.
create function ingestion.release_content(
    p_file ingestion.file_tracker, p_only_sha256 text, p_except_sha256 text
) returns void language plpgsql as $$
declare
    v_freed record;
    v_heir ingestion.file_tracker;
begin
    for v_freed in
        delete from ingestion.content_claim
        where file_id = p_file.file_id and sha256 is distinct from p_except_sha256
            and (p_only_sha256 is null or sha256 = p_only_sha256)
        returning sha256
    loop
        select t.* into v_heir from ingestion.file_tracker t
        where t.ingestion_type = p_file.ingestion_type and t.ingestion_name = p_file.ingestion_name
            and t.sha256 = v_freed.sha256 and t.unchanged_of = p_file.file_id and t.file_id <> p_file.file_id
            and t.error is null and not exists (
                select from ingestion.file_tracker l where l.file_id = t.file_id and l.version > t.version
                    and l.error is null and l.validated_at is not null)
        order by t.sequence limit 1;
        continue when not found;
        insert into ingestion.content_claim (ingestion_type, ingestion_name, sha256, file_id)
        values (v_heir.ingestion_type, v_heir.ingestion_name, v_heir.sha256, v_heir.file_id);
        update ingestion.file_tracker t
        set unchanged_of = case when t.file_id = v_heir.file_id then null else v_heir.file_id end
        where t.ingestion_type = v_heir.ingestion_type and t.ingestion_name = v_heir.ingestion_name
            and t.sha256 = v_heir.sha256 and t.unchanged_of = p_file.file_id and t.file_id <> p_file.file_id
            and (t.file_id <> v_heir.file_id or t.version = v_heir.version);
        perform ingestion.begin_contributions(v_heir, p_file);
        perform ingestion.post(p_file.file_id, p_file.version, 'status', 'facts_changed',
            jsonb_build_object('file_id', v_heir.file_id, 'version', v_heir.version));
    end loop;
end
$$;

-- Refuses a file version as a whole, with the reason; the first reason stays.
create function ingestion.fail_file(p_file_id uuid, p_version integer, p_error jsonb)
returns boolean language plpgsql as $$
begin
    update ingestion.file_tracker set error = p_error, received_at = coalesce(received_at, now())
    where file_id = p_file_id and version = p_version and error is null and validated_at is null;
    if not found then
        return false;
    end if;
    perform ingestion.post(p_file_id, p_version, 'status', 'facts_changed');
    return true;
end
$$;
