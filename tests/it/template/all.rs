//! All rules, on the template as written and as the SAM transform leaves it, for every kind of deployment.

use super::stack::{Rule, Stack};
use super::{
    api, functions, grants, policies, queues, resolve, resource_policies, schedules, senders, source, stores,
    tools,
};

/// Rules that hold whatever the parameters are, beside [`stores::ALWAYS`].
const ALWAYS: [Rule; 28] = [
    queues::visibility_covers_six_timeouts,
    queues::mappings_report_failures_and_are_bounded,
    queues::messages_are_given_up_and_kept,
    queues::dead_letters_raise_an_alarm,
    queues::queues_are_encrypted,
    queues::consumers_know_their_queues,
    policies::roles_name_what_they_touch,
    policies::roles_are_not_shared,
    policies::database_and_secrets_are_named,
    policies::messages_go_to_named_queues,
    policies::key_is_used_through_services,
    policies::nothing_forbidden_is_granted,
    policies::no_function_feeds_itself,
    grants::roles_grant_what_is_called,
    senders::functions_send_where_they_may,
    senders::loops_are_counted,
    resource_policies::services_act_for_this_account,
    resource_policies::key_policy_is_narrow,
    resource_policies::old_signatures_are_refused,
    functions::functions_log_with_retention,
    functions::functions_are_bounded,
    functions::environment_holds_no_secret,
    functions::functions_wait_for_the_migration,
    functions::reminders_come_after_the_call,
    schedules::schedules_send_to_queues_and_lose_nothing,
    api::routes_declare_authorization,
    api::stages_are_throttled_and_logged,
    api::gateway_calls_the_function,
];

/// Rules whose parameters a local stack may loosen.
const IN_A_CLOUD: [Rule; 3] = [
    schedules::private_networks_are_closed,
    resource_policies::plain_http_is_denied,
    api::api_keeps_its_concurrency,
];

/// Waivers that the template may hold, each as metadata of its resource with a reason.
const WAIVERS: [&str; 1] = ["HttpApiRoute/route-authorization"];

/// What a local stack gives: a database of its own, short times, no TLS.
pub(super) const LOCAL: [(&str, &str); 10] = [
    ("Stage", "local"),
    (
        "DatabaseClusterArn",
        "arn:aws:rds:us-east-1:000000000000:cluster:millrace-local",
    ),
    (
        "DatabaseOwnerSecretArn",
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:owner-abcdef",
    ),
    ("WorkerTimeoutSeconds", "5"),
    ("StatusTimeoutSeconds", "2"),
    ("FetchTimeoutSeconds", "3"),
    ("FetchPrivateNetworks", "127.0.0.0/8"),
    ("ApiReservedConcurrency", "0"),
    ("TracingMode", "PassThrough"),
    ("RequireTls", "false"),
];

/// The template as written with its parameters filled in.
pub(super) fn as_written(parameters: &[(&str, &str)]) -> Stack {
    resolve::resolve(&source::template(), parameters)
}

fn findings(stack: &Stack, rules: &[Rule]) -> Vec<String> {
    rules.iter().flat_map(|rule| rule(stack)).collect()
}

fn check(stack: impl Fn(&[(&str, &str)]) -> Stack) {
    let always = [&ALWAYS[..], &stores::ALWAYS].concat();
    let in_a_cloud = [&always[..], &IN_A_CLOUD].concat();
    let none = Vec::<String>::new();
    assert_eq!(findings(&stack(&[]), &in_a_cloud), none, "with the defaults");
    let production = stack(&[("Stage", "prod")]);
    assert_eq!(findings(&production, &in_a_cloud), none, "in production");
    assert_eq!(
        stores::production_is_protected(&production),
        none,
        "in production"
    );
    assert_eq!(findings(&stack(&LOCAL), &always), none, "locally");
}

#[test]
fn the_template_obeys_every_rule() {
    check(as_written);
}

#[test]
fn the_template_obeys_every_rule_after_the_sam_transform() {
    let Some(transformed) = tools::transformed() else {
        return;
    };
    check(|parameters| resolve::resolve(&transformed, parameters));
}

#[test]
fn every_choice_of_timeout_keeps_the_rule_of_six() {
    let template = source::template();
    for parameter in [
        "WorkerTimeoutSeconds",
        "StatusTimeoutSeconds",
        "FetchTimeoutSeconds",
    ] {
        let choices = template["Parameters"][parameter]["AllowedValues"]
            .as_array()
            .unwrap();
        for choice in choices {
            let stack = as_written(&[(parameter, &choice.to_string())]);
            assert_eq!(
                queues::visibility_covers_six_timeouts(&stack),
                Vec::<String>::new(),
                "{parameter} {choice}"
            );
        }
    }
    for choice in template["Parameters"]["WorkerConcurrency"]["AllowedValues"]
        .as_array()
        .unwrap()
    {
        let stack = as_written(&[("WorkerConcurrency", &choice.to_string())]);
        assert_eq!(
            &stack.properties("PerfMapping")["ScalingConfig"]["MaximumConcurrency"],
            choice
        );
    }
}

#[test]
fn a_given_database_leaves_none_to_create() {
    let stack = as_written(&LOCAL);
    let created: Vec<&str> = stack
        .all()
        .filter(|(_, resource)| {
            let kind = resource["Type"].as_str().unwrap();
            kind.starts_with("AWS::RDS::") || kind.starts_with("AWS::EC2::")
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(created, Vec::<&str>::new());
    assert_eq!(stack.names_of("AWS::SecretsManager::Secret"), ["AppSecret"]);
    let all = as_written(&[]);
    assert_eq!(
        all.names_of("AWS::SecretsManager::Secret"),
        ["OwnerSecret", "AppSecret"]
    );
    assert_eq!(all.names_of("AWS::RDS::DBCluster"), ["DatabaseCluster"]);
}

#[test]
fn waivers_are_known_and_have_a_reason() {
    let template = source::template();
    let mut found = Vec::new();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let metadata = &resource["Metadata"];
        assert!(
            metadata["cfn-lint"].is_null(),
            "{name}: cfn-lint is clean without waivers"
        );
        for (waived, reason) in metadata["Waivers"].as_object().into_iter().flatten() {
            assert!(
                reason.as_str().is_some_and(|reason| reason.len() >= 20),
                "{name}/{waived}: no reason"
            );
            found.push(format!("{name}/{waived}"));
        }
    }
    assert_eq!(found, WAIVERS);
}
