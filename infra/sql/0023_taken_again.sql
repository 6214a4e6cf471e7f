-- Refused dropped objects that are taken again, and objects that cannot be moved.

-- As before, but what was refused keeps its place in the order of arrival once it is taken: a message that asks to take it
-- again names it by that, however often it comes.
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
        insert into operations.dropped_object (object_key, write_id, object_version, object_etag, place, size_bytes,
            state, error, file_id, version)
        values (p_key, p_write_id, p_object_version, p_object_etag,
            rpad(lower(coalesce(p_sequencer, '')), 64, '0'), p_size_bytes,
            case when p_error is null then 'taken' else 'refused' end, p_error,
            cast(v_begun ->> 'file_id' as uuid), cast(v_begun ->> 'version' as integer))
        on conflict (object_key, write_id) do update set state = excluded.state, error = excluded.error,
            file_id = excluded.file_id, version = excluded.version
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

-- Why a version's object was not moved; it is not tried again before somebody drives the file on.
alter table ingestion.file_tracker
    add column move_error jsonb,
    add constraint what_was_moved_has_no_move_error check (move_error is null or moved_at is null);

-- As before; what is moved after all has no reason any more why it was not.
create or replace function ingestion.record_move(
    p_file_id uuid, p_version integer, p_kind text, p_moved_key text, p_landing_version text
) returns boolean language plpgsql as $$
begin
    update ingestion.file_tracker t set moved_key = p_moved_key, moved_at = now(), landing_version = p_landing_version,
        archived_at = case p_kind when 'Archive' then now() end, move_error = null
    where t.file_id = p_file_id and t.version = p_version and t.moved_at is null
        and (t.error is null) = (p_kind = 'Archive') and (p_kind <> 'Archive' or t.validated_at is not null);
    if not found then
        return false;
    end if;
    perform ingestion.post(p_file_id, p_version, 'status', 'facts_changed');
    return true;
end
$$;
