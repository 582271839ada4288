//! `GET /jobs/:jobid/config`.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::JobId;
use serde::Serialize;

use crate::rest::{Api, error::ApiError, json::Json, params::PathParams, secrets};

/// Flink's `JobConfigInfo`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobConfiguration {
    jid: JobId,
    name: String,
    execution_config: ExecutionConfig,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ExecutionConfig {
    restart_strategy: &'static str,
    job_parallelism: u32,
    object_reuse_mode: bool,
    user_config: BTreeMap<String, String>,
}

/// With which settings a job runs.
pub(crate) async fn config(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<JobConfiguration>, ApiError> {
    let job = api.job(&params).await?;
    let mut user_config = job.submission.config.settings.clone();
    secrets::redact(&mut user_config);
    Ok(Json(JobConfiguration {
        jid: job.job_id,
        name: job.graph.name.clone(),
        execution_config: ExecutionConfig {
            restart_strategy: "Restart deactivated.",
            job_parallelism: job.graph.parallelism,
            // Records move by ownership: nothing is copied between operators, as with Flink's object reuse.
            object_reuse_mode: true,
            user_config,
        },
    }))
}
