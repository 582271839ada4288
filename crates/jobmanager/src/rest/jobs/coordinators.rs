//! `POST /jobs/:jobid/coordinators/:operatoruid`, by which Flink's SQL client speaks to the coordinator of an operator.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::rest::{
    Api,
    error::ApiError,
    json::{JsonBody, RequestBody},
    params::PathParams,
};

/// Flink's `ClientCoordinationRequestBody`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClientCoordinationRequestBody {
    /// A serialized Java object.
    serialized_coordination_request: Option<String>,
}

impl RequestBody for ClientCoordinationRequestBody {
    const FORM: &'static str = "ClientCoordinationRequestBody";
}

/// There are no coordinators: what they do in Flink the task hosts do here, and a JobManager runs no user code.
pub(crate) async fn request(
    State(api): State<Api>,
    params: PathParams,
    JsonBody(body): JsonBody<ClientCoordinationRequestBody>,
) -> ApiError {
    let operator = params.text("operatoruid");
    match (body.serialized_coordination_request, api.job(&params).await) {
        (None, _) => {
            ApiError::bad_request("Field serializedCoordinationRequest must not be omitted or be null.")
        }
        (Some(_), Err(error)) => error,
        (Some(_), Ok(_)) => ApiError::not_found(format!(
            "Coordinator of operator {operator} does not exist: operators have no coordinators in Flott."
        )),
    }
}
