//! What subtasks and threads are seen doing.

use std::time::Duration;

use crate::{JobId, SubtaskId, VertexIndex};

/// Most looks of one sampling.
pub const MAX_SAMPLES: u32 = 60_000;

/// Most functions of a stack that are looked at, innermost first.
pub const MAX_STACK_DEPTH: u32 = 128;

/// How to look at what subtasks do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSampling {
    /// At those of which vertices; empty: of all.
    pub vertices: Vec<VertexIndex>,
    /// How often, from 1 to [`MAX_SAMPLES`].
    pub samples: u32,
    /// Time between two looks.
    pub delay: Duration,
    /// Most functions of a stack, innermost first, from 1 to [`MAX_STACK_DEPTH`].
    pub max_depth: u32,
}

impl TaskSampling {
    /// How long it takes.
    pub fn duration(&self) -> Duration {
        self.delay.saturating_mul(self.samples.saturating_sub(1))
    }

    /// Whether it is for a subtask.
    pub fn wants(&self, subtask: SubtaskId) -> bool {
        self.vertices.is_empty() || self.vertices.contains(&subtask.vertex)
    }
}

/// What a subtask was doing at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskActivity {
    /// It ran, or could have.
    OnCpu,
    /// It was blocked within a function.
    Blocked,
    /// It waited for input.
    Idle,
    /// It waited for its consumers.
    Backpressured,
    /// It waited until its threads were done with other subtasks.
    Ready,
}

impl TaskActivity {
    /// Stands in a stack for the functions that are not known, or do not run.
    pub fn description(self) -> &'static str {
        match self {
            Self::OnCpu => "running",
            Self::Blocked => "blocked",
            Self::Idle => "waiting for input",
            Self::Backpressured => "waiting for consumers (backpressured)",
            Self::Ready => "waiting for a thread of its slot",
        }
    }
}

/// What a subtask was seen doing in its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStack {
    /// The subtask.
    pub subtask: SubtaskId,
    /// The thread that ran it, if it was looked at once only and one did.
    pub thread: Option<u32>,
    /// What it did.
    pub activity: TaskActivity,
    /// In which functions, by addresses in the process, innermost first; empty if that is not known.
    pub addresses: Vec<u64>,
    /// How often that was seen.
    pub count: u32,
}

/// What the subtasks of a process were seen doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskSamples {
    /// Each stack once.
    pub stacks: Vec<TaskStack>,
    /// Why the functions are not known, if so.
    pub problem: Option<String>,
}

/// What the subtasks of a job were seen doing, with the names of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSamples {
    /// The job.
    pub job_id: JobId,
    /// Names of functions, each once.
    pub functions: Vec<String>,
    /// Each stack once.
    pub stacks: Vec<SampledStack>,
    /// Why the functions are not known, if so.
    pub problem: Option<String>,
}

/// A stack with the names of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampledStack {
    /// The subtask.
    pub subtask: SubtaskId,
    /// What it did.
    pub activity: TaskActivity,
    /// Positions in [`JobSamples::functions`], outermost first; all are within it.
    pub frames: Vec<u32>,
    /// How often that was seen.
    pub count: u32,
}

/// A thread of a daemon or a task host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadInfo {
    /// Its name.
    pub name: String,
    /// The number that the operating system gave it.
    pub id: u32,
    /// Which process, such as `TaskManager`.
    pub process: String,
    /// As the operating system has it: `R` runs or could, `S` sleeps, `D` waits for the disk, and so on.
    pub state: String,
    /// CPU time used, in milliseconds.
    pub cpu_ms: u64,
    /// Function of the operating system in which it waits, if it does and that is told.
    pub waits_in: Option<String>,
    /// The subtask that it runs, if it does.
    pub task: Option<String>,
    /// What it was just doing, innermost function first; empty if that is not known.
    pub frames: Vec<String>,
}
