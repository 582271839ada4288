//! What makes task hosts.

use std::path::PathBuf;

use flott_core::{AttemptNumber, FailureCause, deployment::TaskHostSpec};
use futures::future::BoxFuture;

use crate::LeaderChannel;

/// A wish for a task host.
#[derive(Clone)]
pub struct LaunchRequest {
    /// What it is to run.
    pub spec: TaskHostSpec,
    /// Which start of the job's task host on this TaskManager.
    pub attempt: AttemptNumber,
    /// Unix socket at which it finds its TaskManager.
    pub socket: PathBuf,
    /// Secret with which it introduces itself there.
    pub token: String,
    /// Where the artifact is to be had.
    pub leader: LeaderChannel,
}

impl std::fmt::Debug for LaunchRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaunchRequest")
            .field("spec", &self.spec)
            .field("attempt", &self.attempt)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// Makes task hosts.
pub trait TaskHostLauncher: Send + Sync + 'static {
    /// Starts a task host. Dropping the future undoes what was begun.
    ///
    /// The future's error tells users why it could not be started.
    fn launch(
        &self,
        request: LaunchRequest,
    ) -> BoxFuture<'static, Result<Box<dyn LaunchedTaskHost>, FailureCause>>;
}

/// A task host that was started. Dropping it ends it.
pub trait LaunchedTaskHost: Send + Sync + 'static {
    /// Its process; 0 if it has none of its own.
    fn pid(&self) -> u32;

    /// Waits until it has ended and nothing of it runs any more, and tells how it ended. May be dropped and called again;
    /// not called again once it has answered.
    fn exited(&mut self) -> BoxFuture<'_, FailureCause>;

    /// Ends it at once. [`exited`](Self::exited) tells when that is done.
    fn kill(&mut self);

    /// Last lines that it has written to stderr by now.
    fn stderr_tail(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}
