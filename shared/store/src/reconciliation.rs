//! What the tables say of each other, for whoever checks that it adds up.

use millrace_core::definition::SpecKind;
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion, RunId};
use millrace_core::row_error::FileError;
use serde::Deserialize;

use crate::tables::DatasetTable;
use crate::{Statement, Store};

/// The counts of a validated file version, and of its chunks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileCounts {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// Its place in the order of arrival.
    pub sequence: i64,
    /// How many chunks it was split into.
    pub chunks_expected: Option<u64>,
    /// How many there are.
    pub chunks: u64,
    /// Rows, kept and rejected rows of the version.
    pub counted: [u64; 3],
    /// The same, added up over its chunks.
    pub added: [u64; 3],
    /// Why its object was not moved, of a file's newest version.
    pub move_error: Option<FileError>,
}

/// What a dataset's cells hold, and what its files brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct CellCounts {
    /// Rows in its cells, or ready rows that its files have.
    pub in_cells: u64,
    /// Rows of the contributions that count.
    pub contributed: u64,
    /// Files that count twice.
    pub doubled: u64,
    /// Live validated files that neither count nor wait; none for a retired dataset, which takes no files.
    pub missing: u64,
}

/// A contribution that counts, and its partial.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CountingPartial {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// The dataset.
    pub dataset: String,
    /// The partial's object.
    pub partial_key: String,
    /// Its cells.
    pub cells: u64,
    /// Its rows.
    pub rows: u64,
    /// Kept rows of the file version, where all of them count.
    pub kept: Option<u64>,
}

/// A part of a file version that counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CountingPart {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// The chunk.
    pub chunk: u32,
    /// The part's object.
    pub part_key: String,
}

