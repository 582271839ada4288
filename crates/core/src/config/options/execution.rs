//! Options of how jobs run.

use std::time::Duration;

use crate::{config::option::options, job_config::RuntimeMode};

options! {
    /// Parallelism of jobs and operators that set none. Raise it to the number of slots that a job should use by itself.
    PARALLELISM: u32 = "parallelism.default", default "1",
        limit "a whole number from 1 to 32768" => |parallelism| (1..=32768).contains(parallelism);
    /// How a job over bounded input runs: STREAMING emits each update of an aggregate, BATCH its final result only,
    /// AUTOMATIC is BATCH if all sources are bounded.
    RUNTIME_MODE: RuntimeMode = "execution.runtime-mode", default "STREAMING";
    /// After how long a batch of records that is not full is sent on. Lower it for less latency, raise it for more
    /// throughput of slow streams; 0 sends after each input batch.
    BUFFER_TIMEOUT: Duration = "execution.buffer-timeout.interval", default "100 ms",
        older ["execution.buffer-timeout"];
    /// Whether whoever submits a job stays until it has ended. Has an effect only together with
    /// `execution.shutdown-on-attached-exit`.
    ATTACHED: bool = "execution.attached", default "false";
    /// Whether a job that was submitted attached is canceled when its client vanishes, which then has to send heartbeats
    /// (`PATCH /jobs/:jobid/clientHeartbeat`) more often than every `client.heartbeat.timeout`. Leave it off if a job is to
    /// outlive the terminal that it was started from.
    SHUTDOWN_ON_ATTACHED_EXIT: bool = "execution.shutdown-on-attached-exit", default "false";
}
