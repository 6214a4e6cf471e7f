//! `begin_version`: which version a file gets next, or why none.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::message::Queue;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::{BeginVersion, FileFilter, NewVersion};

use super::{Bench, EVENT, new_id, version};

fn keyed<'a>(file_name: &'a str, mode: Mode, key: &'a str, hash: &'a str) -> NewVersion<'a> {
    NewVersion {
        idempotency: Some((key, hash)),
        ..version(file_name, mode)
    }
}

#[tokio::test]
async fn versions_are_numbered_by_the_tracker() {
    let Some(bench) = Bench::new().await else { return };
    let BeginVersion::Created(first) = bench.begin("a.csv", Mode::New).await else {
        panic!("not created")
    };
    assert_eq!(first.file.version, 1);
    assert_eq!((first.ingestion_type, first.ingestion_name.as_str()), EVENT);
    assert_eq!((first.file_name.as_str(), first.mode), ("a.csv", Mode::New));
    bench.finish(first.file, "1").await;
    assert_eq!(
        bench.begin("a.csv", Mode::New).await,
        BeginVersion::Exists(first.file)
    );
    let second = bench.created("a.csv", Mode::Replace).await;
    assert_eq!((second.file_id, second.version), (first.file.file_id, 2));
    let other = bench.created("b.csv", Mode::New).await;
    assert_ne!(other.file_id, first.file.file_id);
    assert_eq!(
        bench.store.latest_version(first.file.file_id).await.unwrap(),
        Some(2)
    );
    assert_eq!(bench.store.latest_version(new_id(99)).await.unwrap(), None);
    let latest = bench
        .store
        .load_latest_file(first.file.file_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(latest.file, second);
    assert!(latest.sequence < bench.store.load_file(other).await.unwrap().unwrap().sequence);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let Some(bench) = Bench::new().await else { return };
    assert_eq!(bench.begin("a.csv", Mode::Replace).await, BeginVersion::NoFile);
    assert_eq!(bench.begin("a.csv", Mode::Delete).await, BeginVersion::NoFile);
    for (kind, name) in [
        (SpecKind::Event, "nothing"),
        (SpecKind::Dimension, "visits"),
        (SpecKind::Event, "Visits"),
        (SpecKind::Event, "visits'; drop table spec.spec; --"),
    ] {
        for mode in [Mode::New, Mode::Replace] {
            let request = NewVersion {
                spec: (kind, name),
                ..version("a.csv", mode)
            };
            let begun = bench.store.begin_version(&request).await.unwrap();
            assert_eq!(begun, BeginVersion::NoSpec, "{name}");
        }
    }
    let by_id = NewVersion {
        file_id: Some(new_id(99)),
        ..version("", Mode::Delete)
    };
    assert_eq!(
        bench.store.begin_version(&by_id).await.unwrap(),
        BeginVersion::NoFile
    );
    assert_eq!(bench.count("ingestion.file").await, "0");
}

#[tokio::test]
async fn a_file_is_not_replaced_by_one_of_another_spec() {
    let Some(bench) = Bench::new().await else { return };
    let file_id = Some(bench.validated("a.csv", Mode::New, "1").await.file_id);
    let (ingestion_type, name) = EVENT;
    for spec in [
        (SpecKind::Dimension, name),
        (SpecKind::Event, "nothing"),
        (SpecKind::Event, ""),
    ] {
        let request = NewVersion {
            spec,
            file_id,
            ..version("a.csv", Mode::Replace)
        };
        let other = BeginVersion::OtherSpec {
            ingestion_type,
            ingestion_name: millrace_core::Name::parse(name).unwrap(),
        };
        assert_eq!(
            bench.store.begin_version(&request).await.unwrap(),
            other,
            "{spec:?}"
        );
    }
    let request = NewVersion {
        file_id,
        ..version("another name.csv", Mode::Replace)
    };
    let BeginVersion::Created(second) = bench.store.begin_version(&request).await.unwrap() else {
        panic!("not created")
    };
    assert_eq!((second.file.version, second.file_name.as_str()), (2, "a.csv"));
}

#[tokio::test]
async fn a_deleted_file_may_be_new_again_and_is_not_deleted_twice() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.validated("a.csv", Mode::New, "1").await;
    let by_id = NewVersion {
        file_id: Some(first.file_id),
        spec: (SpecKind::Event, ""),
        ..version("", Mode::Delete)
    };
    let BeginVersion::Created(deletion) = bench.store.begin_version(&by_id).await.unwrap() else {
        panic!("not created")
    };
    assert_eq!((deletion.file.version, deletion.mode), (2, Mode::Delete));
    assert_eq!(deletion.file_name, "a.csv");
    let record = bench.store.load_file(deletion.file).await.unwrap().unwrap();
    assert!(record.facts.received && record.facts.validated);
    assert_eq!(record.facts.datasets.len(), 1);
    assert_eq!(
        bench.store.begin_version(&by_id).await.unwrap(),
        BeginVersion::NoFile
    );
    assert_eq!(bench.created("a.csv", Mode::New).await.version, 3);
}

