//! Rules about what keeps data: buckets, tables, the key, the database, secrets.

use serde_json::Value;

use super::stack::{Rule, Stack, list, number, referenced};

/// What must outlive the stack.
const STORES: [&str; 4] = [
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::RDS::DBCluster",
];

/// Deleting or replacing a stack leaves its stores, or a snapshot of them.
pub(super) fn stores_outlive_the_stack(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, resource) in STORES.into_iter().flat_map(|kind| stack.of_type(kind)) {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            let kept = matches!(
                resource[policy].as_str(),
                Some("Retain" | "RetainExceptOnCreate" | "Snapshot")
            );
            if !kept {
                findings.push(format!("{name}: {policy} does not keep it"));
            }
        }
    }
    findings
}

/// In production nobody deletes tables or the cluster by mistake. Applied to the stage `prod` only.
pub(super) fn production_is_protected(stack: &Stack) -> Vec<String> {
    let tables = stack
        .properties_of("AWS::DynamoDB::Table")
        .map(|(name, table)| (name, table["DeletionProtectionEnabled"] == true));
    let clusters = stack.properties_of("AWS::RDS::DBCluster").map(|(name, cluster)| {
        let days = number(&cluster["BackupRetentionPeriod"]).unwrap_or(1);
        (name, cluster["DeletionProtection"] == true && days >= 14)
    });
    let open = tables.chain(clusters).filter(|(_, protected)| !protected);
    open.map(|(name, _)| format!("{name}: not protected")).collect()
}

/// What ages goes by itself, what is lost comes back, and all of it is encrypted with the stack's key.
pub(super) fn tables_age_and_recover(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, table) in stack.properties_of("AWS::DynamoDB::Table") {
        let ages = &table["TimeToLiveSpecification"];
        if ages["Enabled"] != true || ages["AttributeName"] != "expires_at" {
            findings.push(format!("{name}: nothing expires"));
        }
        if table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true {
            findings.push(format!("{name}: no point-in-time recovery"));
        }
        let encryption = &table["SSESpecification"];
        if encryption["SSEEnabled"] != true || referenced(&encryption["KMSMasterKeyId"]) != Some("DataKey") {
            findings.push(format!("{name}: not encrypted with DataKey"));
        }
        if table["BillingMode"] != "PAY_PER_REQUEST" {
            findings.push(format!("{name}: costs money while idle"));
        }
    }
    findings
}

/// Buckets are private, encrypted, versioned, and clean up what was never finished.
pub(super) fn buckets_are_private_and_tidy(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, bucket) in stack.properties_of("AWS::S3::Bucket") {
        let public = &bucket["PublicAccessBlockConfiguration"];
        let blocks = [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ];
        let checks = [
            (blocks.iter().all(|key| public[*key] == true), "may become public"),
            (is_encrypted(name, bucket), "not encrypted as it should be"),
            (
                bucket["VersioningConfiguration"]["Status"] == "Enabled",
                "not versioned",
            ),
            (drops_unfinished_uploads(bucket), "keeps unfinished uploads"),
            (
                bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"] == "BucketOwnerEnforced",
                "has ACLs",
            ),
            (
                is_log(name) || bucket["LoggingConfiguration"].is_object(),
                "access is not logged",
            ),
        ];
        findings.extend(
            checks
                .iter()
                .filter(|(good, _)| !good)
                .map(|(_, wrong)| format!("{name}: {wrong}")),
        );
    }
    findings
}

