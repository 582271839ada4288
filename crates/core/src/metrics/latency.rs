//! Whose latency a distribution describes, and its name: as in Flink it is a metric of the job, not of the operator.

use std::{fmt, str::FromStr};

use super::OperatorMetric;
use crate::{OperatorId, SubtaskIndex, job_config::LatencyGranularity};

/// What the names of all latencies begin with, the job's scope being left out.
const PREFIX: &str = "latency.";
/// What the names of all latencies end with.
const SUFFIX: &str = ".latency";

/// Whose latency it is: how old the marks are that come from a source to an operator.
///
/// A subtask reports it among the metrics of its operators, under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatencyPath {
    /// Where the marks come from, as far as that is told apart.
    pub from: LatencySource,
    /// The operator that they have come to.
    pub operator: OperatorId,
    /// Its subtask.
    pub subtask: SubtaskIndex,
}

/// Which sources a latency is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LatencySource {
    /// All.
    Any,
    /// One.
    Operator(OperatorId),
    /// One subtask of one.
    Subtask(OperatorId, SubtaskIndex),
}

impl LatencySource {
    /// This subtask of a source, as far as it is told apart.
    pub fn of(granularity: LatencyGranularity, source: OperatorId, subtask: SubtaskIndex) -> Self {
        match granularity {
            LatencyGranularity::Single => Self::Any,
            LatencyGranularity::Operator => Self::Operator(source),
            LatencyGranularity::Subtask => Self::Subtask(source, subtask),
        }
    }
}

impl LatencyPath {
    /// The labels by which reporters tell it apart.
    pub fn labels(&self) -> Vec<(&'static str, String)> {
        let mut labels = match self.from {
            LatencySource::Any => Vec::new(),
            LatencySource::Operator(source) => vec![("source_id", source.to_string())],
            LatencySource::Subtask(source, subtask) => {
                vec![("source_id", source.to_string()), ("source_subtask_index", subtask.0.to_string())]
            }
        };
        labels.push(("operator_id", self.operator.to_string()));
        labels.push(("operator_subtask_index", self.subtask.0.to_string()));
        labels
    }

    /// Its name where each of the [labels](Self::labels) is told beside it, with its value: `latency.source_id.….latency`.
    pub fn name_without_values(&self) -> String {
        let labels = self.labels();
        let names = labels.iter().map(|(name, _)| *name);
        ["latency"].into_iter().chain(names).chain(["latency"]).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for LatencyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("latency")?;
        self.labels().iter().try_for_each(|(name, value)| write!(f, ".{name}.{value}"))?;
        f.write_str(SUFFIX)
    }
}

/// A text that is no latency's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the name of a latency")]
pub struct NoLatencyPath;

impl FromStr for LatencyPath {
    type Err = NoLatencyPath;

    fn from_str(name: &str) -> Result<Self, NoLatencyPath> {
        let path =
            name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX)).ok_or(NoLatencyPath)?;
        let parts: Vec<_> = path.split('.').collect();
        let id = |text: &str| text.parse::<OperatorId>().map_err(|_| NoLatencyPath);
        let index = |text: &str| text.parse().map(SubtaskIndex).map_err(|_| NoLatencyPath);
        let (from, operator, subtask) = match parts[..] {
            ["operator_id", operator, "operator_subtask_index", subtask] => {
                (LatencySource::Any, operator, subtask)
            }
            ["source_id", source, "operator_id", operator, "operator_subtask_index", subtask] => {
                (LatencySource::Operator(id(source)?), operator, subtask)
            }
            [
                "source_id",
                source,
                "source_subtask_index",
                of_source,
                "operator_id",
                operator,
                "operator_subtask_index",
                subtask,
            ] => (LatencySource::Subtask(id(source)?, index(of_source)?), operator, subtask),
            _ => return Err(NoLatencyPath),
        };
        Ok(Self { from, operator: id(operator)?, subtask: index(subtask)? })
    }
}

impl OperatorMetric {
    /// Whose latency it is, if it is one.
    pub fn latency(&self) -> Option<LatencyPath> {
        self.name.parse().ok()
    }

    /// Whether it is a latency. Quick for those that are not.
    pub fn is_latency(&self) -> bool {
        self.name.starts_with(PREFIX) && self.latency().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_flinks_and_can_be_read() {
        let [source, operator] = [1, 0xab].map(|byte| OperatorId::from_bytes([byte; 16]));
        let path = |granularity| LatencyPath {
            from: LatencySource::of(granularity, source, SubtaskIndex(3)),
            operator,
            subtask: SubtaskIndex(7),
        };
        let (source, operator) = (source.to_string(), operator.to_string());
        let end = format!("operator_id.{operator}.operator_subtask_index.7.latency");
        for (granularity, name) in [
            (LatencyGranularity::Single, format!("latency.{end}")),
            (LatencyGranularity::Operator, format!("latency.source_id.{source}.{end}")),
            (LatencyGranularity::Subtask, format!("latency.source_id.{source}.source_subtask_index.3.{end}")),
        ] {
            assert_eq!(path(granularity).to_string(), name);
            assert_eq!(name.parse(), Ok(path(granularity)));
        }
        assert_eq!(
            path(LatencyGranularity::Subtask).name_without_values(),
            "latency.source_id.source_subtask_index.operator_id.operator_subtask_index.latency"
        );
    }

    #[test]
    fn other_names_are_none() {
        for name in
            ["", "latency", "latency.latency", "latency.of.requests.latency", "latency.source_id.1.latency"]
        {
            assert_eq!(name.parse::<LatencyPath>(), Err(NoLatencyPath), "{name}");
        }
    }
}
