//! A job's parallelism, as users see how it changes.

use flott_control::job_master::{ParallelismBounds, RescaleHistory, RescaleRecord};
use flott_core::{JobId, MonoTime, VertexId};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// What is wanted of a job's parallelism, and what came of that, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RescalingView {
    /// How many subtasks are wanted of each vertex, in the order of the graph's.
    pub bounds: Vec<ParallelismBounds>,
    /// The job's rescales.
    pub history: RescaleHistory,
    /// What the wall clock showed at [`MonoTime::ZERO`], in Unix milliseconds.
    zero_unix_ms: i64,
}

impl RescalingView {
    pub(crate) fn new(bounds: &[ParallelismBounds], history: &RescaleHistory, clock: Clock) -> Self {
        Self {
            bounds: bounds.to_vec(),
            history: history.clone(),
            zero_unix_ms: clock.to_unix_ms(MonoTime::ZERO),
        }
    }

    /// What the wall clock showed at a time in the history, in Unix milliseconds.
    pub fn unix_ms(&self, time: MonoTime) -> i64 {
        let since = i64::try_from(time.as_micros() / 1_000).unwrap_or(i64::MAX);
        self.zero_unix_ms.saturating_add(since)
    }

    /// The id under which clients know a rescale.
    pub fn id_of(&self, job_id: JobId, record: &RescaleRecord) -> VertexId {
        self.id(job_id, "rescale", record.number)
    }

    /// The id under which they know the wish that led to it.
    pub fn wish_of(&self, job_id: JobId, record: &RescaleRecord) -> VertexId {
        self.id(job_id, "resource-requirements", record.wish)
    }

    /// Ids of the form that clients expect; all that counts is that they differ. Another JobMaster of the job begins to
    /// count anew.
    fn id(&self, job_id: JobId, kind: &str, number: u64) -> VertexId {
        let parts = [job_id.to_string(), number.to_string(), self.zero_unix_ms.to_string()];
        VertexId::of_operators(std::iter::once(kind).chain(parts.iter().map(String::as_str)))
    }
}
