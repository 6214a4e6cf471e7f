//! A thousand random operations on a programme with every kind of dataset, a hundred of them with a worker killed half
//! way; then every table and answer is what a build from nothing has, and what another program computes from the
//! accepted files and the declared specs.

mod bodies;
mod figures;
mod files;
mod mutants;
mod world;

use figures::{Figures, difference, python};
use millrace_tests::Random;
use world::World;

const OPERATIONS: usize = 1_000;
/// After so many operations one is killed.
const KILL_EVERY: usize = 10;
/// After so many operations everything has to be exact.
const CHECK_EVERY: usize = 100;

/// Operates, and compares every now and then; an error says what differs.
async fn run(world: &mut World, operations: usize, python: &str) -> Result<Figures, String> {
    let mut figures = Figures::new();
    while world.account.operations() < operations {
        let before = world.account.operations();
        world.operate().await;
        let done = world.account.operations();
        if done == before {
            continue;
        }
        if done.is_multiple_of(KILL_EVERY) {
            world.kill().await;
        }
        if done == operations * 2 / 5 {
            world.widen().await;
        }
        if done == operations / 2 {
            world.add_dataset().await;
        }
        if done == operations * 3 / 5 {
            world.retire().await;
        }
        if done == operations * 4 / 5 - CHECK_EVERY / 2 {
            world.restore().await;
        }
        if done.is_multiple_of(CHECK_EVERY) || done >= operations {
            figures = check(world, python).await?;
        }
    }
    Ok(figures)
}

async fn check(world: &mut World, python: &str) -> Result<Figures, String> {
    let left = world.settle().await;
    let figures = world.figures().await;
    let done = world.account.operations();
    if !left.is_empty() {
        return Err(format!("after {done} operations: {left:#?}"));
    }
    match difference(&world.computed(python), &figures) {
        Some(difference) => Err(format!("after {done} operations: {difference}")),
        None => Ok(figures),
    }
}

#[tokio::test]
async fn a_thousand_operations_leave_what_a_build_from_nothing_and_another_program_have() {
    let (Some(python), seed) = (python(), Random::seed(20_261_121)) else {
        return;
    };
    println!("seed {seed}");
    let Some(mut world) = World::new(seed).await else {
        return;
    };
    let mut halfway = run(&mut world, OPERATIONS, &python).await;
    if let Err(difference) = &mut halfway {
        panic!("seed {seed}: {difference}");
    }
    let figures = halfway.unwrap();
    let lines: usize = figures.values().map(Vec::len).sum();
    println!(
        "{:?}, {} files, {lines} lines of figures",
        world.account,
        world.live.len()
    );
    assert!(world.account.killed >= OPERATIONS / KILL_EVERY);
    assert!(world.account.repaired > 0 && world.account.deleted > 0);
    let built = world.built_anew().await.figures().await;
    assert_eq!(
        difference(&built, &figures),
        None,
        "seed {seed}: a build from nothing differs"
    );
}
