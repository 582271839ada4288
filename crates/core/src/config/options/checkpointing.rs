//! Options of checkpoints and savepoints. All can be set for one job too.

use std::time::Duration;

use crate::{
    checkpoint::{CheckpointMode, Retention},
    config::{
        option::options,
        value::{ByteSize, StorageLocation},
    },
};

options! {
    /// How often the state of a job is saved, so that the job can go on from there after a failure. Shorter means less to
    /// process again after a failure and more writing. Unset or 0: no checkpoints, unless the job's program asks for them.
    INTERVAL: Option<Duration> = "execution.checkpointing.interval",
        limit "0, or a duration of at least 10 ms, such as 10 s" =>
            |interval| interval.is_none_or(|interval| interval.is_zero() || interval >= Duration::from_millis(10));
    /// What checkpoints promise after a failure: with EXACTLY_ONCE the state reflects each record once; with AT_LEAST_ONCE
    /// some records may count twice, and no input ever waits for another.
    MODE: CheckpointMode = "execution.checkpointing.mode", default "EXACTLY_ONCE";
    /// After how long a checkpoint that has not completed is given up. Raise it if large states go to slow storage.
    TIMEOUT: Duration = "execution.checkpointing.timeout", default "10 min",
        limit "a duration of at least 10 ms, such as 10 min" => |timeout| *timeout >= Duration::from_millis(10);
    /// Least time from the end of one checkpoint to the beginning of the next. Set it so that jobs whose checkpoints take
    /// about as long as the interval do something else as well.
    MIN_PAUSE: Duration = "execution.checkpointing.min-pause", default "0 ms",
        limit "a duration of at most 365 d, such as 500 ms" => |pause| *pause <= Duration::from_secs(365 * 86_400);
    /// How many checkpoints of a job may be under way at the same time.
    MAX_CONCURRENT: u32 = "execution.checkpointing.max-concurrent-checkpoints", default "1",
        limit "a whole number from 1 to 100" => |checkpoints| (1..=100).contains(checkpoints);
    /// How many checkpoints in a row may fail, for whatever reason, before the job restarts. Unset: the job restarts after
    /// three in a row that tasks could not take; storage that can't be written to never restarts a job, as the next
    /// attempt would need the same storage.
    TOLERABLE_FAILURES: Option<u32> = "execution.checkpointing.tolerable-failed-checkpoints";
    /// Directory for checkpoints, which JobManager, TaskManagers and later attempts must all see. Unset: a directory of the
    /// JobManager's, which suits a cluster on one machine only.
    DIR: Option<StorageLocation> = "execution.checkpointing.dir",
        older ["state.checkpoints.dir", "state.backend.fs.checkpointdir"];
    /// Directory for savepoints for which the user gives none. Unset: such savepoints are refused.
    SAVEPOINT_DIR: Option<StorageLocation> = "execution.checkpointing.savepoint-dir",
        older ["state.savepoints.dir", "savepoints.state.backend.fs.dir"];
    /// How many completed checkpoints of a job are kept.
    NUM_RETAINED: u32 = "execution.checkpointing.num-retained", default "1", older ["state.checkpoints.num-retained"],
        limit "a whole number from 1 to 1000" => |checkpoints| (1..=1000).contains(checkpoints);
    /// Whether what has not changed since an earlier checkpoint is referred to instead of written again. It costs nothing
    /// when a job recovers, so it is on; turn it off if each checkpoint must be complete in a directory of its own.
    INCREMENTAL: bool = "execution.checkpointing.incremental", default "true", older ["state.backend.incremental"];
    /// What becomes of a job's checkpoints when the job has ended: NO_EXTERNALIZED_CHECKPOINTS deletes them in any case,
    /// DELETE_ON_CANCELLATION keeps those of jobs that have failed, RETAIN_ON_CANCELLATION those of canceled jobs too. They
    /// are started from like savepoints.
    RETENTION: Retention = "execution.checkpointing.externalized-checkpoint-retention",
        default "NO_EXTERNALIZED_CHECKPOINTS", older ["execution.checkpointing.externalized-checkpoint-cleanup"];
    /// Whether checkpoints overtake records that wait to be processed, which then are saved with them. Turn it on for jobs
    /// whose checkpoints take long because of backpressure. Needs EXACTLY_ONCE.
    UNALIGNED: bool = "execution.checkpointing.unaligned.enabled", default "false",
        older ["execution.checkpointing.unaligned"];
    /// For how long a checkpoint waits in turn before it overtakes records, if it may at all.
    ALIGNED_TIMEOUT: Duration = "execution.checkpointing.aligned-checkpoint-timeout", default "0 ms",
        older ["execution.checkpointing.alignment-timeout"];
    /// Whether a job goes on to take checkpoints when some of its tasks have finished.
    AFTER_TASKS_FINISH: bool = "execution.checkpointing.checkpoints-after-tasks-finish", default "true",
        older ["execution.checkpointing.checkpoints-after-tasks-finish.enabled"];
    /// State of at most this size is put into the checkpoint's `_metadata` instead of a file of its own.
    INLINE_THRESHOLD: ByteSize = "execution.checkpointing.data-inline-threshold", default "20 kb",
        older ["state.storage.fs.memory-threshold", "state.backend.fs.memory-threshold"],
        limit "a size of at most 1 mb, such as 20 kb" => |size| size.bytes() <= 1 << 20;
}
