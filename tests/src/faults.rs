//! Failures on purpose: every port behind one count of calls, so that a worker can be stopped at each of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_app::ports::{Lock, LockStore, MessageSender};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::message::Queue;
use millrace_store::{Rows, Sql, Statement, TransactionId};

use crate::random::Random;

mod objects;

pub use objects::FaultyObjects;

/// Where a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing has happened.
    Before,
    /// It has happened, but the answer is lost.
    After,
}

#[derive(Debug, Clone)]
enum Plan {
    None,
    /// One call fails; with `is_dead` all after it too, as for a process that was killed.
    At {
        call: u64,
        fault: Fault,
        is_dead: bool,
    },
    /// Calls whose words hold a text fail so many times.
    On {
        words: String,
        fault: Fault,
        times: u64,
    },
    /// The next call whose words hold a text fails, and every one behind it.
    DieOn {
        words: String,
        fault: Fault,
        is_dead: bool,
    },
    /// Each call fails with a probability in thousandths.
    Random {
        random: Random,
        permille: usize,
    },
    /// The answer of each call whose words hold a text is lost with a probability in thousandths.
    Unheard {
        words: String,
        random: Random,
        permille: usize,
    },
}

#[derive(Debug)]
struct State {
    plan: Plan,
    calls: u64,
    hits: u64,
}

/// Which calls fail, and how many there were.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<State>,
}

impl Faults {
    /// None for now.
    #[must_use]
    pub fn none() -> Arc<Self> {
        let state = State {
            plan: Plan::None,
            calls: 0,
            hits: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, plan: Plan) {
        *self.lock() = State {
            plan,
            calls: 0,
            hits: 0,
        };
    }

    /// The call of this number, from 0 and from now on, fails.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.begin(Plan::At {
            call,
            fault,
            is_dead: false,
        });
    }

    /// The call of this number and every one behind it fails, as when the process was killed there.
    pub fn die_at(&self, call: u64, fault: Fault) {
        self.begin(Plan::At {
            call,
            fault,
            is_dead: true,
        });
    }

    /// The next calls whose SQL, key or message holds some words fail.
    pub fn fail_on(&self, words: &str, fault: Fault, times: u64) {
        self.begin(Plan::On {
            words: words.to_owned(),
            fault,
            times,
        });
    }

    /// As [`Self::die_at`]; every call has two steps: before its effect, and after it.
    pub fn die_at_step(&self, step: u64) {
        let fault = match step % 2 {
            0 => Fault::Before,
            _ => Fault::After,
        };
        self.die_at(step / 2, fault);
    }

    /// The next call whose SQL, key or message holds some words fails, and every one behind it, as when the process was
    /// killed there.
    pub fn die_on(&self, words: &str, fault: Fault) {
        self.begin(Plan::DieOn {
            words: words.to_owned(),
            fault,
            is_dead: false,
        });
    }

    /// Calls whose SQL, key or message holds some words have their effect, but some of their answers, in thousandths, do not
    /// arrive.
    pub fn lose_answers(&self, words: &str, seed: u64, permille: usize) {
        self.begin(Plan::Unheard {
            words: words.to_owned(),
            random: Random::new(seed),
            permille,
        });
    }

    /// Any call fails with a probability in thousandths, before or after its effect.
    pub fn fail_randomly(&self, seed: u64, permille: usize) {
        self.begin(Plan::Random {
            random: Random::new(seed),
            permille,
        });
    }

    /// Everything works again; counting begins anew.
    pub fn stop(&self) {
        self.begin(Plan::None);
    }

    /// Calls since the last change.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Failures since the last change.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.lock().hits
    }

    fn next(&self, words: &str) -> Option<Fault> {
        let mut state = self.lock();
        let call = state.calls;
        state.calls += 1;
        let fault = match &mut state.plan {
            Plan::None => None,
            Plan::At {
                call: wanted,
                fault,
                is_dead,
            } => match call.cmp(wanted) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => Some(*fault),
                std::cmp::Ordering::Greater => is_dead.then_some(Fault::Before),
            },
            Plan::On {
                words: wanted,
                fault,
                times,
            } => (*times > 0 && words.contains(wanted.as_str())).then(|| {
                *times -= 1;
                *fault
            }),
            Plan::DieOn {
                words: wanted,
                fault,
                is_dead,
            } => match *is_dead {
                true => Some(Fault::Before),
                false => {
                    *is_dead = words.contains(wanted.as_str());
                    is_dead.then_some(*fault)
                }
            },
            Plan::Unheard {
                words: wanted,
                random,
                permille,
            } => {
                let is_unheard = words.contains(wanted.as_str()) && random.happens(*permille);
                is_unheard.then_some(Fault::After)
            }
            Plan::Random { random, permille } => random.happens(*permille).then(|| match random.below(2) {
                0 => Fault::Before,
                _ => Fault::After,
            }),
        };
        state.hits += u64::from(fault.is_some());
        fault
    }

    pub(crate) async fn around<T>(
        &self,
        words: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match self.next(words) {
            None => work.await,
            Some(Fault::Before) => Err(failure()),
            Some(Fault::After) => {
                work.await?;
                Err(failure())
            }
        }
    }
}

