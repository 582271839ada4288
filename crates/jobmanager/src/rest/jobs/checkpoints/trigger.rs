//! `POST /jobs/:jobid/checkpoints` and `GET /jobs/:jobid/checkpoints/:triggerid`: a checkpoint because a user wants one.

use axum::extract::State;
use flott_control::job_master::ManualCheckpoint;
use flott_core::{CheckpointId, TriggerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rest::{
    Api,
    error::ApiError,
    json::{Accepted, Json, JsonBody, RequestBody},
    operations::{Operation, Triggered, accepted, trigger_id, unknown},
    params::PathParams,
};

/// Flink's `CheckpointTriggerRequestBody`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CheckpointTriggerRequestBody {
    checkpoint_type: Option<CheckpointType>,
    trigger_id: Option<TriggerId>,
}

impl RequestBody for CheckpointTriggerRequestBody {
    const FORM: &'static str = "CheckpointTriggerRequestBody";
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum CheckpointType {
    Configured,
    Full,
    Incremental,
}

impl From<CheckpointType> for ManualCheckpoint {
    fn from(wanted: CheckpointType) -> Self {
        match wanted {
            CheckpointType::Configured => Self::Configured,
            CheckpointType::Full => Self::Full,
            CheckpointType::Incremental => Self::Incremental,
        }
    }
}

/// Flink's `CheckpointInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckpointInfo {
    checkpoint_id: CheckpointId,
}

/// Begins a checkpoint.
pub(crate) async fn trigger(
    State(api): State<Api>,
    params: PathParams,
    JsonBody(body): JsonBody<CheckpointTriggerRequestBody>,
) -> Result<Accepted<Triggered>, ApiError> {
    let wanted = body.checkpoint_type.map(Into::into).unwrap_or_default();
    Ok(accepted(api.backend.trigger_checkpoint(params.job_id()?, wanted, body.trigger_id).await?))
}

/// How far it is.
pub(crate) async fn status(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Operation<CheckpointInfo>>, ApiError> {
    let (job, id) = (params.job_id()?, trigger_id(&params)?);
    let status = api.backend.checkpoint(job, id).await?;
    let status = status.ok_or_else(|| unknown("checkpoint operation", id, Some(job)))?;
    Ok(Json(Operation::of_checkpoint(status, |taken| CheckpointInfo { checkpoint_id: taken.checkpoint_id })))
}
