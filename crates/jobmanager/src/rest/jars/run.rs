//! `POST /jars/:jarid/run`, `POST /jars/:jarid/run-application` and `GET, POST /jars/:jarid/plan`.

use axum::extract::State;
use flott_core::JobId;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    artifact_id,
    request::{JarPlanRequestBody, JarRunApplicationRequestBody, JarRunRequestBody},
};
use crate::{
    Error,
    rest::{
        Api,
        error::ApiError,
        jobs::plan::{Plan, PlanAnswer},
        json::{Accepted, Json, JsonBody},
        params::{PathParams, Query},
    },
};

/// Flink's `JarRunResponseBody`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JarRunResponseBody")]
pub(crate) struct RunAnswer {
    jobid: JobId,
    #[serde(rename = "applicationId")]
    application_id: JobId,
}

/// Flink's `JarRunApplicationResponseBody`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JarRunApplicationResponseBody")]
pub(crate) struct RunApplicationAnswer {
    applicationid: JobId,
}

/// Runs an artifact's job.
pub(crate) async fn run(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
    JsonBody(body): JsonBody<JarRunRequestBody>,
) -> Result<Json<RunAnswer>, ApiError> {
    let options = body.into_options(&query)?;
    let job_id = api.backend.run(&artifact_id(&params), options).await.map_err(refused)?;
    Ok(Json(RunAnswer { jobid: job_id, application_id: job_id }))
}

/// The same, for clients that speak of applications.
pub(crate) async fn run_application(
    state: State<Api>,
    params: PathParams,
    query: Query,
    JsonBody(JarRunApplicationRequestBody(body)): JsonBody<JarRunApplicationRequestBody>,
) -> Result<Accepted<RunApplicationAnswer>, ApiError> {
    let Json(answer) = run(state, params, query, JsonBody(body)).await?;
    Ok(Accepted(RunApplicationAnswer { applicationid: answer.application_id }))
}

/// Plans an artifact without running it.
pub(crate) async fn plan(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
    JsonBody(JarPlanRequestBody(body)): JsonBody<JarPlanRequestBody>,
) -> Result<Json<PlanAnswer>, ApiError> {
    let options = body.into_options(&query)?;
    // There is no job yet; clients expect an id all the same.
    let job_id = options.job_id.unwrap_or(JobId::from_bytes([0; 16]));
    let view = api.backend.plan(&artifact_id(&params), options).await.map_err(refused)?;
    Ok(Json(Plan::new(job_id, &view.graph).into()))
}

fn refused(error: Error) -> ApiError {
    match error {
        // 500, unlike for other things: the contract.
        Error::ArtifactNotFound(id) => {
            ApiError::internal(format!("Jar file {id} does not exist: upload it first."))
        }
        error => error.into(),
    }
}
