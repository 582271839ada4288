use std::sync::Arc;

use flott_core::{FailureCause, FailureKind};
use flott_runtime::{
    JobProgram,
    task_host::{self, TaskManagerAddress},
};
use flott_taskmanager::{LaunchRequest, LaunchedTaskHost, TaskHostLauncher};
use futures::{FutureExt, future::BoxFuture};
use tokio::task::JoinHandle;

/// Runs task hosts as tasks of this process.
pub(crate) struct InProcessLauncher {
    program: Arc<JobProgram>,
}

impl InProcessLauncher {
    /// All task hosts run this program.
    pub(crate) fn new(program: Arc<JobProgram>) -> Self {
        Self { program }
    }
}

impl TaskHostLauncher for InProcessLauncher {
    fn launch(
        &self,
        request: LaunchRequest,
    ) -> BoxFuture<'static, Result<Box<dyn LaunchedTaskHost>, FailureCause>> {
        let address = TaskManagerAddress { socket: request.socket, token: request.token };
        #[expect(clippy::disallowed_methods, reason = "aborted when the task host is dropped")]
        let served = tokio::spawn(task_host::serve(self.program.clone(), address));
        async { Ok(Box::new(InProcessTaskHost { served }) as Box<dyn LaunchedTaskHost>) }.boxed()
    }
}

struct InProcessTaskHost {
    served: JoinHandle<Result<(), task_host::Error>>,
}

impl LaunchedTaskHost for InProcessTaskHost {
    fn pid(&self) -> u32 {
        0
    }

    fn exited(&mut self) -> BoxFuture<'_, FailureCause> {
        async {
            let message = match (&mut self.served).await {
                Ok(Ok(())) => "the task host has shut down".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(join) if join.is_cancelled() => "the task host was killed".to_owned(),
                Err(join) => format!("the task host crashed: {join}"),
            };
            FailureCause::new(FailureKind::TaskHostExit, message)
        }
        .boxed()
    }

    fn kill(&mut self) {
        self.served.abort();
    }
}

impl Drop for InProcessTaskHost {
    fn drop(&mut self) {
        self.kill();
    }
}
