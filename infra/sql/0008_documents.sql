-- Documents: asked for, made by the pdf-generator, kept for a day, made again on demand.

-- A document that was asked for. A round is one making of it: the first, or one after it had expired or failed. Deaths
-- are those of a round's attempts of which nothing was heard again.
create table operations.document (
    document_id uuid primary key,
    sequence bigint generated always as identity unique,
    kind text not null check (kind in ('kpi')),
    title text not null,
    query jsonb not null,
    state text not null default 'queued' check (state in ('queued', 'running', 'ready', 'failed')),
    round integer not null default 1 check (round > 0),
    attempts integer not null default 0,
    deaths integer not null default 0,
    error jsonb,
    pages integer,
    rows integer,
    size_bytes bigint,
    sha256 text,
    as_of timestamptz,
    sources jsonb,
    created_by text not null,
    created_at timestamptz not null default now(),
    queued_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,
    expires_at timestamptz,
    constraint ready_is_whole check (state <> 'ready' or (error is null and pages is not null
        and size_bytes is not null and sha256 is not null and ended_at is not null and expires_at is not null)),
    constraint failed_has_a_reason check (state <> 'failed' or (error is not null and ended_at is not null))
);
create index document_open on operations.document (sequence) where state in ('queued', 'running');

-- Registers a document, once for an idempotency key; one that is forgotten between the two looks at it is a new one.
-- Answers: {"outcome": "created" | "replayed" | "key_reused", "document_id"}
create function operations.create_document(
    p_document_id uuid, p_kind text, p_title text, p_query jsonb, p_client_id text,
    p_idempotency_key text, p_request_sha256 text
) returns jsonb language plpgsql as $$
declare
    v_outcome jsonb := jsonb_build_object('outcome', 'created', 'document_id', p_document_id);
    v_remembered operations.idempotency;
begin
    while p_idempotency_key is not null loop
        insert into operations.idempotency values (p_client_id, p_idempotency_key, p_request_sha256, v_outcome, now())
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
    insert into operations.document (document_id, kind, title, query, created_by)
    values (p_document_id, p_kind, p_title, p_query, p_client_id);
    return v_outcome;
end
$$;

-- An attempt begins. There is no lease: two at once make the same document, and the first to be done counts. The last
-- attempt to begin has died when nothing was heard of it for as long as a worker lives; a document on which so many have
-- died is given up, unless somebody may still be at work on it.
-- Answers: {"outcome": "begun" | "settled" | "none", …}
create function operations.begin_document(p_document_id uuid, p_lifetime_ms bigint, p_most_deaths integer)
returns jsonb language plpgsql as $$
declare
    v_document operations.document;
    v_is_alive boolean;
begin
    select * into v_document from operations.document where document_id = p_document_id for update;
    if not found then
        return jsonb_build_object('outcome', 'none');
    elsif v_document.state not in ('queued', 'running') then
        return jsonb_build_object('outcome', 'settled', 'state', v_document.state);
    end if;
    v_is_alive := v_document.state = 'running'
        and v_document.started_at > now() - p_lifetime_ms * interval '1 millisecond';
    if v_document.state = 'running' and not v_is_alive then
        v_document.deaths := v_document.deaths + 1;
    end if;
    if v_document.deaths >= p_most_deaths and not v_is_alive then
        update operations.document set state = 'failed', deaths = v_document.deaths, ended_at = now(),
            error = jsonb_build_object('code', 'gave_up', 'message', format('given up after %s attempts: the worker died '
                'in %s of them; have it made again with POST …/drive', attempts, v_document.deaths))
        where document_id = p_document_id;
        return jsonb_build_object('outcome', 'settled', 'state', 'failed');
    end if;
    update operations.document
    set state = 'running', attempts = attempts + 1, deaths = v_document.deaths, started_at = now()
    where document_id = p_document_id returning * into v_document;
    return jsonb_build_object('outcome', 'begun', 'round', v_document.round, 'attempt', v_document.attempts,
        'title', v_document.title, 'query', v_document.query);
end
$$;

-- The document is made and its bytes are stored: once a round. False when it was settled before.
create function operations.complete_document(
    p_document_id uuid, p_round integer, p_pages integer, p_rows integer, p_size_bytes bigint, p_sha256 text,
    p_as_of timestamptz, p_sources jsonb
) returns boolean language plpgsql as $$
begin
    update operations.document set state = 'ready', error = null, pages = p_pages, rows = p_rows,
        size_bytes = p_size_bytes, sha256 = p_sha256, as_of = p_as_of, sources = p_sources,
        ended_at = now(), expires_at = now() + interval '24 hours'
    where document_id = p_document_id and round = p_round and state in ('queued', 'running');
    return found;
end
$$;

-- An attempt failed: for good, or until the message comes again. False when the round was settled before, or another
-- attempt has begun since.
create function operations.fail_document(
    p_document_id uuid, p_round integer, p_attempt integer, p_error jsonb, p_for_good boolean
) returns boolean language plpgsql as $$
begin
    update operations.document set error = p_error,
        state = case when p_for_good then 'failed' else 'queued' end,
        ended_at = case when p_for_good then now() end
    where document_id = p_document_id and round = p_round and attempts = p_attempt
        and state in ('queued', 'running');
    return found;
end
$$;

-- A settled document is to be made again. False when it is on its way already, or was made again since.
create function operations.requeue_document(p_document_id uuid, p_round integer) returns boolean
language plpgsql as $$
begin
    update operations.document set state = 'queued', round = round + 1, attempts = 0, deaths = 0, error = null,
        pages = null, rows = null, size_bytes = null, sha256 = null, as_of = null, sources = null, queued_at = now(),
        started_at = null, ended_at = null, expires_at = null
    where document_id = p_document_id and round = p_round and state in ('ready', 'failed');
    return found;
end
$$;
