//! Dimensions: staged, published at once, the latest arrival of a key visible.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::row_error::Rule;
use millrace_store::contributions::ContributionState;
use millrace_store::dimensions::PublishOutcome;
use millrace_store::files::{BeginVersion, NewVersion};
use millrace_tests::specs;
use serde_json::json;

use super::{Bench, stage_id, version, whole};

const SCHOOLS: (SpecKind, &str) = (SpecKind::Dimension, "schools");

async fn bench() -> Option<Bench> {
    let bench = Bench::bare()?;
    let body = specs::dimension(
        "schools",
        &["school"],
        &[
            ("school", "string!"),
            ("district", "string"),
            ("pupils", "integer"),
            ("since", "date"),
        ],
    );
    specs::create(&bench.owner, &body).await;
    Some(bench)
}

async fn registered(bench: &Bench, file_name: &str, mode: Mode) -> FileVersion {
    let request = NewVersion {
        spec: SCHOOLS,
        ..version(file_name, mode)
    };
    match bench.store.begin_version(&request).await.unwrap() {
        BeginVersion::Created(version) => version.file,
        other => panic!("{other:?}"),
    }
}

async fn validated(bench: &Bench, file_name: &str, mode: Mode) -> FileVersion {
    let file = registered(bench, file_name, mode).await;
    if mode != Mode::Delete {
        let sha256 = format!("{file}");
        bench.store.finish_chunk(&whole(file, &sha256)).await.unwrap();
    }
    file
}

/// Stages rows `(school, district)` and publishes them.
async fn publish(bench: &Bench, file: FileVersion, rows: &[(&str, &str)]) -> PublishOutcome {
    let load = bench.store.load_pending_load(file).await.unwrap().unwrap();
    let stage = stage_id(file);
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .enumerate()
        .map(|(at, (school, district))| json!([at + 1, [school, district, null, "2020-02-29"]]))
        .collect();
    for _ in 0..2 {
        let text = serde_json::to_string(&rows).unwrap();
        bench
            .store
            .stage_dimension_rows(load.contribution_id, &stage, text)
            .await
            .unwrap();
    }
    bench
        .store
        .publish_dimension(load.contribution_id, &stage, rows.len() as u64)
        .await
        .unwrap()
}

async fn visible(bench: &Bench) -> Vec<String> {
    let rows = bench
        .database
        .query(
            "select concat_ws(' ', school, district, pupils, since) from ingestion.schools order by school",
        )
        .await;
    rows.into_iter().flatten().flatten().collect()
}

#[tokio::test]
async fn rows_are_published_once() {
    let Some(bench) = bench().await else { return };
    let file = validated(&bench, "a.csv", Mode::New).await;
    let rows = [("1", "north"), ("2", "south")];
    assert_eq!(publish(&bench, file, &rows).await, PublishOutcome::Applied);
    for _ in 0..2 {
        assert_eq!(publish(&bench, file, &rows).await, PublishOutcome::AlreadySettled);
    }
    assert_eq!(
        visible(&bench).await,
        ["1 north 2020-02-29", "2 south 2020-02-29"]
    );
    assert_eq!(bench.count("stored.dimension_1").await, "2");
    let load = bench.store.load_pending_load(file).await.unwrap().unwrap();
    assert_eq!(
        (load.state, load.target.as_str()),
        (ContributionState::Applied, "schools")
    );
}

