//! Tells metrics to Prometheus, with the names and labels that Flink's reporter gives them, so that dashboards and alerts
//! made for Flink work.
//!
//! Nothing is collected between two scrapes: whoever is asked writes down what it knows into an [`Exposition`].
//!
//! ```
//! use flott_core::metrics::Reading;
//! use flott_reporter::{Exposition, Scope};
//!
//! let task_manager = Scope::task_manager("host1", "host1:6122-ab");
//! let mut exposition = Exposition::default();
//! exposition.add(&task_manager, "Status.JVM.Threads.Count", Reading::Count(7));
//! assert!(exposition.text().ends_with(
//!     "# TYPE flink_taskmanager_Status_JVM_Threads_Count gauge\n\
//!      flink_taskmanager_Status_JVM_Threads_Count{host=\"host1\",tm_id=\"host1:6122-ab\"} 7\n"
//! ));
//! ```

mod exposition;
mod host;
mod machine;
mod process;
mod scope;
mod server;

pub use exposition::{CONTENT_TYPE, Exposition};
pub use machine::{Memory, cgroup_dir};
pub use process::{CpuMeter, NetworkReadings, ProcessReadings, process_readings};
pub use scope::Scope;
pub use server::{Render, bind, serve};
