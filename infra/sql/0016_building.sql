-- A dataset that comes after its files is filled unseen, and published once all that were there have settled.

alter table ingestion.dataset add column building boolean not null default false;

-- As before, but the dataset is unseen while it waits for these files.
create or replace function ingestion.contribute_existing_files(p_dataset text, p_event text)
returns integer language plpgsql as $$
declare
    v_file record;
    v_count integer := 0;
begin
    for v_file in
        select distinct on (t.file_id) t.file_id, t.version, t.mode
        from ingestion.file_tracker t
        where t.ingestion_type = 'event' and t.ingestion_name = p_event and t.error is null
            and t.validated_at is not null and t.unchanged_of is null
        order by t.file_id, t.version desc
    loop
        if v_file.mode <> 'delete' then
            insert into ingestion.contribution (target_kind, target, file_id, version)
            values ('dataset', p_dataset, v_file.file_id, v_file.version) on conflict do nothing;
            perform ingestion.post(v_file.file_id, v_file.version, 'perf', 'aggregate',
                jsonb_build_object('dataset', p_dataset));
            v_count := v_count + 1;
        end if;
    end loop;
    update ingestion.dataset set building = v_count > 0 where name = p_dataset;
    return v_count;
end
$$;

-- As before, and the last of the files that were there before their dataset publishes it.
create or replace function ingestion.settle(
    p_contribution ingestion.contribution, p_state text, p_target_version bigint
) returns jsonb language plpgsql as $$
declare
    v_dataset ingestion.dataset;
begin
    update ingestion.contribution set state = p_state, settled_at = now(), target_version = p_target_version
    where contribution_id = p_contribution.contribution_id;
    if p_contribution.target_kind = 'dataset' then
        delete from ingestion.contribution_stage where contribution_id = p_contribution.contribution_id;
        -- Locked before it is looked who still waits: of two that settle at once, the second one sees the first.
        select * into v_dataset from ingestion.dataset where name = p_contribution.target and building for update;
        if found and not exists (
            select from ingestion.contribution c where c.target_kind = 'dataset' and c.target = v_dataset.name
                and c.state = 'pending' and c.created_at <= v_dataset.created_at
        ) then
            update ingestion.dataset set building = false where name = v_dataset.name;
        end if;
    else
        delete from ingestion.dimension_stage where contribution_id = p_contribution.contribution_id;
    end if;
    perform ingestion.post(p_contribution.file_id, p_contribution.version, 'status', 'facts_changed');
    return jsonb_build_object('outcome', p_state, 'target_version', p_target_version);
end
$$;

-- Whether a dataset, or one that it is computed from, is still unseen.
create function ingestion.is_building(p_dataset text) returns boolean language sql stable as $$
    select exists (
        select from ingestion.upstream(p_dataset) u join ingestion.dataset d on u.kind = 'dataset' and d.name = u.name
        where d.building)
$$;
