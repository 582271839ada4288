//! Metrics as clients ask for them: a list of names, values by name, or aggregates over several sources.

use std::{borrow::Cow, collections::BTreeMap};

use axum::http::StatusCode;
use flott_core::metrics::Reading;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, json};

use super::{error::ApiError, params::Query};

/// A metric's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A counter or a size.
    Count(u64),
    /// A time in milliseconds; -1 if it has no meaning now.
    Millis(i64),
    /// Anything else that is whole and may be negative.
    Integer(i64),
    /// A rate or a share.
    Gauge(f64),
    /// No number.
    Text(String),
}

impl Value {
    /// The number; NaN if it is none.
    pub(crate) fn as_f64(&self) -> f64 {
        match self {
            Self::Count(count) => *count as f64,
            Self::Millis(number) | Self::Integer(number) => *number as f64,
            Self::Gauge(gauge) => *gauge,
            Self::Text(_) => f64::NAN,
        }
    }

    /// As Java writes it: doubles always with a fraction.
    fn text(self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Millis(number) | Self::Integer(number) => number.to_string(),
            Self::Gauge(gauge) if gauge.is_infinite() => {
                if gauge > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
            }
            Self::Gauge(gauge) => format!("{gauge:?}"),
            Self::Text(text) => text,
        }
    }
}

impl From<Reading> for Value {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Count(count) => Self::Count(count),
            Reading::Integer(number) => Self::Integer(number),
            Reading::Gauge(gauge) => Self::Gauge(gauge),
            Reading::Flag(flag) => Self::Text(flag.to_string()),
        }
    }
}

/// The metrics of one source, by name.
pub(crate) type Values = Vec<(&'static str, Value)>;

/// One metric in an answer; without a value in a list of names.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Metric {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl Metric {
    /// A metric with its value.
    pub(crate) fn new(id: String, value: Value) -> Self {
        Self { id, value: Some(value.text()) }
    }
}

/// Answers `?get=`: the asked values, or without it all names. What does not exist is left out.
pub(crate) fn select<S: AsRef<str>>(metrics: impl Iterator<Item = (S, Value)>, query: &Query) -> Vec<Metric> {
    let wanted = query.list("get");
    if wanted.is_empty() {
        return metrics.map(|(id, _)| Metric { id: id.as_ref().to_owned(), value: None }).collect();
    }
    metrics
        .filter(|(id, _)| wanted.contains(&id.as_ref()))
        .map(|(id, value)| Metric::new(id.as_ref().to_owned(), value))
        .collect()
}

/// What is not there has no metrics, which is no error: as in Flink, where those who collect metrics ask for jobs that have just
/// gone too.
///
/// # Errors
/// Any but 404.
pub(crate) fn if_there<T>(found: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.status() == StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// How values of several sources become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregation {
    Min,
    Max,
    Avg,
    Sum,
    /// Mean absolute deviation from the mean in percent of the mean, at most 100.
    Skew,
}

impl Aggregation {
    /// All there are.
    pub(crate) const ALL: &[Self] = &[Self::Min, Self::Max, Self::Avg, Self::Sum, Self::Skew];

    const fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Skew => "skew",
        }
    }

    fn of(self, values: &[f64]) -> f64 {
        let sum: f64 = values.iter().sum();
        let mean = sum / values.len() as f64;
        match self {
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Avg => mean,
            Self::Sum => sum,
            Self::Skew if mean == 0.0 => 0.0,
            Self::Skew => {
                let deviation: f64 = values.iter().map(|value| (value - mean).abs()).sum();
                (100.0 * deviation / values.len() as f64 / mean).min(100.0)
            }
        }
    }
}

/// One metric over several sources.
#[derive(Debug, PartialEq)]
pub(crate) struct AggregatedMetric {
    id: Cow<'static, str>,
    values: Vec<(Aggregation, f64)>,
}

