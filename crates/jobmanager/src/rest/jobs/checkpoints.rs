//! Everything below `/jobs/:jobid/checkpoints`.

pub(crate) mod config;
pub(crate) mod history;
mod record;
pub(crate) mod subtasks;
pub(super) mod summary;
pub(crate) mod trigger;

use std::sync::Arc;

use flott_control::job_master::CheckpointRecord;
use flott_core::CheckpointId;

use super::super::{Api, error::ApiError, params::PathParams};
use crate::view::JobView;

/// The job that the path names and the number of its checkpoint.
///
/// # Errors
/// 400 for malformed ids, 404 for a job that is not known.
async fn job_and_id(api: &Api, params: &PathParams) -> Result<(Arc<JobView>, CheckpointId), ApiError> {
    let id = params.parse("checkpointid")?;
    Ok((api.job(params).await?, CheckpointId(id)))
}

/// A checkpoint of a job.
///
/// # Errors
/// 404 if it is not known, or not any more.
fn find(job: &JobView, id: CheckpointId) -> Result<&CheckpointRecord, ApiError> {
    job.checkpoints.find(id).ok_or_else(|| {
        ApiError::not_found(format!("Could not find checkpointing statistics for checkpoint {id}."))
    })
}
