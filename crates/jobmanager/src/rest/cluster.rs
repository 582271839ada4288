//! The cluster as a whole: `/config`, `/overview`, `/cluster` and `/health`.

use axum::extract::State;
use flott_core::JobStatus;
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Api,
    error::ApiError,
    json::{Empty, Json},
};

/// Version of Flott.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that Flott was built from, if the build was told.
const COMMIT: &str = match option_env!("FLOTT_COMMIT") {
    Some(commit) => commit,
    None => "<unknown>",
};

/// Flink's `DashboardConfiguration`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DashboardConfiguration")]
pub(crate) struct DashboardConfig {
    refresh_interval: u128,
    timezone_name: String,
    timezone_offset: i64,
    flink_version: &'static str,
    flink_revision: &'static str,
    features: Features,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DashboardFeatures")]
struct Features {
    web_submit: bool,
    web_cancel: bool,
    web_rescale: bool,
    web_history: bool,
}

/// What the dashboard has to know first.
pub(crate) async fn config(State(api): State<Api>) -> Json<DashboardConfig> {
    let zone = TimeZone::system();
    let offset = zone.to_offset(Timestamp::now());
    Json(DashboardConfig {
        refresh_interval: api.options.refresh_interval.as_millis(),
        timezone_name: zone.iana_name().unwrap_or("UTC").to_owned(),
        timezone_offset: i64::from(offset.seconds()) * 1000,
        flink_version: VERSION,
        flink_revision: COMMIT,
        features: Features {
            web_submit: api.options.submit_enabled,
            web_cancel: api.options.cancel_enabled,
            web_rescale: api.options.rescale_enabled,
            web_history: false,
        },
    })
}

/// Flink's `ClusterOverviewWithVersion`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ClusterOverviewWithVersion")]
pub(crate) struct Overview {
    #[serde(rename = "taskmanagers")]
    task_managers: u32,
    slots_total: u32,
    slots_available: u32,
    jobs_running: u32,
    jobs_finished: u32,
    jobs_cancelled: u32,
    jobs_failed: u32,
    flink_version: &'static str,
    flink_commit: &'static str,
}

/// The cluster in numbers. Every job that has not ended counts as running, as in Flink.
pub(crate) async fn overview(State(api): State<Api>) -> Result<Json<Overview>, ApiError> {
    let overview = api.backend.overview().await?;
    let jobs_running = JobStatus::ALL.into_iter().filter(|status| !status.is_terminal());
    Ok(Json(Overview {
        task_managers: overview.task_managers,
        slots_total: overview.slots_total,
        slots_available: overview.slots_free,
        jobs_running: jobs_running.map(|status| overview.jobs_with(status)).sum(),
        jobs_finished: overview.jobs_with(JobStatus::Finished),
        jobs_cancelled: overview.jobs_with(JobStatus::Canceled),
        jobs_failed: overview.jobs_with(JobStatus::Failed),
        flink_version: VERSION,
        flink_commit: COMMIT,
    }))
}

/// Stops the cluster. The answer still goes out.
pub(crate) async fn shut_down(State(api): State<Api>) -> Json<Empty> {
    tracing::info!("shutting down on request over REST");
    api.backend.shut_down();
    Json(Empty {})
}

/// Answer of `GET /health`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Health {
    status: &'static str,
    /// What is wrong: the kinds only, as everybody may ask. `/leader` tells more.
    problems: Vec<&'static str>,
}

/// Whether this process serves requests, and whether something is wrong with what it needs. That it answers means that it
/// lives: to start it again mends no store. Open to everybody and never refused for load.
pub(crate) async fn health(State(api): State<Api>) -> Json<Health> {
    let problems: Vec<_> =
        api.backend.leadership().problems.into_iter().map(|problem| problem.kind).collect();
    let status = if problems.is_empty() { "ok" } else { "degraded" };
    Json(Health { status, problems })
}
