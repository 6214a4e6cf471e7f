//! Documents whose making never ends well: the time is up, workers are killed, a row is too large. Each fails with its
//! reason, and none stays open for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use millrace_app::Disposition;
use millrace_app::render_document::{MOST_DEATHS, render_document};
use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_store::documents::DocumentState;
use millrace_store::{Rows, Sql, Statement, TransactionId};
use millrace_tests::{Fault, Order, Road};
use tokio::sync::Notify;

use super::documents::{query, sales};
use super::{BY_REGION, BY_SHOP, SHOPS};

/// A database whose pages of figures never come.
struct Hanging {
    inner: Arc<dyn Sql>,
    hangs: AtomicBool,
    asked: Notify,
}

#[async_trait]
impl Sql for Hanging {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        if statement.text.contains("as row_key") && self.hangs.load(Ordering::Relaxed) {
            self.asked.notify_one();
            std::future::pending::<()>().await;
        }
        self.inner.execute(statement).await
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        self.inner.begin().await
    }

    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.commit(transaction).await
    }

    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.rollback(transaction).await
    }
}

#[tokio::test]
async fn a_document_that_takes_too_long_says_so_and_is_tried_again() {
    let Some(mut sales) = sales().await else { return };
    let sql = Arc::new(Hanging {
        inner: sales.database.app(),
        hangs: AtomicBool::new(true),
        asked: Notify::new(),
    });
    sales.road = Road::new(sql.clone());
    let asked = query(BY_SHOP, &["shop"]);
    let document_id = sales.road.order("Slow", &asked).await.unwrap();
    let attempt = async |is_last: bool| {
        let (ports, delivery) = (sales.road.render_ports(), sales.road.delivery(is_last));
        // Of the two minutes ten seconds are kept to say so.
        let time = async {
            sql.asked.notified().await;
            sales.road.surroundings.advance(110_000);
        };
        let (answer, ()) = tokio::join!(render_document(&ports, document_id, delivery), time);
        let failure = answer.unwrap_err();
        assert!(
            failure.is_transient(),
            "{failure}: it comes again, with a back-off"
        );
        let record = sales.road.document(document_id).await;
        let error = record.error.unwrap();
        assert_eq!(error.code, "timed_out");
        (record.state, error.message)
    };
    let (state, message) = attempt(false).await;
    let words = "it was not made in the 119 s that a worker has; it is tried again";
    assert_eq!((state, message.as_str()), (DocumentState::Queued, words));
    let (state, message) = attempt(true).await;
    assert_eq!(state, DocumentState::Failed);
    assert!(message.contains("given up after 2 attempts"), "{message}");
    // Another one, which is quicker at its second attempt.
    let document_id = sales.road.order("Slow once", &asked).await.unwrap();
    let (ports, delivery) = (sales.road.render_ports(), sales.road.delivery(false));
    let time = async {
        sql.asked.notified().await;
        sales.road.surroundings.advance(110_000);
    };
    let (answer, ()) = tokio::join!(render_document(&ports, document_id, delivery), time);
    assert!(answer.is_err());
    sql.hangs.store(false, Ordering::Relaxed);
    sales.road.drain(&mut Order::First).await;
    let record = sales.road.document(document_id).await;
    assert_eq!(
        (record.state, record.attempts, record.error),
        (DocumentState::Ready, 2, None)
    );
}

#[tokio::test]
async fn a_document_that_kills_its_workers_fails_before_its_message_is_given_up() {
    let Some(sales) = sales().await else { return };
    let asked = query(BY_SHOP, &["shop"]);
    // Dead behind the beginning: nothing is heard of the attempt, and its message comes again much later.
    let attempt = async |document_id, is_last| {
        sales.road.faults.die_at(0, Fault::After);
        let (ports, delivery) = (sales.road.render_ports(), sales.road.delivery(is_last));
        let answer = render_document(&ports, document_id, delivery).await;
        sales.road.faults.stop();
        let later = "update operations.document set started_at = started_at - interval '720 seconds'";
        sales.database.script(later).await;
        answer
    };
    let document_id = sales.road.order("Deadly", &asked).await.unwrap();
    for _ in 0..MOST_DEATHS {
        attempt(document_id, false).await.unwrap_err();
        let record = sales.road.document(document_id).await;
        assert_eq!((record.state, record.error), (DocumentState::Running, None));
    }
    let (ports, delivery) = (sales.road.render_ports(), sales.road.delivery(false));
    let answer = render_document(&ports, document_id, delivery).await.unwrap();
    assert!(matches!(answer, Disposition::Reject(_)), "{answer:?}");
    let record = sales.road.document(document_id).await;
    assert_eq!(
        (record.state, record.attempts),
        (DocumentState::Failed, MOST_DEATHS)
    );
    assert_eq!(record.error.unwrap().code, "gave_up");
    // What died once and is delivered for the last time is given up: no other delivery would count that one's death.
    let document_id = sales.road.order("Deadly at the end", &asked).await.unwrap();
    attempt(document_id, false).await.unwrap_err();
    let (ports, delivery) = (sales.road.render_ports(), sales.road.delivery(true));
    render_document(&ports, document_id, delivery).await.unwrap();
    let record = sales.road.document(document_id).await;
    assert_eq!((record.state, record.attempts), (DocumentState::Failed, 1));
}

/// A row holds the text by which it is grouped twice, as its key and as its column.
#[tokio::test]
async fn a_row_beyond_the_databases_limit_is_refused_with_its_reason() {
    let Some(sales) = sales().await else { return };
    let shops = format!("shop,region\na,{}\nb,south\n", "r".repeat(40 * 1024));
    let mode = Mode::Replace;
    assert_eq!(
        sales
            .road
            .load(SHOPS, "shops.csv", mode, &shops)
            .await
            .facts
            .error,
        None
    );
    let asked = query(BY_REGION, &["region"]);
    let document_id = sales.road.order("Long", &asked).await.unwrap();
    sales.road.drain(&mut Order::First).await;
    let record = sales.road.document(document_id).await;
    assert_eq!((record.state, record.attempts), (DocumentState::Failed, 1));
    let error = record.error.unwrap();
    assert_eq!(error.code, "too_much_text");
    assert!(error.message.contains("64 KiB"), "{}", error.message);
    let api = millrace_tests::Served::new(&sales.database);
    for (path, query) in [
        ("/kpis/share_by_region", "group_by=region"),
        ("/datasets/share_by_region/rows", ""),
    ] {
        let (status, problem) = api.get(path, query).await;
        assert_eq!(
            (status, &problem["code"]),
            (422, &"row_too_large".into()),
            "{path}: {problem}"
        );
    }
}
