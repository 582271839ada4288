//! A job whose state has another type in each version.

use std::marker::PhantomData;

use clap::{Parser, ValueEnum};
use flott::{BoxError, StateValue, WatermarkStrategy, connectors::GeneratorSource, prelude::*};
use serde::{Deserialize, Serialize};

use crate::sinks::Discard;

#[derive(Clone, Copy, ValueEnum)]
enum Version {
    /// `{ count: u64 }`
    First,
    /// `{ count: u64, last: Option<u64> }`
    Optional,
    /// `{ total: u64 }`
    Renamed,
    /// The same with a migration from the first.
    Migrating,
}

#[derive(Parser)]
struct Evolving {
    #[arg(long, value_enum, default_value = "first")]
    version: Version,
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    #[arg(long, default_value_t = 20)]
    keys: u64,
    /// Whether the job has another operator with state, of the uid `extra`.
    #[arg(long)]
    extra: bool,
    #[arg(long)]
    max_parallelism: Option<u32>,
    #[arg(long)]
    output: String,
}

/// What is kept of each key.
trait Visits: StateValue + Clone + Default + Sync {
    fn descriptor() -> StateDescriptor {
        StateDescriptor::new("visits")
    }

    /// Counts a record; returns how many there were.
    fn count(&mut self, number: u64) -> u64;
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct First {
    count: u64,
}

impl Visits for First {
    fn count(&mut self, _: u64) -> u64 {
        self.count += 1;
        self.count
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Optional {
    count: u64,
    last: Option<u64>,
}

impl Visits for Optional {
    fn count(&mut self, number: u64) -> u64 {
        self.last = Some(number);
        self.count += 1;
        self.count
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Renamed {
    total: u64,
}

impl Visits for Renamed {
    fn count(&mut self, _: u64) -> u64 {
        self.total += 1;
        self.total
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Migrating(Renamed);

impl Visits for Migrating {
    fn descriptor() -> StateDescriptor {
        StateDescriptor::new("visits").migrate_from(|old: First| Migrating(Renamed { total: old.count }))
    }

    fn count(&mut self, number: u64) -> u64 {
        self.0.count(number)
    }
}

#[derive(Clone)]
struct Visiting<V> {
    visits: ValueState<V>,
    _version: PhantomData<V>,
}

impl<V: Visits> KeyedProcessFunction<u64, u64> for Visiting<V> {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, u64>) -> Result<(), BoxError> {
        self.visits = context.value(V::descriptor())?;
        Ok(())
    }

    fn process(&mut self, number: u64, context: &mut KeyedContext<'_, u64, String>) -> Result<(), BoxError> {
        let key = *context.key();
        let count = self.visits.get_or_default(context).count(number);
        context.emit(format!("{key} {count} {number}"));
        Ok(())
    }
}

/// Writes `KEY COUNT NUMBER` for each number.
pub(crate) fn evolving() -> Result<(), BoxError> {
    match Evolving::parse().version {
        Version::First => run::<First>(),
        Version::Optional => run::<Optional>(),
        Version::Renamed => run::<Renamed>(),
        Version::Migrating => run::<Migrating>(),
    }
}

fn run<V: Visits>() -> Result<(), BoxError> {
    let Evolving { rate, keys, extra, max_parallelism, output, .. } = Evolving::parse();
    let env = StreamExecutionEnvironment::new();
    if let Some(max_parallelism) = max_parallelism {
        env.set_max_parallelism(max_parallelism);
    }
    let keyed = env
        .from_source(
            GeneratorSource::new(None, |number| number).rate(rate),
            WatermarkStrategy::no_watermarks(),
            "numbers",
        )
        .uid("numbers")
        .key_by(move |number| number % keys);
    keyed
        .process(Visiting::<V> { visits: ValueState::default(), _version: PhantomData })
        .name("visits")
        .uid("visits")
        .write_text(output)
        .uid("file");
    if extra {
        keyed.count().name("extra").uid("extra").sink_to(Discard, "nowhere").uid("nowhere");
    }
    env.execute("evolving")?;
    Ok(())
}
