//! `GET /jobs/:jobid`.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::{ExecutionState, JobId, JobStatus, JobType, VertexId, VertexIndex, metrics::TaskMetrics};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    exceptions::RootCause,
    overview::{duration, scheduler_type},
    plan::Plan,
};
use crate::{
    clock::unix_ms,
    rest::{
        Api,
        error::ApiError,
        io_metrics::IoMetrics,
        json::Json,
        params::PathParams,
        vertices::timing::{self, Timing},
    },
    view::JobView,
};

/// Flink's `JobDetailsInfo`, and what we know beyond it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobDetailsInfo")]
pub(crate) struct JobDetail {
    jid: JobId,
    #[serde(rename = "application-id")]
    application_id: JobId,
    name: String,
    #[serde(rename = "isStoppable")]
    is_stoppable: bool,
    state: JobStatus,
    #[serde(rename = "job-type")]
    job_type: JobType,
    #[serde(rename = "schedulerType")]
    scheduler_type: &'static str,
    #[serde(rename = "start-time")]
    start_time: i64,
    #[serde(rename = "end-time")]
    end_time: i64,
    duration: i64,
    #[serde(rename = "maxParallelism")]
    max_parallelism: i64,
    now: i64,
    timestamps: BTreeMap<JobStatus, i64>,
    vertices: Vec<Vertex>,
    #[serde(rename = "status-counts")]
    status_counts: BTreeMap<ExecutionState, u32>,
    plan: Plan,
    #[serde(rename = "pending-operators")]
    pending_operators: u32,
    // Beyond Flink.
    #[serde(rename = "requiredSlots")]
    required_slots: u32,
    submission: Submission,
    #[serde(rename = "rootCause", skip_serializing_if = "Option::is_none")]
    root_cause: Option<RootCause>,
}

/// How the job was submitted, from which it can be submitted again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobSubmission")]
struct Submission {
    jar_id: Option<String>,
    digest: String,
    entry_class: Option<String>,
    program_args_list: Vec<String>,
    parallelism: u32,
    fingerprint: String,
    savepoint_path: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobDetailsVertexInfo")]
struct Vertex {
    id: VertexId,
    #[serde(rename = "slotSharingGroupId")]
    slot_sharing_group_id: VertexId,
    name: String,
    #[serde(rename = "maxParallelism")]
    max_parallelism: u32,
    parallelism: u32,
    status: ExecutionState,
    #[serde(flatten)]
    timing: Timing,
    tasks: BTreeMap<ExecutionState, u32>,
    metrics: IoMetrics,
    // Beyond Flink.
    rates: Rates,
    operators: Vec<Operator>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OperatorInfo")]
struct Operator {
    uid: String,
    name: String,
}

/// What a vertex does a second, over all its subtasks; times as the mean of its subtasks, from 0 to 1000.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "VertexRates")]
struct Rates {
    num_records_in_per_second: f64,
    num_records_out_per_second: f64,
    num_bytes_in_per_second: f64,
    num_bytes_out_per_second: f64,
    busy_time_ms_per_second: f64,
    back_pressured_time_ms_per_second: f64,
    idle_time_ms_per_second: f64,
}

impl JobDetail {
    fn new(job: &JobView, now: i64) -> Self {
        Self {
            jid: job.job_id,
            application_id: job.job_id,
            name: job.graph.name.clone(),
            is_stoppable: false,
            state: job.status,
            job_type: job.graph.job_type,
            scheduler_type: scheduler_type(job),
            start_time: job.started_unix_ms,
            end_time: job.ended_unix_ms.unwrap_or(-1),
            duration: duration(job, now),
            max_parallelism: job.submission.config.max_parallelism.map_or(-1, i64::from),
            now,
            timestamps: JobStatus::ALL
                .into_iter()
                .map(|status| (status, job.status_times.of(status)))
                .collect(),
            vertices: (0..job.vertices.len()).map(|index| vertex(job, index, now)).collect(),
            status_counts: ExecutionState::ALL.into_iter().map(|state| (state, job.count(state))).collect(),
            plan: Plan::new(job.job_id, &job.graph),
            pending_operators: 0,
            required_slots: job.graph.required_slots(),
            submission: Submission {
                jar_id: job.submission.artifact_id.clone(),
                digest: job.submission.artifact.clone(),
                entry_class: job.submission.entry.clone(),
                program_args_list: job.submission.arguments.clone(),
                parallelism: job.graph.parallelism,
                fingerprint: job.submission.fingerprint.clone(),
                savepoint_path: job.submission.savepoint.clone(),
            },
            root_cause: job.root_cause().and(job.exceptions.first()).map(RootCause::new),
        }
    }
}

fn vertex(job: &JobView, index: usize, now: i64) -> Vertex {
    let planned = job.graph.vertex(VertexIndex(index as u32));
    let view = &job.vertices[index];
    let sum = view.subtasks.iter().fold(TaskMetrics::default(), |sum, subtask| sum.plus(subtask.metrics));
    Vertex {
        id: planned.id,
        slot_sharing_group_id: slot_sharing_group_id(&planned.slot_sharing_group),
        name: planned.name.clone(),
        max_parallelism: planned.max_parallelism,
        parallelism: planned.parallelism,
        status: timing::aggregate_state(view.subtasks.iter().map(|subtask| subtask.state)),
        timing: Timing::of_all(&view.subtasks, now),
        tasks: ExecutionState::ALL.into_iter().map(|state| (state, view.count(state))).collect(),
        metrics: sum.into(),
        rates: rates(&view.subtasks),
        operators: planned
            .operators
            .iter()
            .map(|operator| Operator { uid: operator.uid.clone(), name: operator.name.clone() })
            .collect(),
    }
}

/// An id of the form that clients expect; all that counts is that equal groups have equal ids.
pub(super) fn slot_sharing_group_id(group: &str) -> VertexId {
    VertexId::of_operators(["slot-sharing-group", group])
}

fn rates(subtasks: &[crate::view::SubtaskView]) -> Rates {
    let mut sum = Rates::default();
    for subtask in subtasks {
        sum.num_records_in_per_second += subtask.rates.records_in;
        sum.num_records_out_per_second += subtask.rates.records_out;
        sum.num_bytes_in_per_second += subtask.rates.bytes_in;
        sum.num_bytes_out_per_second += subtask.rates.bytes_out;
        sum.busy_time_ms_per_second += subtask.rates.busy_ms;
        sum.back_pressured_time_ms_per_second += subtask.rates.backpressured_ms;
        sum.idle_time_ms_per_second += subtask.rates.idle_ms;
    }
    let count = subtasks.len().max(1) as f64;
    sum.busy_time_ms_per_second /= count;
    sum.back_pressured_time_ms_per_second /= count;
    sum.idle_time_ms_per_second /= count;
    sum
}

/// One job with its vertices and its plan.
pub(crate) async fn detail(State(api): State<Api>, params: PathParams) -> Result<Json<JobDetail>, ApiError> {
    let job = api.job(&params).await?;
    Ok(Json(JobDetail::new(&job, unix_ms())))
}
