//! What an artifact is: the native program that Flott runs, as a jar is what Flink runs.
//!
//! Three things can be known about a file before any of its code runs in a cluster, and they are all here:
//! its [`ArtifactDigest`], under which it is stored and fetched; whether it can be an artifact at all
//! ([`inspect`]); and the job that it stands for, learned by running it in plan mode ([`plan`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), flott_artifact::Error> {
//! use flott_artifact::{PlanRequest, inspect, plan};
//!
//! inspect("target/release/word-count".as_ref())?;
//! let planned = plan(PlanRequest::new("target/release/word-count")).await?;
//! println!("{}", planned.job_graph.name);
//! # Ok(())
//! # }
//! ```

mod digest;
mod error;
mod inspect;
mod marker;
mod plan;

pub use digest::{ArtifactDigest, DigestBuilder, ParseDigestError};
pub use error::{Error, ErrorKind};
pub use inspect::{ArtifactInfo, inspect};
pub use plan::{DEFAULT_PLAN_TIMEOUT, PlanRequest, PlannedJob, plan};
