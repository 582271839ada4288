//! Conversions between generated types and those that the rest of Flott uses.

mod alignment;
mod checkpoint;
mod deployment;
mod field;
mod leader;
mod local_job;
mod logs;
mod metrics;
mod order;
mod profile;
mod registration;
mod report;
mod task;
mod task_host;
#[cfg(test)]
mod tests;

pub(crate) use checkpoint::encode;
pub use order::order_answer_response;
