//! Files that are renamed, move to other addresses, or are listed under several names: each counts once.

use millrace_store::sources::RunWork;
use millrace_tests::mutate_function;

use super::{Fetching, LIST, SOURCE, address, csv, name};

const DAY: &str = "2024-01-01";

impl Fetching {
    /// The sum that readers see.
    async fn sum(&self) -> String {
        self.files().await.pop().unwrap()
    }

    /// Lists files by day and amount, the name being that of the day; the lines of a run over them.
    async fn lines_of(&self, files: &[(&str, u32)]) -> Vec<String> {
        let files: Vec<(&str, String)> = files
            .iter()
            .map(|(file, amount)| (*file, csv(DAY, *amount)))
            .collect();
        self.list(&files);
        self.lines().await
    }

    /// `name state same_as` of every registry entry.
    async fn entries(&self) -> Vec<String> {
        let entries = self.registry().await;
        entries
            .iter()
            .map(|entry| {
                let same_as = entry.same_as.as_deref().unwrap_or("-");
                format!("{} {} {same_as}", entry.file_name, entry.state)
            })
            .collect()
    }
}

#[tokio::test]
async fn a_renamed_file_that_is_issued_again_replaces_the_one_before() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.lines_of(&[("old-2024-01-01.csv", 1)]).await;
    let lines = fetching.lines_of(&[("new-2024-01-01.csv", 1)]).await;
    assert_eq!(lines, ["new-2024-01-01.csv same_bytes"]);
    let lines = fetching.lines_of(&[("new-2024-01-01.csv", 5)]).await;
    assert_eq!(lines, ["new-2024-01-01.csv replaced"]);
    assert_eq!(fetching.sum().await, "5");
    assert_eq!(
        fetching.entries().await,
        ["old-2024-01-01.csv listed -", "new-2024-01-01.csv held -"]
    );
    // The old name comes back for a file of its own: the renamed one keeps what it has.
    let both = [("new-2024-01-01.csv", 5), ("old-2024-01-01.csv", 1)];
    let lines = fetching.lines_of(&both).await;
    assert_eq!(
        lines,
        ["new-2024-01-01.csv unchanged", "old-2024-01-01.csv fetched"]
    );
    assert_eq!(fetching.sum().await, "6");
    let lines = fetching
        .lines_of(&[("new-2024-01-01.csv", 7), ("old-2024-01-01.csv", 2)])
        .await;
    assert_eq!(
        lines,
        ["new-2024-01-01.csv replaced", "old-2024-01-01.csv replaced"]
    );
    assert_eq!(fetching.sum().await, "9");
    assert_eq!(
        fetching.files().await,
        [
            "sales_of_region/old-2024-01-01.csv 1 new Ready_to_archive",
            "sales_of_region/old-2024-01-01.csv 2 replace Ready_to_archive",
            "sales_of_region/old-2024-01-01.csv 3 replace Ready_to_archive",
            "sales_of_region/old-2024-01-01.csv~2 1 new Ready_to_archive",
            "sales_of_region/old-2024-01-01.csv~2 2 replace Ready_to_archive",
            "9"
        ]
    );
}

/// Without the look at what is listed, a name beside another one takes that one's file: the test below would see it.
#[tokio::test]
async fn mutant_without_the_look_at_the_list_replaces_what_is_listed() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let listed = "and r.run_id = p_run_id";
    mutate_function(
        &fetching.database,
        "operations.file_to_replace",
        listed,
        "and false",
    )
    .await;
    let both = |amount| [("a-2024-01-01.csv", 1), ("b-2024-01-02.csv", amount)];
    fetching.lines_of(&both(1)).await;
    // It takes the other one's file away, which has to come in again.
    let lines = fetching.lines_of(&both(5)).await;
    assert_eq!(lines, ["a-2024-01-01.csv fetched", "b-2024-01-02.csv replaced"]);
}

#[tokio::test]
async fn of_two_new_names_the_last_one_that_changes_replaces() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let two = |first, second| [("b-2024-01-01.csv", first), ("c-2024-01-02.csv", second)];
    fetching.lines_of(&[("a-2024-01-01.csv", 1)]).await;
    let lines = fetching.lines_of(&two(1, 1)).await;
    assert_eq!(
        lines,
        ["b-2024-01-01.csv same_bytes", "c-2024-01-02.csv same_bytes"]
    );
    // The bytes count on for the other one.
    let lines = fetching.lines_of(&two(5, 1)).await;
    assert_eq!(lines, ["b-2024-01-01.csv fetched", "c-2024-01-02.csv unchanged"]);
    assert_eq!(fetching.sum().await, "6");
    let lines = fetching.lines_of(&two(5, 7)).await;
    assert_eq!(lines, ["b-2024-01-01.csv unchanged", "c-2024-01-02.csv replaced"]);
    assert_eq!(fetching.sum().await, "12");
}

#[tokio::test]
async fn two_names_that_change_in_one_run_count_once_each() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let two = |amounts: (u32, u32)| [("b-2024-01-01.csv", amounts.0), ("c-2024-01-02.csv", amounts.1)];
    fetching.lines_of(&[("a-2024-01-01.csv", 1)]).await;
    fetching.lines_of(&two((1, 1))).await;
    let lines = fetching.lines_of(&two((5, 7))).await;
    assert_eq!(lines, ["b-2024-01-01.csv fetched", "c-2024-01-02.csv replaced"]);
    assert_eq!(fetching.sum().await, "12");
}