fn failure() -> Failure {
    Failure::new(FailureKind::Transient, "fault", "a fault asked for this")
}

/// A database whose calls fail.
pub struct FaultySql {
    inner: Arc<dyn Sql>,
    faults: Arc<Faults>,
}

impl FaultySql {
    /// Faults in front of a database.
    #[must_use]
    pub fn new(inner: Arc<dyn Sql>, faults: &Arc<Faults>) -> Self {
        Self {
            inner,
            faults: Arc::clone(faults),
        }
    }
}

#[async_trait]
impl Sql for FaultySql {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        let work = self.inner.execute(statement);
        self.faults.around(&statement.text, work).await
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        self.faults.around("begin", self.inner.begin()).await
    }

    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.faults.around("commit", self.inner.commit(transaction)).await
    }

    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.faults
            .around("rollback", self.inner.rollback(transaction))
            .await
    }
}

/// Queues whose calls fail.
pub struct FaultySender {
    inner: Arc<dyn MessageSender>,
    faults: Arc<Faults>,
}

impl FaultySender {
    /// Faults in front of queues.
    #[must_use]
    pub fn new(inner: Arc<dyn MessageSender>, faults: &Arc<Faults>) -> Self {
        Self {
            inner,
            faults: Arc::clone(faults),
        }
    }
}

#[async_trait]
impl MessageSender for FaultySender {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        let words = body.clone();
        self.faults
            .around(&words, self.inner.send(queue, body, delay_seconds))
            .await
    }
}

/// Locks whose calls fail: a worker that dies leaves its lock behind.
pub struct FaultyLocks {
    inner: Arc<dyn LockStore>,
    faults: Arc<Faults>,
}

impl FaultyLocks {
    /// Faults in front of locks.
    #[must_use]
    pub fn new(inner: Arc<dyn LockStore>, faults: &Arc<Faults>) -> Self {
        Self {
            inner,
            faults: Arc::clone(faults),
        }
    }
}

#[async_trait]
impl LockStore for FaultyLocks {
    async fn acquire(
        &self,
        id: &str,
        owner: &str,
        now_ms: u64,
        lease_ms: u64,
    ) -> Result<Option<Lock>, Failure> {
        let work = self.inner.acquire(id, owner, now_ms, lease_ms);
        self.faults.around("acquire", work).await
    }

    async fn renew(&self, lock: &Lock, now_ms: u64, lease_ms: u64) -> Result<bool, Failure> {
        let work = self.inner.renew(lock, now_ms, lease_ms);
        self.faults.around("renew", work).await
    }

    async fn advance(&self, lock: &Lock, beyond: u64) -> Result<Option<Lock>, Failure> {
        self.faults
            .around("advance", self.inner.advance(lock, beyond))
            .await
    }

    async fn release(&self, lock: &Lock) -> Result<bool, Failure> {
        self.faults.around("release", self.inner.release(lock)).await
    }
}
