//! What each role may do, action by action: what its function's ports call, and nothing else.
//!
//! The list is written by hand from the calls in the code, so that a grant comes in with the call that needs it and goes
//! with it.

use std::collections::BTreeSet;

use super::stack::Stack;

/// What every function does: it writes its log, and a deployment may have it send traces.
const ALL: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
const TRACES: [&str; 2] = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];
/// What Lambda does in the name of a function that a queue triggers, and the function's own back-offs.
const CONSUME: [&str; 4] = [
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

/// A role, its grants as `action resource`, and the queues that it consumes.
type Grants = (&'static str, &'static [&'static str], &'static [&'static str]);

const DATABASE: &str = "cluster";
const USE_KEY: [&str; 2] = ["kms:Decrypt DataKey.Arn", "kms:GenerateDataKey DataKey.Arn"];

const GRANTS: [Grants; 7] = [
    (
        "ApiRole",
        &[
            "rds-data:ExecuteStatement cluster",
            "secretsmanager:GetSecretValue AppSecret.Id",
            "secretsmanager:GetSecretValue owner secret",
            "s3:PutObject LandingBucket.Arn/uploads/*",
            "s3:ListMultipartUploadParts LandingBucket.Arn/uploads/*",
            "s3:AbortMultipartUpload LandingBucket.Arn/uploads/*",
            "s3:GetObject LandingBucket.Arn/uploads/*",
            "s3:GetObject LandingBucket.Arn/sources/*",
            "s3:GetObject LandingBucket.Arn/drops/*",
            "s3:GetObject CollectionsBucket.Arn/archive/*",
            "s3:GetObject CollectionsBucket.Arn/error/*",
            "s3:GetObjectVersion LandingBucket.Arn/drops/*",
            "s3:PutObject DocumentsBucket.Arn/repairs/*",
            "s3:AbortMultipartUpload DocumentsBucket.Arn/repairs/*",
            "s3:GetObject CollectionsBucket.Arn/row-errors/*",
            "s3:GetObject CollectionsBucket.Arn/partials/*",
            "s3:GetObject CollectionsBucket.Arn/parts/*",
            "s3:GetObject DocumentsBucket.Arn/*",
            "s3:ListBucket LandingBucket.Arn",
            "s3:ListBucket CollectionsBucket.Arn",
            "s3:ListBucket DocumentsBucket.Arn",
            "sqs:SendMessage IngestQueue.Arn",
            "sqs:SendMessage PerfQueue.Arn",
            "sqs:SendMessage StatusQueue.Arn",
            "sqs:SendMessage PdfQueue.Arn",
            "sqs:SendMessage FetchQueue.Arn",
            "sqs:GetQueueAttributes IngestQueue.Arn",
            "sqs:GetQueueAttributes ChunkQueue.Arn",
            "sqs:GetQueueAttributes PerfQueue.Arn",
            "sqs:GetQueueAttributes StatusQueue.Arn",
            "sqs:GetQueueAttributes PdfQueue.Arn",
            "sqs:GetQueueAttributes FetchQueue.Arn",
            "dynamodb:GetItem ClientsTable.Arn",
            "dynamodb:GetItem SettingsTable.Arn",
            "dynamodb:PutItem SettingsTable.Arn",
            "dynamodb:DeleteItem SettingsTable.Arn",
            "dynamodb:DescribeTable ClientsTable.Arn",
            "dynamodb:DescribeTable SettingsTable.Arn",
            "dynamodb:DescribeTable LocksTable.Arn",
        ],
        &[],
    ),
    (
        "CsvIngestRole",
        &[
            "rds-data:ExecuteStatement cluster",
            "secretsmanager:GetSecretValue AppSecret.Id",
            "s3:GetObject LandingBucket.Arn/uploads/*",
            "s3:GetObject LandingBucket.Arn/sources/*",
            "s3:GetObject LandingBucket.Arn/drops/*",
            "s3:GetObject CollectionsBucket.Arn/archive/*",
            "s3:GetObject CollectionsBucket.Arn/error/*",
            "s3:GetObjectVersion LandingBucket.Arn/drops/*",
            "s3:ListBucket LandingBucket.Arn",
            "s3:GetObject CollectionsBucket.Arn/row-errors/*",
            "s3:PutObject CollectionsBucket.Arn/parts/*",
            "s3:PutObject CollectionsBucket.Arn/row-errors/*",
            "s3:AbortMultipartUpload CollectionsBucket.Arn/parts/*",
            "s3:AbortMultipartUpload CollectionsBucket.Arn/row-errors/*",
            "sqs:SendMessage ChunkQueue.Arn",
            "sqs:SendMessage PerfQueue.Arn",
            "sqs:SendMessage StatusQueue.Arn",
        ],
        &["IngestQueue.Arn", "ChunkQueue.Arn"],
    ),
    (
        "PerfWorkerRole",
        &[
            "rds-data:ExecuteStatement cluster",
            "secretsmanager:GetSecretValue AppSecret.Id",
            "s3:GetObject CollectionsBucket.Arn/parts/*",
            "s3:GetObject CollectionsBucket.Arn/partials/*",
            "s3:PutObject CollectionsBucket.Arn/partials/*",
            "s3:AbortMultipartUpload CollectionsBucket.Arn/partials/*",
            "s3:GetObject LandingBucket.Arn/uploads/*",
            "s3:GetObject LandingBucket.Arn/sources/*",
            "s3:GetObject LandingBucket.Arn/drops/*",
            "s3:GetObjectVersion LandingBucket.Arn/uploads/*",
            "s3:GetObjectVersion LandingBucket.Arn/sources/*",
            "s3:GetObjectVersion LandingBucket.Arn/drops/*",
            "s3:DeleteObject LandingBucket.Arn/uploads/*",
            "s3:DeleteObject LandingBucket.Arn/sources/*",
            "s3:DeleteObject LandingBucket.Arn/drops/*",
            "s3:DeleteObjectVersion LandingBucket.Arn/uploads/*",
            "s3:DeleteObjectVersion LandingBucket.Arn/sources/*",
            "s3:DeleteObjectVersion LandingBucket.Arn/drops/*",
            "s3:PutObject CollectionsBucket.Arn/archive/*",
            "s3:PutObject CollectionsBucket.Arn/error/*",
            "s3:ListMultipartUploadParts CollectionsBucket.Arn/archive/*",
            "s3:ListMultipartUploadParts CollectionsBucket.Arn/error/*",
            "s3:AbortMultipartUpload CollectionsBucket.Arn/archive/*",
            "s3:AbortMultipartUpload CollectionsBucket.Arn/error/*",
            "s3:GetObject CollectionsBucket.Arn/archive/*",
            "s3:GetObject CollectionsBucket.Arn/error/*",
            "s3:ListBucketMultipartUploads CollectionsBucket.Arn",
            "s3:ListBucket LandingBucket.Arn",
            "s3:ListBucket CollectionsBucket.Arn",
            "sqs:SendMessage PerfQueue.Arn",
            "sqs:SendMessage StatusQueue.Arn",
        ],
        &["PerfQueue.Arn"],
    ),
    (
        "PdfGeneratorRole",
        &[
            "rds-data:BeginTransaction cluster",
            "rds-data:ExecuteStatement cluster",
            "rds-data:RollbackTransaction cluster",
            "secretsmanager:GetSecretValue AppSecret.Id",
            "s3:PutObject DocumentsBucket.Arn/*",
            "s3:AbortMultipartUpload DocumentsBucket.Arn/*",
        ],
        &["PdfQueue.Arn"],
    ),
    (
        "NightlyFetcherRole",
        &[
            "rds-data:ExecuteStatement cluster",
            "secretsmanager:GetSecretValue AppSecret.Id",
            "s3:PutObject LandingBucket.Arn/sources/*",
            "s3:AbortMultipartUpload LandingBucket.Arn/sources/*",
            "dynamodb:UpdateItem LocksTable.Arn",
            "sqs:SendMessage IngestQueue.Arn",
            "sqs:SendMessage StatusQueue.Arn",
            "sqs:SendMessage FetchQueue.Arn",
        ],
        &["FetchQueue.Arn"],
    ),
    (
        "StatusUpdaterRole",
        &[
            "rds-data:ExecuteStatement cluster",
            "secretsmanager:GetSecretValue AppSecret.Id",
            "sqs:SendMessage IngestQueue.Arn",
            "sqs:SendMessage PerfQueue.Arn",
            "sqs:SendMessage StatusQueue.Arn",
            "scheduler:CreateSchedule schedules",
            "scheduler:UpdateSchedule schedules",
            "scheduler:DeleteSchedule schedules",
            "iam:PassRole RunScheduleRole.Arn",
        ],
        &["StatusQueue.Arn"],
    ),
    (
        "MigrateRole",
        &[
            "rds-data:BeginTransaction cluster",
            "rds-data:CommitTransaction cluster",
            "rds-data:ExecuteStatement cluster",
            "rds-data:RollbackTransaction cluster",
            "secretsmanager:GetSecretValue AppSecret.Id",
            "secretsmanager:GetSecretValue owner secret",
            "dynamodb:UpdateItem LocksTable.Arn",
        ],
        &[],
    ),
];

fn expected(grants: &Grants, log_group: &str) -> BTreeSet<String> {
    let (_, own, queues) = grants;
    let mut expected: BTreeSet<String> = own.iter().map(|grant| (*grant).to_owned()).collect();
    expected.extend(USE_KEY.map(str::to_owned));
    expected.extend(ALL.map(|action| format!("{action} {log_group}.Arn")));
    expected.extend(
        queues
            .iter()
            .flat_map(|queue| CONSUME.map(|action| format!("{action} {queue}"))),
    );
    expected
}

/// A resource without the marks of a reference; the cluster and the owner's secret may be given or created.
fn short(resource: &str) -> String {
    let text = resource.replace("${", "").replace('}', "");
    match text.as_str() {
        "DatabaseCluster.DBClusterArn" => DATABASE.to_owned(),
        given if given.contains(":cluster:") => DATABASE.to_owned(),
        "OwnerSecret.Id" => "owner secret".to_owned(),
        given if given.contains(":secret:owner") => "owner secret".to_owned(),
        group if group.contains(":schedule/RunScheduleGroup/*") => "schedules".to_owned(),
        other => other.to_owned(),
    }
}

/// The statements of a function's role, pair by pair; traces, which a deployment may do without, are left out.
fn granted(stack: &Stack, role: &str) -> BTreeSet<String> {
    let statements = stack.statements_of(role);
    let mut pairs = BTreeSet::new();
    for statement in statements.iter().filter(|statement| statement.allows()) {
        for action in statement
            .actions()
            .into_iter()
            .filter(|action| !TRACES.contains(action))
        {
            pairs.extend(
                statement
                    .resources()
                    .iter()
                    .map(|resource| format!("{action} {}", short(resource))),
            );
        }
    }
    pairs
}

/// Each function's role grants what is listed for it, no action or resource more or less.
pub(super) fn roles_grant_what_is_called(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, function) in stack.properties_of("AWS::Lambda::Function") {
        let role = super::stack::referenced(&function["Role"]).unwrap_or("");
        let log_group = super::stack::referenced(&function["LoggingConfig"]["LogGroup"]).unwrap_or("");
        let Some(listed) = GRANTS.iter().find(|(listed, _, _)| *listed == role) else {
            findings.push(format!("{name}: nobody has listed what {role} may do"));
            continue;
        };
        let (expected, granted) = (expected(listed, log_group), granted(stack, role));
        let more = granted
            .difference(&expected)
            .map(|pair| format!("{role}: {pair} is granted and not called"));
        let less = expected
            .difference(&granted)
            .map(|pair| format!("{role}: {pair} is called and not granted"));
        findings.extend(more.chain(less));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stack::finds;
    use super::*;

    #[test]
    fn one_grant_more_or_less_is_found() {
        let rule = roles_grant_what_is_called;
        let statements = |role: &str| format!("/{role}/Properties/Policies/0/PolicyDocument/Statement");
        for (role, action, resource) in [
            (
                "ApiRole",
                "rds-data:BeginTransaction",
                "${DatabaseCluster.DBClusterArn}",
            ),
            ("ApiRole", "s3:DeleteObject", "${LandingBucket.Arn}/uploads/*"),
            ("StatusUpdaterRole", "sqs:SendMessage", "${ChunkQueue.Arn}"),
            ("MigrateRole", "dynamodb:DeleteItem", "${LocksTable.Arn}"),
            (
                "CsvIngestRole",
                "s3:GetObjectVersion",
                "${LandingBucket.Arn}/uploads/*",
            ),
        ] {
            let planted =
                json!({ "Sid": "Planted", "Effect": "Allow", "Action": action, "Resource": resource });
            let finding = format!("{role}: {action} {} is granted and not called", short(resource));
            finds(rule, &[(&format!("{}/-", statements(role)), planted)], &finding);
        }
        // The second statement is the database's.
        let gone = format!("{}/1", statements("PerfWorkerRole"));
        finds(
            rule,
            &[(&gone, Value::Null)],
            "PerfWorkerRole: rds-data:ExecuteStatement cluster is called and not granted",
        );
        let other = [("/PerfWorkerFunction/Properties/Role", json!("${AnotherRole.Arn}"))];
        finds(rule, &other, "PerfWorkerFunction: nobody has listed");
    }
}
