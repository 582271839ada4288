//! Surroundings for sources and sinks under test.

use std::sync::Arc;

use flott_core::{AttemptNumber, JobId, SubtaskIndex, job_config::RuntimeMode};
use flott_runtime::{OperatorContext, TaskContext};

/// The first attempt of the only subtask of a job.
pub(crate) fn operator() -> OperatorContext {
    operator_of(1, 0)
}

/// An attempt of a job whose id consists of this byte.
pub(crate) fn operator_of(job: u8, attempt: u32) -> OperatorContext {
    let task = TaskContext {
        job_id: JobId::from_bytes([job; 16]),
        job_name: "test".into(),
        task_name: "task".into(),
        subtask: SubtaskIndex(0),
        parallelism: 1,
        max_parallelism: 128,
        attempt: AttemptNumber(attempt),
        runtime_mode: RuntimeMode::Batch,
        counters: Arc::default(),
    };
    OperatorContext::new(task, "operator", 0)
}
