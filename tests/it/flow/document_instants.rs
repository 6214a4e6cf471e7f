//! A document's figures, versions and as-of are of one instant, whatever moves meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use millrace_app::figures::read_figures;
use millrace_core::failure::Failure;
use millrace_store::{Rows, Sql, Statement, Store, TransactionId};
use millrace_tests::{Database, RewrittenSql};

use super::BY_SHOP;
use super::documents::{names, query, sales};

/// A database in which, right before the first page is read, another file is applied.
struct Interrupted {
    inner: Arc<dyn Sql>,
    database: Database,
    is_over: AtomicBool,
}

#[async_trait]
impl Sql for Interrupted {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        let is_page = statement.text.contains("as row_key");
        if is_page && !self.is_over.swap(true, Ordering::Relaxed) {
            let change = "update stored.cells_1 set m1_sum = m1_sum + 1000, m1_max = 2000; \
                 update ingestion.dataset set version = version + 1 where name = 'sales_by_shop'";
            self.database.script(change).await;
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

/// The version that figures name, and the least sum among them, read while the dataset moves.
async fn read_while_it_moves(isolation: &str) -> Option<(i64, String)> {
    let sales = sales().await?;
    let weak = RewrittenSql::new(sales.database.app(), "repeatable read", isolation);
    let store = Store::new(Arc::new(Interrupted {
        inner: Arc::new(weak),
        database: sales.database,
        is_over: AtomicBool::new(false),
    }));
    let mut asked = query(BY_SHOP, &["shop"]);
    asked.measures = Some(names(&["sum_amount"]));
    let figures = read_figures(&store, &asked).await.unwrap();
    Some((
        figures.sources.versions[0].version,
        figures.rows[0][1].clone().unwrap(),
    ))
}

#[tokio::test]
async fn figures_and_their_version_are_of_one_instant() {
    let Some(read) = read_while_it_moves("repeatable read").await else {
        return;
    };
    assert_eq!(read, (1, "4.5".to_owned()));
    // The mutant: without a snapshot the document would call figures of version 2 version 1.
    let mutant = read_while_it_moves("read committed").await.unwrap();
    assert_eq!(mutant, (1, "2004.5".to_owned()));
}