/// The older file is settled as unchanged before the one whose bytes it has changes: it is fetched in the same run.
#[tokio::test]
async fn bytes_that_count_no_more_under_another_name_come_in_again_at_once() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let two = |amount| [("b-2024-01-01.csv", 1), ("a-2024-01-02.csv", amount)];
    fetching.lines_of(&[("a-2024-01-02.csv", 1)]).await;
    let lines = fetching.lines_of(&two(1)).await;
    assert_eq!(
        lines,
        ["b-2024-01-01.csv same_bytes", "a-2024-01-02.csv unchanged"]
    );
    let lines = fetching.lines_of(&two(5)).await;
    assert_eq!(lines, ["b-2024-01-01.csv fetched", "a-2024-01-02.csv replaced"]);
    assert_eq!(fetching.sum().await, "6");
}

/// A list of addresses below that of the list, each with its content.
fn list_addresses(fetching: &Fetching, files: &[(&str, u32)]) {
    let links: Vec<String> = files
        .iter()
        .map(|(path, _)| format!("<a href=\"{path}\">x</a>"))
        .collect();
    fetching.page(LIST, &links.concat(), "text/html");
    for (path, amount) in files {
        fetching.page(&address(path), &csv(DAY, *amount), "text/csv");
    }
}

#[tokio::test]
async fn an_address_keeps_its_name_when_another_one_ends_alike() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    list_addresses(&fetching, &[("n/s-2024-01-01.csv", 1)]);
    assert_eq!(fetching.lines().await, ["s-2024-01-01.csv fetched"]);
    let second = "data.example.org/sales/s/s-2024-01-01.csv";
    let both = |amount| [("n/s-2024-01-01.csv", amount), ("s/s-2024-01-01.csv", 10)];
    list_addresses(&fetching, &both(1));
    let lines = [
        "s-2024-01-01.csv unchanged".to_owned(),
        format!("{second} fetched"),
    ];
    assert_eq!(fetching.lines().await, lines);
    // A correction of the first address replaces what came from there.
    list_addresses(&fetching, &both(5));
    let lines = [
        "s-2024-01-01.csv replaced".to_owned(),
        format!("{second} unchanged"),
    ];
    assert_eq!(fetching.lines().await, lines);
    assert_eq!(fetching.sum().await, "15");
    // The other one keeps its name too, once it is listed alone.
    list_addresses(&fetching, &both(5)[1..]);
    assert_eq!(fetching.lines().await, [format!("{second} unchanged")]);
}

/// Without the names that addresses have, the test above would see a third file.
#[tokio::test]
async fn mutant_without_known_names_holds_an_address_twice() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let known = "when known is not null then known";
    let name = "operations.under_known_names";
    mutate_function(&fetching.database, name, known, "when false then known").await;
    list_addresses(&fetching, &[("n/s-2024-01-01.csv", 1)]);
    fetching.lines().await;
    list_addresses(
        &fetching,
        &[("n/s-2024-01-01.csv", 5), ("s/s-2024-01-01.csv", 10)],
    );
    fetching.lines().await;
    assert_eq!(fetching.sum().await, "16");
}

#[tokio::test]
async fn a_file_that_has_moved_is_asked_for_in_full() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    list_addresses(&fetching, &[("n/s-2024-01-01.csv", 1)]);
    fetching.lines().await;
    // Elsewhere other bytes have the same name.
    list_addresses(&fetching, &[("m/s-2024-01-01.csv", 5)]);
    let page = millrace_tests::Page {
        content: csv(DAY, 5),
        etag: Some(format!("\"{}\"", {
            let content = csv(DAY, 1);
            content.len() * 31 + content.bytes().map(usize::from).sum::<usize>()
        })),
        ..millrace_tests::Page::default()
    };
    fetching.road.sources.set(&address("m/s-2024-01-01.csv"), page);
    fetching.road.sources.take_asked();
    assert_eq!(fetching.lines().await, ["s-2024-01-01.csv replaced"]);
    let asked = fetching.road.sources.take_asked();
    assert_eq!(asked[1], (address("m/s-2024-01-01.csv"), false));
    assert_eq!(fetching.sum().await, "5");
}

#[tokio::test]
async fn names_that_change_places_stay_apart() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let (run_id, source) = (fetching.begin().await, name(SOURCE));
    let work = RunWork {
        run_id,
        source: &source,
        token: 1,
    };
    let store = &fetching.store;
    store.take_run(&work, 7_200).await.unwrap();
    let note = async |files: &[(&str, &str)]| {
        let files: Vec<_> = files
            .iter()
            .map(|(name, url)| (*name, *url, None, None))
            .collect();
        assert!(store.note_listed(&work, &files).await.unwrap());
    };
    note(&[("a.csv", "https://x/1"), ("b.csv", "https://x/2")]).await;
    note(&[
        ("b.csv", "https://x/1"),
        ("a.csv", "https://x/2"),
        ("c.csv", "https://x/3"),
    ])
    .await;
    // New addresses under names that others of the list have: in the same statement, and in one before.
    note(&[("d.csv", "https://x/1"), ("a.csv", "https://x/4")]).await;
    note(&[("c.csv", "https://x/5")]).await;
    let entries =
        "select concat_ws(' ', left(file_name, 12), url) from operations.datafile_registry order by url";
    assert_eq!(
        fetching.texts(entries).await,
        [
            "a.csv https://x/1",
            "b.csv https://x/2",
            "c.csv https://x/3",
            "https://x/4~ https://x/4",
            "https://x/5~ https://x/5"
        ]
    );
    let lines = "select count(*)::text from operations.run_file";
    assert_eq!(fetching.text(lines).await, "5");
}
