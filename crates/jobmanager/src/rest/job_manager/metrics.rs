//! `GET /jobmanager/metrics`.

use axum::extract::State;
use flott_core::JobStatus;

use crate::rest::{
    Api,
    error::ApiError,
    json::Json,
    metrics::{Metric, Value, select},
    params::Query,
    task_managers::metrics::of_processes,
};

/// Of this JobManager.
pub(crate) async fn metrics(State(api): State<Api>, query: Query) -> Result<Json<Vec<Metric>>, ApiError> {
    let overview = api.backend.overview().await?;
    let mut values = of_processes(std::iter::once(&api.backend.process()), None);
    values.extend([
        ("taskSlotsTotal", Value::Count(overview.slots_total.into())),
        ("taskSlotsAvailable", Value::Count(overview.slots_free.into())),
        ("numRegisteredTaskManagers", Value::Count(overview.task_managers.into())),
        ("numRunningJobs", Value::Count(overview.jobs_with(JobStatus::Running).into())),
    ]);
    Ok(Json(select(values.into_iter(), &query)))
}
