-- Bytes that a source lists under two names become a file once. Where that file changes later, they count on under the
-- other name: as a file of its own.

-- Whether the bytes that a listed file is held by still count: where they are another file's, it has them to this day.
create function operations.is_held(p_entry operations.datafile_registry) returns boolean language sql as $$
    select p_entry.state = 'held' and (p_entry.same_as is null or exists (
        select from operations.datafile_registry o where o.source = p_entry.source
            and o.file_name = p_entry.same_as and o.state = 'held' and o.sha256 = p_entry.sha256));
$$;

-- As before; what is held through another file is asked for in full once that file has other bytes.
create or replace function operations.begin_file(p_run_id uuid, p_source text, p_token bigint, p_most_attempts integer)
returns jsonb language plpgsql as $$
declare
    v_line operations.run_file;
    v_entry operations.datafile_registry;
    v_error jsonb := jsonb_build_object('rule', 'gave_up',
        'message', format('the work died on this file %s times', p_most_attempts));
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
        perform operations.fail_fetch(p_run_id, p_source, p_token, v_line.file_name, v_error);
    end loop;
    update operations.run_file set attempts = attempts + 1
    where run_id = p_run_id and file_name = v_line.file_name;
    update operations.datafile_registry
    set run_id = p_run_id, attempts = case when v_line.attempts = 0 and state = 'held' then 1 else attempts + 1 end
    where source = p_source and file_name = v_line.file_name
    returning * into v_entry;
    return jsonb_build_object('outcome', 'file', 'entry_id', v_entry.entry_id, 'file_name', v_entry.file_name,
        'url', v_entry.url, 'is_held', operations.is_held(v_entry), 'sha256', v_entry.sha256, 'etag', v_entry.etag,
        'last_modified', v_entry.last_modified, 'file_id', v_entry.file_id, 'same_as', v_entry.same_as,
        'latest_version', (select latest_version from ingestion.file where file_id = v_entry.file_id));
end
$$;

-- As before; what is held through another file is so only as long as that file has the same bytes.
create or replace function operations.settle_fetch(
    p_run_id uuid, p_source text, p_token bigint, p_file_name text, p_sha256 text, p_size_bytes bigint, p_etag text,
    p_last_modified text, p_object_key text, p_new_file_id uuid, p_type text, p_name text
) returns jsonb language plpgsql as $$
declare
    v_entry operations.datafile_registry;
    v_other operations.datafile_registry;
    v_begun jsonb;
    v_state text;
    v_is_held boolean;
begin
    if operations.is_fenced_off(p_source, p_token) then
        return jsonb_build_object('outcome', 'stale');
    end if;
    select * into v_entry from operations.datafile_registry
    where source = p_source and file_name = p_file_name for update;
    v_is_held := operations.is_held(v_entry);
    if p_sha256 is null or (v_is_held and v_entry.sha256 = p_sha256) then
        if not v_is_held then
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
            v_entry.file_id := v_other.file_id;
            v_entry.version := v_other.version;
            v_entry.object_key := v_other.object_key;
            v_entry.same_as := v_other.file_name;
        end if;
    end if;
    if v_state is null then
        if p_object_key is null then
            return jsonb_build_object('outcome', 'not_held');
        end if;
        v_begun := operations.begin_fetched(p_type, p_name, p_source || '/' || p_file_name, p_new_file_id,
            case when v_entry.same_as is null then v_entry.file_id end, p_object_key, p_source);
        v_state := v_begun ->> 'state';
        v_entry.file_id := cast(v_begun ->> 'file_id' as uuid);
        v_entry.version := cast(v_begun ->> 'version' as integer);
        v_entry.object_key := p_object_key;
        v_entry.same_as := null;
    end if;
    update operations.datafile_registry set state = 'held', error = null, run_id = p_run_id, fetched_at = now(),
        sha256 = coalesce(p_sha256, sha256), size_bytes = coalesce(p_size_bytes, size_bytes),
        etag = case when p_sha256 is null then coalesce(p_etag, etag) else p_etag end,
        last_modified = case when p_sha256 is null then coalesce(p_last_modified, last_modified) else p_last_modified end,
        same_as = v_entry.same_as, file_id = v_entry.file_id, version = v_entry.version,
        object_key = v_entry.object_key
    where source = p_source and file_name = p_file_name;
    update operations.run_file set state = v_state, error = null, finished_at = now(), size_bytes = p_size_bytes,
        file_id = v_entry.file_id, version = v_entry.version
    where run_id = p_run_id and file_name = p_file_name and state = 'waiting';
    return jsonb_build_object('outcome', v_state, 'file_id', v_entry.file_id, 'version', v_entry.version);
end
$$;
