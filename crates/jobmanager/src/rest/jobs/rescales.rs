//! Everything below `/jobs/:jobid/rescales`: how a job's parallelism has changed, as Flink's Adaptive scheduler tells it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::extract::State;
use flott_control::job_master::{
    RescaleCause, RescaleEnd, RescaleHistory, RescaleOutcome, RescaleRecord, RescaleSpan,
};
use flott_core::{JobGraph, VertexId};
use schemars::JsonSchema;
use serde::Serialize;

use super::{checkpoints::summary::Statistics, detail::slot_sharing_group_id};
use crate::{
    rest::{Api, error::ApiError, json::Json, params::PathParams},
    view::{JobView, RescalingView},
};

/// Flink's `JobRescaleConfigInfo`. What the job waits for, where that has a name in Flink; the rest is `null`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRescaleConfigInfo {
    rescale_history_max: usize,
    scheduler_execution_mode: Option<&'static str>,
    submission_resource_wait_timeout_in_millis: Option<u64>,
    submission_resource_stabilization_timeout_in_millis: Option<u64>,
    slot_idle_timeout_in_millis: Option<u64>,
    executing_cooldown_timeout_in_millis: Option<u64>,
    executing_resource_stabilization_timeout_in_millis: Option<u64>,
    maximum_delay_for_triggering_rescale_in_millis: Option<u64>,
    rescale_on_failed_checkpoint_count: Option<u32>,
}

/// Flink's `JobRescaleDetails`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRescaleDetails {
    rescale_uuid: VertexId,
    resource_requirements_uuid: VertexId,
    rescale_attempt_id: u64,
    /// Only of a single rescale.
    vertices: BTreeMap<VertexId, Vertex>,
    /// Only of a single rescale.
    slots: BTreeMap<VertexId, Slots>,
    /// Only of a single rescale.
    scheduler_states: Vec<SchedulerStateSpan>,
    start_timestamp_in_millis: i64,
    end_timestamp_in_millis: Option<i64>,
    #[schemars(with = "Option<String>")]
    terminal_state: Option<RescaleOutcome>,
    #[schemars(with = "String")]
    trigger_cause: RescaleCause,
    #[schemars(with = "Option<String>")]
    terminated_reason: Option<RescaleEnd>,
    /// Beyond Flink: why it came to nothing, or what it could not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Vertex {
    job_vertex_id: VertexId,
    job_vertex_name: String,
    slot_sharing_group_id: VertexId,
    slot_sharing_group_name: String,
    desired_parallelism: u32,
    sufficient_parallelism: u32,
    pre_rescale_parallelism: Option<u32>,
    post_rescale_parallelism: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Slots {
    slot_sharing_group_id: VertexId,
    slot_sharing_group_name: String,
    request_resource_profile: ResourceProfile,
    desired_slots: u32,
    minimal_required_slots: u32,
    pre_rescale_slots: Option<u32>,
    post_rescale_slots: Option<u32>,
    acquired_resource_profile: ResourceProfile,
}

/// Slots have no sizes here, which Flink tells so.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ResourceProfile {
    cpu_cores: f64,
    task_heap_memory: i64,
    task_off_heap_memory: i64,
    managed_memory: i64,
    network_memory: i64,
    extended_resources: BTreeMap<String, f64>,
}

