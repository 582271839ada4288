//! Everything below `/jobs/:jobid/vertices/:vertexid`.

pub(crate) mod accumulators;
pub(crate) mod backpressure;
pub(crate) mod detail;
pub(crate) mod flamegraph;
pub(crate) mod metrics;
mod operators;
pub(crate) mod subtask;
pub(crate) mod task_managers;
pub(crate) mod times;
pub(crate) mod timing;
pub(crate) mod watermarks;

use std::sync::Arc;

use flott_core::{JobVertex, VertexId, VertexIndex};

use super::{Api, error::ApiError, params::PathParams};
use crate::view::{JobView, SubtaskView, VertexView};

/// What Flink writes for the host of a subtask that has none yet.
pub(crate) const UNASSIGNED: &str = "(unassigned)";

/// A vertex of a job, found by the ids in the path.
pub(crate) struct Vertex {
    pub(crate) job: Arc<JobView>,
    pub(crate) index: VertexIndex,
}

impl Vertex {
    /// Finds the vertex that the path names.
    ///
    /// # Errors
    /// 400 for malformed ids, 404 for unknown ones.
    pub(crate) async fn find(api: &Api, params: &PathParams) -> Result<Self, ApiError> {
        params.job_id()?;
        let id: VertexId = params.vertex_id()?;
        // What is malformed is told before what is not there.
        for index in ["subtaskindex", "attempt"].into_iter().filter(|name| !params.text(name).is_empty()) {
            params.parse::<u32>(index)?;
        }
        let job = api.job(params).await?;
        let index = job.graph.index_of(id).ok_or_else(|| ApiError::vertex_not_found(id))?;
        if index.0 as usize >= job.vertices.len() {
            return Err(ApiError::vertex_not_found(id));
        }
        Ok(Self { job, index })
    }

    /// The vertex as planned.
    pub(crate) fn planned(&self) -> &JobVertex {
        self.job.graph.vertex(self.index)
    }

    /// Whether anything reads from it.
    pub(crate) fn has_outputs(&self) -> bool {
        self.job.graph.edges.iter().any(|edge| edge.source == self.index)
    }

    /// The vertex as it is.
    pub(crate) fn view(&self) -> &VertexView {
        &self.job.vertices[self.index.0 as usize]
    }

    /// Its subtasks with their indices.
    pub(crate) fn subtasks(&self) -> impl Iterator<Item = (u32, &SubtaskView)> {
        (0..).zip(&self.view().subtasks)
    }

    /// The subtask that the path names.
    ///
    /// # Errors
    /// 400 for a malformed index, 404 if there are fewer subtasks.
    pub(crate) fn subtask(&self, params: &PathParams) -> Result<(u32, &SubtaskView), ApiError> {
        let index: u32 = params.parse("subtaskindex")?;
        match self.view().subtasks.get(index as usize) {
            Some(subtask) => Ok((index, subtask)),
            None => Err(ApiError::not_found(format!(
                "Subtask {index} not found: JobVertex {} has {} of them",
                self.planned().id,
                self.view().subtasks.len()
            ))),
        }
    }
}
