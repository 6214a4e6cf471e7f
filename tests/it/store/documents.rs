//! Documents: registered once, attempted often, settled once; what figures were made from.

use millrace_core::ids::DocumentId;
use millrace_core::name::Name;
use millrace_store::Store;
use millrace_store::documents::{
    BeginDocument, CreateDocument, DocumentAttempt, DocumentError, DocumentQuery, DocumentState,
    MadeDocument, NewDocument, Sources,
};
use millrace_store::selection::Grain;
use millrace_tests::mutate_function;

use super::{Bench, DATASET, visits_by_school};

/// How long a worker lives.
const LIFETIME_MS: u64 = 120_000;

fn id(number: u8) -> DocumentId {
    DocumentId::from_time_and_random(1_700_000_000_000, [number; 10])
}

fn query() -> DocumentQuery {
    let name = |text: &str| Name::parse(text).unwrap();
    DocumentQuery {
        dataset: name(DATASET),
        group_by: vec![name("day")],
        grain: Some(Grain::Month),
        filters: vec![(name("school"), vec!["a'b".to_owned(), "ü".to_owned()])],
        from: Some("2023-01-01".to_owned()),
        to: None,
        measures: Some(vec![name("sum_amount")]),
    }
}

async fn create(store: &Store, document_id: DocumentId, idempotency: Option<(&str, &str)>) -> CreateDocument {
    let new = NewDocument {
        document_id,
        title: "Visits",
        query: &query(),
        client_id: "tests",
        idempotency,
    };
    store.create_document(&new).await.unwrap()
}

async fn begin(store: &Store, document_id: DocumentId) -> DocumentAttempt {
    match store.begin_document(document_id, LIFETIME_MS, 3).await.unwrap() {
        BeginDocument::Begun(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

async fn complete(store: &Store, document_id: DocumentId, round: u32, sha256: &str) -> bool {
    let sources = Sources {
        as_of: "2024-01-19T08:15:03.123Z".to_owned(),
        versions: Vec::new(),
    };
    let made = MadeDocument {
        pages: 3,
        rows: 120,
        size_bytes: 9_000,
        sha256,
        sources: &sources,
    };
    store.complete_document(document_id, round, &made).await.unwrap()
}

fn error() -> DocumentError {
    DocumentError {
        code: "temporarily_unavailable".to_owned(),
        message: "away".to_owned(),
    }
}

async fn state(store: &Store, document_id: DocumentId) -> (DocumentState, u32, u32) {
    let record = store.load_document(document_id).await.unwrap().unwrap();
    (record.state, record.round, record.attempts)
}

#[tokio::test]
async fn a_document_is_registered_once_for_a_key() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    let created = |number| CreateDocument::Created {
        document_id: id(number),
    };
    assert_eq!(create(store, id(1), None).await, created(1));
    assert_eq!(create(store, id(2), Some(("key", "hash"))).await, created(2));
    let replayed = CreateDocument::Replayed { document_id: id(2) };
    assert_eq!(create(store, id(3), Some(("key", "hash"))).await, replayed);
    assert_eq!(
        create(store, id(4), Some(("key", "other"))).await,
        CreateDocument::KeyReused
    );
    assert_eq!(bench.count("operations.document").await, "2");
    let record = store.load_document(id(2)).await.unwrap().unwrap();
    assert_eq!((record.query, record.title.as_str()), (query(), "Visits"));
    assert_eq!((record.state, record.attempts), (DocumentState::Queued, 0));
    assert_eq!(store.load_document(id(9)).await.unwrap(), None);
}

/// The key is there as it is inserted, and gone as it is looked for: it is a new one.
#[tokio::test]
async fn a_key_that_is_forgotten_between_two_looks_is_a_new_one() {
    let Some(bench) = Bench::new().await else { return };
    let forgets =
        "exit when found; delete from operations.idempotency where idempotency_key = p_idempotency_key;";
    mutate_function(
        &bench.database,
        "operations.create_document",
        "exit when found;",
        forgets,
    )
    .await;
    for number in 1..=2 {
        let created = CreateDocument::Created {
            document_id: id(number),
        };
        assert_eq!(
            create(&bench.store, id(number), Some(("key", "hash"))).await,
            created
        );
    }
}

#[tokio::test]
async fn an_attempt_counts_and_the_first_that_is_done_settles() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    create(store, id(1), None).await;
    assert_eq!(
        store.begin_document(id(9), LIFETIME_MS, 3).await.unwrap(),
        BeginDocument::None
    );
    let (first, second) = (begin(store, id(1)).await, begin(store, id(1)).await);
    assert_eq!((first.attempt, second.attempt, first.round), (1, 2, 1));
    assert_eq!(first.query, query());
    assert_eq!(state(store, id(1)).await, (DocumentState::Running, 1, 2));
    assert!(complete(store, id(1), 1, "aa").await);
    assert!(
        !complete(store, id(1), 1, "bb").await,
        "a second completion changes nothing"
    );
    assert!(!store.fail_document(id(1), &second, &error(), true).await.unwrap());
    let record = store.load_document(id(1)).await.unwrap().unwrap();
    assert_eq!(record.sha256.as_deref(), Some("aa"));
    assert_eq!(
        (record.pages, record.rows, record.size_bytes),
        (Some(3), Some(120), Some(9_000))
    );
    assert!(record.as_of.unwrap().starts_with("2024-01-19T08:15:03.123"));
    assert!(!record.has_expired);
    let settled = BeginDocument::Settled {
        state: DocumentState::Ready,
    };
    assert_eq!(
        store.begin_document(id(1), LIFETIME_MS, 3).await.unwrap(),
        settled
    );
    let day = "select expires_at - ended_at = interval '24 hours' from operations.document";
    assert_eq!(bench.database.value(day).await.as_deref(), Some("t"));
}

#[tokio::test]
async fn a_failure_is_shown_and_only_the_last_attempts_counts() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    create(store, id(1), None).await;
    let first = begin(store, id(1)).await;
    assert!(store.fail_document(id(1), &first, &error(), false).await.unwrap());
    let record = store.load_document(id(1)).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.error),
        (DocumentState::Queued, Some(error()))
    );
    let second = begin(store, id(1)).await;
    assert!(
        !store.fail_document(id(1), &first, &error(), true).await.unwrap(),
        "another one has begun"
    );
    assert!(store.fail_document(id(1), &second, &error(), true).await.unwrap());
    assert_eq!(state(store, id(1)).await, (DocumentState::Failed, 1, 2));
    assert!(!complete(store, id(1), 1, "aa").await, "what has failed stays so");
}

