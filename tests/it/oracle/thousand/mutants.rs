//! Each safety taken out of one database, where the thousand operations must find a difference.

use millrace_tests::{mutate_function, replace_function};

use super::figures::python;
use super::run;
use super::world::World;

/// Operations in which a mutant has to be found.
const OPERATIONS: usize = 600;
const SEEDS: u64 = 3;

enum Mutant {
    /// Pieces of functions, and what they become.
    Pieces(Vec<(&'static str, &'static str, &'static str)>),
    /// A function that does nothing.
    Emptied(&'static str),
    Script(&'static str),
}

/// The first difference that is found with a safety taken out.
async fn hunt(mutant: &Mutant) -> Option<String> {
    let python = python()?;
    for seed in 0..SEEDS {
        let mut world = World::new(seed).await?;
        match mutant {
            Mutant::Pieces(pieces) => {
                for (function, find, replacement) in pieces {
                    mutate_function(&world.database, function, find, replacement).await;
                }
            }
            Mutant::Emptied(function) => replace_function(&world.database, function, " select ").await,
            Mutant::Script(script) => world.database.script(script).await,
        }
        if let Err(difference) = run(&mut world, OPERATIONS, &python).await {
            let first: Vec<&str> = difference.lines().take(3).collect();
            println!("found with seed {seed}: {}", first.join(" "));
            return Some(difference);
        }
    }
    panic!("the mutant is not found");
}

#[tokio::test]
async fn an_older_version_that_wins_is_found() {
    let older = (
        "ingestion.begin_settling",
        "counting.version > contribution.version",
        "false",
    );
    hunt(&Mutant::Pieces(vec![older])).await;
}

#[tokio::test]
async fn chunks_without_a_key_are_found() {
    let script = "alter table ingestion.chunk drop constraint chunk_pkey";
    hunt(&Mutant::Script(script)).await;
}

#[tokio::test]
async fn an_outbox_that_keeps_nothing_is_found() {
    hunt(&Mutant::Emptied("ingestion.post")).await;
}

#[tokio::test]
async fn bytes_that_nobody_inherits_are_found() {
    let inherit = ("ingestion.release_content", "continue when not found", "continue");
    hunt(&Mutant::Pieces(vec![inherit])).await;
}

#[tokio::test]
async fn a_back_fill_that_finds_no_files_is_found() {
    let live = (
        "ingestion.contribute_existing_files",
        "t.validated_at is not null and t.unchanged_of is null",
        "false",
    );
    hunt(&Mutant::Pieces(vec![live])).await;
}

#[tokio::test]
async fn files_that_a_restored_dataset_does_not_give_back_are_found() {
    let deleted = (
        "ingestion.contribute_existing_files",
        "taken.file_id is not null",
        "taken.file_id is null",
    );
    hunt(&Mutant::Pieces(vec![deleted])).await;
}
