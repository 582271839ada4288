//! `GET /taskmanagers` and `GET /taskmanagers/:taskmanagerid`.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use flott_core::{JobId, TaskManagerId, metrics::SEGMENT_BYTES};
use flott_reporter::NetworkReadings;
use schemars::JsonSchema;
use serde::Serialize;

use super::network;
use crate::{
    rest::{Api, error::ApiError, json::Json, params::PathParams},
    view::{HardwareView, ProcessMetrics, TaskManagerView},
};

/// Answer of `GET /taskmanagers`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TaskManagersInfo")]
pub(crate) struct TaskManagers {
    taskmanagers: Vec<TaskManager>,
}

/// Flink's `TaskManagerInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TaskManagerInfo")]
struct TaskManager {
    id: TaskManagerId,
    path: String,
    /// -1: each task host has a port of its own.
    data_port: i32,
    jmx_port: i32,
    /// Despite its name a point in time.
    time_since_last_heartbeat: i64,
    slots_number: usize,
    free_slots: usize,
    assigned_tasks: u32,
    total_resource: Resource,
    free_resource: Resource,
    hardware: Hardware,
    memory_configuration: MemoryConfiguration,
}

/// Flink's `TaskManagerDetailsInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TaskManagerDetailsInfo")]
pub(crate) struct TaskManagerDetail {
    #[serde(flatten)]
    task_manager: TaskManager,
    allocated_slots: Vec<AllocatedSlot>,
    metrics: JvmMetrics,
    // Beyond Flink.
    registered: i64,
    process: Process,
    task_hosts: Vec<TaskHost>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SlotInfo")]
struct AllocatedSlot {
    job_id: JobId,
    resource: Resource,
    assigned_tasks: u32,
    // Beyond Flink.
    index: u32,
}

/// Flink's `ResourceProfileInfo`, in MiB. Memory is not divided into pools, so all of these are 0.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ResourceProfileInfo")]
struct Resource {
    cpu_cores: f64,
    task_heap_memory: u64,
    task_off_heap_memory: u64,
    managed_memory: u64,
    network_memory: u64,
    extended_resources: BTreeMap<String, f64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "HardwareDescription")]
struct Hardware {
    cpu_cores: u32,
    physical_memory: u64,
    /// What the processes of the TaskManager leave of the physical memory.
    free_memory: u64,
    managed_memory: u64,
}

/// The pools of a JVM's memory, which a native process does not have.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TaskExecutorMemoryConfiguration")]
struct MemoryConfiguration {
    framework_heap: Option<u64>,
    task_heap: Option<u64>,
    framework_off_heap: Option<u64>,
    task_off_heap: Option<u64>,
    network_memory: Option<u64>,
    managed_memory: Option<u64>,
    jvm_metaspace: Option<u64>,
    jvm_overhead: Option<u64>,
    total_flink_memory: Option<u64>,
    total_process_memory: Option<u64>,
}

