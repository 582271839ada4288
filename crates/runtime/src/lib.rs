//! The running of subtasks.
//!
//! A **task host** is the process of one job on one TaskManager. It builds the job's dataflow by running the job's own
//! program, then runs the subtasks that the JobMaster deploys to it. A subtask is a cooperative task: it takes a batch
//! from its [`input`], pushes it through a chain of [`operators`], whose end writes into channels
//! ([`writer`]), and yields. User code runs on the slots' threads only; network and control have a thread of their own,
//! so that slow user code delays neither credits nor heartbeats.

pub mod alignment;
pub mod checkpoint;
pub mod contract;
pub mod functions;
pub mod harness;
pub mod input;
pub mod latency;
pub mod metrics;
pub mod operators;
pub mod output;
pub mod program;
pub mod task_host;
pub mod watermark;
pub mod windowing;
pub mod writer;

mod clock;
mod context;
mod counters;
mod failure;
mod lanes;
mod sampling;
mod scope;
mod signals;
mod subtask;
#[cfg(test)]
mod testing;

pub use checkpoint::{CheckpointEvent, EventKind, Redistribution, RestoredOperator, RestoredTask};
pub use clock::ProcessingClock;
pub use context::{RuntimeContext, TaskContext, Waker};
pub use contract::{
    Boundedness, BoxError, CommitOutcome, Committer, Discovery, NoCommittable, ReadStatus, Sink, SinkWriter,
    Source, SourceReader, SplitEnumerator, all_splits,
};
pub use counters::TaskCounters;
pub use failure::{Result, TaskEnd};
pub use flott_core::time::Timestamp;
pub use flott_exchange::{BATCH_RECORDS, Batch, Mark, Record};
pub use output::{BoxOutput, Output, OutputTag};
pub use program::{JobProgram, VertexProgram};
pub use signals::{TaskCommand, TaskSignals};
