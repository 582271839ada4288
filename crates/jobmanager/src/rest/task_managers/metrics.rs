//! `GET /taskmanagers/:taskmanagerid/metrics` and `GET /taskmanagers/metrics`.

use axum::extract::State;
use flott_reporter::{ProcessReadings, process_readings};

use super::network;
use crate::{
    history::{Subject, Wanted},
    rest::{
        Api,
        error::ApiError,
        json::Json,
        metrics::{AggregatedMetric, Metric, Values, aggregate, select},
        params::{PathParams, Query},
    },
    view::TaskManagerView,
};

/// Of its processes together.
async fn values(api: &Api, view: &TaskManagerView) -> Result<Values, ApiError> {
    let mut sum = ProcessReadings {
        physical_memory: Some(view.hardware.physical_memory),
        cpu_load: cpu_load(api, view).await?,
        network: Some(network::of_task_manager(&api.backend.jobs().await?, &view.id)),
        ..ProcessReadings::default()
    };
    for process in view.processes() {
        sum.resident_bytes += process.resident_bytes;
        sum.cpu_ms += process.cpu_ms;
        sum.threads += u64::from(process.threads);
    }
    Ok(process_readings(&sum).into_iter().map(|(name, reading)| (name, reading.into())).collect())
}

/// The last that was recorded.
async fn cpu_load(api: &Api, view: &TaskManagerView) -> Result<Option<f64>, ApiError> {
    let wanted = Wanted { ids: vec!["cpuLoad".to_owned()], ..Wanted::default() };
    let history = api.backend.history(&Subject::TaskManager(view.id.clone()), &wanted).await?;
    let last = history.series.first().and_then(|series| series.values.last().copied());
    Ok(last.filter(|load| load.is_finite()).map(f64::from))
}

/// Of one TaskManager; none if it is not there.
pub(crate) async fn of_one(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let values = match api.backend.task_manager(&params.task_manager_id()).await? {
        Some(view) => values(&api, &view).await?,
        None => Values::new(),
    };
    Ok(Json(select(values.into_iter(), &query)))
}

/// Over all TaskManagers, or those that `?taskmanagers=` names.
pub(crate) async fn over_all(
    State(api): State<Api>,
    query: Query,
) -> Result<Json<Vec<AggregatedMetric>>, ApiError> {
    let wanted = query.list("taskmanagers");
    let views = api.backend.task_managers().await?;
    let mut sources = Vec::new();
    for view in views.iter().filter(|view| wanted.is_empty() || wanted.contains(&view.id.as_str())) {
        sources.push(values(&api, view).await?);
    }
    Ok(Json(aggregate(sources.into_iter(), &query)?))
}