#[tokio::test]
async fn repeated_keys_are_refused_with_the_count() {
    let Some(bench) = bench().await else { return };
    let good = validated(&bench, "a.csv", Mode::New).await;
    publish(&bench, good, &[("1", "north")]).await;
    let bad = validated(&bench, "a.csv", Mode::Replace).await;
    let rows = [
        ("1", "a"),
        ("2", "b"),
        ("1", "c"),
        ("3", "d"),
        ("2", "e"),
        ("2", "f"),
    ];
    assert_eq!(publish(&bench, bad, &rows).await, PublishOutcome::Refused);
    assert_eq!(publish(&bench, bad, &rows).await, PublishOutcome::AlreadySettled);
    let error = bench
        .store
        .load_file(bad)
        .await
        .unwrap()
        .unwrap()
        .facts
        .error
        .unwrap();
    assert_eq!((error.rule, error.rows), (Rule::RepeatedKey, Some(5)));
    assert!(error.message.contains("5 rows share 2 keys"), "{}", error.message);
    assert!(
        error.message.contains(r#"["1"], on record 1"#),
        "{}",
        error.message
    );
    assert_eq!(visible(&bench).await, ["1 north 2020-02-29"]);
    // The good version still counts, and another can follow.
    let next = validated(&bench, "a.csv", Mode::Replace).await;
    assert_eq!(
        publish(&bench, next, &[("1", "west")]).await,
        PublishOutcome::Applied
    );
    assert_eq!(visible(&bench).await, ["1 west 2020-02-29"]);
}

#[tokio::test]
async fn a_replacement_takes_the_place_of_all_rows() {
    let Some(bench) = bench().await else { return };
    let first = validated(&bench, "a.csv", Mode::New).await;
    publish(&bench, first, &[("1", "north"), ("2", "south")]).await;
    let second = validated(&bench, "a.csv", Mode::Replace).await;
    publish(&bench, second, &[("2", "west"), ("3", "east")]).await;
    assert_eq!(visible(&bench).await, ["2 west 2020-02-29", "3 east 2020-02-29"]);
    let open = bench
        .count("stored.dimension_1 where valid_to = 'infinity'")
        .await;
    assert_eq!(
        (open.as_str(), bench.count("stored.dimension_1").await.as_str()),
        ("2", "4")
    );
    let deletion = validated(&bench, "a.csv", Mode::Delete).await;
    assert_eq!(publish(&bench, deletion, &[]).await, PublishOutcome::Applied);
    assert_eq!(visible(&bench).await, Vec::<String>::new());
}

/// Rows as `school district version since-when until-when`, the times by their order.
async fn history(bench: &Bench) -> Vec<String> {
    let rows = bench
        .database
        .query(
            "with times as (select t, row_number() over (order by t) as number from ( \
                select valid_from as t from stored.dimension_1 union select valid_to from stored.dimension_1) x) \
             select concat_ws(' ', c1, c2, file_version, f.number, case when valid_to < 'infinity' then u.number end) \
             from stored.dimension_1 join times f on f.t = valid_from join times u on u.t = valid_to \
             order by c1, valid_from",
        )
        .await;
    rows.into_iter().flatten().flatten().collect()
}

#[tokio::test]
async fn rows_that_did_not_change_keep_the_time_from_which_they_hold() {
    let Some(bench) = bench().await else { return };
    let first = validated(&bench, "a.csv", Mode::New).await;
    publish(&bench, first, &[("1", "north"), ("2", "south"), ("3", "east")]).await;
    let second = validated(&bench, "a.csv", Mode::Replace).await;
    publish(&bench, second, &[("4", "new"), ("2", "west"), ("1", "north")]).await;
    // The first time is that of version 1, the second that of version 2.
    let expected = [
        "1 north 1 1",
        "2 south 1 1 2",
        "2 west 2 2",
        "3 east 1 1 2",
        "4 new 2 2",
    ];
    assert_eq!(history(&bench).await, expected);
    // Nothing but the order of the rows: nothing is written.
    let before = row_versions(&bench).await;
    let third = validated(&bench, "a.csv", Mode::Replace).await;
    publish(&bench, third, &[("1", "north"), ("2", "west"), ("4", "new")]).await;
    assert_eq!(
        (history(&bench).await, row_versions(&bench).await),
        (expected.map(str::to_owned).to_vec(), before)
    );
    // A deletion closes what is left, and only that; the same rows once more hold from then on.
    let deletion = validated(&bench, "a.csv", Mode::Delete).await;
    publish(&bench, deletion, &[]).await;
    let again = validated(&bench, "a.csv", Mode::New).await;
    publish(&bench, again, &[("1", "north")]).await;
    assert_eq!(
        history(&bench).await,
        [
            "1 north 1 1 3",
            "1 north 5 4",
            "2 south 1 1 2",
            "2 west 2 2 3",
            "3 east 1 1 2",
            "4 new 2 2 3"
        ]
    );
    assert_eq!(visible(&bench).await, ["1 north 2020-02-29"]);
}

/// Which writes the rows as they are came from.
async fn row_versions(bench: &Bench) -> Vec<Option<String>> {
    let rows = bench
        .database
        .query("select xmin::text || ' ' || ctid::text from stored.dimension_1 order by ctid")
        .await;
    rows.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_row_that_did_not_change_arrives_with_its_file_all_the_same() {
    let Some(bench) = bench().await else { return };
    let one = validated(&bench, "one.csv", Mode::New).await;
    publish(&bench, one, &[("1", "from one"), ("2", "from one")]).await;
    let two = validated(&bench, "two.csv", Mode::New).await;
    publish(&bench, two, &[("1", "from two")]).await;
    assert_eq!(
        visible(&bench).await,
        ["1 from two 2020-02-29", "2 from one 2020-02-29"]
    );
    // Sent again with another row changed, the first file is the one that arrived last, for every key it has.
    let one = validated(&bench, "one.csv", Mode::Replace).await;
    publish(&bench, one, &[("1", "from one"), ("2", "changed")]).await;
    assert_eq!(
        visible(&bench).await,
        ["1 from one 2020-02-29", "2 changed 2020-02-29"]
    );
    // Without the key, the other file's row is seen again.
    let one = validated(&bench, "one.csv", Mode::Replace).await;
    publish(&bench, one, &[("2", "changed")]).await;
    assert_eq!(
        visible(&bench).await,
        ["1 from two 2020-02-29", "2 changed 2020-02-29"]
    );
    let deletion = validated(&bench, "two.csv", Mode::Delete).await;
    publish(&bench, deletion, &[]).await;
    assert_eq!(visible(&bench).await, ["2 changed 2020-02-29"]);
}

#[tokio::test]
async fn of_two_files_with_a_key_the_latest_arrival_is_visible() {
    let Some(bench) = bench().await else { return };
    let one = validated(&bench, "one.csv", Mode::New).await;
    let two = validated(&bench, "two.csv", Mode::New).await;
    // Published the other way round: arrival counts.
    publish(&bench, two, &[("1", "from two")]).await;
    publish(&bench, one, &[("1", "from one"), ("2", "from one")]).await;
    assert_eq!(
        visible(&bench).await,
        ["1 from two 2020-02-29", "2 from one 2020-02-29"]
    );
    let deletion = validated(&bench, "two.csv", Mode::Delete).await;
    publish(&bench, deletion, &[]).await;
    assert_eq!(
        visible(&bench).await,
        ["1 from one 2020-02-29", "2 from one 2020-02-29"]
    );
    let back = validated(&bench, "two.csv", Mode::New).await;
    publish(&bench, back, &[("2", "from two again")]).await;
    assert_eq!(
        visible(&bench).await,
        ["1 from one 2020-02-29", "2 from two again 2020-02-29"]
    );
}

#[tokio::test]
async fn an_older_version_never_wins() {
    let Some(bench) = bench().await else { return };
    let first = validated(&bench, "a.csv", Mode::New).await;
    let second = validated(&bench, "a.csv", Mode::Replace).await;
    assert_eq!(
        publish(&bench, second, &[("1", "new")]).await,
        PublishOutcome::Applied
    );
    assert_eq!(
        publish(&bench, first, &[("1", "old")]).await,
        PublishOutcome::Superseded
    );
    assert_eq!(visible(&bench).await, ["1 new 2020-02-29"]);
    assert_eq!(
        bench.count("ingestion.dimension_stage").await,
        "0",
        "no stage is left"
    );
}

#[tokio::test]
async fn publishers_at_once_leave_one_visible_row_a_key() {
    let Some(bench) = bench().await else { return };
    let mut files = Vec::new();
    for number in 0..6 {
        files.push(validated(&bench, &format!("{number}.csv"), Mode::New).await);
    }
    let publications = files
        .iter()
        .map(|file| publish(&bench, *file, &[("1", "x"), ("2", "y")]));
    for outcome in futures_util::future::join_all(publications).await {
        assert_eq!(outcome, PublishOutcome::Applied);
    }
    assert_eq!(visible(&bench).await.len(), 2);
    let last = files.last().unwrap();
    let shown = bench
        .count(&format!(
            "stored.dimension_1 where is_visible and file_id = '{}'",
            last.file_id
        ))
        .await;
    assert_eq!(shown, "2");
}

#[tokio::test]
async fn part_of_a_stage_is_not_published() {
    let Some(bench) = bench().await else { return };
    let file = validated(&bench, "a.csv", Mode::New).await;
    let load = bench.store.load_pending_load(file).await.unwrap().unwrap();
    let stage = stage_id(file);
    let row = json!([[1, ["1", "north", null, null]]]).to_string();
    bench
        .store
        .stage_dimension_rows(load.contribution_id, &stage, row)
        .await
        .unwrap();
    let outcome = bench
        .store
        .publish_dimension(load.contribution_id, &stage, 2)
        .await
        .unwrap();
    assert_eq!(outcome, PublishOutcome::IncompleteStage);
    assert!(visible(&bench).await.is_empty());
}

#[tokio::test]
async fn a_page_of_rows_follows_the_keys() {
    let Some(bench) = bench().await else { return };
    let file = validated(&bench, "a.csv", Mode::New).await;
    publish(&bench, file, &[("b", "x"), ("a", "y"), ("c", "z")]).await;
    let table = bench.store.dimension_table("schools").await.unwrap().unwrap();
    let page = bench.store.list_dimension_rows(&table, None, 2).await.unwrap();
    let names: Vec<&str> = page.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["school", "district", "pupils", "since"]);
    let (key, row) = &page.rows[1];
    assert_eq!(key, r#"["b"]"#);
    assert_eq!(
        row[..],
        [
            Some("b".to_owned()),
            Some("x".to_owned()),
            None,
            Some("2020-02-29".to_owned())
        ]
    );
    let rest = bench
        .store
        .list_dimension_rows(&table, Some(key), 2)
        .await
        .unwrap();
    assert_eq!(rest.rows.len(), 1);
    assert_eq!(rest.rows[0].0, r#"["c"]"#);
}
