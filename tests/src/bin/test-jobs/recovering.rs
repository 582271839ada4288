//! Jobs for tests of recovery and of snapshots.

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use flott::{BoxError, WatermarkStrategy, connectors::GeneratorSource, prelude::*};

use crate::{
    oracle::{Counting, is_due},
    sinks::Discard,
};

#[derive(Parser)]
struct TwoPipelines {
    /// Records a second of each pipeline.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Directory in which a file named `panic` brings about a panic in the pipeline `left`.
    #[arg(long)]
    faults: PathBuf,
}

/// Two pipelines that have nothing to do with each other: `left`, which panics, and `right`.
pub(crate) fn two_pipelines() -> Result<(), BoxError> {
    let TwoPipelines { rate, faults } = TwoPipelines::parse();
    let env = StreamExecutionEnvironment::new();
    for name in ["left", "right"] {
        let faults = faults.clone();
        env.from_source(
            GeneratorSource::new(None, |number| number).rate(rate),
            WatermarkStrategy::no_watermarks(),
            &format!("{name} numbers"),
        )
        .uid(format!("{name} numbers"))
        .map(move |number| {
            if name == "left" && is_due(&faults, "panic") {
                panic!("a planned panic at record {number}");
            }
            number
        })
        .uid(format!("{name} map"))
        .key_by(|number| number % 16)
        .count()
        .name(format!("{name} count"))
        .uid(format!("{name} count"))
        .sink_to(Discard, &format!("{name} sink"))
        .uid(format!("{name} sink"));
    }
    env.execute("two-pipelines")?;
    Ok(())
}

#[derive(Parser)]
struct ShortAndLong {
    /// Records of the source that soon ends.
    #[arg(long, default_value_t = 100)]
    short: u64,
    /// Records of the other.
    #[arg(long)]
    long: u64,
    /// Records a second of the other.
    #[arg(long)]
    rate: f64,
    #[arg(long, default_value_t = 20)]
    keys: u64,
    #[arg(long)]
    output: String,
}

/// Two sources, of which one ends long before the other. Writes `KEY COUNT NUMBER` for each number.
pub(crate) fn short_and_long() -> Result<(), BoxError> {
    let ShortAndLong { short, long, rate, keys, output } = ShortAndLong::parse();
    let env = StreamExecutionEnvironment::new();
    let strategy = WatermarkStrategy::no_watermarks;
    let first =
        env.from_source(GeneratorSource::new(Some(short), |number| number), strategy(), "short").uid("short");
    let second = env
        .from_source(
            GeneratorSource::new(Some(long), move |number| short + number).rate(rate),
            strategy(),
            "long",
        )
        .uid("long");
    first
        .union(&second)
        .key_by(move |number| number % keys)
        .process(Numbering::default())
        .name("numbering")
        .uid("numbering")
        .write_text(output)
        .uid("file");
    env.execute("short-and-long")?;
    Ok(())
}

/// Numbers the records of each key.
#[derive(Clone, Default)]
struct Numbering {
    count: ValueState<u64>,
}

impl KeyedProcessFunction<u64, u64> for Numbering {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, u64>) -> Result<(), BoxError> {
        self.count = context.value("count")?;
        Ok(())
    }

    fn process(&mut self, number: u64, context: &mut KeyedContext<'_, u64, String>) -> Result<(), BoxError> {
        let key = *context.key();
        let count = self.count.get_or_default(context);
        *count += 1;
        let count = *count;
        context.emit(format!("{key} {count} {number}"));
        Ok(())
    }
}

#[derive(Parser)]
struct LongWindow {
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    #[arg(long)]
    output: String,
}

/// Counts records in windows that end long after every test. Writes `KEY FIRST COUNT` for each.
pub(crate) fn long_window() -> Result<(), BoxError> {
    let LongWindow { rate, output } = LongWindow::parse();
    let env = StreamExecutionEnvironment::new();
    env.from_source(
        GeneratorSource::new(None, |number| number).rate(rate),
        WatermarkStrategy::for_bounded_out_of_orderness(Duration::ZERO)
            .with_timestamp_assigner(|number: &u64, _| Timestamp::from_millis(*number as i64)),
        "numbers",
    )
    .uid("numbers")
    .map(|number| (number % 10, number))
    .uid("keys")
    .key_by(|(key, _)| *key)
    .window(TumblingEventTimeWindows::of(Duration::from_secs(24 * 3600)))
    .aggregate(Counting)
    .uid("windows")
    .map(|(key, (_, first, count))| format!("{key} {first} {count}"))
    .uid("lines")
    .write_text(output)
    .uid("file");
    env.execute("long-window")?;
    Ok(())
}

#[derive(Parser)]
struct LargeState {
    /// So many keys get a value each, one after the other; then only some do.
    #[arg(long, default_value_t = 40_000)]
    keys: u64,
    /// How many.
    #[arg(long, default_value_t = 10)]
    hot: u64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    #[arg(long, default_value_t = 40_000.0)]
    rate: f64,
}

#[derive(Clone)]
struct Remember {
    bytes: usize,
    value: ValueState<String>,
}

impl KeyedProcessFunction<u64, (u64, u64)> for Remember {
    type Out = u64;

    fn open(&mut self, context: &mut OpenContext<'_, u64>) -> Result<(), BoxError> {
        self.value = context.value("value")?;
        Ok(())
    }

    fn process(
        &mut self,
        (_, number): (u64, u64),
        context: &mut KeyedContext<'_, u64, u64>,
    ) -> Result<(), BoxError> {
        self.value.set(context, format!("{number:0bytes$}", bytes = self.bytes));
        Ok(())
    }
}

/// Much state, of which little changes after a while.
pub(crate) fn large_state() -> Result<(), BoxError> {
    let LargeState { keys, hot, bytes, rate } = LargeState::parse();
    let env = StreamExecutionEnvironment::new();
    env.from_source(
        GeneratorSource::new(None, |number| number).rate(rate),
        WatermarkStrategy::no_watermarks(),
        "numbers",
    )
    .uid("numbers")
    .map(move |number| (if number < keys { number } else { number % hot }, number))
    .uid("keys")
    .key_by(|(key, _)| *key)
    .process(Remember { bytes, value: ValueState::default() })
    .name("remember")
    .uid("remember")
    .sink_to(Discard, "nowhere")
    .uid("nowhere");
    env.execute("large-state")?;
    Ok(())
}
