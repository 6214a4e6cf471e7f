-- Ways in: batches of JSON rows beside CSV files, and files that count whole or not at all.

-- How a version's object is written, and what a rejected row does to the rest of it; null where the spec says that.
alter table ingestion.file_tracker
    add column content_format text not null default 'csv' check (content_format in ('csv', 'json_rows')),
    add column on_error text check (on_error in ('partial', 'reject_all'));

-- As the one with nine parameters, which goes on calling with what most files are, but for what a version is and asks.
create function ingestion.begin_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid,
    p_client_id text, p_idempotency_key text, p_request_sha256 text, p_content_format text, p_on_error text
) returns jsonb language plpgsql as $$
declare
    v_begun jsonb := ingestion.begin_version(
        p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id, p_idempotency_key, p_request_sha256);
begin
    if v_begun ->> 'outcome' = 'created' then
        update ingestion.file_tracker set content_format = p_content_format, on_error = p_on_error
        where file_id = cast(v_begun ->> 'file_id' as uuid) and version = cast(v_begun ->> 'version' as integer);
    end if;
    return v_begun;
end
$$;

-- Whether one rejected row refuses the whole version: as whoever sent it asked, else as its spec says, else not.
create function ingestion.is_whole_or_nothing(p_file ingestion.file_tracker) returns boolean language sql stable as $$
    select coalesce(p_file.on_error, (
        select s.definition -> 'csv' ->> 'on_error' from spec.spec s
        where s.kind = p_file.ingestion_type and s.name = p_file.ingestion_name and s.version = p_file.spec_version
    ), 'partial') = 'reject_all';
$$;

-- As before, but a version that counts whole or not at all is refused for its rejected rows; they stay readable.
create or replace function ingestion.complete_validation(p_file_id uuid, p_version integer)
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
    if v_file.rejected > 0 and ingestion.is_whole_or_nothing(v_file) then
        perform ingestion.fail_file(p_file_id, p_version, jsonb_build_object(
            'rule', 'rows_rejected', 'rows', v_file.rejected, 'message', format(
                '%s of %s rows were rejected, and the file asks to count whole or not at all (on_error: reject_all)',
                v_file.rejected, v_file.rows)));
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

-- File versions under the seed's names of columns; what it calls processed are the rows that were kept.
create view operations.file_tracker as
select t.sequence as pid, t.file_name as uploaded_file_name,
    coalesce(t.object_key, format('uploads/%s/%s.csv', t.file_id, t.version)) as system_file_name,
    t.ingestion_type, t.ingestion_name, t.file_status, t.size_bytes as filesize, t.rows as total_data_count,
    t.kept as processed_data_count, t.rejected as error_data_count, t.created_at, t.file_id, t.version
from ingestion.file_tracker t;

-- Which write of an object holds a version's bytes, where the object may be written again: its version in the bucket, and
-- what the bucket calls its bytes.
alter table ingestion.file_tracker add column object_version text, add column object_etag text;

-- Objects that another system has put into the landing bucket, each write once; the primary key is what makes it once.
-- `place` is S3's sequencer, padded so that places are compared as texts: the order of the writes, whatever the order of
-- their events.
create table operations.dropped_object (
    object_key text not null,
    write_id text not null,
    drop_id bigint generated always as identity unique,
    object_version text,
    object_etag text,
    place text collate "C" not null,
    size_bytes bigint,
    state text not null check (state in ('taken', 'refused')),
    error jsonb,
    file_id uuid,
    version integer,
    created_at timestamptz not null default now(),
    primary key (object_key, write_id),
    constraint what_is_taken_is_a_file check (state <> 'taken' or file_id is not null),
    constraint what_is_refused_has_a_reason check (state <> 'refused' or error is not null)
);
create index dropped_object_refused on operations.dropped_object (drop_id) where state = 'refused';

-- Registers the next version of a file for a dropped object: new, or in the place of what is there.
create function ingestion.begin_dropped(
    p_drop operations.dropped_object, p_type text, p_name text, p_file_name text, p_new_file_id uuid
) returns jsonb language plpgsql as $$
declare
    v_begun jsonb := ingestion.next_version(p_type, p_name, p_file_name, 'new', p_new_file_id, null, 'drop');
begin
    if v_begun ->> 'outcome' = 'exists' then
        v_begun := ingestion.next_version(p_type, p_name, p_file_name, 'replace', p_new_file_id, null, 'drop');
    end if;
    if v_begun ->> 'outcome' = 'created' then
        update ingestion.file_tracker set object_key = p_drop.object_key, object_version = p_drop.object_version,
            object_etag = p_drop.object_etag
        where file_id = cast(v_begun ->> 'file_id' as uuid) and version = cast(v_begun ->> 'version' as integer);
        -- Dropped versions before it have events of their own, and are looked at by whoever takes those.
        delete from operations.outbox
        where file_id = cast(v_begun ->> 'file_id' as uuid) and version = cast(v_begun ->> 'version' as integer)
            and queue = 'ingest';
    end if;
    return v_begun;
end
$$;

-- Registers the later writes of a key anew, behind a write whose event came after theirs: in their order, from the newest
-- one on that everything it feeds has, since what lies before that counts nowhere. Those whose bytes were refused are
-- refused whatever their number.
create function ingestion.begin_later_drops(
    p_drop operations.dropped_object, p_type text, p_name text, p_file_name text, p_new_file_id uuid
) returns void language plpgsql as $$
declare
    v_later operations.dropped_object;
    v_from text;
    v_begun jsonb;
begin
    select max(d.place) into v_from from operations.dropped_object d
    join ingestion.file_tracker t using (file_id, version)
    where d.object_key = p_drop.object_key and d.place > p_drop.place and t.validated_at is not null and t.error is null
        and not exists (select from ingestion.contribution c
            where c.file_id = t.file_id and c.version = t.version and c.state in ('pending', 'refused'));
    for v_later in
        select d.* from operations.dropped_object d join ingestion.file_tracker t using (file_id, version)
        where d.object_key = p_drop.object_key and d.place > p_drop.place and d.place >= coalesce(v_from, '')
            and (t.error is null or t.validated_at is not null)
        order by d.place, d.drop_id
    loop
        v_begun := ingestion.begin_dropped(v_later, p_type, p_name, p_file_name, p_new_file_id);
        update operations.dropped_object set version = cast(v_begun ->> 'version' as integer)
        where object_key = p_drop.object_key and write_id = v_later.write_id;
    end loop;
end
$$;

-- Takes the event of a dropped object: registers a file version, or says what is wrong (p_error, or that there is no such
-- spec). Versions of a file are ordered by their numbers: a write whose event comes after that of a later one gets the
-- next number, and the later ones others behind it, so that what counts in the end is what the order of the writes makes
-- it, also where some of them are refused. A repeat registers nothing.
-- Answers: {"outcome": "taken", "files": [what is to be ingested, the newest first]} | {"outcome": "refused"}
create function ingestion.begin_drop(
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
        -- What was refused may be taken once its event comes again: its spec may be there now.
        delete from operations.dropped_object where object_key = p_key and write_id = p_write_id;
        v_drop.object_key := p_key;
        v_drop.object_version := p_object_version;
        v_drop.object_etag := p_object_etag;
        if p_error is null then
            v_begun := ingestion.begin_dropped(v_drop, p_type, p_name, p_file_name, p_new_file_id);
            if v_begun ->> 'outcome' = 'no_spec' then
                p_error := jsonb_build_object('rule', 'unknown_spec', 'message', format(
                    'there is no %s spec %s; once there is one, put the object there again', p_type, p_name));
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
