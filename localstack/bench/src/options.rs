//! What is asked for on the command line, and how much is done for it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Cold starts and warm answers, to a hello-world function
    Functions,
    /// Rows a second of check, aggregation and apply, to `\copy` of the same file
    Data,
    /// From an object to its KPI on a local stack, to `\copy` of the same file
    Stack,
    /// Documents a second, to `ReportLab` and typst
    Documents,
}

/// Measures the release build and prints figures as ratios to yardsticks of the same run.
#[derive(Debug, Parser)]
#[command(
    name = "cargo local bench",
    bin_name = "cargo local bench",
    disable_version_flag = true
)]
pub struct Options {
    /// What to measure; everything without any
    pub stages: Vec<Stage>,
    /// Whether the road works: a minute, and figures that mean nothing
    #[arg(long)]
    pub quick: bool,
    /// Interleaved rounds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub rounds: u16,
    /// 2,000,000 records instead of 500,000
    #[arg(long)]
    pub large: bool,
    /// The built programs
    #[arg(long, hide = true)]
    pub binaries: PathBuf,
    /// The tree
    #[arg(long, hide = true)]
    pub workspace: PathBuf,
    /// Python of the environment that holds the peers
    #[arg(long, hide = true)]
    pub python: PathBuf,
    /// Where files are made and the result is left
    #[arg(long, hide = true)]
    pub folder: PathBuf,
}

/// How much is done.
#[derive(Debug, Clone, Serialize)]
pub struct Effort {
    /// Rounds, each with every subject and its yardstick.
    pub rounds: usize,
    /// Cold starts of each event, over all rounds.
    pub cold_runs: usize,
    /// Warm calls of each event in a round.
    pub warm_calls: usize,
    /// Records of the data stage.
    pub records: u64,
    /// Documents of each engine in a round.
    pub documents: usize,
}

impl Options {
    /// How much the options ask for.
    #[must_use]
    pub fn effort(&self) -> Effort {
        let rounds = usize::from(self.rounds);
        if self.quick {
            return Effort {
                rounds,
                cold_runs: rounds,
                warm_calls: 100,
                records: 20_000,
                documents: 5,
            };
        }
        Effort {
            rounds,
            cold_runs: 15,
            warm_calls: 2_000,
            records: if self.large { 2_000_000 } else { 500_000 },
            documents: 100,
        }
    }

    /// Whether a stage is asked for.
    #[must_use]
    pub fn wants(&self, stage: Stage) -> bool {
        self.stages.is_empty() || self.stages.contains(&stage)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Options, Stage};

    fn parse(words: &str) -> Options {
        let hidden = "bench --binaries b --workspace w --python p --folder f ";
        Options::try_parse_from(format!("{hidden}{words}").split_whitespace()).unwrap()
    }

    #[test]
    fn without_stages_everything_is_measured() {
        let options = parse("");
        assert!(
            options.wants(Stage::Functions) && options.wants(Stage::Data) && options.wants(Stage::Documents)
        );
        let effort = options.effort();
        assert_eq!(
            (effort.rounds, effort.cold_runs, effort.records),
            (3, 15, 500_000)
        );
        let options = parse("data --rounds 5 --large documents");
        assert!(
            !options.wants(Stage::Functions) && options.wants(Stage::Data) && options.wants(Stage::Documents)
        );
        assert_eq!(
            (options.effort().rounds, options.effort().records),
            (5, 2_000_000)
        );
        assert_eq!(parse("--quick").effort().records, 20_000);
    }
}
