//! An event whose spec got fields after files had come: their rows are empty there, and count.

use millrace_app::explain::{Asked, explain_lines};
use millrace_app::life::Migration;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_core::name::Name;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::Grouping;
use millrace_tests::{Delivered, specs};
use serde_json::{Value, json};

use super::{SALES, Sales};

const BY_CHANNEL: &str = "sales_by_channel";
const FIELDS: [(&str, &str); 7] = [
    ("channel", "string"),
    ("day", "date!"),
    ("shop", "string"),
    ("returned", "integer"),
    ("amount", "number"),
    ("sold", "integer"),
    ("offered", "integer"),
];

fn by_channel() -> Value {
    let mut body = specs::dataset(&specs::Dataset {
        name: BY_CHANNEL,
        event: "sales",
        group_by: &["channel"],
        functions: &["sum", "count"],
        columns: &["sold", "returned"],
        ..specs::Dataset::default()
    });
    let text = |value: &str| json!({"type": "string", "pattern": value});
    body["input"]["properties"]["dataset"]["properties"]["aggregate"]["properties"]["filters"] = json!([
        {"properties": {"filter_col": text("shop"), "filter_type": text("!="), "filter": text("closed")}}]);
    body
}

impl Sales {
    /// `channel sum_sold count_sold sum_returned count_returned` of each group.
    async fn channels(&self) -> Vec<String> {
        let view = "select concat_ws(' ', coalesce(channel, '-'), sum_sold, count_sold, coalesce(sum_returned::text, '-'), \
             count_returned) from ingestion.sales_by_channel order by channel nulls first";
        self.lines(view).await
    }
}

#[tokio::test]
async fn fields_that_came_later_are_empty_in_earlier_files() {
    let Some(sales) = Sales::new().await else { return };
    let owner = sales.database.owner_store();
    let rows = "2023-01-08,a,1,2,3\n2023-01-08,b,1,5,3\n2023-01-09,closed,1,100,3\n";
    let early = sales.send("early.csv", Mode::New, rows).await;
    sales.road.settle().await;
    // Registered under the first version, its bytes on their way.
    let on_its_way = sales
        .send("on-its-way.csv", Mode::New, "2023-01-08,a,1,7,3\n")
        .await;

    let wider = specs::event("sales", &FIELDS);
    let migrated = specs::migrate(&owner, 1, &wider).await.unwrap();
    assert_eq!(migrated, Migration::Created(2));
    specs::create(&owner, &by_channel()).await;
    let message = format!(r#"{{"v":1,"kind":"drive_dataset","dataset":"{BY_CHANNEL}"}}"#);
    sales.road.queues.push(Queue::Status, message);
    sales.road.settle().await;
    assert_eq!(sales.road.record(on_its_way).await.spec_version, 1);
    assert_eq!(sales.channels().await, ["- 14 3 - 0"]);

    let csv =
        "day,shop,amount,sold,offered,returned,channel\n2023-01-10,a,1,10,3,4,web\n2023-01-10,a,1,1,3,,\n";
    let late = sales.road.load(SALES, "late.csv", Mode::New, csv).await;
    assert_eq!(late.spec_version, 2);
    assert_eq!(sales.channels().await, ["- 15 4 - 0", "web 10 1 4 1"]);

    // The lines of a file without the columns are told too.
    let (cells, _) = sales.store.dataset_table(BY_CHANNEL).await.unwrap().unwrap();
    let grouping = Grouping::columns(&[Name::parse("channel").unwrap()]);
    let query = KpiQuery {
        grouping: grouping.clone(),
        within: Some((grouping, vec![None])),
        ..KpiQuery::default()
    };
    let asked = Asked {
        cells: &cells,
        dimension: None,
        query: &query,
    };
    let lines = explain_lines(
        &sales.store,
        &sales.road.collections,
        asked,
        early.file_id,
        None,
        10,
    )
    .await;
    let lines = lines.unwrap().lines;
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.line, &line.keys[0], &line.measures[..]))
        .collect();
    let of = |sold: &str| vec![Some(sold.to_owned()), None];
    assert_eq!(told, [(2, &None, &of("2")[..]), (3, &None, &of("5")[..])]);

    // Files of either form replace one another exactly, and the older datasets never noticed.
    let wide = "channel,day,shop,returned,amount,sold,offered\nweb,2023-01-08,a,1,1,2,3\n";
    sales.road.load(SALES, "early.csv", Mode::Replace, wide).await;
    assert_eq!(sales.channels().await, ["- 8 2 - 0", "web 12 2 5 2"]);
    sales.road.delete(late.file.file_id).await;
    sales.road.settle().await;
    assert_eq!(sales.channels().await, ["- 7 1 - 0", "web 2 1 1 1"]);
    let by_shop = "select concat_ws(' ', day, shop, sum_amount) from ingestion.sales_by_shop order by 1";
    assert_eq!(sales.lines(by_shop).await, ["2023-01-08 a 2"]);
    sales.assert_clean().await;
}

/// A column that no version of the event has is a defect, not nothing.
#[tokio::test]
async fn a_column_that_no_version_has_is_told_as_a_defect() {
    let Some(sales) = Sales::new().await else { return };
    let owner = sales.database.owner_store();
    sales.send("early.csv", Mode::New, "2023-01-08,a,1,2,3\n").await;
    sales.road.settle().await;
    specs::migrate(&owner, 1, &specs::event("sales", &FIELDS))
        .await
        .unwrap();
    specs::create(&owner, &by_channel()).await;
    let spoilt = "update spec.spec set definition = replace(definition::text, '\"returned\"', '\"lost\"')::jsonb \
         where kind = 'dataset' and name = 'sales_by_channel'";
    sales.database.script(spoilt).await;
    let messages = "select body::text from operations.outbox where queue = 'perf'";
    let message = sales.lines(messages).await.remove(0);
    sales.road.queues.push(Queue::Perf, message);
    let message = sales.road.queues.take(0).unwrap();
    match sales.road.deliver(&message).await {
        Delivered::Failed(failure) => assert!(failure.to_string().contains("parts.open"), "{failure}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(sales.channels().await, Vec::<String>::new());
    let kept = sales
        .store
        .load_spec(SpecKind::Event, "sales")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.version, 2);
}
