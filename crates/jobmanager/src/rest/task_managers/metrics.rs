//! `GET /taskmanagers/:taskmanagerid/metrics` and `GET /taskmanagers/metrics`.

use axum::extract::State;

use super::list::find;
use crate::{
    rest::{
        Api,
        error::ApiError,
        json::Json,
        metrics::{AggregatedMetric, Aggregation, Metric, Value, Values, aggregate, select},
        params::{PathParams, Query},
    },
    view::{ProcessMetrics, TaskManagerView},
};

/// Memory that the TaskManager's processes hold: its own and its task hosts'.
pub(crate) fn resident_bytes(view: &TaskManagerView) -> u64 {
    processes(view).map(|process| process.resident_bytes).sum()
}

fn processes(view: &TaskManagerView) -> impl Iterator<Item = &ProcessMetrics> {
    std::iter::once(&view.process).chain(view.task_hosts.iter().map(|host| &host.process))
}

/// What a native process has of Flink's `Status.JVM` metrics: resident memory for the heap, CPU time in nanoseconds.
pub(crate) fn of_processes<'a>(
    processes: impl Iterator<Item = &'a ProcessMetrics>,
    physical_memory: Option<u64>,
) -> Values {
    let (mut resident, mut cpu_ms, mut threads) = (0, 0, 0);
    for process in processes {
        resident += process.resident_bytes;
        cpu_ms += process.cpu_ms;
        threads += u64::from(process.threads);
    }
    let mut values = vec![
        ("Status.JVM.Memory.Heap.Used", Value::Count(resident)),
        ("Status.JVM.Memory.Heap.Committed", Value::Count(resident)),
        ("Status.JVM.CPU.Time", Value::Count(cpu_ms.saturating_mul(1_000_000))),
        ("Status.JVM.Threads.Count", Value::Count(threads)),
    ];
    if let Some(physical_memory) = physical_memory {
        values.push(("Status.JVM.Memory.Heap.Max", Value::Count(physical_memory)));
    }
    values
}

fn values(view: &TaskManagerView) -> Values {
    of_processes(processes(view), Some(view.hardware.physical_memory))
}

/// Of one TaskManager.
pub(crate) async fn of_one(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let view = find(&api, &params).await?;
    Ok(Json(select(values(&view).into_iter(), &query)))
}

/// Over all TaskManagers, or those that `?taskmanagers=` names.
pub(crate) async fn over_all(
    State(api): State<Api>,
    query: Query,
) -> Result<Json<Vec<AggregatedMetric>>, ApiError> {
    let wanted = query.list("taskmanagers");
    let views = api.backend.task_managers().await?;
    let sources = views
        .iter()
        .filter(|view| wanted.is_empty() || wanted.contains(&view.id.as_str()))
        .map(|view| values(view));
    Ok(Json(aggregate(sources, Aggregation::BASIC, &query)?))
}
