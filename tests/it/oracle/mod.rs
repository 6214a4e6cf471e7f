//! The second oracle: random files, splits, orders, repeats, replacements, deletions and failures, compared with a
//! naive model that recomputes everything from the rows of the live files.
//!
//! Every case has a seed of its own: `MILLRACE_TEST_SEED=<that> cargo test oracle` begins with it.
#![cfg(test)]

mod case;
mod model;
mod mutants;
mod runner;
mod thousand;

use millrace_tests::Random;
use runner::Runner;

/// Cases, over all threads.
const CASES: u64 = 2_000;
/// Threads, each with a database of its own.
const THREADS: u64 = 2;

#[test]
fn datasets_are_what_a_naive_program_computes() {
    let seed = Random::seed(20_260_310);
    println!("seed {seed}, {CASES} cases");
    let run = move |thread: u64| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let Some(runner) = Runner::new().await else { return };
            for case in (thread..CASES).step_by(usize::try_from(THREADS).unwrap()) {
                if let Err(difference) = runner.run(seed + case).await {
                    panic!("seed {}: {difference}", seed + case);
                }
            }
            println!("thread {thread}: {}", runner.account());
        });
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| std::thread::spawn(move || run(thread)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