impl Store {
    /// Counts of validated file versions, in the order of their arrival, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_file_counts(&self, after: i64, limit: u32) -> Result<Vec<FileCounts>, Failure> {
        let text = "select jsonb_build_object('file_id', t.file_id, 'version', t.version, 'sequence', t.sequence, \
             'chunks_expected', t.chunks_expected, 'chunks', count(c.chunk), \
             'counted', jsonb_build_array(t.rows, t.kept, t.rejected), \
             'added', jsonb_build_array(coalesce(sum(c.rows), 0), coalesce(sum(c.kept), 0), \
                coalesce(sum(c.rejected), 0)), \
             'move_error', case when t.version = (select f.latest_version from ingestion.file f \
                where f.file_id = t.file_id) then t.move_error end)::text \
             from ingestion.file_tracker t left join ingestion.chunk c using (file_id, version) \
             where t.validated_at is not null and t.sequence > cast(:after as bigint) \
             group by t.file_id, t.version order by t.sequence limit cast(:limit as integer)";
        self.json_list(Statement::new(text).bind("after", after).bind("limit", limit))
            .await
    }

    /// The names of the datasets that have cells or ready rows, by name, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_cell_datasets(&self, after: &str, limit: u32) -> Result<Vec<String>, Failure> {
        let text = "select to_jsonb(name)::text from (select name from ingestion.dataset \
                union all select name from ingestion.dimension where kind = 'dataset') d \
             where name > cast(:after as text) order by name limit cast(:limit as integer)";
        self.json_list(Statement::new(text).bind("after", after).bind("limit", limit))
            .await
    }

    /// What a dataset's cells or rows are beside what its files brought, as of one instant; none for one that is computed
    /// from another.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn count_cells(&self, dataset: &DatasetTable) -> Result<Option<CellCounts>, Failure> {
        let definition = &dataset.definition;
        let (rows, kind, name) = match (dataset.cells(), definition.event(), dataset.rows()) {
            (Some(cells), Some(event), _) => {
                let rows = format!("select coalesce(sum(row_count), 0) from {cells}");
                (rows, SpecKind::Event, event)
            }
            (_, _, Some(rows)) => {
                let rows = format!(
                    "select count(*) from {} where valid_to = 'infinity'",
                    rows.table()
                );
                (rows, SpecKind::Dataset, &definition.name)
            }
            _ => return Ok(None),
        };
        let text = format!(
            "with counting as (select * from ingestion.contribution c where c.target_kind = 'dataset' \
                and c.target = cast(:dataset as text) and c.is_current), \
             live as (select distinct on (t.file_id) t.file_id, t.version, t.mode from ingestion.file_tracker t \
                where t.ingestion_type = cast(:kind as text) and t.ingestion_name = cast(:name as text) \
                and t.error is null \
                and t.validated_at is not null and (t.unchanged_of is null or t.unchanged_of = t.file_id) \
                order by t.file_id, t.version desc) \
             select jsonb_build_object( \
                'in_cells', ({rows}), \
                'contributed', (select coalesce(sum(rows), 0) from counting), \
                'doubled', (select count(*) from (select from counting group by file_id having count(*) > 1) d), \
                'missing', (select count(*) from live where mode <> 'delete' and not exists (select from spec.retired r \
                    where r.kind = 'dataset' and r.name = cast(:dataset as text)) and not exists ( \
                    select from ingestion.contribution c where c.target_kind = 'dataset' \
                    and c.target = cast(:dataset as text) and c.file_id = live.file_id \
                    and (c.is_current or c.state = 'pending'))))::text"
        );
        let statement = Statement::new(text)
            .bind("dataset", definition.name.as_str())
            .bind("kind", kind.as_str());
        self.json(statement.bind("name", name.as_str())).await
    }

    /// Partials that count, by dataset and file, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_counting_partials(
        &self,
        after: (&str, Option<FileId>),
        limit: u32,
    ) -> Result<Vec<CountingPartial>, Failure> {
        let text = "select jsonb_build_object('file_id', c.file_id, 'version', c.version, 'dataset', c.target, \
             'partial_key', c.partial_key, 'cells', c.cells, 'rows', c.rows, \
             'kept', case when not s.definition ? 'filter' and not s.definition ? 'steps' then t.kept end)::text \
             from ingestion.contribution c join ingestion.file_tracker t using (file_id, version) \
             join lateral (select definition from spec.spec where kind = 'dataset' and name = c.target \
                order by version desc limit 1) s on true \
             where c.target_kind = 'dataset' and c.is_current and c.partial_key is not null \
             and (c.target, c.file_id) > (cast(:dataset as text), cast(:file_id as uuid)) \
             order by c.target, c.file_id limit cast(:limit as integer)";
        let (dataset, file) = after;
        let file = file.map_or_else(|| NO_FILE.to_owned(), |file| file.to_string());
        let statement = Statement::new(text)
            .bind("dataset", dataset)
            .bind("file_id", file);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// Parts of file versions that count in some dataset, by file and chunk, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_counting_parts(
        &self,
        after: (Option<FileVersion>, u32),
        limit: u32,
    ) -> Result<Vec<CountingPart>, Failure> {
        let text = "select jsonb_build_object('file_id', k.file_id, 'version', k.version, 'chunk', k.chunk, \
             'part_key', k.part_key)::text from ingestion.chunk k where k.part_key is not null \
             and (k.file_id, k.version, k.chunk) > \
                (cast(:file_id as uuid), cast(:version as integer), cast(:chunk as integer)) \
             and exists (select from ingestion.contribution c where c.file_id = k.file_id and c.version = k.version \
                and c.is_current) order by k.file_id, k.version, k.chunk limit cast(:limit as integer)";
        let (file, chunk) = after;
        let (file_id, version) = match file {
            Some(file) => (file.file_id.to_string(), file.version),
            None => (NO_FILE.to_owned(), 0),
        };
        let statement = Statement::new(text)
            .bind("file_id", file_id)
            .bind("version", version)
            .bind("chunk", chunk);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// How many messages have waited in the outbox for longer than this.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn count_waiting_messages(&self, seconds: u32) -> Result<u64, Failure> {
        let text = "select to_jsonb(count(*))::text from operations.outbox \
             where created_at < now() - make_interval(secs => cast(:seconds as integer))";
        let count: Option<u64> = self.json(Statement::new(text).bind("seconds", seconds)).await?;
        Ok(count.unwrap_or_default())
    }
}

