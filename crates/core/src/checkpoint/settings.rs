use serde::{Deserialize, Serialize};

/// What a checkpoint promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointMode {
    /// The state reflects each record exactly once.
    #[default]
    ExactlyOnce,
    /// The state reflects each record at least once; no channel ever waits for another.
    AtLeastOnce,
}

/// What becomes of a job's checkpoints when it ends by itself or by a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Retention {
    /// They go when the job ends, however it ends.
    #[default]
    NoExternalizedCheckpoints,
    /// They go when the job finishes or is canceled; they stay when it fails.
    DeleteOnCancellation,
    /// They go when the job finishes; they stay when it is canceled or fails.
    RetainOnCancellation,
}

/// How a job takes checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckpointSettings {
    /// Milliseconds from one to the next; `None`: no checkpoints.
    pub interval_ms: Option<u64>,
    /// What they promise.
    pub mode: CheckpointMode,
    /// After how many milliseconds one is given up.
    pub timeout_ms: u64,
    /// Least milliseconds from the end of one to the beginning of the next.
    pub min_pause_ms: u64,
    /// How many may be under way at the same time.
    pub max_concurrent: u32,
    /// How many may fail in a row before the job restarts. `None`: a few failures of tasks restart the job, those of the
    /// storage never do.
    pub tolerable_failures: Option<u32>,
    /// Whether barriers overtake records.
    pub unaligned: bool,
    /// With `unaligned`: for how many milliseconds they wait in turn before they do.
    pub aligned_timeout_ms: u64,
    /// Whether segments of state that have not changed are referred to instead of written again.
    pub incremental: bool,
    /// How many completed checkpoints are kept.
    pub num_retained: u32,
    /// What becomes of them at the end.
    pub retention: Retention,
    /// Whether they go on when some subtasks have finished.
    pub after_tasks_finish: bool,
    /// State of at most this many bytes is put into `_metadata` instead of a file of its own.
    pub inline_threshold: u64,
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self {
            interval_ms: None,
            mode: CheckpointMode::default(),
            timeout_ms: 600_000,
            min_pause_ms: 0,
            max_concurrent: 1,
            tolerable_failures: None,
            unaligned: false,
            aligned_timeout_ms: 0,
            incremental: true,
            num_retained: 1,
            retention: Retention::default(),
            after_tasks_finish: true,
            inline_threshold: 20 << 10,
        }
    }
}

impl CheckpointSettings {
    /// Whether checkpoints are taken by themselves.
    pub const fn is_enabled(&self) -> bool {
        self.interval_ms.is_some()
    }
}
