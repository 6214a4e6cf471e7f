-- Schemas, the application's role, and what the migrations themselves keep.

create schema if not exists spec;
create schema if not exists ingestion;
create schema if not exists stored;
create schema if not exists operations;

comment on schema spec is 'what was declared';
comment on schema ingestion is 'files, contributions, and the views that readers use under the names of their specs';
comment on schema stored is 'cells and dimension rows: tables with neutral names behind the views of schema ingestion';
comment on schema operations is 'outbox, idempotency keys, migrations';

do $$
begin
    if not exists (select from pg_roles where rolname = 'millrace_app') then
        create role millrace_app login;
    end if;
exception
    when duplicate_object or unique_violation then null; -- created for another database at the same moment
end
$$;

grant usage on schema spec, ingestion, stored, operations to millrace_app;
grant select on operations.migration to millrace_app;
alter default privileges in schema spec grant select on tables to millrace_app;
alter default privileges in schema ingestion grant select, insert, update, delete on tables to millrace_app;
alter default privileges in schema stored grant select, insert, update, delete on tables to millrace_app;
alter default privileges in schema operations grant select, insert, update, delete on tables to millrace_app;

-- Sets the application role's password, which reaches us as a bound parameter.
create or replace function operations.set_app_password(p_password text) returns void
language plpgsql as $$
begin
    execute format('alter role millrace_app with login password %L', p_password);
end
$$;
revoke all on function operations.set_app_password(text) from public;

-- Work that other functions have to do, written in the transaction that makes it necessary, deleted once sent.
create table operations.outbox (
    outbox_id bigint generated always as identity primary key,
    file_id uuid not null,
    version integer not null,
    queue text not null check (queue in ('ingest', 'chunk', 'perf', 'status')),
    body jsonb not null,
    created_at timestamptz not null default now()
);
create index outbox_by_file on operations.outbox (file_id, version);

-- What a caller's idempotency key stood for, kept with the effect.
create table operations.idempotency (
    client_id text not null,
    idempotency_key text not null,
    request_sha256 text not null,
    outcome jsonb not null,
    created_at timestamptz not null default now(),
    primary key (client_id, idempotency_key)
);