/// Documents are gone within a day or two, whole: with the versions and the markers that a versioned bucket keeps.
pub(super) fn documents_go_after_a_day(stack: &Stack) -> Vec<String> {
    let rules = &stack.properties("DocumentsBucket")["LifecycleConfiguration"]["Rules"];
    let has = |condition: &dyn Fn(&Value) -> bool| {
        list(rules).any(|rule| rule["Status"] == "Enabled" && rule["Prefix"].is_null() && condition(rule))
    };
    let checks = [
        (
            has(&|rule| number(&rule["ExpirationInDays"]) == Some(1)),
            "keeps documents",
        ),
        (
            has(&|rule| number(&rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == Some(1)),
            "keeps old versions",
        ),
        (
            has(&|rule| rule["ExpiredObjectDeleteMarker"] == true),
            "keeps markers",
        ),
    ];
    let broken = checks.iter().filter(|(good, _)| !good);
    broken
        .map(|(_, wrong)| format!("DocumentsBucket: {wrong}"))
        .collect()
}

/// The cluster speaks the Data API, pauses, is encrypted and lets nobody connect. Applied where one is created.
pub(super) fn database_is_closed_and_pauses(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, cluster) in stack.properties_of("AWS::RDS::DBCluster") {
        let scaling = &cluster["ServerlessV2ScalingConfiguration"];
        let checks = [
            (cluster["EnableHttpEndpoint"] == true, "no Data API"),
            (cluster["StorageEncrypted"] == true, "not encrypted"),
            (number(&scaling["MinCapacity"]) == Some(0), "never pauses"),
            (
                number(&scaling["SecondsUntilAutoPause"]).is_some(),
                "never pauses",
            ),
            (number(&scaling["MaxCapacity"]).is_some(), "its cost has no limit"),
            (
                cluster["EnableIAMDatabaseAuthentication"] == true,
                "no IAM authentication",
            ),
            (
                features(cluster) == ["s3Import", "s3Export"],
                "no roles for aws_s3",
            ),
        ];
        findings.extend(
            checks
                .iter()
                .filter(|(good, _)| !good)
                .map(|(_, wrong)| format!("{name}: {wrong}")),
        );
    }
    let groups = stack.properties_of("AWS::EC2::SecurityGroup");
    let open = groups.filter(|(_, group)| !group["SecurityGroupIngress"].is_null());
    findings.extend(open.map(|(name, _)| format!("{name}: lets connections in")));
    let instances = stack.properties_of("AWS::RDS::DBInstance");
    let public = instances.filter(|(_, instance)| instance["PubliclyAccessible"] != false);
    findings.extend(public.map(|(name, _)| format!("{name}: public")));
    findings
}

/// Secrets are made up by Secrets Manager and encrypted with the stack's key; the key is rotated.
pub(super) fn secrets_are_generated(stack: &Stack) -> Vec<String> {
    let secrets = stack.properties_of("AWS::SecretsManager::Secret");
    let weak = secrets.filter(|(_, secret)| {
        let length = number(&secret["GenerateSecretString"]["PasswordLength"]).unwrap_or(0);
        referenced(&secret["KmsKeyId"]) != Some("DataKey") || length < 32 || !secret["SecretString"].is_null()
    });
    let mut findings: Vec<String> = weak.map(|(name, _)| format!("{name}: weak")).collect();
    let keys = stack
        .properties_of("AWS::KMS::Key")
        .filter(|(_, key)| key["EnableKeyRotation"] != true);
    findings.extend(keys.map(|(name, _)| format!("{name}: not rotated")));
    findings
}

/// Rules that hold whatever the parameters are.
pub(super) const ALWAYS: [Rule; 6] = [
    stores_outlive_the_stack,
    tables_age_and_recover,
    buckets_are_private_and_tidy,
    documents_go_after_a_day,
    database_is_closed_and_pauses,
    secrets_are_generated,
];

/// The bucket that S3 delivers access logs to cannot have the key, nor a log of its own.
fn is_log(bucket: &str) -> bool {
    bucket == "AccessLogBucket"
}

fn is_encrypted(name: &str, bucket: &Value) -> bool {
    let rule =
        &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"];
    if is_log(name) {
        return rule["SSEAlgorithm"] == "AES256";
    }
    rule["SSEAlgorithm"] == "aws:kms" && referenced(&rule["KMSMasterKeyID"]) == Some("DataKey")
}

fn drops_unfinished_uploads(bucket: &Value) -> bool {
    let mut rules = list(&bucket["LifecycleConfiguration"]["Rules"]);
    rules.any(|rule| {
        let days = number(&rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]);
        rule["Status"] == "Enabled" && rule["Prefix"].is_null() && days == Some(1)
    })
}

