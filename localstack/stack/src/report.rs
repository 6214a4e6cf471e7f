//! What is printed when a stack is up: addresses, a token, lines to paste.

use serde_json::Value;

use crate::screen;
use crate::status::Status;

/// Prints addresses, the token and a few calls.
pub(crate) fn print(status: &Status) {
    screen::line("");
    screen::line(&format!("API        {}", status.api_url));
    screen::line(&format!("token      {}", status.token));
    screen::line(&format!(
        "AWS        {} (emulator: any SDK with AWS_ENDPOINT_URL)",
        status.endpoint_url
    ));
    let postgres = &status.postgres;
    screen::line(&format!(
        "database   postgresql://{}:{}@{}:{}/{}",
        postgres.user, postgres.password, postgres.host, postgres.port, postgres.database
    ));
    screen::line(&format!(
        "logs       {}/logs, cargo local logs <function>",
        status.folder
    ));
    screen::line("\nTry:");
    for line in calls(status) {
        screen::line(&line);
    }
    screen::line("");
}

/// Lines for a shell. Quoted for it: the address holds `$default`.
fn calls(status: &Status) -> Vec<String> {
    vec![
        format!("  API='{}'", status.api_url),
        format!("  TOKEN='{}'", status.token),
        "  curl -s \"$API/health\"".to_owned(),
        "  curl -s -H \"Authorization: Bearer $TOKEN\" \"$API/ingestion/files\"".to_owned(),
        format!(
            "  curl -s -H \"Authorization: Bearer $TOKEN\" \"$API/kpis/{}?group_by=district_id,date&grain=month\"",
            crate::demonstration::DATASET
        ),
    ]
}

/// Names what the template declares and the emulator cannot hold.
pub(crate) fn print_not_held(settled: &[Value]) {
    for item in settled
        .iter()
        .filter(|item| item["outcome"] == "not held locally")
    {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        screen::warn(&format!(
            "not held locally: {} of {} ({})",
            text("property"),
            text("resource"),
            text("detail")
        ));
    }
}
