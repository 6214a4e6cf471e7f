//! Rules about the policies of queues, buckets, keys and endpoints: who may come in, and how.

use super::stack::{Stack, Statement, list, referenced, statements};

/// Buckets and queues refuse whatever does not come by TLS.
pub(super) fn plain_http_is_denied(stack: &Stack) -> Vec<String> {
    let guarded = ["AWS::SQS::Queue", "AWS::S3::Bucket"];
    let stores = guarded.into_iter().flat_map(|kind| stack.names_of(kind));
    let open = stores.filter(|store| !policies_of(stack, store).iter().any(denies_plain_http));
    open.map(|store| format!("{store}: does not refuse plain HTTP"))
        .collect()
}

/// A service may act for this account alone, and nobody is let in without a condition.
pub(super) fn services_act_for_this_account(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for statement in resource_statements(stack).into_iter().filter(Statement::allows) {
        let principal = &statement.body["Principal"];
        let condition = &statement.body["Condition"];
        let tied = ["StringEquals", "ArnLike", "ArnEquals"].iter().any(|operator| {
            let keys = condition[*operator]
                .as_object()
                .into_iter()
                .flat_map(|keys| keys.keys());
            keys.into_iter().any(|key| ties_to_account(key))
        });
        let is_account = principal["AWS"]
            .as_str()
            .is_some_and(|name| name.ends_with(":root"));
        if !tied && !is_account {
            findings.push(format!("{}: lets in whom it does not know", statement.name()));
        }
        let sends = statement.actions().contains(&"sqs:SendMessage");
        if sends && condition["StringEquals"]["aws:SourceAccount"] != "${AWS::AccountId}" {
            findings.push(format!("{}: no aws:SourceAccount", statement.name()));
        }
    }
    findings
}

/// Nobody but the account's own policies may do everything with the key.
pub(super) fn key_policy_is_narrow(stack: &Stack) -> Vec<String> {
    let allowed = resource_statements(stack).into_iter().filter(Statement::allows);
    let wide = allowed.filter(|statement| {
        let root = statement.body["Principal"]["AWS"]
            .as_str()
            .is_some_and(|name| name.ends_with(":root"));
        statement.actions().iter().any(|action| action.contains('*')) && !root
    });
    wide.map(|statement| format!("{}: a star", statement.name()))
        .collect()
}

/// A presigned upload is refused a quarter of an hour after it was signed, a presigned download after five minutes,
/// whatever the signer asked for.
pub(super) fn old_signatures_are_refused(stack: &Stack) -> Vec<String> {
    let signed = [
        ("LandingBucket", "s3:PutObject", 900_000),
        ("DocumentsBucket", "s3:GetObject", 300_000),
    ];
    let open = signed.into_iter().filter(|(bucket, action, longest)| {
        let policies = policies_of(stack, bucket);
        !policies.iter().any(|statement| {
            let age = &statement.body["Condition"]["NumericGreaterThan"]["s3:signatureAge"];
            statement.body["Effect"] == "Deny"
                && statement.actions().contains(action)
                && age.as_u64().is_some_and(|age| age <= *longest)
        })
    });
    open.map(|(bucket, action, _)| format!("{bucket}: takes {action} that was signed long ago"))
        .collect()
}

fn ties_to_account(key: &str) -> bool {
    matches!(
        key,
        "aws:SourceAccount" | "aws:PrincipalAccount" | "kms:EncryptionContext:aws:logs:arn"
    )
}

/// Statements of every policy that sits on a resource.
fn resource_statements(stack: &Stack) -> Vec<Statement<'_>> {
    let policies = stack.all().flat_map(|(name, resource)| {
        let properties = &resource["Properties"];
        let documents = ["KeyPolicy", "PolicyDocument"].map(|key| &properties[key]);
        documents
            .into_iter()
            .flat_map(move |document| statements(name, document))
    });
    policies.collect()
}

/// Statements of the policies that name a queue or bucket as theirs.
fn policies_of<'a>(stack: &'a Stack, store: &str) -> Vec<Statement<'a>> {
    let kinds = ["AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"];
    let policies = kinds.into_iter().flat_map(|kind| stack.properties_of(kind));
    let own = policies.filter(|(_, policy)| {
        let mut stores = list(&policy["Queues"]).chain(list(&policy["Bucket"]));
        stores.any(|named| referenced(named) == Some(store))
    });
    own.flat_map(|(name, policy)| statements(name, &policy["PolicyDocument"]))
        .collect()
}

fn denies_plain_http(statement: &Statement<'_>) -> bool {
    let body = statement.body;
    let everything = |action: &&str| matches!(*action, "sqs:*" | "s3:*");
    body["Effect"] == "Deny"
        && body["Principal"] == "*"
        && statement.actions().iter().any(everything)
        && body["Condition"]["Bool"]["aws:SecureTransport"] == "false"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stack::finds;
    use super::*;

    #[test]
    fn a_store_without_tls_is_found() {
        let rule = plain_http_is_denied;
        finds(rule, &[("/PerfQueuePolicy", Value::Null)], "PerfQueue");
        finds(
            rule,
            &[(
                "/LandingBucketPolicy/Properties/PolicyDocument/Statement/1",
                Value::Null,
            )],
            "LandingBucket",
        );
        let allow = (
            "/ChunkQueuePolicy/Properties/PolicyDocument/Statement/0/Effect",
            json!("Allow"),
        );
        finds(rule, &[allow], "ChunkQueue");
    }

    #[test]
    fn a_stranger_is_found() {
        let rule = services_act_for_this_account;
        let condition = "/IngestQueuePolicy/Properties/PolicyDocument/Statement/0/Condition";
        finds(rule, &[(condition, Value::Null)], "IngestQueuePolicy");
        let by_name = json!({ "ArnEquals": { "aws:SourceArn": "arn:aws:s3:::some-bucket" } });
        finds(rule, &[(condition, by_name)], "IngestQueuePolicy");
        let everyone =
            json!({ "Sid": "Planted", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage" });
        let place = "/IngestQueuePolicy/Properties/PolicyDocument/Statement/-";
        finds(rule, &[(place, everyone)], "IngestQueuePolicy/Planted");
    }

    #[test]
    fn a_wide_key_policy_is_found() {
        let action = ("/DataKey/Properties/KeyPolicy/Statement/1/Action", json!("kms:*"));
        finds(key_policy_is_narrow, &[action], "DataKey");
    }

    #[test]
    fn a_long_lived_signature_is_found() {
        for bucket in ["LandingBucket", "DocumentsBucket"] {
            let age = format!(
                "/{bucket}Policy/Properties/PolicyDocument/Statement/0/Condition/NumericGreaterThan/s3:signatureAge"
            );
            finds(
                old_signatures_are_refused,
                &[(age.as_str(), json!(86_400_000))],
                bucket,
            );
        }
    }
}
