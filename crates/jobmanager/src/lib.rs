//! The JobManager: Dispatcher, ResourceManager and one JobMaster a job, each a single-owner event loop around a pure
//! machine of `flott-control`, behind gRPC for TaskManagers and REST for everybody else.

pub mod artifacts;
mod dispatcher;
mod error;
pub mod handle;
mod process;
mod resource_manager;
pub mod rest;
pub mod view;

pub use error::{Error, ErrorKind, Rejection};
pub use handle::{ClusterHandle, ConfigEntry, LogFile, LogStream, RunOptions};
