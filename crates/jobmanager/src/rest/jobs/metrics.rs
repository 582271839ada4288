//! `GET /jobs/:jobid/metrics` and `GET /jobs/metrics`.

use axum::extract::State;
use flott_core::{JobId, JobStatus};

use crate::{
    clock::unix_ms,
    rest::{
        Api,
        error::ApiError,
        json::Json,
        metrics::{AggregatedMetric, Aggregation, Metric, Value, Values, aggregate, select},
        params::{PathParams, Query},
    },
    view::JobView,
};

fn values(job: &JobView, now: i64) -> Values {
    let since = |status: JobStatus| (now - job.status_times.of(status)).max(0);
    let time_in = |status: JobStatus| Value::Millis(if job.status == status { since(status) } else { 0 });
    // As Flink has it: uptime counts while the job runs, downtime while it is being restarted.
    let (uptime, downtime) = match job.status {
        status if status.is_terminal() => (-1, -1),
        JobStatus::Running => (since(JobStatus::Running), 0),
        JobStatus::Restarting => (0, since(JobStatus::Restarting)),
        _ => (0, 0),
    };
    let attempts = job.vertices.iter().flat_map(|vertex| &vertex.subtasks).map(|subtask| subtask.attempt.0);
    vec![
        ("numRestarts", Value::Count(attempts.max().unwrap_or(0).into())),
        ("uptime", Value::Millis(uptime)),
        ("downtime", Value::Millis(downtime)),
        ("initializingTime", time_in(JobStatus::Initializing)),
        ("createdTime", time_in(JobStatus::Created)),
        ("runningTime", time_in(JobStatus::Running)),
        ("restartingTime", time_in(JobStatus::Restarting)),
        ("cancellingTime", time_in(JobStatus::Cancelling)),
        ("failingTime", time_in(JobStatus::Failing)),
        ("totalNumberOfCheckpoints", Value::Count(0)),
        ("numberOfInProgressCheckpoints", Value::Count(0)),
        ("numberOfCompletedCheckpoints", Value::Count(0)),
        ("numberOfFailedCheckpoints", Value::Count(0)),
    ]
}

/// Of one job.
pub(crate) async fn of_job(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let job = api.job(&params).await?;
    Ok(Json(select(values(&job, unix_ms()).into_iter(), &query)))
}

/// Over all jobs, or those that `?jobs=` names.
pub(crate) async fn over_jobs(
    State(api): State<Api>,
    query: Query,
) -> Result<Json<Vec<AggregatedMetric>>, ApiError> {
    let wanted: Vec<JobId> = query.parse_list("jobs")?;
    let (jobs, now) = (api.backend.jobs().await?, unix_ms());
    let sources = jobs
        .iter()
        .filter(|job| wanted.is_empty() || wanted.contains(&job.job_id))
        .map(|job| values(job, now));
    Ok(Json(aggregate(sources, Aggregation::BASIC, &query)?))
}
