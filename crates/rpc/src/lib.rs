//! The control plane's wire: code generated from `/proto`, conversions between it and the types that the machines
//! use, and builders of channels, clients and servers with the limits and deadlines that all parts share.
//!
//! Only this crate and the service modules at the edge of each process see generated types ([`pb`]). They are
//! converted at once: `TryFrom<pb::X> for X` names the path of a field that is missing or makes no sense, and
//! `From<X> for pb::X` can't fail.

mod channel;
mod client;
mod convert;
mod error;
mod message;
mod retry;
mod server;
mod status;

pub use channel::{CONNECT_TIMEOUT, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, tcp_channel, unix_channel};
pub use client::{
    artifacts_client, job_master_client, leader_client, resource_manager_client, send_order,
    send_registration, send_reports, task_host_client, task_manager_client,
};
pub use convert::order_answer_response;
pub use error::{Error, Problem};
pub use flott_control::protocol;
pub use message::{
    AlignWatermarks, FencedOrder, Heartbeat, JobReports, LeaderInfo, LeaderView, LogFile, LogSelector,
    ProcessMetrics, ReadLog, SampleTasks, Sender, SplitRequest, SplitsReport, TaskHostCommand, TaskHostHello,
    TaskHostMessage, TaskHostMetrics, TaskHostSetup,
};
pub use retry::{CallError, RetryPolicy, call_with_retry, is_retriable};
pub use server::{
    artifacts_server, builder as server_builder, job_master_server, leader_server, resource_manager_server,
    task_host_server, task_manager_server,
};
pub use status::{Precondition, precondition_of, stale_leader, unknown_job, unknown_registration};

/// Version of the protocol between JobManager and TaskManager. A TaskManager of another version is refused.
pub const PROTOCOL_VERSION: u32 = 2;

/// Most bytes of one message, either way. Deployments of jobs with thousands of subtasks and lists of splits are the
/// largest there are; anything beyond is refused rather than held in memory.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// How many bytes of a file travel in one message of a stream.
pub const FILE_CHUNK_BYTES: usize = 256 * 1024;

/// Generated from `/proto/flott/v1`.
pub mod pb {
    #![allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
    tonic::include_proto!("flott.v1");
}
