//! Faults: which calls they hit is decided by their scope and a seeded random sequence of their own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Call, Point, Scope};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The call waits before it begins.
    Delay {
        /// How long.
        milliseconds: u64,
    },
    /// The service answers 500, 503 or 504.
    Status {
        /// Which.
        status: u16,
        /// Whether instead of the statement or after it.
        #[serde(default)]
        at: Point,
    },
    /// The statement takes effect, and the connection is cut instead of an answer.
    DropReply,
    /// `DatabaseResumingException`, as after a pause.
    Resuming,
}

impl Fault {
    fn point(self) -> Point {
        match self {
            Self::Delay { .. } | Self::Resuming => Point::Before,
            Self::Status { at, .. } => at,
            Self::DropReply => Point::AfterCommit,
        }
    }
}

/// A fault and the calls it hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// For which calls, how often.
    #[serde(flatten)]
    pub scope: Scope,
    /// How likely a call of the scope is hit, from 0 to 1; 1 when not given.
    #[serde(default = "certain")]
    pub probability: f64,
    /// The seed of the random sequence.
    #[serde(default)]
    pub seed: u64,
}

impl FaultRule {
    /// A fault that hits every call.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            scope: Scope::default(),
            probability: certain(),
            seed: 0,
        }
    }

    /// A fault that hits the next `count` calls whose text contains `matching`.
    #[must_use]
    pub fn matching(fault: Fault, matching: &str, count: u64) -> Self {
        let scope = Scope {
            matching: Some(matching.to_owned()),
            count: Some(count),
            operation: None,
        };
        Self {
            scope,
            ..Self::always(fault)
        }
    }
}

fn certain() -> f64 {
    1.0
}

/// A fault as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultStatus {
    /// Its id.
    pub id: u64,
    /// The rule; its count is what is left.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// How many calls it has hit.
    pub hits: u64,
}

#[derive(Debug)]
struct Active {
    status: FaultStatus,
    random: u64,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    active: Mutex<Vec<Active>>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, id: u64, rule: FaultRule) {
        let random = rule.seed;
        self.lock().push(Active {
            status: FaultStatus { id, rule, hits: 0 },
            random,
        });
    }

    pub(super) fn list(&self) -> Vec<FaultStatus> {
        self.lock().iter().map(|active| active.status.clone()).collect()
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// The faults that hit this call at this point, each counted.
    pub(super) fn hits(&self, point: Point, call: Call<'_>) -> Vec<Fault> {
        self.lock()
            .iter_mut()
            .filter_map(|active| active.hit(point, call))
            .collect()
    }
}

impl Active {
    fn hit(&mut self, point: Point, call: Call<'_>) -> Option<Fault> {
        let rule = &mut self.status.rule;
        if rule.fault.point() != point || !rule.scope.meets(&call) {
            return None;
        }
        if draw(&mut self.random) >= rule.probability {
            return None;
        }
        rule.scope.use_up();
        self.status.hits += 1;
        Some(rule.fault)
    }
}

/// The next number in [0, 1) of a splitmix64 sequence.
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let high = u32::try_from(mixed >> 32).unwrap_or_default();
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}
