//! What the end-to-end tests stand on: clusters of real processes, started by the scripts that users start them with,
//! each with a directory, ports and names of its own.
//!
//! The tests run the release binaries of this checkout and never build them: `tests/run.sh` does that first.

mod binaries;
pub mod chaos;
mod clock;
mod cluster;
mod command;
pub mod counts;
mod etcd;
pub mod failovers;
mod network;
pub mod oracle;
mod ports;
pub mod processes;
mod random;
mod rest;
pub mod s3;
pub mod sink_watch;
pub mod text;
mod wait;

pub use binaries::{Binaries, EXAMPLES, workspace};
pub use clock::now;
pub use cluster::{Cluster, ClusterBuilder, Master, ORACLE_KEYS, files_below, local_path};
pub use command::{Ended, run};
pub use etcd::{Etcd, EtcdMembers};
pub use network::{Host, Network};
pub use ports::free_port;
pub use random::Random;
pub use rest::{Answer, Rest};
pub use wait::{PATIENCE, PROMPT, eventually, eventually_within};
