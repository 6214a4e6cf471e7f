//! Whether it adds up is found out: nothing where all is well, and each loss and doubling by its name.

use millrace_app::reconcile::{Finding, reconcile};
use millrace_core::facts::Mode;

use super::{SHOPS, Sales};

pub(super) async fn findings(sales: &Sales) -> Vec<Finding> {
    let (mut findings, mut cursor, mut checked) = (Vec::new(), None::<String>, 0);
    loop {
        let page = reconcile(&sales.store, &sales.road.collections, cursor.as_deref())
            .await
            .unwrap();
        checked += page.checked;
        findings.extend(page.findings);
        match page.next {
            None => break,
            next => cursor = next,
        }
    }
    assert!(checked > 5, "{checked}");
    findings
}

async fn sales() -> Option<Sales> {
    let sales = Sales::new().await?;
    sales
        .road
        .load(SHOPS, "shops.csv", Mode::New, "shop,region\na,north\n")
        .await;
    for number in 0..110 {
        let rows = format!("2023-01-08,a,{number},1,1\n2023-01-09,a,{number},,1\n,broken,x,1,1\n");
        sales.send(&format!("{number}.csv"), Mode::New, &rows).await;
    }
    sales.road.settle().await;
    let file = sales.send("0.csv", Mode::Replace, "2023-01-08,b,7,1,1\n").await;
    sales.road.settle().await;
    sales.road.delete(file.file_id).await;
    sales.road.settle().await;
    Some(sales)
}

/// What is found once a statement has spoilt the tables; they are mended by another one.
async fn spoilt(sales: &Sales, spoil: &str, mend: &str) -> Vec<&'static str> {
    sales.database.query(spoil).await;
    let found = findings(sales).await;
    sales.database.query(mend).await;
    assert_eq!(findings(sales).await, []);
    found.into_iter().map(|finding| finding.rule).collect()
}

#[tokio::test]
async fn losses_and_doublings_are_named() {
    let Some(sales) = sales().await else { return };
    assert_eq!(findings(&sales).await, []);
    let cells = |sign: &str| {
        format!(
            "update stored.cells_1 set row_count = row_count {sign} 1 where cell_key like '%2023-01-08%' returning 'x'"
        )
    };
    assert_eq!(spoilt(&sales, &cells("+"), &cells("-")).await, ["cells_differ"]);
    let one =
        "(select max(sequence) from ingestion.file_tracker where ingestion_type = 'event' and kept = 2)";
    let rows = |sign: &str| {
        format!(
            "update ingestion.file_tracker set rows = rows {sign} 1, rejected = rejected {sign} 1 \
            where sequence = {one} returning 'x'"
        )
    };
    assert_eq!(spoilt(&sales, &rows("+"), &rows("-")).await, ["rows_differ"]);
    let chunks = |sign: &str| {
        format!(
            "update ingestion.file_tracker set chunks_expected = chunks_expected {sign} 1 \
            where sequence = {one} returning 'x'"
        )
    };
    assert_eq!(
        spoilt(&sales, &chunks("+"), &chunks("-")).await,
        ["chunks_differ"]
    );
    let current = |value: bool| {
        format!(
            "update ingestion.contribution set is_current = {value} where target = 'sales_by_shop' and \
            (file_id, version) = (select file_id, version from ingestion.file_tracker where sequence = {one}) \
            returning 'x'"
        )
    };
    assert_eq!(
        spoilt(&sales, &current(false), &current(true)).await,
        ["cells_differ", "files_missing"]
    );
    let old = "insert into operations.outbox (file_id, version, queue, body, created_at) \
        select file_id, version, 'status', '{}', now() - interval '1 hour' from ingestion.file_tracker limit 1 returning 'x'";
    let sent = "delete from operations.outbox returning 'x'";
    assert_eq!(spoilt(&sales, old, sent).await, ["messages_wait"]);
    let gone = "delete from stored.dimension_1 where valid_to = 'infinity' returning 'x'";
    let back = "insert into stored.dimension_1 (row_key, file_id, file_version, file_sequence, valid_from, is_visible, c1, c2) \
        select '[\"a\"]', file_id, version, sequence, now(), true, 'a', 'north' from ingestion.file_tracker \
        where ingestion_type = 'dimension' returning 'x'";
    assert_eq!(spoilt(&sales, gone, back).await, ["dimension_differs"]);
    let visible = |value: bool| {
        format!(
            "update stored.dimension_1 set is_visible = {value} where valid_to = 'infinity' returning 'x'"
        )
    };
    assert_eq!(
        spoilt(&sales, &visible(false), &visible(true)).await,
        ["visible_rows_differ"]
    );
}

