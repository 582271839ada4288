//! A job's graph as the API shows it.

use flott_core::VertexId;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct PlanBody {
    pub(crate) plan: Plan,
}

/// A job's graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The job's name.
    pub name: String,
    /// `STREAMING` or `BATCH`.
    #[serde(rename = "type", default)]
    pub job_type: String,
    /// The vertices.
    pub nodes: Vec<PlanNode>,
}

/// A vertex in a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanNode {
    /// Its id.
    pub id: VertexId,
    /// Number of its subtasks.
    pub parallelism: u32,
    /// Its operators, with `<br/>` between them.
    pub description: String,
    /// Where its records come from.
    #[serde(default)]
    pub inputs: Vec<PlanInput>,
}

/// An edge in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanInput {
    /// The producing vertex.
    pub id: VertexId,
    /// How the records are spread, such as `HASH`.
    pub ship_strategy: String,
    /// How they travel, such as `pipelined_bounded`.
    pub exchange: String,
}
