//! What was submitted, and how it has ended.

use std::{sync::Arc, time::Duration};

use flott_control::job_master::JobMasterConfig;
use flott_core::{
    FailureCause, JobGraph, JobId,
    checkpoint::RestorePoint,
    deployment::TaskHostSpec,
    job_config::JobConfig,
    metrics::{MetricValue, OperatorMetrics},
};
use flott_storage::StorageUri;
use serde::{Deserialize, Serialize};

use super::codec;
use crate::view::{AttemptView, ExceptionView, JobView, SubmissionView, SubtaskView, VertexView};

/// Most characters of a text in the brief form of a result.
const BRIEF_TEXT: usize = 1000;
/// Most bytes of what is told there of the submission. Records beyond 64 KiB may need a file, which may be what fails.
const BRIEF_SUBMISSION: usize = 32 * 1024;

/// A job as it was submitted: all that is needed to run it, by whomever.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobRecord {
    pub(crate) graph: Arc<JobGraph>,
    pub(crate) submission: Arc<SubmissionView>,
    pub(crate) settings: RecordedSettings,
    /// By which the job's task hosts know each other.
    pub(crate) secret: [u8; 32],
    /// The job's own directory for checkpoints.
    #[serde(with = "text")]
    pub(crate) checkpoint_dir: StorageUri,
    /// Whether that has its marker already.
    pub(crate) is_prepared: bool,
    /// Where savepoints go for which the user names no place.
    #[serde(default)]
    pub(crate) savepoint_dir: Option<Arc<str>>,
    /// What the job begins with.
    #[serde(default)]
    pub(crate) restore: Option<RestorePoint>,
    /// When it was submitted, in Unix milliseconds.
    pub(crate) submitted_unix_ms: i64,
}

/// Settings that hold for the job's whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedSettings {
    slot_request_timeout_ms: u64,
    cancellation_timeout_ms: u64,
    exception_history_size: usize,
    /// How many checkpoints are shown.
    pub(crate) checkpoint_history: usize,
    /// For how long its client may not be heard of, if the job is to end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_timeout_ms: Option<u64>,
}

impl RecordedSettings {
    pub(crate) fn new(
        config: &JobMasterConfig,
        checkpoint_history: usize,
        client_timeout: Option<Duration>,
    ) -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            slot_request_timeout_ms: millis(config.slot_request_timeout),
            cancellation_timeout_ms: millis(config.cancellation_timeout),
            exception_history_size: config.exception_history_size,
            checkpoint_history,
            client_timeout_ms: client_timeout.map(millis),
        }
    }

    /// For how long the job's client may not be heard of; `None` if the job lives without one.
    pub(crate) fn client_timeout(&self) -> Option<Duration> {
        self.client_timeout_ms.map(Duration::from_millis)
    }
}

impl JobRecord {
    /// What its machine has to know.
    pub(crate) fn config(&self) -> JobMasterConfig {
        JobMasterConfig {
            slot_request_timeout: Duration::from_millis(self.settings.slot_request_timeout_ms),
            cancellation_timeout: Duration::from_millis(self.settings.cancellation_timeout_ms),
            exception_history_size: self.settings.exception_history_size,
            ..JobMasterConfig::default()
        }
    }

    /// What its task hosts run.
    pub(crate) fn task_hosts(&self, job_id: JobId) -> TaskHostSpec {
        TaskHostSpec {
            job_id,
            job_name: self.graph.name.clone(),
            artifact: self.submission.artifact.clone(),
            arguments: self.submission.arguments.clone(),
            entry: self.submission.entry.clone(),
            config: self.submission.config.clone(),
            graph: self.graph.clone(),
            secret: self.secret,
            slots: 0,
            checkpoint_dir: self.checkpoint_dir.to_string(),
        }
    }
}

impl std::fmt::Debug for JobRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobRecord")
            .field("name", &self.graph.name)
            .field("checkpoint_dir", &self.checkpoint_dir)
            .field("submitted_unix_ms", &self.submitted_unix_ms)
            .finish_non_exhaustive()
    }
}

/// What a job that has ended has left in storage, to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cleanup {
    /// The job's own directory for checkpoints.
    #[serde(with = "text")]
    pub(crate) checkpoint_dir: StorageUri,
    /// What the job began with.
    #[serde(default)]
    pub(crate) restore: Option<RestorePoint>,
    /// URIs of files.
    pub(crate) files: Vec<String>,
    /// URIs of directories, to be deleted with all that is in them.
    pub(crate) directories: Vec<String>,
}

/// The view without metrics whose values JSON does not know: infinite ones, and those that are no numbers.
pub(super) fn finite(view: &JobView) -> JobView {
    let vertex = |vertex: &Arc<VertexView>| {
        let subtasks = vertex.subtasks.iter().map(|subtask| SubtaskView {
            operators: finite_metrics(&subtask.operators),
            past: subtask
                .past
                .iter()
                .map(|past| AttemptView { operators: finite_metrics(&past.operators), ..past.clone() })
                .collect(),
            ..subtask.clone()
        });
        Arc::new(VertexView { subtasks: subtasks.collect(), counts: vertex.counts })
    };
    JobView { vertices: view.vertices.iter().map(vertex).collect(), ..view.clone() }
}

/// How the job has ended, and no more: small enough for any store.
pub(super) fn brief(view: &JobView) -> JobView {
    let graph = JobGraph {
        name: shortened(&view.graph.name),
        vertices: Vec::new(),
        edges: Vec::new(),
        ..JobGraph::clone(&view.graph)
    };
    let mut submission = SubmissionView::clone(&view.submission);
    if codec::to_json(&submission).len() > BRIEF_SUBMISSION {
        submission.arguments.clear();
        submission.config = JobConfig::default();
    }
    let exceptions = view.exceptions.iter().take(1).map(|exception| ExceptionView {
        cause: FailureCause::new(exception.cause.kind, shortened(&exception.cause.message)),
        concurrent: Vec::new(),
        ..exception.clone()
    });
    JobView {
        graph: Arc::new(graph),
        submission: Arc::new(submission),
        vertices: Vec::new(),
        exceptions: Arc::new(exceptions.collect()),
        checkpoints: Arc::default(),
        rescaling: Arc::default(),
        ..view.clone()
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(BRIEF_TEXT).collect()
}

fn finite_metrics(metrics: &OperatorMetrics) -> OperatorMetrics {
    let is_finite = |value: &MetricValue| match value {
        MetricValue::Integer(_) => true,
        MetricValue::Float(value) | MetricValue::Rate(value) => value.is_finite(),
        MetricValue::Histogram(it) => {
            [it.min, it.max, it.mean, it.stddev, it.p50, it.p75, it.p90, it.p95, it.p98, it.p99, it.p999]
                .iter()
                .all(|value| value.is_finite())
        }
    };
    if metrics.iter().all(|metric| is_finite(&metric.value)) {
        return metrics.clone();
    }
    metrics.iter().filter(|metric| is_finite(&metric.value)).cloned().collect()
}

/// What is written as its text.
mod text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
