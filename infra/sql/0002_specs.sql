-- Specs: versioned, immutable. One table, and a view for each name that the seed uses.

create table spec.spec (
    kind text not null check (kind in ('dimension', 'event', 'dataset')),
    name text not null check (name ~ '^[A-Za-z_][A-Za-z0-9_]{0,62}$'),
    version integer not null check (version > 0),
    body jsonb not null,
    definition jsonb not null,
    created_by text not null,
    created_at timestamptz not null default now(),
    primary key (kind, name, version)
);
-- Two names that differ only in case would be one name to most people, and to many tools.
create unique index spec_name_any_case on spec.spec (kind, lower(name), version);

create view spec.dimension as
select name as dimension_name, version, body as dimension_data, created_by, created_at
from spec.spec where kind = 'dimension';
create view spec.event as
select name as event_name, version, body as event_data, created_by, created_at
from spec.spec where kind = 'event';
create view spec.dataset as
select name as dataset_name, version, body as dataset_data, created_by, created_at
from spec.spec where kind = 'dataset';
