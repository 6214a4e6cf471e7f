-- External sources: their specs, their runs, and the registry of the files that they list.

alter table spec.spec drop constraint spec_kind_check;
alter table spec.spec add constraint spec_kind_check check (kind in ('dimension', 'event', 'dataset', 'source'));
create view spec.source as
select name as source_name, version, body as source_data, created_by, created_at
from spec.spec where kind = 'source';

-- Where a file version's object lies, when it is not where an upload would have put it.
alter table ingestion.file_tracker add column object_key text;

-- One execution of a source: list, then fetch what is not held.
create table operations.run (
    run_id uuid primary key,
    sequence bigint generated always as identity unique,
    source text not null,
    spec_version integer not null,
    begun_by text not null check (begun_by in ('schedule', 'request')),
    requested_by text not null,
    state text not null default 'queued' check (state in ('queued', 'running', 'completed', 'failed', 'skipped')),
    listed integer,
    error jsonb,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    seen_at timestamptz,
    finished_at timestamptz
);
create index run_by_source on operations.run (source, sequence);
create index run_open on operations.run (sequence) where state in ('queued', 'running');

-- The newest fencing token of a source's workers: what an older one writes is refused.
create table operations.source_fence (
    source text primary key,
    token bigint not null
);

-- Every file that a source has listed, once. The primary key is what makes it once, and the row is locked by whoever
-- registers its bytes.
create table operations.datafile_registry (
    source text not null,
    file_name text not null,
    entry_id bigint generated always as identity unique,
    url text not null,
    listed_date date,
    state text not null default 'listed' check (state in ('listed', 'held', 'failed')),
    sha256 text,
    size_bytes bigint,
    etag text,
    last_modified text,
    same_as text,
    run_id uuid not null,
    attempts integer not null default 0,
    error jsonb,
    file_id uuid,
    version integer,
    object_key text,
    first_listed_at timestamptz not null default now(),
    fetched_at timestamptz,
    primary key (source, file_name),
    constraint what_is_held_has_bytes check (state <> 'held' or (sha256 is not null and file_id is not null))
);
create index datafile_registry_by_bytes on operations.datafile_registry (source, sha256);
create index datafile_registry_by_address on operations.datafile_registry using hash (url);
create index datafile_registry_by_file on operations.datafile_registry (file_id);
create index datafile_registry_by_same on operations.datafile_registry (source, same_as) where same_as is not null;

-- What a run does about a listed file: a line a file, oldest first.
create table operations.run_file (
    run_id uuid not null references operations.run,
    file_name text not null,
    position integer not null,
    state text not null default 'waiting'
        check (state in ('waiting', 'fetched', 'replaced', 'unchanged', 'same_bytes', 'failed')),
    attempts integer not null default 0,
    error jsonb,
    size_bytes bigint,
    file_id uuid,
    version integer,
    finished_at timestamptz,
    primary key (run_id, file_name)
);
create index run_file_waiting on operations.run_file (run_id, position) where state = 'waiting';

