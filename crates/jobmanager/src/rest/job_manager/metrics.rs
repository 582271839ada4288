//! `GET /jobmanager/metrics`.

use axum::extract::State;
use flott_core::JobStatus;
use flott_reporter::{Memory, ProcessReadings, process_readings};

use crate::{
    rest::{
        Api,
        backend::Backend,
        error::ApiError,
        json::Json,
        metrics::{Metric, Value, Values, select},
        params::Query,
    },
    view::ClusterOverview,
};

/// Of this JobManager.
pub(crate) async fn metrics(State(api): State<Api>, query: Query) -> Result<Json<Vec<Metric>>, ApiError> {
    let overview = api.backend.overview().await?;
    let process = process_readings(&process(&*api.backend).with_own_files());
    let process = process.into_iter().map(|(name, reading)| (name, Value::from(reading)));
    Ok(Json(select(process.chain(of_cluster(&overview)), &query)))
}

/// What a JobManager knows of the cluster.
pub(crate) fn of_cluster(overview: &ClusterOverview) -> Values {
    vec![
        ("taskSlotsTotal", Value::Count(overview.slots_total.into())),
        ("taskSlotsAvailable", Value::Count(overview.slots_free.into())),
        ("numRegisteredTaskManagers", Value::Count(overview.task_managers.into())),
        ("numRunningJobs", Value::Count(overview.jobs_with(JobStatus::Running).into())),
    ]
}

/// What it says of its own process.
pub(crate) fn process(backend: &dyn Backend) -> ProcessReadings {
    let process = backend.process();
    ProcessReadings {
        resident_bytes: process.resident_bytes,
        cpu_ms: process.cpu_ms,
        threads: process.threads.into(),
        physical_memory: Some(Memory::read().total).filter(|total| *total > 0),
        cpu_load: backend.cpu_load(),
        ..ProcessReadings::default()
    }
}
