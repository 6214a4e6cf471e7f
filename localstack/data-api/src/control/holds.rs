//! Holds: calls that wait at a point until a test lets them go, so that a function can be killed just there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use super::{Call, Point, Scope, dropped};
use crate::api::ApiError;

/// What a hold does to its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Closed,
    Open,
    Discard,
}

/// A hold as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HoldStatus {
    /// Its id.
    pub id: u64,
    /// For which calls; the count is what is left.
    #[serde(flatten)]
    pub scope: Scope,
    /// Where.
    pub at: Point,
    /// How many calls wait now.
    pub waiting: usize,
}

#[derive(Debug)]
struct Hold {
    id: u64,
    scope: Scope,
    at: Point,
    gate: watch::Sender<Gate>,
    waiting: Arc<watch::Sender<usize>>,
}

#[derive(Debug, Default)]
pub(super) struct Holds {
    holds: Mutex<Vec<Hold>>,
}

/// Counts a waiting call for as long as it waits, even if it is given up.
struct Waiting(Arc<watch::Sender<usize>>);

impl Waiting {
    fn enter(counter: &Arc<watch::Sender<usize>>) -> Self {
        counter.send_modify(|count| *count += 1);
        Self(Arc::clone(counter))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Holds {
    fn lock(&self) -> MutexGuard<'_, Vec<Hold>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, id: u64, scope: Scope, at: Point) {
        let gate = watch::Sender::new(Gate::Closed);
        let waiting = Arc::new(watch::Sender::new(0));
        self.lock().push(Hold {
            id,
            scope,
            at,
            gate,
            waiting,
        });
    }

    pub(super) fn list(&self) -> Vec<HoldStatus> {
        let status = |hold: &Hold| HoldStatus {
            id: hold.id,
            scope: hold.scope.clone(),
            at: hold.at,
            waiting: *hold.waiting.borrow(),
        };
        self.lock().iter().map(status).collect()
    }

    pub(super) fn release(&self, id: u64, gate: Gate) -> bool {
        let mut holds = self.lock();
        let Some(at) = holds.iter().position(|hold| hold.id == id) else {
            return false;
        };
        // those who wait see the last value of the gate even when it is gone
        holds.remove(at).gate.send_replace(gate);
        true
    }

    pub(super) async fn wait_until_held(&self, id: u64, calls: usize) {
        let counter = self
            .lock()
            .iter()
            .find(|hold| hold.id == id)
            .map(|hold| hold.waiting.subscribe());
        if let Some(mut counter) = counter {
            let _ = counter.wait_for(|waiting| *waiting >= calls).await;
        }
    }

    /// Waits at the first hold that means this call at this point.
    pub(super) async fn pass(&self, point: Point, call: Call<'_>) -> Result<(), ApiError> {
        let (mut gate, _waiting) = {
            let mut holds = self.lock();
            let Some(hold) = holds
                .iter_mut()
                .find(|hold| hold.at == point && hold.scope.meets(&call))
            else {
                return Ok(());
            };
            hold.scope.use_up();
            (hold.gate.subscribe(), Waiting::enter(&hold.waiting))
        };
        match gate
            .wait_for(|gate| *gate != Gate::Closed)
            .await
            .map(|gate| *gate)
        {
            Ok(Gate::Open) => Ok(()),
            _ => Err(dropped()),
        }
    }
}