/// A look at the whole that was written down.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReconciliationRecord {
    /// The run.
    pub run_id: RunId,
    /// Its place among all.
    pub sequence: i64,
    /// How many files, datasets, partials, parts and queues were looked at.
    pub checked: u64,
    /// How much does not add up.
    pub findings: u64,
    /// Where it goes on.
    pub next: Option<String>,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// When it was over.
    pub finished_at: Option<String>,
}

/// Something that did not add up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FindingRecord {
    /// Its place among those of the run.
    pub finding_no: i64,
    /// The rule.
    pub rule: String,
    /// The dataset, where it is about one.
    pub dataset: Option<String>,
    /// The file, where it is about one.
    pub file_id: Option<FileId>,
    /// Its version.
    pub version: Option<u32>,
    /// What it was and what it should have been.
    pub message: String,
}

const RECONCILIATION: &str = "jsonb_build_object('run_id', r.run_id, 'sequence', r.sequence, 'checked', r.checked, \
     'findings', r.findings, 'next', r.next, 'started_at', r.started_at, 'finished_at', r.finished_at)::text \
     from operations.reconciliation r";

impl Store {
    /// Begins a look at the whole, once for an id. They are kept for 90 days at least: every new one takes two of the older
    /// ones along.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_reconciliation(&self, run_id: RunId) -> Result<(), Failure> {
        let text = "with old as (select run_id from operations.reconciliation \
                where started_at < now() - interval '90 days' order by sequence limit 2 for update skip locked), \
             lines as (delete from operations.reconciliation_finding f using old where f.run_id = old.run_id), \
             gone as (delete from operations.reconciliation r using old where r.run_id = old.run_id) \
             insert into operations.reconciliation (run_id) values (cast(:run_id as uuid)) on conflict do nothing";
        let statement = Statement::new(text).bind("run_id", run_id.to_string());
        self.rows(statement).await.map(|_| ())
    }

    /// A look at the whole.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_reconciliation(&self, run_id: RunId) -> Result<Option<ReconciliationRecord>, Failure> {
        let text = format!("select {RECONCILIATION} where r.run_id = cast(:run_id as uuid)");
        self.json(Statement::new(text).bind("run_id", run_id.to_string()))
            .await
    }

    /// Adds a page that begins at `from` to a look at the whole; false where it was added before.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn add_reconciled(
        &self,
        run_id: RunId,
        from: Option<&str>,
        next: Option<&str>,
        checked: u64,
        findings: &[serde_json::Value],
    ) -> Result<bool, Failure> {
        let text = "select operations.add_reconciled(cast(:run_id as uuid), cast(:from as text), \
             cast(:next as text), cast(:checked as bigint), cast(:findings as jsonb))";
        let statement = Statement::new(text)
            .bind("run_id", run_id.to_string())
            .bind("from", from)
            .bind("next", next)
            .bind("checked", checked)
            .bind("findings", serde_json::json!(findings).to_string());
        self.is_true(statement).await
    }

    /// Looks at the whole, the newest first, before one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_reconciliations(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReconciliationRecord>, Failure> {
        let text = format!(
            "select {RECONCILIATION} where cast(:before as bigint) is null or r.sequence < cast(:before as bigint) \
             order by r.sequence desc limit cast(:limit as integer)"
        );
        self.json_list(Statement::new(text).bind("before", before).bind("limit", limit))
            .await
    }

    /// What a look at the whole has found, in order, after a place.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_findings(
        &self,
        run_id: RunId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<FindingRecord>, Failure> {
        let text = "select jsonb_build_object('finding_no', f.finding_no, 'rule', f.rule, 'dataset', f.dataset, \
             'file_id', f.file_id, 'version', f.version, 'message', f.message)::text \
             from operations.reconciliation_finding f where f.run_id = cast(:run_id as uuid) \
             and f.finding_no > cast(:after as bigint) order by f.finding_no limit cast(:limit as integer)";
        let statement = Statement::new(text).bind("run_id", run_id.to_string());
        self.json_list(statement.bind("after", after.unwrap_or(0)).bind("limit", limit))
            .await
    }
}

/// Below every file.
const NO_FILE: &str = "00000000-0000-0000-0000-000000000000";