#[tokio::test]
async fn a_refused_version_does_not_make_a_file() {
    let Some(bench) = Bench::new().await else { return };
    let refused = bench.created("a.csv", Mode::New).await;
    let error = FileError::of_file(Rule::NotCsv, "no");
    assert!(bench.store.fail_file(refused, &error).await.unwrap());
    assert_eq!(bench.begin("a.csv", Mode::Delete).await, BeginVersion::NoFile);
    assert_eq!(bench.created("a.csv", Mode::New).await.version, 2);
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request_of_one_caller() {
    let Some(bench) = Bench::new().await else { return };
    let request = keyed("a.csv", Mode::New, "key", "hash");
    let BeginVersion::Created(created) = bench.store.begin_version(&request).await.unwrap() else {
        panic!("not created")
    };
    // The id of a second attempt is another one, and stays unused.
    let again = NewVersion {
        new_file_id: new_id(1),
        ..request.clone()
    };
    for _ in 0..2 {
        let replayed = bench.store.begin_version(&again).await.unwrap();
        assert_eq!(replayed, BeginVersion::Replayed(created.clone()));
    }
    let other_request = keyed("b.csv", Mode::New, "key", "other");
    let reused = bench.store.begin_version(&other_request).await.unwrap();
    assert_eq!(reused, BeginVersion::KeyReused);
    let other_caller = NewVersion {
        client_id: "somebody else",
        ..other_request
    };
    let begun = bench.store.begin_version(&other_caller).await.unwrap();
    assert!(matches!(begun, BeginVersion::Created(_)), "{begun:?}");
    assert_eq!(bench.count("ingestion.file_tracker").await, "2");
}

#[tokio::test]
async fn only_what_was_done_is_remembered_under_a_key() {
    let Some(bench) = Bench::new().await else { return };
    let request = keyed("a.csv", Mode::Replace, "key", "hash");
    assert_eq!(
        bench.store.begin_version(&request).await.unwrap(),
        BeginVersion::NoFile
    );
    bench.created("a.csv", Mode::New).await;
    let begun = bench.store.begin_version(&request).await.unwrap();
    assert!(matches!(begun, BeginVersion::Created(_)), "{begun:?}");
}

#[tokio::test]
async fn twenty_at_once_under_one_key_make_one_version() {
    let Some(bench) = Bench::new().await else { return };
    let request = keyed("a.csv", Mode::New, "key", "hash");
    let begun = futures_util::future::join_all((0..20).map(|_| bench.store.begin_version(&request))).await;
    let mut files: Vec<FileVersion> = Vec::new();
    let mut created = 0;
    for outcome in begun {
        match outcome.unwrap() {
            BeginVersion::Created(version) => {
                created += 1;
                files.push(version.file);
            }
            BeginVersion::Replayed(version) => files.push(version.file),
            other => panic!("{other:?}"),
        }
    }
    files.dedup();
    assert_eq!((created, files.len()), (1, 1));
    assert_eq!(bench.count("ingestion.file_tracker").await, "1");
}

#[tokio::test]
async fn twenty_at_once_of_one_name_make_versions_of_one_file() {
    let Some(bench) = Bench::new().await else { return };
    let requests: Vec<NewVersion<'_>> = (0..20)
        .map(|number| NewVersion {
            new_file_id: new_id(number),
            ..version("a.csv", Mode::New)
        })
        .collect();
    let begun =
        futures_util::future::join_all(requests.iter().map(|one| bench.store.begin_version(one))).await;
    let mut versions: Vec<u32> = begun
        .into_iter()
        .map(|outcome| match outcome.unwrap() {
            BeginVersion::Created(version) => version.file.version,
            other => panic!("{other:?}"),
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=20).collect::<Vec<u32>>());
    assert_eq!(bench.count("ingestion.file").await, "1");
}

#[tokio::test]
async fn files_are_listed_newest_first_by_filter_and_page() {
    let Some(bench) = Bench::new().await else { return };
    let one = bench.validated("a.csv", Mode::New, "1").await;
    bench.apply(one, r#"["s"]"#, 5).await;
    let two = bench.created("b.csv", Mode::New).await;
    let three = bench.validated("a.csv", Mode::Replace, "2").await;
    let list = async |filter: FileFilter| {
        let records = bench.store.list_files(&filter).await.unwrap();
        records.into_iter().map(|record| record.file).collect::<Vec<_>>()
    };
    let all = FileFilter {
        limit: 10,
        ..FileFilter::default()
    };
    assert_eq!(list(all.clone()).await, [three, two, one]);
    let page = FileFilter {
        limit: 2,
        ..all.clone()
    };
    assert_eq!(list(page.clone()).await, [three, two]);
    let sequence = bench.store.load_file(two).await.unwrap().unwrap().sequence;
    let before = Some(sequence);
    assert_eq!(list(FileFilter { before, ..page }).await, [one]);
    let open_only = true;
    assert_eq!(
        list(FileFilter {
            open_only,
            ..all.clone()
        })
        .await,
        [three, two]
    );
    let file_name = Some("a.csv".to_owned());
    assert_eq!(
        list(FileFilter {
            file_name,
            ..all.clone()
        })
        .await,
        [three, one]
    );
    let ingestion_type = Some(SpecKind::Dimension);
    assert_eq!(
        list(FileFilter {
            ingestion_type,
            ..all.clone()
        })
        .await,
        []
    );
    let ingestion_name = Some("visits".to_owned());
    assert_eq!(
        list(FileFilter {
            ingestion_name,
            ..all
        })
        .await,
        [three, two, one]
    );
}

#[tokio::test]
async fn versions_that_wait_for_their_bytes_are_looked_for_a_few_at_a_time() {
    let Some(bench) = Bench::new().await else { return };
    for number in 0..13 {
        let BeginVersion::Created(version) = bench.begin("a.csv", Mode::New).await else {
            panic!("not created")
        };
        assert_eq!(version.has_open_predecessors, number > 0);
        let messages = bench.store.list_outbox(version.file).await.unwrap();
        assert_eq!(messages.len(), number.min(10));
        assert!(messages.iter().all(|message| message.queue == Queue::Ingest));
    }
    // Only those that wait.
    let last = bench.created("b.csv", Mode::New).await;
    bench.finish(last, "1").await;
    let BeginVersion::Created(version) = bench.begin("b.csv", Mode::Replace).await else {
        panic!("not created")
    };
    assert!(!version.has_open_predecessors);
}

#[tokio::test]
async fn a_version_ends_when_its_bytes_have_not_come_in_time_and_not_before() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    let error = FileError::of_file(Rule::NeverReceived, "nothing came");
    assert!(!bench.store.end_upload(file, 60, &error).await.unwrap());
    bench
        .database
        .script("update ingestion.file_tracker set created_at = now() - interval '61 seconds'")
        .await;
    assert!(!bench.store.end_upload(file, 120, &error).await.unwrap());
    assert!(bench.store.end_upload(file, 60, &error).await.unwrap());
    assert!(!bench.store.end_upload(file, 60, &error).await.unwrap());
    assert_eq!(bench.store.list_outbox(file).await.unwrap().len(), 1);
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert_eq!(
        (record.facts.error, record.facts.received),
        (Some(error.clone()), false)
    );
    // Bytes take it up again; then it is theirs, and the size of its chunks the first one.
    assert_eq!(bench.store.mark_received(file, 7, 100).await.unwrap(), 100);
    assert_eq!(bench.store.mark_received(file, 7, 200).await.unwrap(), 100);
    assert!(!bench.store.end_upload(file, 0, &error).await.unwrap());
    let refusal = FileError::of_file(Rule::NotCsv, "no");
    assert!(bench.store.fail_file(file, &refusal).await.unwrap());
    assert_eq!(bench.store.mark_received(file, 7, 100).await.unwrap(), 100);
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert_eq!(record.facts.error, Some(refusal));
}

#[tokio::test]
async fn expired_idempotency_keys_go_a_few_with_every_new_one() {
    let Some(bench) = Bench::new().await else { return };
    bench
        .database
        .script(
            "insert into operations.idempotency select 'tests', 'old ' || n, 'hash', '{}', now() from generate_series(1, 25) as n; \
             insert into operations.idempotency values ('tests', 'kept', 'hash', '{}', now()); \
             update operations.idempotency set created_at = now() - interval '6 days 23 hours'; \
             update operations.idempotency set created_at = now() - interval '7 days 1 minute' \
             where idempotency_key <> 'kept'",
        )
        .await;
    let old = "operations.idempotency where idempotency_key like 'old %'";
    assert_eq!(bench.count(old).await, "25");
    for number in 0..4 {
        let name = format!("{number}.csv");
        let request = keyed(&name, Mode::New, &name, "hash");
        bench.store.begin_version(&request).await.unwrap();
        // A repeat takes none along.
        bench.store.begin_version(&request).await.unwrap();
        let left = 25_u32.saturating_sub(10 * (number + 1));
        assert_eq!(bench.count(old).await, left.to_string());
    }
    let kept = "operations.idempotency where idempotency_key = 'kept'";
    assert_eq!(bench.count(kept).await, "1");
    assert_eq!(bench.count("operations.idempotency").await, "5");
}
