//! `PATCH /jobs/:jobid/clientHeartbeat`: a client that has submitted a job attached tells that it is there.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::rest::{
    Api,
    error::ApiError,
    json::{Accepted, Empty, JsonBody, RequestBody},
    params::PathParams,
};

/// Flink's `JobClientHeartbeatRequestBody`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobClientHeartbeatRequestBody {
    /// Until when the client is there for certain.
    expired_timestamp: Option<i64>,
}

impl RequestBody for JobClientHeartbeatRequestBody {
    const FORM: &'static str = "JobClientHeartbeatRequestBody";
}

/// Takes note. As in Flink, without an error for jobs that are not known: the client will ask for the result itself.
pub(crate) async fn heartbeat(
    State(api): State<Api>,
    params: PathParams,
    JsonBody(body): JsonBody<JobClientHeartbeatRequestBody>,
) -> Result<Accepted<Empty>, ApiError> {
    let job = params.job_id()?;
    let until = body
        .expired_timestamp
        .ok_or_else(|| ApiError::bad_request("Field expiredTimestamp must not be omitted or be null."))?;
    api.backend.client_heartbeat(job, until).await?;
    Ok(Accepted(Empty {}))
}
