//! `GET /jobmanager/config`, and the same below a job or an application.

use axum::extract::State;

use crate::{
    ConfigEntry,
    rest::{Api, error::ApiError, json::Json, params::PathParams},
};

/// The configuration of this JobManager. Secrets are hidden already.
pub(crate) async fn config(State(api): State<Api>) -> Json<Vec<ConfigEntry>> {
    Json(api.backend.config_entries().to_vec())
}

/// The same, asked for by a job.
pub(crate) async fn of_job(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Vec<ConfigEntry>>, ApiError> {
    api.job(&params).await?;
    Ok(config(State(api)).await)
}

/// The same, asked for by an application.
pub(crate) async fn of_application(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Vec<ConfigEntry>>, ApiError> {
    api.application(&params).await?;
    Ok(config(State(api)).await)
}