impl Default for ResourceProfile {
    fn default() -> Self {
        Self {
            cpu_cores: -1.0,
            task_heap_memory: -1,
            task_off_heap_memory: -1,
            managed_memory: -1,
            network_memory: -1,
            extended_resources: BTreeMap::new(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SchedulerStateSpan {
    state: String,
    enter_timestamp_in_millis: i64,
    leave_timestamp_in_millis: Option<i64>,
    duration_in_millis: Option<i64>,
    stringified_exception: Option<String>,
}

/// Flink's `JobRescalesOverview`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRescalesOverview {
    rescales_counts: Counts,
    latest: Latest,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Counts {
    ignored: u64,
    in_progress: u64,
    completed: u64,
    failed: u64,
}

#[derive(Serialize, JsonSchema)]
struct Latest {
    completed: Option<JobRescaleDetails>,
    failed: Option<JobRescaleDetails>,
    ignored: Option<JobRescaleDetails>,
}

/// Flink's `JobRescalesSummary`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRescalesSummary {
    rescales_counts: Counts,
    rescales_duration_stats_in_millis: Statistics,
    completed_rescales_duration_stats_in_millis: Statistics,
    ignored_rescales_duration_stats_in_millis: Statistics,
    failed_rescales_duration_stats_in_millis: Statistics,
}

impl Counts {
    fn of(history: &RescaleHistory) -> Self {
        Self {
            ignored: history.ignored,
            in_progress: history.in_progress(),
            completed: history.completed,
            failed: history.failed,
        }
    }
}

impl JobRescaleDetails {
    /// As a list shows it.
    fn brief(job: &JobView, record: &RescaleRecord) -> Self {
        let view = &job.rescaling;
        Self {
            rescale_uuid: view.id_of(job.job_id, record),
            resource_requirements_uuid: view.wish_of(job.job_id, record),
            rescale_attempt_id: record.attempt,
            vertices: BTreeMap::new(),
            slots: BTreeMap::new(),
            scheduler_states: Vec::new(),
            start_timestamp_in_millis: view.unix_ms(record.started),
            end_timestamp_in_millis: record.ended.map(|time| view.unix_ms(time)),
            terminal_state: record.end.map(RescaleEnd::outcome),
            trigger_cause: record.cause,
            terminated_reason: record.end,
            message: record.message.clone(),
        }
    }

    fn whole(job: &JobView, record: &RescaleRecord) -> Self {
        let of = |all: &Option<Vec<u32>>, index: usize| all.as_ref()?.get(index).copied();
        let vertices = job.graph.vertices.iter().enumerate().zip(&record.bounds);
        let vertices = vertices.map(|((index, vertex), bounds)| {
            let group = &vertex.slot_sharing_group;
            let shown = Vertex {
                job_vertex_id: vertex.id,
                job_vertex_name: vertex.name.clone(),
                slot_sharing_group_id: slot_sharing_group_id(group),
                slot_sharing_group_name: group.clone(),
                desired_parallelism: bounds.upper,
                sufficient_parallelism: bounds.lower,
                pre_rescale_parallelism: of(&record.before, index),
                post_rescale_parallelism: of(&record.after, index),
            };
            (vertex.id, shown)
        });
        Self {
            vertices: vertices.collect(),
            slots: slots(&job.graph, record),
            scheduler_states: record.spans.iter().map(|span| span_of(&job.rescaling, span, record)).collect(),
            ..Self::brief(job, record)
        }
    }
}

fn slots(graph: &JobGraph, record: &RescaleRecord) -> BTreeMap<VertexId, Slots> {
    let needed = |parallelisms: &[u32]| {
        let mut groups = BTreeMap::<&str, u32>::new();
        for (vertex, parallelism) in graph.vertices.iter().zip(parallelisms) {
            let slots = groups.entry(vertex.slot_sharing_group.as_str()).or_default();
            *slots = (*slots).max(*parallelism);
        }
        groups
    };
    let desired = needed(&record.bounds.iter().map(|bounds| bounds.upper).collect::<Vec<_>>());
    let minimal = needed(&record.bounds.iter().map(|bounds| bounds.lower).collect::<Vec<_>>());
    let (before, after) = (record.before.as_deref().map(needed), record.after.as_deref().map(needed));
    let groups = desired.iter().map(|(group, desired)| {
        let of = |all: &Option<BTreeMap<&str, u32>>| all.as_ref()?.get(group).copied();
        let slots = Slots {
            slot_sharing_group_id: slot_sharing_group_id(group),
            slot_sharing_group_name: (*group).to_owned(),
            request_resource_profile: ResourceProfile::default(),
            desired_slots: *desired,
            minimal_required_slots: minimal.get(group).copied().unwrap_or_default(),
            pre_rescale_slots: of(&before),
            post_rescale_slots: of(&after),
            acquired_resource_profile: ResourceProfile::default(),
        };
        (slot_sharing_group_id(group), slots)
    });
    groups.collect()
}

fn span_of(view: &RescalingView, span: &RescaleSpan, record: &RescaleRecord) -> SchedulerStateSpan {
    let failed = record.end.map(RescaleEnd::outcome) == Some(RescaleOutcome::Failed);
    let is_last = record.spans.last() == Some(span);
    let duration = span.left.map(|left| left - span.entered);
    SchedulerStateSpan {
        state: span.state.clone(),
        enter_timestamp_in_millis: view.unix_ms(span.entered),
        leave_timestamp_in_millis: span.left.map(|left| view.unix_ms(left)),
        duration_in_millis: duration.map(|it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX)),
        stringified_exception: record.message.clone().filter(|_| failed && is_last),
    }
}

/// The job, if its parallelism can change.
async fn rescalable(api: &Api, params: &PathParams) -> Result<Arc<JobView>, ApiError> {
    let job = api.job(params).await?;
    match job.is_rescalable() {
        true => Ok(job),
        false => Err(ApiError::not_found(format!(
            "The job `{}` has not enabled the `Adaptive` scheduler: only jobs in streaming mode that take checkpoints can be \
             rescaled (execution.checkpointing.interval).",
            job.job_id
        ))),
    }
}

/// The last rescales, the newest first.
pub(crate) async fn history(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Vec<JobRescaleDetails>>, ApiError> {
    let job = rescalable(&api, &params).await?;
    let records = job.rescaling.history.records.iter();
    Ok(Json(records.map(|record| JobRescaleDetails::brief(&job, record)).collect()))
}

/// How many there were, and the latest of each kind.
pub(crate) async fn overview(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<JobRescalesOverview>, ApiError> {
    let job = rescalable(&api, &params).await?;
    let history = &job.rescaling.history;
    let brief =
        |record: &Option<Arc<RescaleRecord>>| record.as_ref().map(|it| JobRescaleDetails::brief(&job, it));
    Ok(Json(JobRescalesOverview {
        rescales_counts: Counts::of(history),
        latest: Latest {
            completed: brief(&history.latest_completed),
            failed: brief(&history.latest_failed),
            ignored: brief(&history.latest_ignored),
        },
    }))
}

/// How long they take.
pub(crate) async fn summary(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<JobRescalesSummary>, ApiError> {
    let job = rescalable(&api, &params).await?;
    let history = &job.rescaling.history;
    Ok(Json(JobRescalesSummary {
        rescales_counts: Counts::of(history),
        rescales_duration_stats_in_millis: Statistics::from(&history.durations),
        completed_rescales_duration_stats_in_millis: Statistics::from(&history.completed_durations),
        ignored_rescales_duration_stats_in_millis: Statistics::from(&history.ignored_durations),
        failed_rescales_duration_stats_in_millis: Statistics::from(&history.failed_durations),
    }))
}

/// How long the job waits for what.
pub(crate) async fn config(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<JobRescaleConfigInfo>, ApiError> {
    let job = rescalable(&api, &params).await?;
    let slots = millis(flott_control::job_master::JobMasterConfig::default().slot_request_timeout);
    Ok(Json(JobRescaleConfigInfo {
        rescale_history_max: RescaleHistory::LIMIT,
        scheduler_execution_mode: None,
        submission_resource_wait_timeout_in_millis: Some(slots),
        // Nothing is waited for when slots are there, and they are given back at once.
        submission_resource_stabilization_timeout_in_millis: Some(0),
        slot_idle_timeout_in_millis: Some(0),
        executing_cooldown_timeout_in_millis: Some(0),
        executing_resource_stabilization_timeout_in_millis: Some(0),
        maximum_delay_for_triggering_rescale_in_millis: Some(job.graph.recovery.checkpoints.timeout_ms),
        rescale_on_failed_checkpoint_count: Some(RescaleHistory::FAILED_CHECKPOINTS),
    }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One rescale with all that is known of it.
pub(crate) async fn details(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<JobRescaleDetails>, ApiError> {
    let id: VertexId = params.parse("rescaleuuid")?;
    let job = rescalable(&api, &params).await?;
    let history = &job.rescaling.history;
    let latest = [&history.latest_completed, &history.latest_failed, &history.latest_ignored];
    let mut known = history.records.iter().chain(latest.into_iter().flatten());
    let record = known.find(|record| job.rescaling.id_of(job.job_id, record) == id);
    match record {
        Some(record) => Ok(Json(JobRescaleDetails::whole(&job, record))),
        None => {
            Err(ApiError::not_found(format!("Could not find rescale details of specified rescaleUuid {id}.")))
        }
    }
}