fn features(cluster: &Value) -> Vec<&str> {
    list(&cluster["AssociatedRoles"])
        .filter_map(|role| role["FeatureName"].as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stack::finds;
    use super::*;

    #[test]
    fn a_store_that_goes_with_the_stack_is_found() {
        let rule = stores_outlive_the_stack;
        finds(
            rule,
            &[("/LandingBucket/DeletionPolicy", Value::Null)],
            "LandingBucket",
        );
        finds(
            rule,
            &[("/DatabaseCluster/UpdateReplacePolicy", json!("Delete"))],
            "DatabaseCluster",
        );
    }

    #[test]
    fn an_unprotected_production_is_found() {
        let mut stack = super::super::all::as_written(&[("Stage", "prod")]);
        assert_eq!(production_is_protected(&stack), Vec::<String>::new());
        stack.spoil("/DatabaseCluster/Properties/DeletionProtection", json!(false));
        stack.spoil("/LocksTable/Properties/DeletionProtectionEnabled", Value::Null);
        assert_eq!(
            production_is_protected(&stack),
            ["LocksTable: not protected", "DatabaseCluster: not protected"]
        );
    }

    #[test]
    fn a_table_that_never_forgets_is_found() {
        let rule = tables_age_and_recover;
        finds(
            rule,
            &[("/LocksTable/Properties/TimeToLiveSpecification", Value::Null)],
            "LocksTable",
        );
        finds(
            rule,
            &[(
                "/LocksTable/Properties/PointInTimeRecoverySpecification",
                Value::Null,
            )],
            "LocksTable",
        );
        finds(
            rule,
            &[("/ClientsTable/Properties/SSESpecification", Value::Null)],
            "ClientsTable",
        );
        finds(
            rule,
            &[("/ClientsTable/Properties/BillingMode", json!("PROVISIONED"))],
            "ClientsTable",
        );
    }

    #[test]
    fn a_careless_bucket_is_found() {
        let rule = buckets_are_private_and_tidy;
        let public = "/CollectionsBucket/Properties/PublicAccessBlockConfiguration/BlockPublicPolicy";
        finds(
            rule,
            &[(public, json!(false))],
            "CollectionsBucket: may become public",
        );
        finds(
            rule,
            &[("/LandingBucket/Properties/BucketEncryption", Value::Null)],
            "LandingBucket: not encrypted",
        );
        let status = "/LandingBucket/Properties/VersioningConfiguration/Status";
        finds(
            rule,
            &[(status, json!("Suspended"))],
            "LandingBucket: not versioned",
        );
        let only_some = (
            "/LandingBucket/Properties/LifecycleConfiguration/Rules/0/Prefix",
            json!("uploads/"),
        );
        finds(rule, &[only_some], "LandingBucket: keeps unfinished uploads");
        finds(
            rule,
            &[("/LandingBucket/Properties/LoggingConfiguration", Value::Null)],
            "LandingBucket",
        );
        finds(
            rule,
            &[("/LandingBucket/Properties/OwnershipControls", Value::Null)],
            "LandingBucket: has ACLs",
        );
    }

    #[test]
    fn documents_that_stay_are_found() {
        let rules = "/DocumentsBucket/Properties/LifecycleConfiguration/Rules";
        for (place, value, wrong) in [
            ("0/ExpirationInDays", json!(30), "keeps documents"),
            ("0/Status", json!("Disabled"), "keeps documents"),
            ("0/NoncurrentVersionExpiration", Value::Null, "keeps old versions"),
            ("1", Value::Null, "keeps markers"),
        ] {
            finds(
                documents_go_after_a_day,
                &[(&format!("{rules}/{place}"), value)],
                wrong,
            );
        }
    }

    #[test]
    fn an_open_or_restless_database_is_found() {
        let rule = database_is_closed_and_pauses;
        let cluster = "/DatabaseCluster/Properties";
        finds(
            rule,
            &[(&format!("{cluster}/EnableHttpEndpoint"), json!(false))],
            "no Data API",
        );
        let capacity = format!("{cluster}/ServerlessV2ScalingConfiguration/MinCapacity");
        finds(rule, &[(&capacity, json!(1))], "never pauses");
        finds(
            rule,
            &[(&format!("{cluster}/AssociatedRoles/1"), Value::Null)],
            "aws_s3",
        );
        let ingress = (
            "/DatabaseSecurityGroup/Properties/SecurityGroupIngress",
            json!([{ "CidrIp": "0.0.0.0/0" }]),
        );
        finds(rule, &[ingress], "DatabaseSecurityGroup");
        finds(
            rule,
            &[("/DatabaseInstance/Properties/PubliclyAccessible", json!(true))],
            "DatabaseInstance",
        );
    }

    #[test]
    fn a_known_secret_is_found() {
        let rule = secrets_are_generated;
        finds(
            rule,
            &[("/AppSecret/Properties/SecretString", json!("known"))],
            "AppSecret",
        );
        finds(
            rule,
            &[("/DataKey/Properties/EnableKeyRotation", json!(false))],
            "DataKey",
        );
    }
}
