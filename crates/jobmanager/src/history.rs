//! The last hour of what the cluster has measured, so that charts have a past when a page opens.
//!
//! Every [`INTERVAL`] the [`Sampler`] looks at the published views and appends to a ring for each series: at most
//! [`CAPACITY`] values of four bytes, and at most [`LIMIT`](recorder::LIMIT) series in all. It asks no TaskManager for anything,
//! and nothing on the way of records knows of it. Another leader begins anew.

mod load;
mod of_cluster;
mod of_job;
mod recorder;
mod sampler;
mod series;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flott_core::{JobId, TaskManagerId, VertexId};

pub(crate) use sampler::Sampler;

use crate::clock::Clock;
use recorder::Recorder;

/// How far apart values are.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// How many values of a series are kept: those of an hour.
pub const CAPACITY: usize = 720;

/// What there are series of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The cluster as a whole.
    Cluster,
    /// The JobManager that leads.
    JobManager,
    /// A TaskManager.
    TaskManager(TaskManagerId),
    /// A job and its vertices.
    Job(JobId),
}

/// Which series are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those with these ids; none: the default set.
    pub ids: Vec<String>,
    /// Those of these vertices; none: all, unless only `own` ones are wanted.
    pub vertices: Vec<VertexId>,
    /// Those of the subject itself, and of its vertices only those that are named.
    pub own: bool,
    /// Only values that are later than this, in Unix milliseconds.
    pub from: Option<i64>,
    /// Every series, without values.
    pub is_list: bool,
}

/// Series of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryView {
    /// Time of the last values, in Unix milliseconds.
    pub end: i64,
    /// All have values for the same times.
    pub series: Vec<SeriesView>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesView {
    /// The metric's id.
    pub id: String,
    /// Of which vertex, unless it is of the whole.
    pub vertex: Option<VertexId>,
    /// Such as `records/s`; empty if it has none.
    pub unit: &'static str,
    /// How one value was made of those of several subtasks, or jobs, or processes.
    pub aggregation: Aggregation,
    /// [`INTERVAL`] apart, the last at [`HistoryView::end`]; not finite where it is not known.
    pub values: Vec<f32>,
}

/// How one value is made of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Aggregation {
    Sum,
    Max,
    Min,
    Avg,
}

impl Aggregation {
    /// The name that users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
            Self::Avg => "avg",
        }
    }
}

/// What is recorded, to be read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct History {
    recorder: Arc<Mutex<Recorder>>,
    clock: Clock,
}

impl History {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { recorder: Arc::default(), clock }
    }

    /// The wanted series of a subject; none if nothing of it is recorded (yet).
    pub(crate) fn read(&self, of: &Subject, wanted: &Wanted) -> HistoryView {
        self.lock().read(of, wanted, |tick| self.clock.to_unix_ms(sampler::time_of(tick)))
    }

    /// Held by the sampler for a sample, and by readers while they copy.
    fn lock(&self) -> MutexGuard<'_, Recorder> {
        // A sample that was broken off leaves gaps at most.
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
