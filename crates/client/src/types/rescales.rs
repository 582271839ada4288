//! Bodies about a job's parallelism.

use std::collections::BTreeMap;

use flott_core::VertexId;
use serde::{Deserialize, Serialize};

/// How many subtasks each vertex is to have.
pub type ResourceRequirements = BTreeMap<VertexId, VertexRequirements>;

/// How many subtasks one vertex is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VertexRequirements {
    /// The bounds.
    pub parallelism: ParallelismBounds,
}

/// Both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParallelismBounds {
    /// At least so many.
    pub lower_bound: u32,
    /// If there are slots, so many.
    pub upper_bound: u32,
}

/// How a rescale ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RescaleOutcome {
    /// The job runs with another parallelism.
    Completed,
    /// It could not be carried out.
    Failed,
    /// It came to nothing, without a fault.
    Ignored,
}

/// A rescale of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rescale {
    /// Its id, of 32 hexadecimal digits.
    pub rescale_uuid: String,
    /// How it ended; `None`: it has not.
    pub terminal_state: Option<RescaleOutcome>,
    /// Why it ended so, such as `NO_RESOURCES_OR_PARALLELISMS_CHANGE`.
    pub terminated_reason: Option<String>,
    /// The same in words; only Flott says that.
    #[serde(default)]
    pub message: Option<String>,
    /// What it has changed; lists of rescales leave that out.
    #[serde(default)]
    pub vertices: BTreeMap<VertexId, VertexRescale>,
}

/// What a rescale has changed of one vertex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VertexRescale {
    /// Its name.
    pub job_vertex_name: String,
    /// How many subtasks it had.
    pub pre_rescale_parallelism: Option<u32>,
    /// How many it has since.
    pub post_rescale_parallelism: Option<u32>,
}