-- Begins a run, or says why not; one commit with the idempotency key, if there is one. Runs are kept for 90 days at
-- least: every new one takes two of its source's older ones along.
-- Answers: {"outcome": "created" | "replayed" | "no_source" | "key_reused", "run_id"}
create function operations.begin_run(
    p_run_id uuid, p_source text, p_begun_by text, p_client_id text, p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_remembered operations.idempotency;
    v_spec_version integer;
    v_outcome jsonb := jsonb_build_object('outcome', 'created', 'run_id', p_run_id);
begin
    select max(version) into v_spec_version from spec.spec where kind = 'source' and name = p_source;
    if v_spec_version is null then
        return jsonb_build_object('outcome', 'no_source');
    end if;
    if p_idempotency_key is not null then
        insert into operations.idempotency values (p_client_id, p_idempotency_key, p_request_sha256, v_outcome, now())
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
    insert into operations.run (run_id, source, spec_version, begun_by, requested_by)
    values (p_run_id, p_source, v_spec_version, p_begun_by, p_client_id)
    on conflict (run_id) do nothing;
    with old as (
        select run_id from operations.run where source = p_source and finished_at < now() - interval '90 days'
        order by sequence limit 2 for update skip locked),
    lines as (delete from operations.run_file f using old where f.run_id = old.run_id)
    delete from operations.run r using old where r.run_id = old.run_id;
    return v_outcome;
end
$$;

-- Refuses whoever was replaced by a newer worker; keeps the fence locked until the transaction ends.
create function operations.is_fenced_off(p_source text, p_token bigint) returns boolean language sql as $$
    select coalesce((select token <> p_token from operations.source_fence where source = p_source for update), true);
$$;

-- Begins or goes on with a run, for the holder of the source's lock.
-- Answers: {"outcome": "working", "is_listed", "spec_version"} | {"outcome": "overtaken", "token"} |
--   {"outcome": "skipped", "at_work", "silent_seconds"} | {"outcome": "no_run" | "settled"}
create function operations.take_run(p_run_id uuid, p_source text, p_token bigint, p_silence_seconds integer)
returns jsonb language plpgsql as $$
declare
    v_seen bigint;
    v_run operations.run;
    v_skipped jsonb;
begin
    if not exists (select from operations.run where run_id = p_run_id and source = p_source) then
        return jsonb_build_object('outcome', 'no_run');
    end if;
    insert into operations.source_fence values (p_source, 0) on conflict do nothing;
    select token into v_seen from operations.source_fence where source = p_source for update;
    if v_seen > p_token then
        return jsonb_build_object('outcome', 'overtaken', 'token', v_seen);
    end if;
    update operations.source_fence set token = p_token where source = p_source;
    select * into v_run from operations.run where run_id = p_run_id and source = p_source for update;
    if v_run.state not in ('queued', 'running') then
        return jsonb_build_object('outcome', 'settled');
    end if;
    -- A run that nobody has worked on for long has lost its messages: this one takes its place.
    update operations.run set state = 'failed', finished_at = now(), error = jsonb_build_object(
        'rule', 'gave_up', 'message', 'the run was not gone on with; a later one took its place')
    where source = p_source and run_id <> p_run_id and state = 'running'
        and seen_at < now() - make_interval(secs => p_silence_seconds);
    v_skipped := operations.skip_run(p_run_id);
    if v_skipped ->> 'state' = 'skipped' then
        return v_skipped || jsonb_build_object('outcome', 'skipped');
    end if;
    update operations.run set state = 'running', started_at = coalesce(started_at, now()), seen_at = now()
    where run_id = p_run_id;
    return jsonb_build_object('outcome', 'working', 'is_listed', v_run.listed is not null,
        'spec_version', v_run.spec_version);
end
$$;

-- Ends a run that has not begun where another one of its source is at work: null without such a run, or {"state": what
-- it is afterwards, "at_work": the other run, if there is one, "silent_seconds": since when nobody has been seen there}.
create function operations.skip_run(p_run_id uuid) returns jsonb language plpgsql as $$
declare
    v_other operations.run;
begin
    select o.* into v_other from operations.run r join operations.run o on o.source = r.source
    where r.run_id = p_run_id and o.run_id <> p_run_id and o.state = 'running' order by o.sequence limit 1;
    update operations.run set state = 'skipped', finished_at = now(), error = jsonb_build_object(
        'rule', 'source_busy', 'message', 'another run of the source is at work')
    where run_id = p_run_id and state = 'queued' and v_other.run_id is not null;
    return (select jsonb_build_object('state', state, 'at_work', v_other.run_id, 'silent_seconds',
        floor(extract(epoch from now() - v_other.seen_at))) from operations.run where run_id = p_run_id);
end
$$;

-- Listed files under the names that the registry has for their addresses. A name that another address of the list has
-- there gives way to the address.
create function operations.under_known_names(p_run_id uuid, p_source text, p_files jsonb)
returns jsonb language sql as $$
    with listed as (
        select n, f, (select e.file_name from operations.datafile_registry e where e.url = f ->> 1 and e.source = p_source
            order by (e.file_name = f ->> 0) desc, e.entry_id limit 1) as known
        from jsonb_array_elements(p_files) with ordinality as x (f, n))
    select jsonb_agg(jsonb_set(f, '{0}', to_jsonb(case
        when known is not null then known
        when f ->> 0 in (select known from listed where known is not null) or exists (
            select from operations.run_file r where r.run_id = p_run_id and r.file_name = f ->> 0)
            then left(f ->> 1, 160) || '~' || md5(f ->> 1)
        else f ->> 0 end)) order by n)
    from listed;
$$;

-- Notes listed files: [[file name, address, date, problem], …], of which the first has a position. What the bytes at an
-- address were called says nothing about those at another.
create function operations.note_listed(
    p_run_id uuid, p_source text, p_token bigint, p_files jsonb, p_first_position integer
) returns boolean language plpgsql as $$
begin
    if operations.is_fenced_off(p_source, p_token) then
        return false;
    end if;
    p_files := operations.under_known_names(p_run_id, p_source, p_files);
    insert into operations.datafile_registry (source, file_name, url, listed_date, run_id, state, error)
    select p_source, f ->> 0, f ->> 1, cast(f ->> 2 as date), p_run_id,
        case when f ->> 3 is null then 'listed' else 'failed' end, nullif(f -> 3, 'null')
    from jsonb_array_elements(p_files) as f
    on conflict (source, file_name) do update set url = excluded.url,
        etag = case when datafile_registry.url = excluded.url then datafile_registry.etag end,
        last_modified = case when datafile_registry.url = excluded.url then datafile_registry.last_modified end,
        listed_date = coalesce(excluded.listed_date, datafile_registry.listed_date), run_id = excluded.run_id,
        state = case when datafile_registry.state = 'listed' then excluded.state else datafile_registry.state end,
        error = coalesce(excluded.error, datafile_registry.error);
    insert into operations.run_file (run_id, file_name, position, state, error, finished_at)
    select p_run_id, f ->> 0, p_first_position + n - 1,
        case when f ->> 3 is null then 'waiting' else 'failed' end, nullif(f -> 3, 'null'),
        case when f ->> 3 is null then null else now() end
    from jsonb_array_elements(p_files) with ordinality as x (f, n)
    on conflict (run_id, file_name) do nothing;
    return true;
end
$$;

-- The file that a listed file's new bytes replace: its own; or the one whose bytes it has been, when nothing else that
-- is listed in this run has them, so that it was renamed. None where they make another file.
create function operations.file_to_replace(p_entry operations.datafile_registry, p_run_id uuid)
returns uuid language sql as $$
    select case when p_entry.same_as is null then p_entry.file_id when not exists (
        select from operations.datafile_registry e join operations.run_file r on r.file_name = e.file_name
        where e.source = p_entry.source and e.file_name <> p_entry.file_name and r.run_id = p_run_id
            and (e.file_name = p_entry.same_as or e.same_as = p_entry.same_as)
    ) then p_entry.file_id end;
$$;

-- The listed file that is next, its attempt counted before it is made: work that dies on one file again and again gives
-- that file up and goes on.
-- Answers: {"outcome": "file", …} | {"outcome": "none" | "stale"}
create function operations.begin_file(p_run_id uuid, p_source text, p_token bigint, p_most_attempts integer)
returns jsonb language plpgsql as $$
declare
    v_line operations.run_file;
    v_entry operations.datafile_registry;
    v_replaces uuid;
begin
    if operations.is_fenced_off(p_source, p_token) then
        return jsonb_build_object('outcome', 'stale');
    end if;
    update operations.run set seen_at = now() where run_id = p_run_id;
    loop
        select * into v_line from operations.run_file where run_id = p_run_id and state = 'waiting'
        order by position limit 1;
        if v_line.run_id is null then
            return jsonb_build_object('outcome', 'none');
        end if;
        exit when v_line.attempts < p_most_attempts;
        perform operations.fail_fetch(p_run_id, p_source, p_token, v_line.file_name, jsonb_build_object(
            'rule', 'gave_up', 'message', format('the work died on this file %s times', p_most_attempts)
                || coalesce('; the last time: ' || (v_line.error ->> 'message'), '')));
    end loop;
    update operations.run_file set attempts = attempts + 1
    where run_id = p_run_id and file_name = v_line.file_name;
    update operations.datafile_registry
    set run_id = p_run_id, attempts = case when v_line.attempts = 0 and state = 'held' then 1 else attempts + 1 end
    where source = p_source and file_name = v_line.file_name returning * into v_entry;
    v_replaces := operations.file_to_replace(v_entry, p_run_id);
    return jsonb_build_object('outcome', 'file', 'entry_id', v_entry.entry_id, 'file_name', v_entry.file_name,
        'url', v_entry.url, 'is_held', v_entry.state = 'held', 'sha256', v_entry.sha256, 'etag', v_entry.etag,
        'last_modified', v_entry.last_modified, 'file_id', v_entry.file_id, 'same_as', v_entry.same_as,
        'replaces', v_replaces, 'latest_version', (
            select latest_version from ingestion.file where file_id = v_replaces));
end
$$;

-- Says why a listed file was not fetched. What is held of it stays.
create function operations.fail_fetch(p_run_id uuid, p_source text, p_token bigint, p_file_name text, p_error jsonb)
returns boolean language plpgsql as $$
begin
    if operations.is_fenced_off(p_source, p_token) then
        return false;
    end if;
    update operations.run_file set state = 'failed', error = p_error, finished_at = now()
    where run_id = p_run_id and file_name = p_file_name and state = 'waiting';
    update operations.datafile_registry
    set error = p_error, state = case when state = 'held' then 'held' else 'failed' end
    where source = p_source and file_name = p_file_name;
    return true;
end
$$;

-- Settles what came of a listed file, and hands new bytes on; all in one commit. Without a hash the source said that
-- nothing has changed; without a key the bytes were not stored, because they seemed to be held. Bytes that are listed
-- under two names become a file once: the second entry is the same as the first, for as long as that has them.
-- Answers: {"outcome": "fetched" | "replaced" | "unchanged" | "same_bytes" | "stale" | "not_held", "file_id", "version"}
create function operations.settle_fetch(
    p_run_id uuid, p_source text, p_token bigint, p_file_name text, p_sha256 text, p_size_bytes bigint, p_etag text,
    p_last_modified text, p_object_key text, p_new_file_id uuid, p_type text, p_name text
) returns jsonb language plpgsql as $$
declare
    v_entry operations.datafile_registry;
    v_other operations.datafile_registry;
    v_begun jsonb;
    v_replaces uuid;
    v_former text;
    v_state text;
begin
    if operations.is_fenced_off(p_source, p_token) then
        return jsonb_build_object('outcome', 'stale');
    end if;
    select * into v_entry from operations.datafile_registry
    where source = p_source and file_name = p_file_name for update;
    if p_sha256 is null or (v_entry.state = 'held' and v_entry.sha256 = p_sha256) then
        if v_entry.state <> 'held' then
            return jsonb_build_object('outcome', 'not_held');
        end if;
        v_state := 'unchanged';
    elsif v_entry.file_id is null or v_entry.same_as is not null then
        -- Another name for bytes that are there: nothing is loaded twice.
        select * into v_other from operations.datafile_registry
        where source = p_source and sha256 = p_sha256 and state = 'held' and same_as is null
        order by entry_id limit 1;
        if v_other.source is not null then
            v_state := 'same_bytes';
            v_entry.same_as := v_other.file_name;
            select v_other.file_id, v_other.version, v_other.object_key
            into v_entry.file_id, v_entry.version, v_entry.object_key;
        end if;
    end if;
    if v_state is null then
        if p_object_key is null then
            return jsonb_build_object('outcome', 'not_held');
        end if;
        v_replaces := operations.file_to_replace(v_entry, p_run_id);
        v_former := coalesce(case when v_replaces is not null then v_entry.same_as end, p_file_name);
        v_begun := operations.begin_fetched(
            p_type, p_name, p_source || '/' || p_file_name, p_new_file_id, v_replaces, p_object_key, p_source);
        select v_begun ->> 'state', cast(v_begun ->> 'file_id' as uuid), cast(v_begun ->> 'version' as integer),
            p_object_key, null
        into v_state, v_entry.file_id, v_entry.version, v_entry.object_key, v_entry.same_as;
        -- Who was held by the bytes before holds nothing now, and what is listed of it is fetched in this run.
        with freed as (
            update operations.datafile_registry set state = 'listed', sha256 = null, size_bytes = null, etag = null,
                last_modified = null, same_as = null, file_id = null, version = null, object_key = null
            where source = p_source and file_name <> p_file_name and (file_name = v_former or same_as = v_former)
            returning file_name)
        update operations.run_file f set state = 'waiting', finished_at = null from freed
        where f.run_id = p_run_id and f.file_name = freed.file_name and f.state in ('unchanged', 'same_bytes');
    end if;
    update operations.datafile_registry set state = 'held', error = null, run_id = p_run_id, fetched_at = now(),
        sha256 = coalesce(p_sha256, sha256), size_bytes = coalesce(p_size_bytes, size_bytes),
        etag = case when p_sha256 is null then coalesce(p_etag, etag) else p_etag end,
        last_modified = case when p_sha256 is null then coalesce(p_last_modified, last_modified) else p_last_modified end,
        same_as = v_entry.same_as, file_id = v_entry.file_id, version = v_entry.version, object_key = v_entry.object_key
    where source = p_source and file_name = p_file_name;
    update operations.run_file set state = v_state, error = null, finished_at = now(), size_bytes = p_size_bytes,
        file_id = v_entry.file_id, version = v_entry.version
    where run_id = p_run_id and file_name = p_file_name and state = 'waiting';
    return jsonb_build_object('outcome', v_state, 'file_id', v_entry.file_id, 'version', v_entry.version);
end
$$;

-- Registers a file version whose object lies in the landing bucket already, and posts it to ingest. A new file gets a
-- name that no file of another entry has: a renamed one keeps the file, and with it the name.
create function operations.begin_fetched(
    p_type text, p_name text, p_file_name text, p_new_file_id uuid, p_file_id uuid, p_object_key text, p_source text
) returns jsonb language plpgsql as $$
declare
    v_mode text := case when p_file_id is null then 'new' else 'replace' end;
    v_file_name text := p_file_name;
    v_number integer := 2;
    v_begun jsonb;
begin
    while p_file_id is null and exists (
        select from ingestion.file f join operations.datafile_registry e on e.file_id = f.file_id
        where f.ingestion_type = p_type and f.ingestion_name = p_name and f.file_name = v_file_name
            and e.source = p_source and e.same_as is null
    ) loop
        v_file_name := p_file_name || '~' || v_number;
        v_number := v_number + 1;
    end loop;
    v_begun := ingestion.next_version(p_type, p_name, v_file_name, v_mode, p_new_file_id, p_file_id, 'source ' || p_source);
    if v_begun ->> 'outcome' = 'exists' then -- the registry was lost, or the name was sent by hand
        v_mode := 'replace';
        v_begun := ingestion.next_version(p_type, p_name, v_file_name, v_mode, p_new_file_id, null, 'source ' || p_source);
    end if;
    if v_begun ->> 'outcome' <> 'created' then
        raise exception 'a fetched file was not registered: %', v_begun ->> 'outcome';
    end if;
    update ingestion.file_tracker set object_key = p_object_key
    where file_id = cast(v_begun ->> 'file_id' as uuid) and version = cast(v_begun ->> 'version' as integer);
    perform ingestion.post(cast(v_begun ->> 'file_id' as uuid), cast(v_begun ->> 'version' as integer),
        'ingest', 'ingest_file');
    return v_begun || jsonb_build_object('state', case when v_mode = 'new' then 'fetched' else 'replaced' end);
end
$$;