impl JsonSchema for AggregatedMetric {
    fn schema_name() -> Cow<'static, str> {
        "AggregatedMetric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = Aggregation::ALL.iter().map(|aggregation| aggregation.name().to_owned());
        let numbers = names.map(|name| (name, json!({ "type": "number" })));
        let mut properties: Map<String, serde_json::Value> = numbers.collect();
        properties.insert("id".to_owned(), json!({ "type": "string" }));
        json_schema!({ "type": "object", "properties": properties, "required": ["id"] })
    }
}

impl Serialize for AggregatedMetric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.values.len()))?;
        map.serialize_entry("id", &self.id)?;
        for (aggregation, value) in &self.values {
            map.serialize_entry(aggregation.name(), value)?;
        }
        map.end()
    }
}

/// Answers `?get=…&agg=…` over the metrics of several sources: all names without `get`, all aggregates without `agg`.
/// Values that are no numbers count as none.
///
/// # Errors
/// 400 for an aggregation that there is not.
pub(crate) fn aggregate<S: Into<Cow<'static, str>>>(
    sources: impl Iterator<Item = Vec<(S, Value)>>,
    query: &Query,
) -> Result<Vec<AggregatedMetric>, ApiError> {
    let known = Aggregation::ALL;
    let find = |name: &str| known.iter().copied().find(|it| it.name().eq_ignore_ascii_case(name));
    let asked = query.list("agg");
    let aggregations = if asked.is_empty() {
        known.to_vec()
    } else {
        let parse = |name: &&str| find(name).ok_or_else(|| ApiError::query_parameter("agg", name));
        asked.iter().map(parse).collect::<Result<_, _>>()?
    };
    let mut by_name = BTreeMap::<Cow<'static, str>, Vec<f64>>::new();
    for (name, value) in sources.flatten() {
        let values = by_name.entry(name.into()).or_default();
        values.extend(Some(value.as_f64()).filter(|value| value.is_finite()));
    }
    let wanted = query.list("get");
    if wanted.is_empty() {
        return Ok(by_name.into_keys().map(|id| AggregatedMetric { id, values: Vec::new() }).collect());
    }
    Ok(by_name
        .into_iter()
        .filter(|(id, values)| wanted.contains(&id.as_ref()) && !values.is_empty())
        .map(|(id, values)| AggregatedMetric {
            id,
            values: aggregations.iter().map(|aggregation| (*aggregation, aggregation.of(&values))).collect(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> impl Iterator<Item = Values> {
        [1.0, 3.0].into_iter().map(|value| vec![("a", Value::Gauge(value)), ("b", Value::Count(2))])
    }

    fn json(query: &str) -> String {
        serde_json::to_string(&aggregate(sources(), &Query::new(query)).unwrap()).unwrap()
    }

    #[test]
    fn aggregates_are_numbers() {
        assert_eq!(json(""), r#"[{"id":"a"},{"id":"b"}]"#);
        assert_eq!(
            json("get=a,nosuch"),
            r#"[{"id":"a","min":1.0,"max":3.0,"avg":2.0,"sum":4.0,"skew":50.0}]"#
        );
        assert_eq!(json("get=b&agg=sum,skew"), r#"[{"id":"b","sum":4.0,"skew":0.0}]"#);
        let refused = aggregate(sources(), &Query::new("agg=foo")).unwrap_err();
        assert!(format!("{refused}").contains("Cannot resolve query parameter (agg) from value \"foo\"."));
    }

    #[test]
    fn values_are_texts() {
        let values = || sources().next().unwrap().into_iter();
        let json = |query| serde_json::to_string(&select(values(), &Query::new(query))).unwrap();
        assert_eq!(json("get=a,b,c"), r#"[{"id":"a","value":"1.0"},{"id":"b","value":"2"}]"#);
        assert_eq!(json(""), r#"[{"id":"a"},{"id":"b"}]"#);
    }
}
