//! Options of metrics and of their reporters.

use std::time::Duration;

use crate::{
    config::{Configuration, PortRange, option::options},
    job_config::LatencyGranularity,
};

options! {
    /// How often subtasks report what they measure: so old is what the dashboard, REST and Prometheus show. 0 for never but when a
    /// subtask's state changes: then next to nothing is shown of jobs that run.
    UPDATE_INTERVAL: Duration = "metrics.fetcher.update-interval", default "500 ms";
    /// How often each subtask of a source marks the time in its stream, so that operators and sinks can tell how long records
    /// took to them; 0 for never. A mark costs about as much as a watermark. Jobs may set it for themselves.
    LATENCY_INTERVAL: Duration = "metrics.latency.interval", default "0 ms";
    /// How latencies are told apart: `single` by the operator that is reached, `operator` also by the source, `subtask` also by
    /// the source's subtask, which makes very many distributions.
    LATENCY_GRANULARITY: LatencyGranularity = "metrics.latency.granularity", default "operator";
    /// How many of the latest values a distribution of latencies describes.
    LATENCY_HISTORY_SIZE: u32 = "metrics.latency.history-size", default "128",
        limit "a whole number from 1 to 65536" => |size| (1..=65536).contains(size);
    /// Which reporters are on, separated by commas; there is one, `prom`. Unset: it is on if another of its options is set.
    REPORTERS: Option<String> = "metrics.reporters";
    /// The kind of the reporter `prom`; only that of Prometheus is known, by Flink's name for it:
    /// `org.apache.flink.metrics.prometheus.PrometheusReporterFactory`.
    PROMETHEUS_FACTORY: Option<String> = "metrics.reporter.prom.factory.class", older ["metrics.reporter.prom.class"],
        limit "a class whose name ends in PrometheusReporterFactory or PrometheusReporter" =>
            |class| class.as_ref().is_none_or(|class| {
                class.ends_with("PrometheusReporterFactory") || class.ends_with("PrometheusReporter")
            });
    /// Ports at which each daemon tells its metrics to Prometheus, under `/metrics`: the first free one is taken, at the
    /// address at which the daemon listens for others. The JobManager tells its own on its REST port, too.
    PROMETHEUS_PORT: PortRange = "metrics.reporter.prom.port", default "9249-9259";
}

/// The name of the reporter that there is.
const PROMETHEUS: &str = "prom";

/// The ports of the reporter for Prometheus; `None` if it is off.
pub fn prometheus_ports(config: &Configuration) -> Option<PortRange> {
    let is_on = match config.get(&REPORTERS) {
        Some(names) => names.split([',', ';']).any(|name| name.trim() == PROMETHEUS),
        None => [PROMETHEUS_FACTORY.key(), PROMETHEUS_PORT.key()].iter().any(|key| config.is_set(key)),
    };
    is_on.then(|| config.get(&PROMETHEUS_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Option<String> {
        let (config, warnings) = Configuration::parse(text, "config.yaml").unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        prometheus_ports(&config).map(|ports| ports.to_string())
    }

    #[test]
    fn the_reporter_is_on_if_it_is_named_or_configured() {
        assert_eq!(ports(""), None);
        assert_eq!(ports("metrics.reporters: 'jmx, prom'").as_deref(), Some("9249-9259"));
        assert_eq!(ports("metrics.reporter.prom.port: 9300").as_deref(), Some("9300"));
        assert_eq!(
            ports(
                "metrics.reporter.prom.factory.class: \
                 org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
            )
            .as_deref(),
            Some("9249-9259")
        );
        assert_eq!(ports("metrics.reporters: jmx\nmetrics.reporter.prom.port: 9300"), None);
    }

    #[test]
    fn another_kind_of_reporter_is_refused() {
        let text = "metrics.reporter.prom.factory.class: org.apache.flink.metrics.jmx.JMXReporterFactory";
        assert!(Configuration::parse(text, "config.yaml").is_err());
    }
}
