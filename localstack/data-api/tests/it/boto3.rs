//! boto3 as an independent client. Skipped unless `MILLRACE_TEST_PYTHON` names a Python that has it.

use millrace_data_api::serve;
use tokio::net::TcpListener;

use crate::bench::{Bench, CLUSTER, SECRET};

const SCRIPT: &str = include_str!("boto3_client.py");

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the one setting of this test")]
async fn boto3_is_satisfied() {
    let Ok(python) = std::env::var("MILLRACE_TEST_PYTHON") else {
        println!("skipped: MILLRACE_TEST_PYTHON does not name a Python with boto3");
        return;
    };
    let Some(bench) = Bench::new() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(listener, bench.engine.clone()));
    let client = move || {
        std::process::Command::new(python)
            .args(["-c", SCRIPT, &endpoint, CLUSTER, SECRET])
            .output()
    };
    let output = tokio::task::spawn_blocking(client).await.unwrap().unwrap();
    serving.abort();
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{complained}");
    println!("{said}");
}
