//! A run of a source: list, then every listed file that is not held, oldest first.
//!
//! One worker a source, by a lock whose lease ends with the worker's own time; what it writes carries the lock's fencing
//! token. Every step is a commit of its own: the list, an attempt, what came of it. So whoever gets the run's message
//! after a crash, or after the time was up, goes on where it stands, and a listed file is registered once, whatever
//! dies. A failing file is a line with its reason; the run goes on.

use ipnet::IpNet;
use millrace_core::definition::SpecKind;
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion, RunId};
use millrace_core::name::Name;
use millrace_core::object_key;
use millrace_core::source::SourceDefinition;
use millrace_source::listing::{self, ListedFile};
use millrace_source::{Access, AddressPolicy, FetchProblem, FetchRule};
use millrace_store::Store;
use millrace_store::sources::{FetchEntry, Fetched, NextFile, RunWork, SettledFetch, TakenRun};

use crate::outbox::{send_outbox, send_reminder};
use crate::ports::{Lock, LockStore, MessageSender, ObjectStore, SourceClient, Surroundings};
use crate::sources::send_run;
use crate::{Disposition, Handled};

mod transfer;

use transfer::{Outcome, Transfer};

/// How often the work on one file is begun in a run before the file is given up.
const MOST_ATTEMPTS: u32 = 5;
/// How long a run may be silent and still be on its way: longer than any queue keeps its message hidden.
const SILENCE_SECONDS: u32 = 2 * 60 * 60;
/// Kept for what has to be done when the time is nearly up: a tenth of it, at most this.
const MOST_RESERVE_MS: u64 = 10_000;
/// A file may take this part of the worker's time, so that another one fits beside it.
const FILES_A_WORKER: u64 = 2;

/// What fetching needs.
pub struct FetchPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where objects arrive.
    pub landing: &'a dyn ObjectStore,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// One worker a source.
    pub locks: &'a dyn LockStore,
    /// Calls sources.
    pub client: &'a dyn SourceClient,
    /// Time and chance.
    pub surroundings: &'a dyn Surroundings,
    /// Private networks that the deployment lets a spec name.
    pub private_networks: &'a [IpNet],
    /// When a reminder looks at an outbox.
    pub reminder_delay_seconds: u16,
}

/// How a worker is done with a run.
enum Ended {
    /// There is nothing left to do.
    Over,
    /// The time is up, the run is not over.
    TimeUp,
    /// A newer worker has the source: most likely with this run, but maybe with another one.
    Replaced,
    /// The run is over, because another one is on its way.
    Skipped {
        /// The other one.
        at_work: RunId,
        /// Since when nobody has been seen at it.
        silent_seconds: u64,
    },
}

/// A run that is worked on.
struct Worker<'a> {
    ports: &'a FetchPorts<'a>,
    work: RunWork<'a>,
    definition: SourceDefinition,
    access: Access,
    /// When no new file is begun any more.
    ends_ms: u64,
    /// What a file may take.
    file_ms: u64,
}

/// Works on a run until it is done or the time is up; then its message goes out again.
///
/// # Errors
/// A failure of the database, a bucket, a queue or the locks: the message comes again.
pub async fn fetch_source(ports: &FetchPorts<'_>, source: &Name, run_id: RunId, deadline_ms: u64) -> Handled {
    let now_ms = ports.surroundings.now_ms();
    // The worker cannot outlive its deadline, so neither does its lease.
    let lease_ms = deadline_ms.saturating_sub(now_ms).max(1);
    let owner = FileId::from_time_and_random(now_ms, ports.surroundings.random_bytes()).to_string();
    let lock_id = format!("source/{source}");
    let lock = ports.locks.acquire(&lock_id, &owner, now_ms, lease_ms).await?;
    let Some(mut lock) = lock else {
        return step_aside(ports, source, run_id, lease_ms).await;
    };
    let ended = work(ports, &mut lock, source, run_id, deadline_ms).await;
    // A lock that cannot be let go ends by itself. It goes before any message: whoever gets that has to find it free.
    let _ = ports.locks.release(&lock).await;
    let later = ports.reminder_delay_seconds.max(1);
    match ended? {
        Ended::Over => {}
        Ended::TimeUp => send_run(ports.sender, source, run_id, 0).await?,
        Ended::Replaced => send_run(ports.sender, source, run_id, later).await?,
        Ended::Skipped {
            at_work,
            silent_seconds,
        } => drive_silent(ports, source, at_work, silent_seconds, lease_ms).await?,
    }
    Ok(Disposition::Done)
}

