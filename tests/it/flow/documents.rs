//! Documents: made once, whatever fails, repeats or dies; refused for good with a reason; gone and made again.

use millrace_app::documents::{DocumentContent, drive_document, drive_documents, fetch_document};
use millrace_app::figures::read_figures;
use millrace_app::render_document::render_document;
use millrace_core::facts::Mode;
use millrace_core::ids::DocumentId;
use millrace_core::message::Queue;
use millrace_core::name::Name;
use millrace_core::object_key;
use millrace_store::documents::{DocumentQuery, DocumentRecord, DocumentState};
use millrace_tests::{Delivered, Fault, Order, Random, Sent};
use sha2::{Digest as _, Sha256};

use super::{BY_REGION, BY_SHOP, SHOPS, Sales};

const ROWS: &str = "2023-01-08,a,1.5,1,4\n2023-01-08,b,5,1,2\n2023-01-09,a,3,2,4\n2023-01-09,x,4,1,3\n";
const SHOP_ROWS: &str = "shop,region\na,north\nb,south\n";

pub(super) fn names(texts: &[&str]) -> Vec<Name> {
    texts.iter().map(|text| Name::parse(text).unwrap()).collect()
}

pub(super) fn query(dataset: &str, group_by: &[&str]) -> DocumentQuery {
    DocumentQuery {
        dataset: Name::parse(dataset).unwrap(),
        group_by: names(group_by),
        grain: None,
        filters: Vec::new(),
        from: None,
        to: None,
        measures: None,
    }
}

/// Sales with a file and their shops.
pub(super) async fn sales() -> Option<Sales> {
    let sales = Sales::new().await?;
    sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.send(SHOPS, "shops.csv", Mode::New, SHOP_ROWS).await;
    sales.road.settle().await;
    Some(sales)
}

/// The document is ready, its bytes lie under their hash, and nothing is left to do for it.
async fn assert_ready(sales: &Sales, document_id: DocumentId) -> DocumentRecord {
    let record = sales.road.document(document_id).await;
    assert_eq!(
        (record.state, &record.error),
        (DocumentState::Ready, &None),
        "{record:?}"
    );
    let sha256 = record.sha256.clone().unwrap();
    let bytes = sales
        .road
        .documents
        .bytes(&object_key::document(&sha256))
        .unwrap();
    let hash: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!((hash, Some(bytes.len() as u64)), (sha256, record.size_bytes));
    assert!(bytes.starts_with(b"%PDF-"));
    record
}

#[tokio::test]
async fn a_document_is_made_of_its_figures_and_says_from_what() {
    let Some(sales) = sales().await else { return };
    let document_id = sales
        .road
        .order("Share", &query(BY_REGION, &["region"]))
        .await
        .unwrap();
    sales.road.settle().await;
    let record = assert_ready(&sales, document_id).await;
    assert_eq!((record.rows, record.attempts, record.round), (Some(2), 1, 1));
    let sources: Vec<(String, i64, u64)> = record
        .sources
        .unwrap()
        .into_iter()
        .map(|source| {
            (
                format!("{} {}", source.kind, source.name),
                source.version,
                source.files,
            )
        })
        .collect();
    assert_eq!(
        sources,
        [
            (format!("dataset {BY_REGION}"), 1, 1),
            ("dimension shops".to_owned(), 1, 1)
        ]
    );
    let newest = "select date_trunc('milliseconds', max(settled_at)) = (select as_of from operations.document) \
         from ingestion.contribution where target in ('share_by_region', 'shops')";
    assert_eq!(sales.database.value(newest).await.as_deref(), Some("t"));
    // The same data, later: the same bytes, whatever the clock says.
    let again = sales
        .road
        .order("Share", &query(BY_REGION, &["region"]))
        .await
        .unwrap();
    sales.road.settle().await;
    assert_eq!(assert_ready(&sales, again).await.sha256, record.sha256);
    assert_eq!(sales.road.documents.keys().len(), 1);
}

#[tokio::test]
async fn figures_are_exact_and_the_chart_has_its_own() {
    let Some(sales) = sales().await else { return };
    let mut asked = query(BY_REGION, &["region"]);
    asked.measures = Some(names(&["percentage", "sum_sold"]));
    let figures = read_figures(&sales.store, &asked).await.unwrap();
    let text = |value: &str| Some(value.to_owned());
    let rows = [
        [text("north"), text("37.5"), text("3")],
        [text("south"), text("50"), text("1")],
    ];
    assert_eq!(figures.rows, rows);
    let columns: Vec<&str> = figures
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(columns, ["region", "percentage", "sum_sold"]);
    assert_eq!(
        (figures.waiting.cells, figures.waiting.examples),
        (1, vec!["x".to_owned()])
    );
    // By shop and day there are two rows of shop a; its average over both days is neither of theirs.
    let mut asked = query(BY_SHOP, &["shop", "day"]);
    asked.measures = Some(names(&["avg_amount"]));
    let figures = read_figures(&sales.store, &asked).await.unwrap();
    assert_eq!(figures.rows.len(), 4);
    let chart = figures.chart.unwrap();
    assert_eq!(chart.rows[0], (text("a"), text("2.25")));
    assert_eq!(
        (chart.measure.as_str(), chart.rows.len(), chart.has_more),
        ("avg_amount", 3, false)
    );
}

