use flott::prelude::*;
use serde::{Deserialize, Serialize};

/// A car that passes by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Car {
    pub(crate) name: String,
    pub(crate) speed: f64,
}

impl Car {
    /// Reads a line such as `Toyota, 67`.
    fn parse(line: &str) -> Option<Self> {
        let (name, speed) = line.rsplit_once(',')?;
        let (name, speed) = (name.trim().to_owned(), speed.trim().parse().ok()?);
        // NaN and the like are numbers for Rust, but no speeds.
        let is_speed = f64::is_finite(speed) && speed >= 0.0;
        (is_speed && !name.is_empty()).then_some(Self { name, speed })
    }
}

/// Reads lines, and counts those that it can't read.
#[derive(Clone)]
pub(crate) struct Parse;

impl RichFlatMapFunction<String> for Parse {
    type Out = Car;

    fn flat_map(
        &mut self,
        line: String,
        ctx: &mut RichContext<'_>,
        out: &mut Collector<'_, Car>,
    ) -> Result<(), BoxError> {
        match Car::parse(&line) {
            Some(car) => out.emit(car),
            // Looked up by name each time, which is fine for what happens rarely.
            None => ctx.runtime().metrics().counter("malformedLines").inc(),
        }
        Ok(())
    }
}
