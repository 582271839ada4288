//! TaskManagers as users see them.

use std::collections::BTreeMap;

use flott_core::{AllocationId, JobId, JobStatus, SlotIndex, TaskManagerId};

/// The cluster in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterOverview {
    /// How many TaskManagers are registered.
    pub task_managers: u32,
    /// How many slots they have.
    pub slots_total: u32,
    /// How many of these no job holds.
    pub slots_free: u32,
    /// How many jobs have each status. Statuses without a job may be absent.
    pub jobs: BTreeMap<JobStatus, u32>,
}

impl ClusterOverview {
    /// How many jobs have this status.
    pub fn jobs_with(&self, status: JobStatus) -> u32 {
        self.jobs.get(&status).copied().unwrap_or(0)
    }
}

/// A registered TaskManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskManagerView {
    /// Its own name.
    pub id: TaskManagerId,
    /// `host:port` of its gRPC service.
    pub rpc_address: String,
    /// Host under which its task hosts are reached.
    pub data_host: String,
    /// When it registered, in Unix milliseconds.
    pub registered_unix_ms: i64,
    /// When it was last heard of, in Unix milliseconds.
    pub last_heartbeat_unix_ms: i64,
    /// The machine.
    pub hardware: HardwareView,
    /// The daemon's process.
    pub process: ProcessMetrics,
    /// Its slots by index.
    pub slots: Vec<SlotView>,
    /// Its task hosts, one a job.
    pub task_hosts: Vec<TaskHostView>,
}

impl TaskManagerView {
    /// How many slots no job holds.
    pub fn free_slots(&self) -> usize {
        self.slots.iter().filter(|slot| slot.job_id.is_none()).count()
    }

    /// Its processes: the daemon's own and its task hosts.
    pub fn processes(&self) -> impl Iterator<Item = &ProcessMetrics> {
        std::iter::once(&self.process).chain(self.task_hosts.iter().map(|host| &host.process))
    }

    /// Memory that its processes hold.
    pub fn resident_bytes(&self) -> u64 {
        self.processes().map(|process| process.resident_bytes).sum()
    }
}

/// A slot of a TaskManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    /// Which slot.
    pub index: SlotIndex,
    /// The job that holds it or is about to, if any.
    pub job_id: Option<JobId>,
    /// The allocation by which it does.
    pub allocation_id: Option<AllocationId>,
}

/// The machine of a TaskManager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardwareView {
    /// Number of cores.
    pub cpu_cores: u32,
    /// Bytes.
    pub physical_memory: u64,
}

/// What the operating system says of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessMetrics {
    /// Bytes resident now.
    pub resident_bytes: u64,
    /// Most bytes ever resident.
    pub peak_resident_bytes: u64,
    /// CPU time used, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Number of threads.
    pub threads: u32,
}

impl From<flott_rpc::ProcessMetrics> for ProcessMetrics {
    fn from(metrics: flott_rpc::ProcessMetrics) -> Self {
        let flott_rpc::ProcessMetrics { resident_bytes, peak_resident_bytes, cpu_ms, threads } = metrics;
        Self { resident_bytes, peak_resident_bytes, cpu_ms, threads }
    }
}

/// The process of a job on a TaskManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskHostView {
    /// The job.
    pub job_id: JobId,
    /// Its process id.
    pub pid: u32,
    /// The process.
    pub process: ProcessMetrics,
    /// How many subtasks it reported on last.
    pub subtasks: u32,
}
