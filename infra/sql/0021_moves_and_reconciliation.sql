-- Objects that leave the landing bucket, and the daily look at the whole.

-- ---- Archive and error moves

-- Where a version's object lies in the collections bucket once it was moved there, and since when; which write of its
-- key in the landing bucket that was, and since when it is gone from there.
alter table ingestion.file_tracker
    add column moved_key text,
    add column moved_at timestamptz,
    add column landing_version text,
    add column left_at timestamptz,
    add constraint what_has_left_was_moved check (left_at is null or moved_key is not null);
create index "file_tracker to archive" on ingestion.file_tracker (sequence)
    where validated_at is not null and error is null and archived_at is null;
create index "file_tracker refused" on ingestion.file_tracker (sequence) where error is not null and moved_at is null;
create index "file_tracker to leave" on ingestion.file_tracker (sequence) where moved_key is not null and left_at is null;

-- Says that a version's object lies in the collections bucket (p_moved_key; null where it has none), and that it is
-- archived, if it is. False when that was said before, or does not hold any more.
create function ingestion.record_move(
    p_file_id uuid, p_version integer, p_kind text, p_moved_key text, p_landing_version text
) returns boolean language plpgsql as $$
begin
    update ingestion.file_tracker t set moved_key = p_moved_key, moved_at = now(), landing_version = p_landing_version,
        archived_at = case p_kind when 'Archive' then now() end
    where t.file_id = p_file_id and t.version = p_version and t.moved_at is null
        and (t.error is null) = (p_kind = 'Archive') and (p_kind <> 'Archive' or t.validated_at is not null);
    if not found then
        return false;
    end if;
    perform ingestion.post(p_file_id, p_version, 'status', 'facts_changed');
    return true;
end
$$;

-- ---- Reconciliation

-- A look at the whole, a page after the other: `next` is where it goes on, null at the end.
create table operations.reconciliation (
    run_id uuid primary key,
    sequence bigint generated always as identity unique,
    checked bigint not null default 0,
    findings bigint not null default 0,
    next text,
    started_at timestamptz not null default now(),
    finished_at timestamptz
);
create table operations.reconciliation_finding (
    run_id uuid not null references operations.reconciliation,
    finding_no bigint generated always as identity,
    rule text not null,
    dataset text,
    file_id uuid,
    version integer,
    message text not null,
    primary key (run_id, finding_no)
);

-- Adds a page that begins at p_from to what was found; false where it was added before.
create function operations.add_reconciled(
    p_run_id uuid, p_from text, p_next text, p_checked bigint, p_findings jsonb
) returns boolean language plpgsql as $$
begin
    update operations.reconciliation set checked = checked + p_checked, next = p_next,
        findings = findings + jsonb_array_length(p_findings), finished_at = case when p_next is null then now() end
    where run_id = p_run_id and next is not distinct from p_from and finished_at is null;
    if not found then
        return false;
    end if;
    insert into operations.reconciliation_finding (run_id, rule, dataset, file_id, version, message)
    select p_run_id, f ->> 'rule', f ->> 'dataset', cast(f ->> 'file_id' as uuid), cast(f ->> 'version' as integer),
        f ->> 'message'
    from jsonb_array_elements(p_findings) f;
    return true;
end
$$;
