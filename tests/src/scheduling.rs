//! EventBridge Scheduler and S3's copies in memory, with faults in front of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_app::ports::{DescribedObject, ObjectMover, ObjectReader as _, Scheduler, WantedSchedule};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::object_key::ObjectAt;

use crate::faults::Faults;
use crate::objects::MemoryObjects;

/// A schedule that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSchedule {
    /// When it fires.
    pub expression: String,
    /// By which clock.
    pub time_zone: String,
    /// Whether it does.
    pub is_enabled: bool,
    /// What it sends.
    pub message: String,
}

/// The schedules of a deployment.
pub struct MemoryScheduler {
    schedules: Mutex<BTreeMap<String, KeptSchedule>>,
    faults: Arc<Faults>,
}

impl MemoryScheduler {
    /// No schedule, and faults in front of it.
    #[must_use]
    pub fn new(faults: &Arc<Faults>) -> Self {
        Self {
            schedules: Mutex::default(),
            faults: Arc::clone(faults),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, KeptSchedule>> {
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A schedule, if it is there.
    #[must_use]
    pub fn schedule(&self, name: &str) -> Option<KeptSchedule> {
        self.lock().get(name).cloned()
    }
}

#[async_trait]
impl Scheduler for MemoryScheduler {
    async fn put(&self, schedule: &WantedSchedule<'_>) -> Result<(), Failure> {
        let kept = KeptSchedule {
            expression: schedule.expression.to_owned(),
            time_zone: schedule.time_zone.to_owned(),
            is_enabled: schedule.is_enabled,
            message: schedule.message.clone(),
        };
        let put = async {
            // What we take and EventBridge does not is refused, with its reason.
            if kept.expression.contains("2199") {
                return Err(Failure::invalid("scheduler.put", "the expression is refused"));
            }
            self.lock().insert(schedule.name.to_owned(), kept);
            Ok(())
        };
        self.faults.around("scheduler put", put).await
    }

    async fn remove(&self, name: &str) -> Result<(), Failure> {
        let remove = async {
            self.lock().remove(name);
            Ok(())
        };
        self.faults.around("scheduler remove", remove).await
    }
}

/// Copies between two buckets.
pub(crate) struct MemoryMover {
    landing: MemoryObjects,
    collections: MemoryObjects,
    faults: Arc<Faults>,
}

impl MemoryMover {
    pub(crate) fn new(landing: &MemoryObjects, collections: &MemoryObjects, faults: &Arc<Faults>) -> Self {
        Self {
            landing: landing.clone(),
            collections: collections.clone(),
            faults: Arc::clone(faults),
        }
    }
}

async fn describe(bucket: &MemoryObjects, object: &ObjectAt) -> Result<Option<DescribedObject>, Failure> {
    let size_bytes = bucket.size_at(object).await?;
    let number = bucket.last_version(&object.key);
    Ok(size_bytes.map(|size_bytes| DescribedObject {
        size_bytes,
        version: object.version.clone().or(number),
        checksum: None,
    }))
}

#[async_trait]
impl ObjectMover for MemoryMover {
    async fn describe(&self, object: &ObjectAt) -> Result<Option<DescribedObject>, Failure> {
        self.faults
            .around("describe", describe(&self.landing, object))
            .await
    }

    async fn copy(&self, object: &ObjectAt, _: u64, key: &str) -> Result<(), Failure> {
        let copy = async {
            let bytes = self.landing.bytes_at(object);
            let bytes = bytes
                .ok_or_else(|| Failure::explained(FailureKind::NotFound, "memory.copy", "it is not there"))?;
            self.collections.put(key, bytes);
            Ok(())
        };
        self.faults.around("copy", copy).await
    }

    async fn describe_copy(&self, key: &str) -> Result<Option<DescribedObject>, Failure> {
        let object = key.to_owned().into();
        self.faults
            .around("describe_copy", describe(&self.collections, &object))
            .await
    }

    async fn remove(&self, object: &ObjectAt) -> Result<(), Failure> {
        let remove = async {
            self.landing.remove_write(object);
            Ok(())
        };
        self.faults.around("remove", remove).await
    }
}