/// Flink's `TaskManagerMetricsInfo`. Resident memory stands for the heap; what only a JVM has is 0.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TaskManagerMetricsInfo")]
struct JvmMetrics {
    heap_used: u64,
    heap_committed: u64,
    heap_max: u64,
    non_heap_used: u64,
    non_heap_committed: u64,
    non_heap_max: i64,
    direct_count: u64,
    direct_used: u64,
    direct_max: u64,
    mapped_count: u64,
    mapped_used: u64,
    mapped_max: u64,
    netty_shuffle_memory_segments_available: u64,
    netty_shuffle_memory_segments_used: u64,
    netty_shuffle_memory_segments_total: u64,
    netty_shuffle_memory_available: u64,
    netty_shuffle_memory_used: u64,
    netty_shuffle_memory_total: u64,
    garbage_collectors: Vec<GarbageCollector>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GarbageCollectorInfo")]
struct GarbageCollector {
    name: String,
    count: u64,
    time: u64,
}

/// A process as the operating system sees it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProcessInfo")]
struct Process {
    resident_bytes: u64,
    peak_resident_bytes: u64,
    cpu_time_ms: u64,
    threads: u32,
}

/// The process of one job.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TaskHostInfo")]
struct TaskHost {
    job_id: JobId,
    pid: u32,
    subtasks: u32,
    #[serde(flatten)]
    process: Process,
}

impl From<ProcessMetrics> for Process {
    fn from(metrics: ProcessMetrics) -> Self {
        Self {
            resident_bytes: metrics.resident_bytes,
            peak_resident_bytes: metrics.peak_resident_bytes,
            cpu_time_ms: metrics.cpu_ms,
            threads: metrics.threads,
        }
    }
}

/// The share of a machine that so many of its slots are.
fn resource(hardware: HardwareView, slots: usize, of: usize) -> Resource {
    let share = slots as f64 / of.max(1) as f64;
    Resource { cpu_cores: f64::from(hardware.cpu_cores) * share, ..Resource::default() }
}

impl From<&TaskManagerView> for TaskManager {
    fn from(view: &TaskManagerView) -> Self {
        let (slots, free) = (view.slots.len(), view.free_slots());
        Self {
            id: view.id.clone(),
            path: format!("http://{}", view.rpc_address),
            data_port: -1,
            jmx_port: -1,
            time_since_last_heartbeat: view.last_heartbeat_unix_ms,
            slots_number: slots,
            free_slots: free,
            assigned_tasks: view.task_hosts.iter().map(|host| host.subtasks).sum(),
            total_resource: resource(view.hardware, slots, slots),
            free_resource: resource(view.hardware, free, slots),
            hardware: Hardware {
                cpu_cores: view.hardware.cpu_cores,
                physical_memory: view.hardware.physical_memory,
                free_memory: view.hardware.physical_memory.saturating_sub(view.resident_bytes()),
                managed_memory: 0,
            },
            memory_configuration: MemoryConfiguration::default(),
        }
    }
}

impl TaskManagerDetail {
    fn new(view: &TaskManagerView, network: NetworkReadings) -> Self {
        let resident = view.resident_bytes();
        let allocated = view.slots.iter().filter_map(|slot| slot.job_id.map(|job_id| (slot.index, job_id)));
        Self {
            task_manager: view.into(),
            allocated_slots: allocated
                .map(|(index, job_id)| AllocatedSlot {
                    job_id,
                    resource: resource(view.hardware, 1, view.slots.len()),
                    assigned_tasks: tasks_per_slot(view, job_id, index.0),
                    index: index.0,
                })
                .collect(),
            metrics: JvmMetrics {
                heap_used: resident,
                heap_committed: resident,
                heap_max: view.hardware.physical_memory,
                non_heap_max: -1,
                netty_shuffle_memory_segments_available: network.available(),
                netty_shuffle_memory_segments_used: network.used,
                netty_shuffle_memory_segments_total: network.total,
                netty_shuffle_memory_available: network.available() * SEGMENT_BYTES,
                netty_shuffle_memory_used: network.used * SEGMENT_BYTES,
                netty_shuffle_memory_total: network.total * SEGMENT_BYTES,
                ..JvmMetrics::default()
            },
            registered: view.registered_unix_ms,
            process: view.process.into(),
            task_hosts: view
                .task_hosts
                .iter()
                .map(|host| TaskHost {
                    job_id: host.job_id,
                    pid: host.pid,
                    subtasks: host.subtasks,
                    process: host.process.into(),
                })
                .collect(),
        }
    }
}

/// How many subtasks of a job run in one of its slots. All slots of a job share one process, which tells their sum;
/// it is spread as evenly as slot sharing does.
fn tasks_per_slot(view: &TaskManagerView, job_id: JobId, index: u32) -> u32 {
    let subtasks =
        view.task_hosts.iter().filter(|host| host.job_id == job_id).map(|host| host.subtasks).sum::<u32>();
    let of_job = || view.slots.iter().filter(|slot| slot.job_id == Some(job_id));
    let slots = of_job().count().max(1) as u32;
    let position = of_job().filter(|slot| slot.index.0 < index).count() as u32;
    subtasks / slots + u32::from(position < subtasks % slots)
}

/// All TaskManagers.
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<TaskManagers>, ApiError> {
    let views = api.backend.task_managers().await?;
    Ok(Json(TaskManagers { taskmanagers: views.iter().map(|view| view.as_ref().into()).collect() }))
}

/// One TaskManager.
pub(crate) async fn detail(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<TaskManagerDetail>, ApiError> {
    let view = find(&api, &params).await?;
    let network = network::of_task_manager(&api.backend.jobs().await?, &view.id);
    Ok(Json(TaskManagerDetail::new(&view, network)))
}

/// The TaskManager that the path names.
///
/// # Errors
/// 500 if there is none: the contract.
pub(crate) async fn find(api: &Api, params: &PathParams) -> Result<Arc<TaskManagerView>, ApiError> {
    let id = params.task_manager_id();
    api.backend.task_manager(&id).await?.ok_or_else(|| ApiError::task_manager_not_found(&id))
}
