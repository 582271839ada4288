//! `GET /jobs/:jobid/accumulators`. User accumulators do not exist yet, so the lists are empty.

use std::collections::BTreeMap;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{
    Api,
    error::ApiError,
    json::Json,
    params::{PathParams, Query},
};

/// Flink's `JobAccumulatorsInfo`.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "JobAccumulatorsInfo")]
pub(crate) struct JobAccumulators {
    job_accumulators: Vec<UserAccumulator>,
    user_task_accumulators: Vec<UserAccumulator>,
    serialized_user_task_accumulators: BTreeMap<String, String>,
}

/// One accumulator of the user's.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserAccumulator {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// The accumulators of a job.
pub(crate) async fn accumulators(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<JobAccumulators>, ApiError> {
    query.parse::<bool>("includeSerializedValue")?;
    api.job(&params).await?;
    Ok(Json(JobAccumulators::default()))
}
