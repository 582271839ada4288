//! `GET /jobmanager/environment`, and the same below a job.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{Api, cluster::VERSION, error::ApiError, json::Json, params::PathParams};

/// Flink's `EnvironmentInfo`. A native process has no class path.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EnvironmentInfo")]
pub(crate) struct Environment {
    jvm: Jvm,
    classpath: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JvmInfo")]
struct Jvm {
    version: String,
    arch: &'static str,
    options: Vec<String>,
}

/// What this JobManager is and runs on.
pub(crate) async fn environment() -> Json<Environment> {
    let version = format!("Flott {VERSION} (native, {})", std::env::consts::OS);
    Json(Environment {
        jvm: Jvm { version, arch: std::env::consts::ARCH, options: Vec::new() },
        classpath: Vec::new(),
    })
}

/// The same, asked for by a job.
pub(crate) async fn of_job(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Environment>, ApiError> {
    api.job(&params).await?;
    Ok(environment().await)
}
