//! Rules about the HTTP API.

use serde_json::Value;

use super::stack::{Stack, number, referenced};

/// Every route says who may call it; one that leaves it to the application says why.
pub(super) fn routes_declare_authorization(stack: &Stack) -> Vec<String> {
    let routes = stack.of_type("AWS::ApiGatewayV2::Route");
    let silent = routes.filter(|(_, route)| {
        let reason = route["Metadata"]["Waivers"]["route-authorization"]
            .as_str()
            .unwrap_or("");
        match route["Properties"]["AuthorizationType"].as_str() {
            None => true,
            Some("NONE") => reason.len() < 20,
            Some(_) => false,
        }
    });
    silent
        .map(|(name, _)| format!("{name}: does not say who may call it"))
        .collect()
}

/// Stages are throttled, and log who asked for what, without the query string, for it may hold a token.
pub(super) fn stages_are_throttled_and_logged(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, stage) in stack.properties_of("AWS::ApiGatewayV2::Stage") {
        let limits = &stage["DefaultRouteSettings"];
        let throttled = ["ThrottlingRateLimit", "ThrottlingBurstLimit"]
            .iter()
            .all(|limit| number(&limits[*limit]).is_some_and(|limit| limit > 0));
        let log = &stage["AccessLogSettings"];
        let group = referenced(&log["DestinationArn"]).unwrap_or("");
        let checks = [
            (throttled, "not throttled"),
            (
                number(&stack.properties(group)["RetentionInDays"]).is_some(),
                "its log is kept for ever",
            ),
            (
                format_is_safe(&log["Format"]),
                "its log is not JSON or holds what callers keep to themselves",
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

/// The gateway alone calls the function, with payload 2.0, and leaves it the time to answer by itself.
pub(super) fn gateway_calls_the_function(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, integration) in stack.properties_of("AWS::ApiGatewayV2::Integration") {
        let function = referenced(&integration["IntegrationUri"]).unwrap_or("");
        let timeout = number(&stack.properties(function)["Timeout"]).unwrap_or(u64::MAX);
        let gateway = number(&integration["TimeoutInMillis"]).unwrap_or(30_000) / 1000;
        let mut permissions = stack.properties_of("AWS::Lambda::Permission");
        let checks = [
            (
                integration["PayloadFormatVersion"] == "2.0",
                "another payload format",
            ),
            (timeout < gateway, "gives up before its function does"),
            (
                permissions.any(|(_, permission)| lets_call(permission, function)),
                "may not call its function",
            ),
        ];
        findings.extend(
            checks
                .iter()
                .filter(|(good, _)| !good)
                .map(|(_, wrong)| format!("{name}: {wrong}")),
        );
    }
    let permissions = stack.properties_of("AWS::Lambda::Permission");
    let wide = permissions.filter(|(_, permission)| permission["SourceArn"].is_null());
    findings.extend(wide.map(|(name, _)| format!("{name}: for every API there is")));
    findings
}

/// A part of the account's concurrency is kept for callers.
pub(super) fn api_keeps_its_concurrency(stack: &Stack) -> Vec<String> {
    let reserved = number(&stack.properties("ApiFunction")["ReservedConcurrentExecutions"]);
    match reserved {
        Some(1..) => Vec::new(),
        _ => vec!["ApiFunction: no reserved concurrency".to_owned()],
    }
}

fn format_is_safe(format: &Value) -> bool {
    let format = format.as_str().unwrap_or("");
    let hides = |secret: &str| !format.to_lowercase().contains(secret);
    serde_json::from_str::<Value>(format).is_ok() && ["query", "header", "authorizer"].into_iter().all(hides)
}

fn lets_call(permission: &Value, function: &str) -> bool {
    permission["Principal"] == "apigateway.amazonaws.com"
        && referenced(&permission["FunctionName"]) == Some(function)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stack::finds;
    use super::*;

    #[test]
    fn a_route_for_anyone_is_found() {
        let rule = routes_declare_authorization;
        finds(
            rule,
            &[("/HttpApiRoute/Properties/AuthorizationType", Value::Null)],
            "HttpApiRoute",
        );
        finds(rule, &[("/HttpApiRoute/Metadata", Value::Null)], "HttpApiRoute");
    }

    #[test]
    fn a_talkative_or_unthrottled_stage_is_found() {
        let rule = stages_are_throttled_and_logged;
        finds(
            rule,
            &[("/HttpApiStage/Properties/DefaultRouteSettings", Value::Null)],
            "not throttled",
        );
        finds(
            rule,
            &[("/HttpApiLogGroup/Properties/RetentionInDays", Value::Null)],
            "kept for ever",
        );
        let query = json!("{\"query\":\"$context.queryString\"}");
        finds(
            rule,
            &[("/HttpApiStage/Properties/AccessLogSettings/Format", query)],
            "HttpApiStage",
        );
        finds(
            rule,
            &[("/HttpApiStage/Properties/AccessLogSettings", Value::Null)],
            "HttpApiStage",
        );
    }

    #[test]
    fn an_open_or_impatient_gateway_is_found() {
        let rule = gateway_calls_the_function;
        finds(
            rule,
            &[("/HttpApiPermission/Properties/SourceArn", Value::Null)],
            "HttpApiPermission",
        );
        finds(rule, &[("/HttpApiPermission", Value::Null)], "may not call");
        finds(
            rule,
            &[("/ApiFunction/Properties/Timeout", json!(30))],
            "gives up",
        );
        finds(
            rule,
            &[(
                "/HttpApiIntegration/Properties/PayloadFormatVersion",
                json!("1.0"),
            )],
            "payload",
        );
    }

    #[test]
    fn an_api_that_workers_can_starve_is_found() {
        let reserved = "/ApiFunction/Properties/ReservedConcurrentExecutions";
        finds(
            api_keeps_its_concurrency,
            &[(reserved, Value::Null)],
            "ApiFunction",
        );
    }
}
