//! Jobs whose user code fails while they run.

use std::{process, thread, time::Duration};

use clap::Parser;
use flott::{BoxError, WatermarkStrategy, connectors::GeneratorSource, prelude::*};

use crate::sinks::{Discard, Refusing};

#[derive(Parser)]
struct Arguments {
    /// The record at which it happens.
    #[arg(long, default_value_t = 10)]
    at: u64,
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// Exit code, where one is given.
    #[arg(long, default_value_t = 3)]
    code: i32,
}

/// Runs `misbehave` at record `--at`, behind a keyed exchange so that other subtasks have connections to the one that
/// fails.
fn execute(name: &str, misbehave: impl Fn(u64, i32) + Clone + Send + Sync + 'static) -> Result<(), BoxError> {
    let Arguments { at, rate, code } = Arguments::parse();
    let env = StreamExecutionEnvironment::new();
    env.from_source(
        GeneratorSource::new(None, |index| index).rate(rate),
        WatermarkStrategy::no_watermarks(),
        "numbers",
    )
    .key_by(|number| number % 16)
    .reduce(|latest, number| *latest = number)
    .map(move |number| {
        if number == at {
            misbehave(number, code);
        }
        number
    })
    .name("explosive")
    .sink_to(Discard, "nowhere");
    env.execute(name)?;
    Ok(())
}

pub(crate) fn panic_in_map() -> Result<(), BoxError> {
    execute("panic-in-map", |number, _| panic!("cannot digest record {number}"))
}

pub(crate) fn abort_in_map() -> Result<(), BoxError> {
    execute("abort-in-map", |number, _| {
        eprintln!("last words before the abort at record {number}");
        process::abort()
    })
}

pub(crate) fn exit_in_map() -> Result<(), BoxError> {
    execute("exit-in-map", |number, code| {
        eprintln!("leaving at record {number}");
        process::exit(code)
    })
}

pub(crate) fn spin_in_map() -> Result<(), BoxError> {
    execute("spin-in-map", |_, _| never_return())
}

/// A function of its own, so that profiles can name it.
#[inline(never)]
fn never_return() -> ! {
    loop {
        // Asleep, so that tests beside this one have the processor.
        thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) fn error_in_sink() -> Result<(), BoxError> {
    let Arguments { at, rate, .. } = Arguments::parse();
    let env = StreamExecutionEnvironment::new();
    env.from_source(
        GeneratorSource::new(None, |index| index).rate(rate),
        WatermarkStrategy::no_watermarks(),
        "numbers",
    )
    .rebalance()
    .sink_to(Refusing { capacity: at }, "small shelf");
    env.execute("error-in-sink")?;
    Ok(())
}
