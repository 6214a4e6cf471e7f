//! Faults at their full numbers, in process: use cases, messages and a real PostgreSQL, with objects and queues in
//! memory. The stack's fault tests do the same to running functions, fewer times.

mod events;
mod kills;
mod merges;
mod readers;

use millrace_tests::Random;

/// Chance from a seed, which is printed.
fn chance(default: u64) -> Random {
    let seed = Random::seed(default);
    println!("seed {seed} (MILLRACE_TEST_SEED)");
    Random::new(seed)
}

/// Rows of a sale, all of one shop and amount.
fn rows(count: usize, shop: &str, amount: usize) -> String {
    format!("2023-01-08,{shop},{amount},1,2\n").repeat(count)
}
