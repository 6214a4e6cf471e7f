//! The client that calls sources, against a real server on loopback.

use std::sync::Arc;

use millrace_app::ports::{SourceAnswer, SourceClient as _, SourceRequest};
use millrace_aws::HttpSources;
use millrace_source::address::parse_networks;
use millrace_source::{Access, AddressPolicy, FetchProblem, FetchRule};
use millrace_source_server::{Fault, FaultKind, Server, Site, SiteFile, serve};
use tokio::net::TcpListener;

use super::{Fetching, csv};
use millrace_tests::specs;

struct Remote {
    server: Server,
    port: u16,
    client: HttpSources,
}

impl Remote {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server::new();
        tokio::spawn(serve(listener, server.clone()));
        Self {
            server,
            port,
            client: HttpSources::new(),
        }
    }

    fn access(&self, host: &str, networks: &str) -> Access {
        let networks = parse_networks(networks).unwrap();
        let hosts = [format!("{host}:{}", self.port)];
        Access::new(&hosts, true, AddressPolicy::with_networks(&networks))
    }

    fn set(&self, fault: Option<FaultKind>) {
        let file = SiteFile {
            name: "a.csv".to_owned(),
            published: "2024-01-01".to_owned(),
            content: csv("2024-01-01", 1),
            fault: fault.map(|kind| Fault { kind, times: None }),
        };
        let site = Site {
            files: vec![file],
            ..Site::default()
        };
        self.server.set("s", site);
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}/{path}", self.port)
    }

    async fn get(
        &self,
        url: &str,
        access: &Access,
        etag: Option<&str>,
    ) -> Result<Option<(String, String)>, FetchProblem> {
        let request = SourceRequest {
            url,
            access,
            etag,
            last_modified: None,
            timeout_ms: 700,
        };
        match self.client.get(&request).await? {
            SourceAnswer::NotModified => Ok(None),
            SourceAnswer::Body(mut body) => {
                let mut bytes = Vec::new();
                while let Some(piece) = body.stream.next().await? {
                    bytes.extend(piece);
                    if bytes.len() > 1_000_000 {
                        return Err(FetchProblem::new(FetchRule::TooLarge, "enough"));
                    }
                }
                Ok(Some((
                    String::from_utf8(bytes).unwrap(),
                    body.etag.unwrap_or_default(),
                )))
            }
        }
    }

    /// The rule that getting the file with a fault ends by.
    async fn rule(&self, fault: FaultKind) -> FetchRule {
        self.set(Some(fault));
        let access = self.access("127.0.0.1", "127.0.0.0/8");
        let url = self.url("127.0.0.1", "sites/s/files/a.csv");
        self.get(&url, &access, None).await.unwrap_err().rule
    }
}

