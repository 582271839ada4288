//! The running of subtasks.
//!
//! A **task host** is the process of one job on one TaskManager. It builds the job's dataflow by running the job's own
//! program, then runs the subtasks that the JobMaster deploys to it. A subtask is a cooperative task: it takes a batch
//! from its [`input`], pushes it through a chain of [`operators`], whose end writes into channels
//! ([`writer`]), and yields. User code runs on the slots' threads only; network and control have a thread of their own,
//! so that slow user code delays neither credits nor heartbeats.

pub mod contract;
pub mod input;
pub mod metrics;
pub mod operators;
pub mod output;
pub mod program;
pub mod task_host;
pub mod writer;

mod context;
mod counters;
mod failure;
mod scope;
mod subtask;
#[cfg(test)]
mod testing;

pub use context::{OperatorContext, TaskContext};
pub use contract::{Boundedness, BoxError, ReadStatus, Sink, SinkWriter, Source, SourceReader};
pub use counters::TaskCounters;
pub use failure::{Result, TaskEnd};
pub use flott_exchange::{BATCH_RECORDS, Record};
pub use output::{BoxOutput, Output};
pub use program::{JobProgram, VertexProgram};
