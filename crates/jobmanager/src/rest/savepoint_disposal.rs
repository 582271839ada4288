//! `POST /savepoint-disposal` and `GET /savepoint-disposal/:triggerid`: deletes a savepoint.

use axum::extract::State;
use flott_core::TriggerId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Api,
    error::ApiError,
    json::{Empty, Json, JsonBody, RequestBody},
    operations::{Operation, Triggered, trigger_id, triggered, unknown},
    params::PathParams,
};

/// Flink's `SavepointDisposalRequest`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SavepointDisposalRequest {
    #[serde(rename = "savepoint-path")]
    savepoint_path: Option<String>,
    /// Beyond Flink: with an id that the client chose it may ask twice.
    #[serde(rename = "triggerId")]
    trigger_id: Option<TriggerId>,
}

impl RequestBody for SavepointDisposalRequest {
    const FORM: &'static str = "SavepointDisposalRequest";
}

/// Begins to delete a savepoint. 200 where all other triggers have 202: the contract.
pub(crate) async fn trigger(
    State(api): State<Api>,
    JsonBody(body): JsonBody<SavepointDisposalRequest>,
) -> Result<Json<Triggered>, ApiError> {
    let path = body
        .savepoint_path
        .ok_or_else(|| ApiError::bad_request("Field savepoint-path must not be omitted or be null."))?;
    Ok(triggered(api.backend.dispose_savepoint(&path, body.trigger_id).await?))
}

/// How far it is.
pub(crate) async fn status(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Operation<Empty>>, ApiError> {
    let id = trigger_id(&params)?;
    let status = api.backend.disposal(id).await?.ok_or_else(|| unknown("savepoint disposal", id, None))?;
    Ok(Json(Operation::new(status, |()| Empty {})))
}
