//! What is usual of a number, as clients read it.

use std::borrow::Cow;

use flott_control::job_master::Summary;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// Flink's `StatsSummaryDto`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "StatsSummaryDto")]
pub(in crate::rest::jobs) struct Statistics {
    min: u64,
    max: u64,
    avg: u64,
    p50: Percentile,
    p90: Percentile,
    p95: Percentile,
    p99: Percentile,
    p999: Percentile,
}

/// NaN, of no values, is written as text, as Flink does: JSON has no number for it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Percentile(f64);

impl JsonSchema for Percentile {
    fn schema_name() -> Cow<'static, str> {
        "Percentile".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "number" }, { "const": "NaN" }] })
    }
}

impl Serialize for Percentile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() { serializer.serialize_str("NaN") } else { serializer.serialize_f64(self.0) }
    }
}

impl Statistics {
    /// Of something that is always zero.
    pub(super) const ZERO: Self = {
        const ZERO: Percentile = Percentile(0.0);
        Self { min: 0, max: 0, avg: 0, p50: ZERO, p90: ZERO, p95: ZERO, p99: ZERO, p999: ZERO }
    };

    /// Of these values.
    pub(super) fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut summary = Summary::default();
        values.for_each(|value| summary.add(value));
        Self::from(&summary)
    }
}

impl From<&Summary> for Statistics {
    fn from(summary: &Summary) -> Self {
        let percentiles = summary.percentiles([50.0, 90.0, 95.0, 99.0, 99.9]).unwrap_or([f64::NAN; 5]);
        let [p50, p90, p95, p99, p999] = percentiles.map(Percentile);
        Self { min: summary.min(), max: summary.max(), avg: summary.average(), p50, p90, p95, p99, p999 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(values: &[u64]) -> String {
        serde_json::to_string(&Statistics::of(values.iter().copied())).unwrap()
    }

    #[test]
    fn percentiles_of_nothing_are_no_numbers() {
        let nothing =
            r#"{"min":0,"max":0,"avg":0,"p50":"NaN","p90":"NaN","p95":"NaN","p99":"NaN","p999":"NaN"}"#;
        assert_eq!(json(&[]), nothing);
        let two = r#"{"min":9,"max":10,"avg":9,"p50":9.5,"p90":10.0,"p95":10.0,"p99":10.0,"p999":10.0}"#;
        assert_eq!(json(&[10, 9]), two);
    }
}
