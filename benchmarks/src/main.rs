//! Times Flott beside hand-written Rust that does the same work with the same exchange between two threads.
//!
//! ```sh
//! cargo run --release -p flott-benchmarks -- word-count
//! cargo run --release -p flott-benchmarks -- keyed-aggregate --keys 1000
//! cargo run --release -p flott-benchmarks -- windows --sliding
//! cargo run --release -p flott-benchmarks -- snapshots --pairs 3
//! cargo run --release -p flott-benchmarks -- metrics --pairs 11
//! ```
//! Each side runs in a process of its own, in turn, several times. The line of each run gives records, wall and CPU
//! seconds, peak memory and a checksum of the answer; a checksum that differs from the twin's fails the benchmark. The
//! last line gives the ratio of CPU seconds, pair by pair. Allocator: the system's. Start-up is included, warm-up is one
//! uncounted pair.

mod channels;
mod keyed_aggregate;
mod measure;
mod metrics;
mod pairs;
mod sink;
mod snapshots;
mod windows;
mod word_count;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(about = "Times Flott beside its plain-Rust twins", version)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
    /// Counted runs of each side.
    #[arg(long, global = true, default_value_t = 5)]
    pairs: usize,
    /// Runs only this side, once, in this process.
    #[arg(long, global = true, hide = true)]
    side: Option<Side>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Flott,
    Plain,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Splits text into words and counts each.
    WordCount(WordCount),
    /// Sums values by key, emitting each new sum.
    KeyedAggregate(KeyedAggregate),
    /// Counts by key in windows of event time.
    Windows(Windows),
    /// The keyed aggregate with and without all that measures it. Has no plain twin: it compares Flott with itself.
    Metrics(Metrics),
    /// Updates a large state with and without checkpoints. Has no plain twin: it compares Flott with itself.
    Snapshots(snapshots::Snapshots),
}

#[derive(Args, Clone)]
struct WordCount {
    /// Megabytes of text to generate: lines of 10 words from a vocabulary of 100,000 that are as frequent as in Zipf's
    /// law.
    #[arg(long, default_value_t = 500)]
    megabytes: usize,
    /// Counts this file instead.
    #[arg(long)]
    input: Option<PathBuf>,
}

#[derive(Args, Clone)]
struct KeyedAggregate {
    /// Number of keys.
    #[arg(long, default_value_t = 1_000)]
    keys: u64,
    /// Number of records.
    #[arg(long, default_value_t = 40_000_000)]
    records: u64,
}

#[derive(Args, Clone)]
struct Metrics {
    /// Number of keys.
    #[arg(long, default_value_t = 1_000)]
    keys: u64,
    /// Number of records: enough for some seconds, since metrics are asked for once a second.
    #[arg(long, default_value_t = 400_000_000)]
    records: u64,
}

#[derive(Args, Clone)]
struct Windows {
    /// Windows of one second, one after the other. This is the default.
    #[arg(long, conflicts_with = "sliding")]
    tumbling: bool,
    /// Windows of ten seconds that begin every second.
    #[arg(long)]
    sliding: bool,
    /// Has sliding windows begin at this interval, which must divide ten seconds.
    #[arg(long, default_value_t = 1_000, requires = "sliding")]
    slide: u64,
    /// Number of keys.
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// Number of records, a million of them for a second of event time.
    #[arg(long, default_value_t = 40_000_000)]
    records: u64,
}

impl Windows {
    fn size_ms(&self) -> u64 {
        if self.sliding { 10_000 } else { 1_000 }
    }

    fn slide_ms(&self) -> u64 {
        if self.sliding { self.slide } else { 1_000 }
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.slide > 0 && self.size_ms().is_multiple_of(self.slide_ms()),
            "a slide of {} ms does not divide {} ms",
            self.slide,
            self.size_ms()
        );
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match (arguments.benchmark, arguments.side) {
        (Benchmark::WordCount(settings), None) => {
            let text = word_count::Text::open(&settings)?;
            let input = text.path().display().to_string();
            pairs::run(&["word-count", "--input", &input], arguments.pairs)
        }
        (Benchmark::WordCount(settings), Some(side)) => {
            let input = settings.input.ok_or_else(|| anyhow::anyhow!("--side needs --input"))?;
            measure::report(|| match side {
                Side::Flott => word_count::flott(&input),
                Side::Plain => word_count::plain(&input),
            })
        }
        (Benchmark::KeyedAggregate(KeyedAggregate { keys, records }), None) => {
            let (keys, records) = (keys.to_string(), records.to_string());
            pairs::run(&["keyed-aggregate", "--keys", &keys, "--records", &records], arguments.pairs)
        }
        (Benchmark::KeyedAggregate(KeyedAggregate { keys, records }), Some(side)) => {
            measure::report(|| match side {
                Side::Flott => keyed_aggregate::flott(keys, records),
                Side::Plain => Ok(keyed_aggregate::plain(keys, records)),
            })
        }
        (Benchmark::Metrics(Metrics { keys, records }), None) => {
            let (keys, records) = (keys.to_string(), records.to_string());
            let command = ["metrics", "--keys", &keys, "--records", &records];
            pairs::run_named(&command, arguments.pairs, ["with", "without"])
        }
        (Benchmark::Metrics(Metrics { keys, records }), Some(side)) => measure::report(|| match side {
            Side::Flott => metrics::with(keys, records),
            Side::Plain => metrics::without(keys, records),
        }),
        (Benchmark::Snapshots(settings), _) => snapshots::run(&settings, arguments.pairs),
        (Benchmark::Windows(settings), None) => {
            settings.check()?;
            let Windows { slide, keys, records, .. } = settings;
            let numbers = [slide, keys, records].map(|number| number.to_string());
            let mut command = vec!["windows", "--keys", &numbers[1], "--records", &numbers[2]];
            if settings.sliding {
                command.extend(["--sliding", "--slide", &numbers[0]]);
            }
            pairs::run(&command, arguments.pairs)
        }
        (Benchmark::Windows(settings), Some(side)) => {
            settings.check()?;
            measure::report(|| match side {
                Side::Flott => windows::flott(&settings),
                Side::Plain => Ok(windows::plain(&settings)),
            })
        }
    }
}
