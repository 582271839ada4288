//! A job that uses the processor, in a function that a profile must show.

use std::hint::black_box;

use clap::Parser;
use flott::{BoxError, WatermarkStrategy, connectors::GeneratorSource, prelude::*};

use crate::sinks::Discard;

#[derive(Parser)]
struct Arguments {
    /// Records a second, all subtasks together.
    #[arg(long, default_value_t = 20_000.0)]
    rate: f64,
    /// Turns of the loop for each record.
    #[arg(long, default_value_t = 20_000)]
    turns: u64,
}

pub(crate) fn busy() -> Result<(), BoxError> {
    let Arguments { rate, turns } = Arguments::parse();
    let env = StreamExecutionEnvironment::new();
    env.from_source(
        GeneratorSource::new(None, |index| index).rate(rate),
        WatermarkStrategy::no_watermarks(),
        "numbers",
    )
    .rebalance()
    .map(move |number| burn_the_processor(number, turns))
    .name("burn")
    .sink_to(Discard, "nowhere");
    env.execute("busy")?;
    Ok(())
}

#[inline(never)]
fn burn_the_processor(seed: u64, turns: u64) -> u64 {
    (0..turns).fold(seed, |sum, turn| black_box(sum.wrapping_mul(31).wrapping_add(turn)))
}
