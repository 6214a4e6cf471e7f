-- Staging reads each array of a row as one literal instead of element by element: a fifth of the time.

-- Takes in a chunk of a stage: positional arrays [key, rows, counts, sums, minimums, maximums, exact]. The inner arrays
-- hold numbers, null and truth values alone, so their JSON is an array literal once brackets are braces and quotes gone.
create or replace function ingestion.stage_differences(p_contribution_id uuid, p_stage_id uuid, p_rows jsonb)
returns integer language plpgsql as $$
declare
    v_count integer;
begin
    -- Settling removes all stages of a contribution, and none comes after it.
    perform from ingestion.contribution where contribution_id = p_contribution_id and state = 'pending' for share;
    if not found then
        return 0;
    end if;
    insert into ingestion.contribution_stage
    select p_contribution_id, p_stage_id, r ->> 0, (r ->> 1)::bigint,
        translate(r ->> 2, '[]"', '{}')::bigint[],
        translate(r ->> 3, '[]"', '{}')::numeric[],
        translate(r ->> 4, '[]"', '{}')::numeric[],
        translate(r ->> 5, '[]"', '{}')::numeric[],
        translate(r ->> 6, '[]"', '{}')::boolean[]
    from jsonb_array_elements(p_rows) as r
    on conflict do nothing;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
