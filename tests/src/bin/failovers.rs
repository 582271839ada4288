//! Kills leading JobManagers while a job runs, and tells what anybody has noticed: see `tests/failovers.sh`.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use flott_tests::failovers::{self, Plan};

/// Kills one leader after the other while a job with checkpoints runs, and proves that it does not notice.
#[derive(Parser)]
struct Arguments {
    /// How often.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// The leader's lease, in seconds.
    #[arg(long, default_value_t = 3.0)]
    lease: f64,
    /// Records a second.
    #[arg(long, default_value_t = 2_000)]
    rate: u64,
}

fn main() -> ExitCode {
    let Arguments { kills, lease, rate } = Arguments::parse();
    println!("{kills} kills, a lease of {lease} s, {rate} records a second");
    let Some(report) = failovers::run(&Plan { kills, lease: Duration::from_secs_f64(lease), rate }) else {
        return ExitCode::from(77);
    };
    println!("{report}");
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