#[tokio::test]
async fn messages_may_come_twice_late_and_in_any_order() {
    let seed = Random::seed(71);
    println!("seed {seed}");
    for round in 0..4 {
        let Some(sales) = sales().await else { return };
        let mut documents = Vec::new();
        for group in ["shop", "day"] {
            documents.push(sales.road.order(group, &query(BY_SHOP, &[group])).await.unwrap());
        }
        let mut order = Order::Random {
            random: Random::new(seed + round),
            twice_permille: 500,
            reminders_permille: 500,
        };
        let drained = sales.road.drain_with_workers(&mut order, 3).await;
        assert_eq!(
            (drained.failed, drained.rejected),
            (0, Vec::new()),
            "round {round}"
        );
        for document_id in documents {
            assert_eq!(assert_ready(&sales, document_id).await.round, 1);
        }
    }
}

/// Orders a document and has it made, with a fault at one call or a death from it on; the calls that took.
async fn walk(sales: &Sales, call: u64, fault: Fault, is_dead: bool) -> u64 {
    let document_id = sales
        .road
        .order("Walk", &query(BY_REGION, &["region"]))
        .await
        .unwrap();
    match is_dead {
        true => sales.road.faults.die_at(call, fault),
        false => sales.road.faults.fail_at(call, fault),
    }
    sales.road.deliver_some(&mut Order::First, 1).await;
    let calls = sales.road.faults.calls();
    sales.road.faults.stop();
    sales.road.drain(&mut Order::First).await;
    let record = assert_ready(sales, document_id).await;
    assert_eq!(record.round, 1, "call {call} {fault:?}");
    assert_eq!(
        sales.road.documents.keys().len(),
        1,
        "the same data, the same bytes"
    );
    calls
}

#[tokio::test]
async fn the_worker_may_fail_or_die_at_every_call() {
    let Some(sales) = sales().await else { return };
    let calls = walk(&sales, u64::MAX, Fault::Before, false).await;
    println!("{calls} calls");
    assert!(calls >= 10, "the reading, the bucket, the completion");
    for call in 0..calls {
        for fault in [Fault::Before, Fault::After] {
            walk(&sales, call, fault, false).await;
            walk(&sales, call, fault, true).await;
        }
    }
}

#[tokio::test]
async fn an_order_that_dies_half_way_is_made_by_its_reminder_or_was_never_made() {
    let Some(sales) = sales().await else { return };
    for call in 0..3 {
        for fault in [Fault::Before, Fault::After] {
            sales.road.faults.die_at(call, fault);
            let ordered = sales.road.order("Order", &query(BY_SHOP, &["shop"])).await;
            sales.road.faults.stop();
            // The message after the commit may be lost: the order stands, and its reminder is on its way.
            assert_eq!(ordered.is_ok(), call == 2, "call {call} {fault:?}");
            let drained = sales.road.drain(&mut Order::First).await;
            assert_eq!(drained.failed, 0);
        }
    }
    let open = sales.store.list_open_documents(0, 99).await.unwrap();
    assert_eq!(open, Vec::new(), "every document that was registered is made");
    let ready = sales
        .store
        .list_documents(Some(DocumentState::Ready), None, 99)
        .await
        .unwrap();
    assert_eq!(ready.len(), 3, "one after a lost answer, two after lost messages");
}

#[tokio::test]
async fn what_can_never_be_made_fails_at_once_with_its_reason() {
    let Some(sales) = sales().await else { return };
    let cells = "insert into stored.cells_1 (cell_key, row_count, k1, k2, m1_count, m1_sum, m1_min, m1_max) \
         select 'many' || i, 1, date '2023-01-01', 'shop ' || i, 1, 1, 1, 1 from generate_series(1, 10001) i";
    sales.database.script(cells).await;
    let mut unfit = query(BY_SHOP, &["shop"]);
    unfit.filters = vec![(Name::parse("day").unwrap(), vec!["never".to_owned()])];
    let cases = [
        (query(BY_SHOP, &["shop"]), "too_many_rows"),
        (query(BY_SHOP, &["region"]), "bad_selection"),
        (query("nothing", &[]), "unknown_dataset"),
        (unfit, "bad_filter_value"),
    ];
    for (asked, code) in cases {
        let document_id = sales.road.order("Refused", &asked).await.unwrap();
        let drained = sales.road.drain(&mut Order::First).await;
        assert_eq!(drained.failed, 0, "{code}");
        let record = sales.road.document(document_id).await;
        assert_eq!(
            (record.state, record.attempts),
            (DocumentState::Failed, 1),
            "{code}"
        );
        assert_eq!(record.error.unwrap().code, code);
        let content = fetch_document(&sales.road.document_ports(), document_id)
            .await
            .unwrap();
        assert!(matches!(content, Some(DocumentContent::Failed(_))));
    }
    assert!(sales.road.documents.keys().is_empty());
}

