//! Bodies that describe the cluster.

use serde::{Deserialize, Serialize};

/// What `GET /overview` tells of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Overview {
    /// Registered TaskManagers.
    pub taskmanagers: u32,
    /// Slots of all TaskManagers.
    pub slots_total: u32,
    /// Slots that no job holds.
    pub slots_available: u32,
    /// Jobs that have not ended.
    pub jobs_running: u32,
    /// Jobs that ended well.
    pub jobs_finished: u32,
    /// Jobs that were canceled.
    pub jobs_cancelled: u32,
    /// Jobs that failed.
    pub jobs_failed: u32,
    /// The server's version.
    pub flink_version: String,
    /// The server's commit.
    pub flink_commit: String,
}

/// What `GET /config` tells a dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DashboardConfig {
    /// Milliseconds between two polls.
    pub refresh_interval: u64,
    /// The server's time zone.
    pub timezone_name: String,
    /// Its distance from UTC in milliseconds.
    pub timezone_offset: i32,
    /// The server's version.
    pub flink_version: String,
    /// The server's commit and its date.
    pub flink_revision: String,
    /// What may be done over REST.
    pub features: Features,
}

/// Which actions the server allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Features {
    /// Uploading and running artifacts.
    pub web_submit: bool,
    /// Canceling jobs.
    pub web_cancel: bool,
    /// Changing a running job's parallelism.
    pub web_rescale: bool,
    /// Whether this is a history server.
    pub web_history: bool,
}

#[derive(Deserialize)]
pub(crate) struct TaskManagers {
    pub(crate) taskmanagers: Vec<TaskManager>,
}

/// A registered TaskManager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskManager {
    /// Its id, a free text such as `host:36371-d09e4b`.
    pub id: String,
    /// Its address.
    pub path: String,
    /// Port of its data plane.
    pub data_port: i32,
    /// When it was heard of last, in Unix milliseconds (despite Flink's name for it).
    pub time_since_last_heartbeat: i64,
    /// All its slots.
    pub slots_number: u32,
    /// Its slots that no job holds.
    pub free_slots: u32,
    /// Its machine.
    pub hardware: Hardware,
}

/// A TaskManager's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hardware {
    /// Number of cores.
    pub cpu_cores: u32,
    /// Bytes of memory.
    pub physical_memory: u64,
    /// Bytes of memory that the process may still take.
    pub free_memory: u64,
}
