-- Uploads that say what will come: its size and its SHA-256; and uploads in parts (S3's multipart uploads).

alter table ingestion.file_tracker
    add column declared_bytes bigint check (declared_bytes > 0),
    add column declared_sha256 text check (declared_sha256 ~ '^[0-9a-f]{64}$'),
    -- S3's id of the multipart upload by which the bytes come.
    add column upload_id text;

-- As the one with eleven parameters, and what the bytes have to be.
create function ingestion.begin_version(
    p_type text, p_name text, p_file_name text, p_mode text, p_new_file_id uuid, p_file_id uuid,
    p_client_id text, p_idempotency_key text, p_request_sha256 text, p_content_format text, p_on_error text,
    p_declared_bytes bigint, p_declared_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_begun jsonb := ingestion.begin_version(
        p_type, p_name, p_file_name, p_mode, p_new_file_id, p_file_id, p_client_id, p_idempotency_key, p_request_sha256,
        p_content_format, p_on_error);
begin
    if v_begun ->> 'outcome' = 'created' then
        update ingestion.file_tracker set declared_bytes = p_declared_bytes, declared_sha256 = p_declared_sha256
        where file_id = cast(v_begun ->> 'file_id' as uuid) and version = cast(v_begun ->> 'version' as integer);
    end if;
    return v_begun;
end
$$;

-- Whether a chunk was counted: nobody has to read it again. What makes a repeat harmless is finish_chunk, not this.
create function ingestion.has_chunk(p_file_id uuid, p_version integer, p_chunk integer) returns boolean
language sql stable as $$
    select exists (
        select from ingestion.chunk where file_id = p_file_id and version = p_version and chunk = p_chunk);
$$;
