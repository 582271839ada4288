//! `POST /jobs/:jobid/savepoints`, `POST /jobs/:jobid/stop` and, for both, `GET /jobs/:jobid/savepoints/:triggerid`.

use axum::{extract::State, http::HeaderMap};
use flott_control::job_master::AfterSavepoint;
use flott_core::{
    TriggerId,
    checkpoint::{SavepointFormat, StopMode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cancel::check_may_end;
use crate::{
    SavepointOptions,
    rest::{
        Api,
        error::ApiError,
        json::{Accepted, Json, JsonBody, RequestBody},
        lenient,
        operations::{Operation, Triggered, accepted, trigger_id, unknown},
        params::PathParams,
    },
};

/// Flink's `SavepointTriggerRequestBody`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SavepointTriggerRequestBody {
    #[serde(rename = "target-directory", alias = "targetDirectory")]
    target_directory: Option<String>,
    #[serde(rename = "cancel-job", alias = "cancelJob")]
    #[serde(deserialize_with = "lenient::flag")]
    cancel_job: Option<bool>,
    format_type: Option<SavepointFormat>,
    trigger_id: Option<TriggerId>,
}

impl RequestBody for SavepointTriggerRequestBody {
    const FORM: &'static str = "SavepointTriggerRequestBody";
}

/// Flink's `StopWithSavepointRequestBody`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StopWithSavepointRequestBody {
    /// Flink's other body spells it with a hyphen: whoever takes the one for the other is understood.
    #[serde(alias = "target-directory")]
    target_directory: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    drain: Option<bool>,
    format_type: Option<SavepointFormat>,
    trigger_id: Option<TriggerId>,
}

impl RequestBody for StopWithSavepointRequestBody {
    const FORM: &'static str = "StopWithSavepointRequestBody";
}

/// Flink's `SavepointInfo`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SavepointInfo {
    location: String,
}

/// Begins a savepoint.
pub(crate) async fn trigger(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SavepointTriggerRequestBody>,
) -> Result<Accepted<Triggered>, ApiError> {
    let then = match body.cancel_job {
        Some(true) => {
            check_may_end(&api, &headers)?;
            AfterSavepoint::Cancel
        }
        _ => AfterSavepoint::GoOn,
    };
    let options = SavepointOptions {
        target: non_empty(body.target_directory),
        format: body.format_type.unwrap_or_default(),
        then,
        trigger_id: body.trigger_id,
    };
    Ok(accepted(api.backend.trigger_savepoint(params.job_id()?, options).await?))
}

/// Begins a savepoint with which the job ends.
pub(crate) async fn stop(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
    JsonBody(body): JsonBody<StopWithSavepointRequestBody>,
) -> Result<Accepted<Triggered>, ApiError> {
    let job = params.job_id()?;
    check_may_end(&api, &headers)?;
    let mode = if body.drain == Some(true) { StopMode::Drain } else { StopMode::Suspend };
    let options = SavepointOptions {
        target: non_empty(body.target_directory),
        format: body.format_type.unwrap_or_default(),
        then: AfterSavepoint::Stop(mode),
        trigger_id: body.trigger_id,
    };
    Ok(accepted(api.backend.trigger_savepoint(job, options).await?))
}

/// How far it is; of a job that has ended, too.
pub(crate) async fn status(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Operation<SavepointInfo>>, ApiError> {
    let (job, id) = (params.job_id()?, trigger_id(&params)?);
    let status = api.backend.savepoint(job, id).await?;
    let status = status.ok_or_else(|| unknown("savepoint operation", id, Some(job)))?;
    Ok(Json(Operation::new(status, |taken| SavepointInfo { location: taken.location })))
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
