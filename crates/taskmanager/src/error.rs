//! Why a TaskManager can't start or go on.

use std::{io, path::PathBuf, time::Duration};

/// An error of a TaskManager as a whole. What happens to one job is a `FailureCause` instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The RPC server's address can't be had.
    #[error("cannot listen on {address} (taskmanager.bind-host, taskmanager.rpc.port): {source}")]
    Listen {
        /// `host:port` as configured.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The socket for task hosts can't be made.
    #[error("cannot listen on the socket {} for task hosts: {source}", path.display())]
    ListenForTaskHosts {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A directory for temporary files can't be made.
    #[error("cannot make a directory in {} (io.tmp.dirs): {source}", path.display())]
    WorkDir {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A JobManager's address makes no sense.
    #[error(
        "cannot use {address} as a JobManager's address (jobmanager.rpc.address, jobmanager.rpc.port, \
         high-availability.jobmanagers): {source}"
    )]
    JobManagerAddress {
        /// `host:port` as configured.
        address: String,
        /// Why not.
        source: tonic::transport::Error,
    },
    /// The thread that starts task hosts can't be started.
    #[error("cannot start the thread that starts task hosts: {0}")]
    Spawner(#[source] io::Error),
    /// No JobManager took the TaskManager.
    #[error(
        "cannot register at a JobManager within {} s (taskmanager.registration.timeout); asked were {}",
        timeout.as_secs(), addresses.join(", ")
    )]
    RegistrationTimedOut {
        /// `host:port` of each as configured.
        addresses: Vec<String>,
        /// How long it tried.
        timeout: Duration,
    },
    /// The task that owns the machine panicked.
    #[error("the TaskManager's event loop panicked: a bug in Flott")]
    Panicked,
}
