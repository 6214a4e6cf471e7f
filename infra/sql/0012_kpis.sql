-- Datasets computed from datasets, and what a spec needs of others.

-- What a spec was compiled against. A dataset needs its event or its datasets, and its dimension; a source its target.
create table spec.dependency (
    kind text not null,
    name text not null,
    needs_kind text not null,
    needs_name text not null,
    primary key (kind, name, needs_kind, needs_name)
);
create index "dependency needed" on spec.dependency (needs_kind, needs_name);

insert into spec.dependency
select distinct 'dataset', name, 'event', definition ->> 'event' from spec.spec where kind = 'dataset'
union
select 'dataset', name, 'dimension', definition -> 'join' ->> 'dimension' from spec.spec
where kind = 'dataset' and definition -> 'join' ->> 'dimension' is not null
union
select 'source', name, definition -> 'target' ->> 'ingestion_type', definition -> 'target' ->> 'ingestion_name'
from spec.spec where kind = 'source';

-- Plans over an event's rows.
alter table spec.spec drop constraint spec_kind_check;
alter table spec.spec add constraint spec_kind_check
    check (kind in ('dimension', 'event', 'dataset', 'source', 'transformer'));
create view spec.transformer as
select name as transformer_name, version, body as transformer_data, created_by, created_at
from spec.spec where kind = 'transformer';

-- The terms of percentages have become sums or counts.
update spec.spec s set definition = jsonb_set(definition, '{outputs}', (
    select jsonb_agg(case when o ->> 'function' = 'percentage' then o || jsonb_build_object(
            'numerator', jsonb_build_object('sum', o -> 'numerator'),
            'denominator', jsonb_build_object('sum', o -> 'denominator'))
        else o end order by i)
    from jsonb_array_elements(s.definition -> 'outputs') with ordinality x (o, i)))
where kind = 'dataset';

-- As before, but: a dataset that is computed from another one has no table of its own (p_table is null), and what the
-- spec needs is written down: p_needs is a list of [kind, name].
drop function spec.create_spec(text, text, jsonb, jsonb, text, jsonb, jsonb);
create function spec.create_spec(
    p_kind text, p_name text, p_body jsonb, p_definition jsonb, p_client_id text, p_table jsonb, p_statements jsonb,
    p_needs jsonb default '[]'
) returns void language plpgsql as $$
declare
    v_has_cells boolean := p_kind = 'dataset' and jsonb_typeof(p_table) = 'object';
    v_statement text;
begin
    if v_has_cells then
        -- Whoever validates a file of this event now waits for us, or we for them: no file is missed.
        perform ingestion.lock_spec('event', p_table ->> 'event');
    end if;
    insert into spec.spec (kind, name, version, body, definition, created_by)
    values (p_kind, p_name, 1, p_body, p_definition, p_client_id);
    insert into spec.dependency
    select distinct p_kind, p_name, n ->> 0, n ->> 1 from jsonb_array_elements(p_needs) as n;
    if p_kind = 'dimension' then
        insert into ingestion.dimension (table_no, name, column_types, key_positions) overriding system value
        values ((p_table ->> 'table_no')::integer, p_name,
            array(select jsonb_array_elements_text(p_table -> 'column_types')),
            array(select jsonb_array_elements_text(p_table -> 'key_positions')::integer));
    elsif v_has_cells then
        insert into ingestion.dataset (table_no, name, event, key_types, extremes) overriding system value
        values ((p_table ->> 'table_no')::integer, p_name, p_table ->> 'event',
            array(select jsonb_array_elements_text(p_table -> 'key_types')),
            array(select jsonb_array_elements_text(p_table -> 'extremes')::boolean));
    end if;
    for v_statement in select jsonb_array_elements_text(p_statements) loop
        execute v_statement;
    end loop;
    if v_has_cells then
        perform ingestion.contribute_existing_files(p_name, p_table ->> 'event');
    end if;
end
$$;
revoke all on function spec.create_spec(text, text, jsonb, jsonb, text, jsonb, jsonb, jsonb) from public;

-- The datasets and dimensions that a dataset's figures come from, itself among them.
create function ingestion.upstream(p_dataset text) returns table (kind text, name text) language sql stable as $$
    with recursive upstream (kind, name) as (
        select 'dataset', p_dataset
        union
        select d.needs_kind, d.needs_name from spec.dependency d join upstream u on (d.kind, d.name) = (u.kind, u.name)
        where d.needs_kind in ('dataset', 'dimension')
    )
    select * from upstream
$$;

-- The version of a dataset's figures: that of its cells, or the sum of those that it is computed from. It rises with
-- every change of any of them.
create function ingestion.dataset_version(p_dataset text) returns bigint language sql stable as $$
    select coalesce(sum(d.version), 0)::bigint from ingestion.upstream(p_dataset) u
    join ingestion.dataset d on u.kind = 'dataset' and d.name = u.name
$$;