/// A version whose message was lost, at each place of its way, is named once nothing was heard of it for long.
#[tokio::test]
async fn a_file_that_nobody_is_at_work_on_is_named() {
    let Some(sales) = sales().await else { return };
    let one = "(select file_id from ingestion.file where file_name = '9.csv')";
    let hours = "now() - interval '4 hours'";
    let lost = |table: &str, sets: &str| {
        format!("update ingestion.{table} set {sets} where file_id = {one} returning 'x'")
    };
    let before = lost(
        "file_tracker",
        &format!("received_at = {hours}, validated_at = {hours}"),
    ) + ";"
        + &lost("chunk", &format!("finished_at = {hours}"))
        + ";"
        + &lost(
            "contribution",
            &format!("created_at = {hours}, settled_at = {hours}"),
        );
    sales.database.query(&before).await;
    assert_eq!(findings(&sales).await, [], "it is done, however long ago");
    let pending = lost("contribution", "state = 'pending'");
    let applied = lost("contribution", "state = 'applied'");
    sales.database.query(&pending).await;
    let found = findings(&sales).await;
    let file_id: String = sales
        .database
        .value(&format!("select {one}::text"))
        .await
        .unwrap();
    let named: Vec<_> = found
        .iter()
        .map(|finding| (finding.rule, finding.file.map(|file| file.file_id.to_string())))
        .collect();
    assert_eq!(named, [("file_waits", Some(file_id))]);
    let told = |at: &str| lost("contribution", &format!("told_at = {at}"));
    assert_eq!(spoilt(&sales, &applied, &applied).await, [] as [&str; 0]);
    sales
        .database
        .query(&format!("{pending}; {}", told("now()")))
        .await;
    assert_eq!(findings(&sales).await, [], "somebody was told of it just now");
    let held = lost("contribution", "is_held = true");
    sales.database.query(&format!("{held}; {}", told(hours))).await;
    assert_eq!(findings(&sales).await, [], "it waits for a run");
}

/// Two versions of a file that both count: the index that forbids it is taken away first.
#[tokio::test]
async fn a_file_that_counts_twice_is_named() {
    let Some(sales) = sales().await else { return };
    sales.send("1.csv", Mode::Replace, "2023-01-08,b,7,1,1\n").await;
    sales.road.settle().await;
    assert_eq!(findings(&sales).await, []);
    let older = "update ingestion.contribution set is_current = {} where target = 'sales_by_shop' and version = 1 \
         and file_id = (select file_id from ingestion.file where file_name = '1.csv') returning 'x'";
    let index: String = sales
        .database
        .value("select indexdef from pg_indexes where indexname = 'contribution_current'")
        .await
        .unwrap();
    let spoil = format!(
        "drop index ingestion.contribution_current; {}",
        older.replace("{}", "true")
    );
    let mend = format!("{}; {index}", older.replace("{}", "false"));
    let found = spoilt(&sales, &spoil, &mend).await;
    assert_eq!(found, ["cells_differ", "files_doubled"]);
}

/// A row that was kept, by the counts of the file and of its chunk, and is in no partial.
#[tokio::test]
async fn a_kept_row_that_no_partial_has_is_named_for_each_dataset() {
    let Some(sales) = sales().await else { return };
    let one = "(select file_id from ingestion.file where file_name = '7.csv')";
    let change = |sign: &str| {
        let sets = format!("set rows = rows {sign} 1, kept = kept {sign} 1 where file_id = {one}");
        format!("update ingestion.file_tracker {sets}; update ingestion.chunk {sets}")
    };
    let found = spoilt(&sales, &change("+"), &change("-")).await;
    assert_eq!(found, ["rows_lost", "rows_lost", "part_differs"]);
}

#[tokio::test]
async fn objects_that_are_gone_or_others_are_named_with_their_file() {
    let Some(sales) = sales().await else { return };
    let value = async |text: &str| sales.database.value(text).await.unwrap();
    let partials = "select partial_key from ingestion.contribution where is_current and target = 'sales_by_shop' \
        and partial_key is not null order by file_id limit 1 offset ";
    let (first, second) = (
        value(&format!("{partials}0")).await,
        value(&format!("{partials}1")).await,
    );
    let part = value(
        "select part_key from ingestion.chunk k join ingestion.contribution c using (file_id, version) \
        where c.is_current and part_key is not null order by k.file_id desc limit 1",
    )
    .await;
    let objects = &sales.road.collections;
    let bytes = |key: &str| objects.bytes(key).unwrap();
    let (kept, other, of_part) = (bytes(&first), bytes(&second), bytes(&part));
    objects.remove(&first);
    objects.put(&second, b"no partial".to_vec());
    objects.remove(&part);
    let found = findings(&sales).await;
    let rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["partial_missing", "partial_damaged", "part_missing"]);
    assert!(found.iter().all(|finding| finding.file.is_some()));
    let cut = of_part[..of_part.len() - 1].to_vec();
    let mut longer = of_part.clone();
    let rows = longer.len() - 16;
    longer[rows] += 1;
    for (bytes, rules) in [
        (Vec::new(), &["part_damaged"][..]),
        (b"no part".to_vec(), &["part_damaged"]),
        // What comes to stand where the end begins may look like one.
        (cut, &["part_damaged", "part_differs"]),
        (longer, &["part_differs"]),
    ] {
        objects.put(&part, bytes);
        let found = findings(&sales).await;
        assert!(
            found.last().is_some_and(|finding| rules.contains(&finding.rule)),
            "{found:?}"
        );
    }
    objects.put(&first, other.clone());
    objects.put(&second, other);
    objects.put(&part, of_part);
    let alike = findings(&sales).await;
    assert!(alike.is_empty(), "files of the same shape: {alike:?}");
    let shops = value(
        "select partial_key from ingestion.contribution where is_current and target = 'share_by_region' \
        and partial_key is not null order by file_id limit 1",
    )
    .await;
    let region = bytes(&shops);
    objects.put(&first, region);
    let rules: Vec<&str> = findings(&sales)
        .await
        .iter()
        .map(|finding| finding.rule)
        .collect();
    assert_eq!(rules, ["partial_differs"]);
    objects.put(&first, kept);
    assert_eq!(findings(&sales).await, []);
}