#[tokio::test]
async fn a_settled_document_is_made_again_once() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    create(store, id(1), None).await;
    assert!(
        !store.requeue_document(id(1), 1).await.unwrap(),
        "it is on its way"
    );
    begin(store, id(1)).await;
    assert!(complete(store, id(1), 1, "aa").await);
    bench
        .database
        .script("update operations.document set expires_at = now() - interval '1 second'")
        .await;
    assert!(store.load_document(id(1)).await.unwrap().unwrap().has_expired);
    assert!(store.requeue_document(id(1), 1).await.unwrap());
    assert!(
        !store.requeue_document(id(1), 1).await.unwrap(),
        "somebody else was quicker"
    );
    assert_eq!(state(store, id(1)).await, (DocumentState::Queued, 2, 0));
    begin(store, id(1)).await;
    assert!(
        !complete(store, id(1), 1, "bb").await,
        "a straggler of the first round"
    );
    assert!(complete(store, id(1), 2, "cc").await);
    let record = store.load_document(id(1)).await.unwrap().unwrap();
    assert_eq!(
        (record.sha256.as_deref(), record.has_expired),
        (Some("cc"), false)
    );
}

/// The mutants: without these conditions a document would be settled twice, or by a straggler.
#[tokio::test]
async fn mutants_of_the_completion_are_caught() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    let function = "operations.complete_document";
    mutate_function(
        &bench.database,
        function,
        " and state in ('queued', 'running')",
        "",
    )
    .await;
    create(store, id(1), None).await;
    begin(store, id(1)).await;
    assert!(complete(store, id(1), 1, "aa").await);
    assert!(complete(store, id(1), 1, "bb").await, "the mutant settles twice");
    mutate_function(&bench.database, function, "round = p_round", "true").await;
    assert!(
        complete(store, id(1), 7, "cc").await,
        "the mutant lets stragglers in"
    );
}

#[tokio::test]
async fn documents_are_listed_from_the_newest_and_the_open_ones_from_the_oldest() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    for number in 1..=4 {
        create(store, id(number), None).await;
    }
    let attempt = begin(store, id(2)).await;
    store
        .fail_document(id(2), &attempt, &error(), true)
        .await
        .unwrap();
    begin(store, id(3)).await;
    let page = store.list_documents(None, None, 3).await.unwrap();
    let ids: Vec<DocumentId> = page.iter().map(|record| record.document_id).collect();
    assert_eq!(ids, [id(4), id(3), id(2)]);
    let rest = store
        .list_documents(None, Some(page[2].sequence), 3)
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    let failed = store
        .list_documents(Some(DocumentState::Failed), None, 9)
        .await
        .unwrap();
    assert_eq!((failed.len(), failed[0].document_id), (1, id(2)));
    let open = store.list_open_documents(0, 2).await.unwrap();
    assert_eq!(open.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [id(1), id(3)]);
    let more = store.list_open_documents(open[1].0, 2).await.unwrap();
    assert_eq!(more.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [id(4)]);
}

