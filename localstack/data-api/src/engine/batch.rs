//! `BatchExecuteStatement`: one statement, many sets of parameters, one implicit transaction.

use std::sync::Arc;

use super::Inner;
use super::call::{AfterTimeout, Failure, Stop, read_sql, run};
use super::sessions::Lease;
use super::target::check_schema;
use crate::api::{ApiError, BatchExecuteStatementRequest, BatchExecuteStatementResponse, UpdateResult};
use crate::values::{Binding, bind};
use crate::wire::{Status, Value};

/// How many sets are sent before their answers are read: few enough for the answers to fit the sockets' buffers.
const SETS_AT_ONCE: usize = 256;

/// Sets in a row that have the same types.
struct Group {
    types: Vec<u32>,
    sets: Vec<Vec<Value>>,
}

pub(super) async fn execute(
    inner: &Arc<Inner>,
    request: &BatchExecuteStatementRequest,
) -> Result<BatchExecuteStatementResponse, ApiError> {
    inner.check_sql(&request.sql)?;
    check_schema(request.schema.as_deref())?;
    let statement = read_sql(&request.sql)?;
    let sets: &[_] = if request.parameter_sets.is_empty() {
        &[Vec::new()]
    } else {
        &request.parameter_sets
    };
    let bindings = sets
        .iter()
        .map(|set| bind(&statement.names, set))
        .collect::<Result<Vec<_>, _>>()?;
    let update_results = vec![UpdateResult::default(); request.parameter_sets.len()];
    let groups = group(bindings);
    let database = request.database.as_deref();
    let target = inner
        .target(&request.resource_arn, &request.secret_arn, database)
        .await?;
    let lease = inner
        .lease(target, request.transaction_id.as_deref(), database.is_some())
        .await?;
    run(
        inner,
        lease,
        AfterTimeout::Cancel,
        |_, mut lease, stop| async move {
            let outcome = all(&mut lease, &statement.sql, &groups, &stop).await;
            (lease, outcome.map(|status| ((), status)))
        },
    )
    .await?;
    Ok(BatchExecuteStatementResponse { update_results })
}

async fn all(lease: &mut Lease, sql: &str, groups: &[Group], stop: &Stop) -> Result<Status, Failure> {
    for group in groups {
        lease.session.parse(sql, &group.types)?;
        for sets in group.sets.chunks(SETS_AT_ONCE) {
            lease.session.execute_sets(sets).await?;
        }
    }
    stop.finish(&mut lease.session).await
}

fn group(bindings: Vec<Binding>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for Binding { types, values } in bindings {
        match groups.last_mut() {
            Some(group) if group.types == types => group.sets.push(values),
            _ => groups.push(Group {
                types,
                sets: vec![values],
            }),
        }
    }
    groups
}