/// Somebody has the source: another worker with this run, with another one, or one that died and left its lock. Only
/// another run that is on its way ends this one. Otherwise the run is looked at again.
async fn step_aside(ports: &FetchPorts<'_>, source: &Name, run_id: RunId, lease_ms: u64) -> Handled {
    let Some(run) = ports.store.skip_run(run_id).await? else {
        return Ok(Disposition::Done);
    };
    let later = ports.reminder_delay_seconds.max(1);
    match (run.state.as_str(), run.at_work, run.silent_seconds) {
        ("queued" | "running", ..) => send_run(ports.sender, source, run_id, later).await?,
        ("skipped", Some(at_work), Some(silent_seconds)) => {
            drive_silent(ports, source, at_work, silent_seconds, lease_ms).await?;
        }
        _ => {}
    }
    Ok(Disposition::Done)
}

/// Drives on a run at which nobody has been seen for as long as a worker may take: its message may be lost. A run that
/// is well gets no more messages, each of which would go on looking for it.
async fn drive_silent(
    ports: &FetchPorts<'_>,
    source: &Name,
    run_id: RunId,
    silent_seconds: u64,
    lease_ms: u64,
) -> Result<(), Failure> {
    match silent_seconds.saturating_mul(1_000) >= lease_ms {
        true => send_run(ports.sender, source, run_id, 0).await,
        false => Ok(()),
    }
}

async fn work(
    ports: &FetchPorts<'_>,
    lock: &mut Lock,
    source: &Name,
    run_id: RunId,
    deadline_ms: u64,
) -> Result<Ended, Failure> {
    let (is_listed, spec_version) = match take(ports, lock, source, run_id).await? {
        TakenRun::Working {
            is_listed,
            spec_version,
        } => (is_listed, spec_version),
        TakenRun::Overtaken { .. } => return Ok(Ended::Replaced),
        TakenRun::Skipped {
            at_work,
            silent_seconds,
        } => {
            return Ok(Ended::Skipped {
                at_work,
                silent_seconds,
            });
        }
        TakenRun::NoRun | TakenRun::Settled => return Ok(Ended::Over),
    };
    let token = lock.fencing_token;
    let work = RunWork {
        run_id,
        source,
        token,
    };
    let loaded = ports
        .store
        .load_definition(SpecKind::Source, source.as_str(), Some(spec_version))
        .await?;
    let Some(definition) = loaded else {
        let problem = FetchProblem::new(
            FetchRule::NoSource,
            "the run's version of the source is not there",
        );
        return finish(ports.store, &work, Some(&problem)).await;
    };
    let worker = Worker::new(ports, work, definition, deadline_ms);
    if !is_listed && let Some(ended) = worker.list().await? {
        return Ok(ended);
    }
    worker.fetch_all().await
}

/// Ends a run.
async fn finish(store: &Store, work: &RunWork<'_>, problem: Option<&FetchProblem>) -> Result<Ended, Failure> {
    let is_ours = store.finish_run(work, problem).await?;
    Ok(if is_ours { Ended::Over } else { Ended::Replaced })
}

/// Takes the run, and goes beyond a token that the database has seen from locks that were lost; sends what an earlier
/// worker registered and did not send. Still overtaken, it was replaced.
async fn take(
    ports: &FetchPorts<'_>,
    lock: &mut Lock,
    source: &Name,
    run_id: RunId,
) -> Result<TakenRun, Failure> {
    let mut taken = TakenRun::NoRun;
    for _ in 0..2 {
        let work = RunWork {
            run_id,
            source,
            token: lock.fencing_token,
        };
        taken = ports.store.take_run(&work, SILENCE_SECONDS).await?;
        let TakenRun::Overtaken { token } = taken else {
            break;
        };
        match ports.locks.advance(lock, token).await? {
            Some(advanced) => *lock = advanced,
            None => return Ok(taken),
        }
    }
    if matches!(taken, TakenRun::Working { .. } | TakenRun::Settled) {
        for file in ports.store.list_unsent_of_run(run_id).await? {
            send_outbox(ports.store, ports.sender, file).await?;
        }
    }
    Ok(taken)
}

impl<'a> Worker<'a> {
    fn new(
        ports: &'a FetchPorts<'a>,
        work: RunWork<'a>,
        definition: SourceDefinition,
        deadline_ms: u64,
    ) -> Self {
        let addresses = match definition.environment.private_addresses {
            true => AddressPolicy::with_networks(ports.private_networks),
            false => AddressPolicy::public(),
        };
        let time_ms = deadline_ms.saturating_sub(ports.surroundings.now_ms());
        let reserve_ms = (time_ms / 10).min(MOST_RESERVE_MS);
        Self {
            access: Access::new(
                &definition.allowed_hosts,
                definition.environment.plain_http,
                addresses,
            ),
            ports,
            work,
            definition,
            ends_ms: deadline_ms.saturating_sub(reserve_ms),
            file_ms: (time_ms - reserve_ms) / FILES_A_WORKER,
        }
    }