#[tokio::test]
async fn sources_have_the_instant_of_the_data_and_not_the_clocks() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    let name = millrace_core::Name::parse(DATASET).unwrap();
    let sources = async || store.dataset_sources(&name).await.unwrap().unwrap();
    let empty = sources().await;
    assert_eq!(empty.versions.len(), 1);
    assert_eq!((empty.versions[0].version, empty.versions[0].files), (0, 0));
    assert_eq!(
        visits_by_school()["dataset_name"],
        empty.versions[0].name.as_str()
    );
    let file = bench
        .validated("a.csv", millrace_core::facts::Mode::New, "aa")
        .await;
    bench.apply(file, r#"["s"]"#, 5).await;
    let applied = sources().await;
    assert_eq!((applied.versions[0].version, applied.versions[0].files), (1, 1));
    let settled = "select to_char(settled_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') \
         from ingestion.contribution";
    assert_eq!(bench.database.value(settled).await, Some(applied.as_of.clone()));
    assert_eq!(sources().await, applied);
}

/// What changes while a snapshot is open is not seen in it; what it was asked to change is refused.
#[tokio::test]
async fn a_snapshot_sees_one_version_and_changes_nothing() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    create(store, id(1), None).await;
    let snapshot = store.open_snapshot().await.unwrap();
    assert_eq!(
        snapshot
            .store()
            .list_documents(None, None, 9)
            .await
            .unwrap()
            .len(),
        1
    );
    create(store, id(2), None).await;
    assert_eq!(
        snapshot
            .store()
            .list_documents(None, None, 9)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(store.list_documents(None, None, 9).await.unwrap().len(), 2);
    assert!(
        snapshot
            .store()
            .begin_document(id(1), LIFETIME_MS, 3)
            .await
            .is_err()
    );
    snapshot.close().await;
    assert_eq!(state(store, id(1)).await, (DocumentState::Queued, 1, 0));
}

/// Lets the last attempt begin longer ago than any worker lives.
const PASS: &str = "update operations.document set started_at = started_at - interval '121 seconds'";

async fn deaths(bench: &Bench) -> String {
    let deaths = "select deaths::text from operations.document";
    bench.database.value(deaths).await.unwrap()
}

#[tokio::test]
async fn a_document_on_which_workers_die_is_given_up_and_may_be_made_again() {
    let Some(bench) = Bench::new().await else { return };
    let store = &bench.store;
    create(store, id(1), None).await;
    // Two at once: neither has died. What is heard of has not, either.
    begin(store, id(1)).await;
    let heard = begin(store, id(1)).await;
    assert!(store.fail_document(id(1), &heard, &error(), false).await.unwrap());
    bench.database.script(PASS).await;
    for before in ["0", "1", "2"] {
        begin(store, id(1)).await;
        assert_eq!(deaths(&bench).await, before);
        // Somebody may be at work: nobody else gives up.
        let begun = store.begin_document(id(1), LIFETIME_MS, 1).await.unwrap();
        assert!(matches!(begun, BeginDocument::Begun(_)), "{begun:?}");
        bench.database.script(PASS).await;
    }
    let given_up = BeginDocument::Settled {
        state: DocumentState::Failed,
    };
    for _ in 0..2 {
        assert_eq!(
            store.begin_document(id(1), LIFETIME_MS, 3).await.unwrap(),
            given_up
        );
    }
    let record = store.load_document(id(1)).await.unwrap().unwrap();
    let why = record.error.unwrap();
    assert_eq!(
        (record.state, why.code.as_str()),
        (DocumentState::Failed, "gave_up")
    );
    let words = "given up after 8 attempts: the worker died in 3 of them";
    assert!(why.message.starts_with(words), "{}", why.message);
    assert!(record.ended_at.is_some());
    assert!(store.requeue_document(id(1), 1).await.unwrap());
    assert_eq!(deaths(&bench).await, "0");
    begin(store, id(1)).await;
}

/// The mutant: without the count a document that kills its workers is never settled.
#[tokio::test]
async fn a_mutant_that_counts_no_deaths_is_caught() {
    let Some(bench) = Bench::new().await else { return };
    let count = "v_document.deaths := v_document.deaths + 1;";
    mutate_function(&bench.database, "operations.begin_document", count, "null;").await;
    create(&bench.store, id(1), None).await;
    for _ in 0..9 {
        begin(&bench.store, id(1)).await;
        bench.database.script(PASS).await;
    }
}
