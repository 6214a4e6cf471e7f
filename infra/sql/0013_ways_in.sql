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
