//! Jobs that do nothing wrong.

use std::{
    hint::black_box,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Parser;
use flott::{BoxError, WatermarkStrategy, connectors::GeneratorSource, prelude::*};

use crate::sinks::{Discard, Pausing};

#[derive(Parser)]
struct Endless {
    /// Records a second, all subtasks together.
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// How many different keys.
    #[arg(long, default_value_t = 64)]
    keys: u64,
}

pub(crate) fn endless() -> Result<(), BoxError> {
    let Endless { rate, keys } = Endless::parse();
    let env = StreamExecutionEnvironment::new();
    env.from_source(
        GeneratorSource::new(None, |index| index).rate(rate),
        WatermarkStrategy::no_watermarks(),
        "numbers",
    )
    .key_by(move |number| number % keys)
    .count()
    .name("count")
    .sink_to(Discard, "nowhere");
    env.execute("endless")?;
    Ok(())
}

#[derive(Parser)]
struct KeyedSum {
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    #[arg(long, default_value_t = 1000)]
    keys: u64,
    /// Records a second, all subtasks together; as many as possible if it is not given.
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long)]
    output: String,
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Takes its time to say yes.
#[inline(never)]
fn judge(amount: i64) -> bool {
    (0..JUDGING).fold(amount as u64, |sum, turn| black_box(sum.wrapping_mul(31).wrapping_add(turn))) > 0
}

/// Writes `KEY SUM` for each key: the sum of all numbers below `records` that leave the rest `KEY` when divided by `keys`.
pub(crate) fn keyed_sum() -> Result<(), BoxError> {
    let KeyedSum { records, keys, rate, output } = KeyedSum::parse();
    let env = StreamExecutionEnvironment::new();
    env.set_runtime_mode(RuntimeMode::Batch);
    let numbers = GeneratorSource::new(Some(records), move |index| (index % keys, index));
    let numbers = match rate {
        Some(rate) => numbers.rate(rate),
        None => numbers,
    };
    env.from_source(numbers, WatermarkStrategy::no_watermarks(), "numbers")
        .key_by_ref(|(key, _)| key)
        .sum(|(_, value)| value)
        .map(|(key, sum)| format!("{key} {sum}"))
        .write_text(output);
    env.execute("keyed-sum")?;
    Ok(())
}

#[derive(Parser)]
struct Output {
    #[arg(long)]
    output: String,
}

/// Writes lines `KIND …` into one directory for each kind. What they must be stands in the test.
pub(crate) fn all_operators() -> Result<(), BoxError> {
    let Output { output } = Output::parse();
    let env = StreamExecutionEnvironment::new();
    env.set_runtime_mode(RuntimeMode::Batch);
    let low = env.from_sequence(1, 500);
    let high = env.from_collection(501..=1000u64);
    let all = low.union(&high).filter(|number| number % 2 == 0);

    let keyed = all.map(|number| (number % 10, number)).key_by_ref(|(key, _)| key);
    let write = |kind: &str, stream: &DataStream<(u64, u64)>| {
        stream.map(|(key, value)| format!("{key} {value}")).write_text(format!("{output}/{kind}"));
    };
    write("min", &keyed.min(|(_, value)| value));
    write("max", &keyed.max(|(_, value)| value));
    write("sum", &keyed.sum(|(_, value)| value));
    write("count", &keyed.count());
    write("reduce", &keyed.reduce(|longest, (_, value)| longest.1 = longest.1.max(value)));

    all.rebalance()
        .flat_map(|number, out| out.extend([number, number]))
        .write_text(format!("{output}/twice"));
    all.broadcast().map(|number| number + 1).write_text(format!("{output}/broadcast"));
    env.execute("all-operators")?;
    Ok(())
}

#[derive(Parser)]
struct SlowSink {
    #[arg(long, default_value_t = 10_000_000)]
    records: u64,
    /// Length of each record.
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    /// The sink pauses after so many records.
    #[arg(long, default_value_t = 1000)]
    every: u64,
    #[arg(long, default_value_t = 1000)]
    pause_micros: u64,
    #[arg(long)]
    output: PathBuf,
}

pub(crate) fn slow_sink() -> Result<(), BoxError> {
    let SlowSink { records, bytes, every, pause_micros, output } = SlowSink::parse();
    let env = StreamExecutionEnvironment::new();
    env.generate(Some(records), move |index| format!("{index:0bytes$}"))
        .rebalance()
        .sink_to(Pausing { output, every, pause: Duration::from_micros(pause_micros) }, "slow");
    env.execute("slow-sink")?;
    Ok(())
}

#[derive(Parser)]
struct Print {
    /// Lines a second, all subtasks together.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
}

pub(crate) fn print() -> Result<(), BoxError> {
    let Print { rate } = Print::parse();
    let env = StreamExecutionEnvironment::new();
    env.from_source(
        GeneratorSource::new(None, |index| format!("printed line {index}")).rate(rate),
        WatermarkStrategy::no_watermarks(),
        "lines",
    )
    .print();
    env.execute("print")?;
    Ok(())
}

/// Orders and returns, with a revenue per product and an alarm for large amounts.
/// What was bought: product, amount, and when, as milliseconds since 1970.
type Order = (u64, i64, i64);

/// Turns of the loop that judges an order: at the rate of this job some tenths of a processor.
const JUDGING: u64 = 9_000;
const REVENUE_EVERY: Duration = Duration::from_secs(5);

pub(crate) fn shop() -> Result<(), BoxError> {
    let env = StreamExecutionEnvironment::new();
    let source = |rate: f64, step: u64| {
        let order = move |index: u64| -> Order { (index % 500, (index * step % 300) as i64, now_ms()) };
        GeneratorSource::new(None, order).rate(rate)
    };
    let by_its_time = || {
        WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(200))
            .with_timestamp_assigner(|(_, _, time): &Order, _| Timestamp::from_millis(*time))
    };
    let orders = env.from_source(source(40_000.0, 7919), by_its_time(), "orders");
    let returns = env
        .from_source(source(4_000.0, 104_729), by_its_time(), "returns")
        .map(|(product, amount, time)| (product, -amount, time))
        .name("negate");
    let all = orders.union(&returns);
    all.key_by(|(product, _, _)| *product)
        .window(TumblingEventTimeWindows::of(REVENUE_EVERY))
        .reduce(|sum, (_, amount, _)| sum.1 += amount)
        .name("revenue by product")
        .sink_to(Discard, "revenue");
    all.rebalance()
        .filter(|(_, amount, _)| judge(*amount) && amount.abs() > 290)
        .name("suspicious orders")
        .sink_to(Discard, "alarms");
    env.execute("shop")?;
    Ok(())
}
