//! `GET /jobs/:jobid/metrics` and `GET /jobs/metrics`.

use std::borrow::Cow;

use axum::extract::State;
use flott_control::job_master::{CheckpointRecord, CheckpointStatistics, RecordStatus};
use flott_core::{ExecutionState, JobId, JobStatus, metrics::operator_readings};

use crate::{
    clock::unix_ms,
    rest::{
        Api,
        error::ApiError,
        json::Json,
        metrics::{AggregatedMetric, Metric, Value, Values, aggregate, if_there, select},
        params::{PathParams, Query},
    },
    view::{CheckpointsView, JobView, SubtaskView},
};

/// What a JobManager knows by itself of one job at `now`, in Unix milliseconds.
pub(crate) fn values(job: &JobView, now: i64) -> Values {
    let since = |status: JobStatus| (now - job.status_times.of(status)).max(0);
    let time_in = |status: JobStatus| Value::Millis(if job.status == status { since(status) } else { 0 });
    // As Flink has it: uptime counts while the job runs, downtime while it is being restarted.
    let (uptime, downtime) = match job.status {
        status if status.is_terminal() => (-1, -1),
        JobStatus::Running => (since(JobStatus::Running), 0),
        JobStatus::Restarting => (0, since(JobStatus::Restarting)),
        _ => (0, 0),
    };
    let (deploying, all_running) = deployment(job, now);
    let mut values = vec![
        ("numRestarts", Value::Count(job.restarts)),
        ("uptime", Value::Millis(uptime)),
        ("downtime", Value::Millis(downtime)),
        ("initializingTime", time_in(JobStatus::Initializing)),
        ("createdTime", time_in(JobStatus::Created)),
        ("deployingTime", Value::Millis(deploying)),
        ("allSubTasksRunningOrFinishedTime", Value::Millis(all_running)),
        ("runningTime", time_in(JobStatus::Running)),
        ("restartingTime", time_in(JobStatus::Restarting)),
        ("restartingTimeTotal", Value::Count(job.restarting_ms)),
        ("cancellingTime", time_in(JobStatus::Cancelling)),
        ("failingTime", time_in(JobStatus::Failing)),
    ];
    values.extend(of_checkpoints(&job.checkpoints));
    values
}

/// How long records take to each of its operators. As in Flink these are metrics of the job.
fn latencies(job: &JobView) -> impl Iterator<Item = (Cow<'static, str>, Value)> + '_ {
    let subtasks = job.vertices.iter().flat_map(|vertex| &vertex.subtasks);
    let latencies =
        subtasks.flat_map(|subtask| subtask.operators.iter().filter(|metric| metric.is_latency()));
    latencies.flat_map(|metric| {
        let readings = operator_readings(metric).into_iter();
        readings.map(|(suffix, reading)| (Cow::Owned(format!("{}{suffix}", metric.name)), reading.into()))
    })
}

/// All that REST tells of a job.
fn all(job: &JobView, now: i64) -> Vec<(Cow<'static, str>, Value)> {
    let own = values(job, now).into_iter().map(|(name, value)| (Cow::Borrowed(name), value));
    own.chain(latencies(job)).collect()
}

/// For how long a job that runs has been deploying, and for how long all its subtasks have been running or have finished, in
/// milliseconds; one of the two is 0.
fn deployment(job: &JobView, now: i64) -> (i64, i64) {
    if job.status != JobStatus::Running {
        return (0, 0);
    }
    let subtasks = || job.vertices.iter().flat_map(|vertex| &vertex.subtasks);
    let is_up =
        |subtask: &SubtaskView| matches!(subtask.state, ExecutionState::Running | ExecutionState::Finished);
    if subtasks().all(is_up) {
        let last = subtasks().map(|subtask| subtask.times.of(ExecutionState::Running)).max();
        (0, (now - last.unwrap_or(now)).max(0))
    } else {
        ((now - job.status_times.of(JobStatus::Running)).max(0), 0)
    }
}

/// Of its checkpoints; -1, and `n/a` in place of a path, for what there has not been yet.
fn of_checkpoints(view: &CheckpointsView) -> Values {
    let CheckpointStatistics { counts, latest_completed, latest_savepoint, latest_restored, .. } =
        &view.statistics;
    let last = [latest_completed, latest_savepoint].into_iter().flatten().max_by_key(|record| record.id);
    let of_last = |value: &dyn Fn(&CheckpointRecord) -> i64| last.map_or(-1, |record| value(record));
    let path = last.and_then(|record| match &record.status {
        RecordStatus::Completed { external_path, .. } => Some(external_path.clone()),
        _ => None,
    });
    vec![
        ("totalNumberOfCheckpoints", Value::Count(counts.total)),
        ("numberOfInProgressCheckpoints", Value::Count(counts.in_progress)),
        ("numberOfCompletedCheckpoints", Value::Count(counts.completed)),
        ("numberOfFailedCheckpoints", Value::Count(counts.failed)),
        ("lastCompletedCheckpointId", Value::Integer(of_last(&|record| record.id.0 as i64))),
        (
            "lastCheckpointCompletedTimestamp",
            Value::Integer(of_last(&|record| record.latest_ack.map_or(-1, |ack| view.unix_ms(ack)))),
        ),
        (
            "lastCheckpointDuration",
            Value::Millis(of_last(&|record| record.end_to_end_ms(record.triggered_at) as i64)),
        ),
        ("lastCheckpointSize", Value::Integer(of_last(&|record| record.totals.checkpointed_size as i64))),
        ("lastCheckpointFullSize", Value::Integer(of_last(&|record| record.totals.state_size as i64))),
        ("lastCheckpointProcessedData", Value::Integer(of_last(&|record| record.totals.processed as i64))),
        ("lastCheckpointPersistedData", Value::Integer(of_last(&|record| record.totals.persisted as i64))),
        ("lastCheckpointExternalPath", Value::Text(path.unwrap_or_else(|| "n/a".to_owned()))),
        (
            "lastCheckpointRestoreTimestamp",
            Value::Integer(latest_restored.as_ref().map_or(-1, |it| view.unix_ms(it.restored_at))),
        ),
    ]
}

/// Of one job.
pub(crate) async fn of_job(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Vec<Metric>>, ApiError> {
    let job = if_there(api.job(&params).await)?;
    let values = job.map(|job| all(&job, unix_ms())).unwrap_or_default();
    Ok(Json(select(values.into_iter(), &query)))
}

/// Over all jobs, or those that `?jobs=` names.
pub(crate) async fn over_jobs(
    State(api): State<Api>,
    query: Query,
) -> Result<Json<Vec<AggregatedMetric>>, ApiError> {
    let wanted: Vec<JobId> = query.parse_list("jobs")?;
    let (jobs, now) = (api.backend.jobs().await?, unix_ms());
    let sources =
        jobs.iter().filter(|job| wanted.is_empty() || wanted.contains(&job.job_id)).map(|job| all(job, now));
    Ok(Json(aggregate(sources, &query)?))
}
