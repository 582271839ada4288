use std::{fmt, str::FromStr};

use anyhow::Context as _;
use flott::prelude::*;
use serde::{Deserialize, Serialize};

/// What a car says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) car: u32,
    pub(crate) km_per_hour: u32,
    /// Driven in all.
    pub(crate) meters: f64,
    /// Milliseconds since 1970.
    pub(crate) time_ms: i64,
}

impl FromStr for Reading {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let line = line.trim();
        let fields = line.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(line);
        let fields: Vec<_> = fields.split(',').map(str::trim).collect();
        let [car, km_per_hour, meters, time_ms] = fields[..] else {
            anyhow::bail!("it has {} fields instead of 4", fields.len());
        };
        Ok(Self {
            car: car.parse().with_context(|| format!("the car `{car}`"))?,
            km_per_hour: km_per_hour.parse().with_context(|| format!("the speed `{km_per_hour}`"))?,
            meters: meters.parse().with_context(|| format!("the distance `{meters}`"))?,
            time_ms: time_ms.parse().with_context(|| format!("the time `{time_ms}`"))?,
        })
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { car, km_per_hour, meters, time_ms } = self;
        write!(f, "({car},{km_per_hour},{meters},{time_ms})")
    }
}

/// Reads lines. A bad one fails the job: a reading that is missing would make results wrong, not just fewer.
#[derive(Clone)]
pub(crate) struct Parse;

impl RichMapFunction<String> for Parse {
    type Out = Reading;

    fn map(&mut self, line: String, _: &mut RichContext<'_>) -> Result<Reading, BoxError> {
        line.parse().map_err(|problem| format!("`{line}` is no reading of a car: {problem:#}").into())
    }
}
