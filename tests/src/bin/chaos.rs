//! Runs the exactly-once oracle under faults for as long as one likes: see `tests/chaos.sh`.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use flott_tests::chaos::{self, Schedule};

/// Runs a job under random faults and proves that each record was counted exactly once.
#[derive(Parser)]
struct Arguments {
    /// For how long faults happen.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// From which all moments and choices follow; random if it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Records a second.
    #[arg(long, default_value_t = 2_000)]
    rate: u64,
    /// Lets barriers overtake records.
    #[arg(long)]
    unaligned: bool,
}

fn main() -> ExitCode {
    let Arguments { minutes, seed, rate, unaligned } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}, {minutes} minutes, {rate} records a second");
    let duration = Duration::from_secs_f64(minutes * 60.0);
    let report = chaos::run(&Schedule { seed, duration, rate, unaligned });
    println!("{report}");
    if report.verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