#[tokio::test]
async fn a_file_comes_and_is_not_sent_again_when_it_has_not_changed() {
    let remote = Remote::new().await;
    remote.set(None);
    let access = remote.access("127.0.0.1", "127.0.0.0/8");
    let url = remote.url("127.0.0.1", "sites/s/files/a.csv");
    let (content, etag) = remote.get(&url, &access, None).await.unwrap().unwrap();
    assert_eq!(content, csv("2024-01-01", 1));
    assert_eq!(remote.get(&url, &access, Some(&etag)).await.unwrap(), None);
    assert!(
        remote
            .get(&url, &access, Some("\"other\""))
            .await
            .unwrap()
            .is_some()
    );
    let missing = remote
        .get(&remote.url("127.0.0.1", "sites/s/files/b.csv"), &access, None)
        .await;
    assert_eq!(missing.unwrap_err().rule, FetchRule::NotFound);
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let remote = Remote::new().await;
    for (fault, rule) in [
        (FaultKind::Truncated { after: 10 }, FetchRule::Truncated),
        (FaultKind::Cut, FetchRule::Unreachable),
        (FaultKind::Silent, FetchRule::TimedOut),
        (FaultKind::Slow { ms: 5_000 }, FetchRule::TimedOut),
        (FaultKind::Trickle { ms: 100 }, FetchRule::TimedOut),
        (FaultKind::Status { status: 500 }, FetchRule::ServerError),
        (FaultKind::Status { status: 429 }, FetchRule::Throttled),
        (FaultKind::Status { status: 403 }, FetchRule::Refused),
        (FaultKind::Status { status: 206 }, FetchRule::ServerError),
        (FaultKind::Endless, FetchRule::TooLarge),
        (
            FaultKind::Redirect {
                to: "http://169.254.169.254/latest/".to_owned(),
            },
            FetchRule::ForbiddenHost,
        ),
        (
            FaultKind::Redirect {
                to: "ftp://127.0.0.1/".to_owned(),
            },
            FetchRule::ForbiddenScheme,
        ),
        (
            FaultKind::Redirect {
                to: "http://[bad".to_owned(),
            },
            FetchRule::BadRedirect,
        ),
        (
            FaultKind::Redirect {
                to: "a.csv".to_owned(),
            },
            FetchRule::TooManyRedirects,
        ),
    ] {
        assert_eq!(remote.rule(fault.clone()).await, rule, "{fault:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let hosts = [format!("127.0.0.1:{closed}")];
    let networks = parse_networks("127.0.0.0/8").unwrap();
    let access = Access::new(&hosts, true, AddressPolicy::with_networks(&networks));
    let refused = remote
        .get(&format!("http://127.0.0.1:{closed}/"), &access, None)
        .await;
    assert_eq!(refused.unwrap_err().rule, FetchRule::Unreachable);
}

#[tokio::test]
async fn a_redirect_within_the_rules_is_followed() {
    let remote = Remote::new().await;
    let to = remote.url("127.0.0.1", "sites/s/list.json");
    remote.set(Some(FaultKind::Redirect { to }));
    let access = remote.access("127.0.0.1", "127.0.0.0/8");
    let url = remote.url("127.0.0.1", "sites/s/files/a.csv");
    let (content, _) = remote.get(&url, &access, None).await.unwrap().unwrap();
    assert!(content.starts_with("{\"files\""), "{content}");
}

/// The name is in the host list, but what it stands for is this machine.
#[tokio::test]
async fn a_name_that_stands_for_a_private_address_is_never_dialled() {
    let remote = Remote::new().await;
    remote.set(None);
    let url = remote.url("localhost", "sites/s/files/a.csv");
    let strict = remote.access("localhost", "");
    let refused = remote.get(&url, &strict, None).await.unwrap_err();
    assert_eq!(refused.rule, FetchRule::ForbiddenAddress, "{refused}");
    assert!(remote.server.asked("s").is_empty());
    let local = remote.access("localhost", "127.0.0.0/8");
    assert!(remote.get(&url, &local, None).await.unwrap().is_some());
    // A connection that one policy has opened serves no other.
    assert_eq!(
        remote.get(&url, &strict, None).await.unwrap_err().rule,
        FetchRule::ForbiddenAddress
    );
}

/// Both have to say so: the source's spec and the deployment.
#[tokio::test]
async fn a_source_on_loopback_is_fetched_where_spec_and_deployment_allow_it() {
    let Some(mut fetching) = Fetching::new().await else {
        return;
    };
    let remote = Remote::new().await;
    let content = csv("2024-01-01", 4);
    let file = SiteFile {
        name: "s-2024-01-01.csv".to_owned(),
        published: "2024-01-01".to_owned(),
        content,
        fault: None,
    };
    remote.server.set(
        "s",
        Site {
            files: vec![file],
            ..Site::default()
        },
    );
    let mut body = specs::source("loopback", &remote.url("127.0.0.1", "sites/s/"), "sales");
    body["environment"] = serde_json::json!({"private_addresses": true, "plain_http": true});
    specs::create(&fetching.database.owner_store(), &body).await;
    fetching.road.client = Arc::new(HttpSources::new());
    let source = super::name("loopback");
    for (networks, state) in [("", "failed"), ("127.0.0.0/8", "completed")] {
        fetching.road.private_networks = parse_networks(networks).unwrap();
        let ports = fetching.road.run_ports();
        millrace_app::sources::begin_run(&ports, &fetching.road.surroundings, &source, "tests", None)
            .await
            .unwrap();
        fetching.road.settle().await;
        let run = fetching
            .store
            .list_runs(&source, None, 1)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(run.state, state, "{run:?}");
    }
    assert_eq!(fetching.files().await.last().unwrap(), "4");
}