    /// Fetches the list and notes what it names; says how the run ended when it could not.
    async fn list(&self) -> Result<Option<Ended>, Failure> {
        let files = match self.read_list().await {
            Ok(files) => files,
            Err(problem) => {
                let ended = finish(self.ports.store, &self.work, Some(&problem)).await?;
                return Ok(Some(ended));
            }
        };
        let noted: Vec<_> = files
            .iter()
            .map(|file| {
                let problem = file.problem.as_ref().map(|problem| serde_json::json!(problem));
                (
                    file.file_name.as_str(),
                    file.url.as_str(),
                    file.date.as_deref(),
                    problem,
                )
            })
            .collect();
        let is_ours = self.ports.store.note_listed(&self.work, &noted).await?;
        Ok((!is_ours).then_some(Ended::Replaced))
    }

    async fn read_list(&self) -> Result<Vec<ListedFile>, FetchProblem> {
        let transfer = Transfer::new(self);
        let (address, bytes) = transfer.read_list(self.definition.list.url()).await?;
        let base = self.access.check(&address)?;
        listing::read(&self.definition.list, &base, &bytes)
    }

    /// Fetches file after file, until none is left or the time is up.
    async fn fetch_all(&self) -> Result<Ended, Failure> {
        let store = self.ports.store;
        let mut is_first = true;
        loop {
            let left_ms = self.ends_ms.saturating_sub(self.ports.surroundings.now_ms());
            if !is_first && left_ms < self.file_ms {
                return Ok(Ended::TimeUp);
            }
            is_first = false;
            let entry = match store.begin_file(&self.work, MOST_ATTEMPTS).await? {
                NextFile::File(entry) => entry,
                NextFile::None => return finish(store, &self.work, None).await,
                NextFile::Stale => return Ok(Ended::Replaced),
            };
            if !self.fetch(&entry).await? {
                return Ok(Ended::Replaced);
            }
        }
    }

    /// Fetches a file and settles it; false when a newer worker has the source.
    async fn fetch(&self, entry: &FetchEntry) -> Result<bool, Failure> {
        let key = object_key::source(self.work.source, entry.entry_id, self.work.token);
        let transfer = Transfer::new(self);
        let (store, work) = (self.ports.store, &self.work);
        match transfer.fetch(entry, &key).await {
            Ok(Ok(outcome)) => self.settle(entry, &key, &outcome).await,
            Ok(Err(problem)) => store.fail_fetch(work, &entry.file_name, &problem).await,
            Err(failure) => {
                // The reason, should the file be given up; where it cannot be kept, the failure counts all the same.
                let _ = store.note_failure(work, &entry.file_name, &failure).await;
                Err(failure)
            }
        }
    }

    async fn settle(&self, entry: &FetchEntry, key: &str, outcome: &Outcome) -> Result<bool, Failure> {
        let surroundings = self.ports.surroundings;
        let new_file_id = FileId::from_time_and_random(surroundings.now_ms(), surroundings.random_bytes());
        if outcome.is_stored {
            let (sender, delay) = (self.ports.sender, self.ports.reminder_delay_seconds);
            send_reminder(sender, version_to_come(entry, new_file_id), delay).await?;
        }
        let fetched = Fetched {
            file_name: &entry.file_name,
            bytes: outcome
                .bytes
                .as_ref()
                .map(|(sha256, size)| (sha256.as_str(), *size)),
            etag: outcome.etag.as_deref(),
            last_modified: outcome.last_modified.as_deref(),
            object_key: outcome.is_stored.then_some(key),
        };
        let target = &self.definition.target;
        let target = (target.ingestion_type, &target.ingestion_name);
        let store = self.ports.store;
        match store
            .settle_fetch(&self.work, &fetched, new_file_id, target)
            .await?
        {
            SettledFetch::Fetched(file) | SettledFetch::Replaced(file) => {
                send_outbox(store, self.ports.sender, file).await?;
                Ok(true)
            }
            // Where it is not held after all, the file waits on and is fetched again.
            SettledFetch::Unchanged | SettledFetch::SameBytes | SettledFetch::NotHeld => Ok(true),
            SettledFetch::Stale => Ok(false),
        }
    }
}

/// The version that the commit is going to register, as far as anybody can tell before it.
fn version_to_come(entry: &FetchEntry, new_file_id: FileId) -> FileVersion {
    match (entry.replaces, entry.latest_version) {
        (Some(file_id), Some(latest)) => FileVersion {
            file_id,
            version: latest.saturating_add(1),
        },
        _ => FileVersion {
            file_id: new_file_id,
            version: 1,
        },
    }
}
