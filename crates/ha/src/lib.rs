//! Election of the leading JobManager, and what outlives it.
//!
//! [`HighAvailability`] tells who leads and lets this process become the leader. Who leads holds a [`Leadership`] with a
//! [`Store`]: a small durable key-value store whose writes succeed only while it still leads, and blobs beside it.
//!
//! There are three kinds, by `high-availability.type`:
//!
//! | | leader | records | blobs |
//! | --- | --- | --- | --- |
//! | `none` | this process | in memory | in a temporary directory |
//! | `file` | who holds the lock of the directory | files in it | files in it |
//! | `etcd` | who holds the leader key in etcd | keys in etcd | in `high-availability.storageDir` |
//!
//! ```
//! use flott_core::config::Configuration;
//! use flott_ha::{Candidate, HighAvailability, Op};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let me = Candidate { instance_id: "a".into(), rpc_address: "h:6123".into(), rest_address: "h:8081".into() };
//! let ha = HighAvailability::open(&Configuration::default(), me).await?;
//! let leadership = ha.campaign().await?;
//! let store = leadership.store();
//! store.commit(vec![Op::put("jobs/1/spec", "{}")]).await?;
//! assert_eq!(store.list("jobs/").await?, [("jobs/1/spec".to_owned(), "{}".into())]);
//! leadership.resign().await;
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

mod blobs;
mod clock;
mod error;
#[cfg(feature = "etcd")]
mod etcd;
mod file;
mod high_availability;
mod leadership;
mod memory;
mod problem;
mod store;

pub use error::{Error, StoreError};
pub use high_availability::{Candidate, HighAvailability, LeaderInfo};
pub use leadership::{LeaderPermit, LeaderState, Leadership};
pub use problem::{Problem, ProblemKind};
pub use store::{Op, Store};