#[tokio::test]
async fn what_was_tried_often_enough_fails_with_its_reason_and_is_made_again_when_asked() {
    let Some(sales) = sales().await else { return };
    let document_id = sales
        .road
        .order("Away", &query(BY_SHOP, &["shop"]))
        .await
        .unwrap();
    let attempt = async |is_last: bool| {
        sales.road.faults.fail_on(".pdf", Fault::Before, 1);
        let ports = sales.road.render_ports();
        let answer = render_document(&ports, document_id, sales.road.delivery(is_last)).await;
        assert!(
            answer.unwrap_err().is_transient(),
            "the message is not acknowledged"
        );
        sales.road.document(document_id).await
    };
    let record = attempt(false).await;
    assert_eq!((record.state, record.attempts), (DocumentState::Queued, 1));
    assert!(record.error.unwrap().message.contains("tried again"));
    let record = attempt(true).await;
    assert_eq!((record.state, record.attempts), (DocumentState::Failed, 2));
    let error = record.error.unwrap();
    assert_eq!(error.code, "temporarily_unavailable");
    assert!(error.message.contains("after 2 attempts"), "{}", error.message);
    // Its messages are told so; who drives it on has it made.
    let drained = sales.road.drain(&mut Order::First).await;
    assert_eq!(drained.rejected.len(), 2);
    let driven = drive_document(&sales.road.document_ports(), document_id)
        .await
        .unwrap();
    assert_eq!(driven.unwrap().state, DocumentState::Queued);
    sales.road.settle().await;
    assert_eq!(assert_ready(&sales, document_id).await.round, 2);
}

#[tokio::test]
async fn a_document_that_has_gone_is_made_again_once() {
    let Some(sales) = sales().await else { return };
    let document_id = sales
        .road
        .order("Sales / 2023", &query(BY_SHOP, &["shop"]))
        .await
        .unwrap();
    let fetch = async || {
        fetch_document(&sales.road.document_ports(), document_id)
            .await
            .unwrap()
            .unwrap()
    };
    assert!(matches!(fetch().await, DocumentContent::Open(_)));
    sales.road.settle().await;
    let record = assert_ready(&sales, document_id).await;
    let key = object_key::document(record.sha256.as_deref().unwrap());
    assert_eq!(
        fetch().await,
        DocumentContent::At(format!("memory:{key} as Sales - 2023.pdf"))
    );
    let expire = "update operations.document set expires_at = now() - interval '1 second'";
    for (round, is_expired) in [(2, false), (3, true)] {
        match is_expired {
            true => sales.database.script(expire).await,
            false => sales.road.documents.remove(&key),
        }
        for _ in 0..2 {
            assert!(matches!(fetch().await, DocumentContent::Open(_)));
        }
        sales.road.settle().await;
        assert_eq!(assert_ready(&sales, document_id).await.round, round);
        assert!(matches!(fetch().await, DocumentContent::At(_)));
    }
}

#[tokio::test]
async fn documents_whose_messages_were_lost_are_driven_on() {
    let Some(sales) = sales().await else { return };
    let mut documents = Vec::new();
    for group in ["shop", "day"] {
        documents.push(sales.road.order(group, &query(BY_SHOP, &[group])).await.unwrap());
    }
    // One was begun by a worker that died.
    sales
        .store
        .begin_document(documents[0], 120_000, 5)
        .await
        .unwrap();
    sales.road.queues.purge();
    let drive = async || drive_documents(&sales.road.document_ports(), None).await.unwrap();
    assert_eq!(drive().await, (2, None));
    sales.road.settle().await;
    for document_id in documents {
        assert_ready(&sales, document_id).await;
    }
    assert_eq!(drive().await, (0, None));
}

#[tokio::test]
async fn a_message_without_a_document_is_rejected() {
    let Some(sales) = Sales::new().await else { return };
    let unknown = Sent {
        queue: Queue::Pdf,
        body: r#"{"v":1,"kind":"render_document","document_id":"0195833e-7a52-7d04-9f0c-3f6f0c1d2e4b"}"#
            .to_owned(),
        delay_seconds: 0,
    };
    assert!(matches!(
        sales.road.deliver(&unknown).await,
        Delivered::Rejected(_)
    ));
    for body in [
        "{",
        r#"{"v":1,"kind":"render_document","document_id":"x"}"#,
        r#"{"v":2}"#,
    ] {
        let poison = Sent {
            body: body.to_owned(),
            ..unknown.clone()
        };
        assert!(
            matches!(sales.road.deliver(&poison).await, Delivered::Undecodable),
            "{body}"
        );
    }
}
