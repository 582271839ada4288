//! Calls to one registration of a TaskManager.

use std::{sync::Arc, time::Duration};

use flott_control::protocol::{Fence, Order, OrderAnswer};
use flott_core::{
    RegistrationId, TaskManagerId,
    logs::{FoundLines, LogQuery},
    profile::{JobSamples, ThreadInfo},
};
use flott_rpc::SampleTasks;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::{debug, warn};

use crate::{
    Error, LogFile, LogStream,
    rpc::outgoing::{Connection, describe},
    view::LogFileView,
};

/// How long we wait before an order is sent again, at first; doubled with each try.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
/// Longest wait between two tries.
const LAST_BACKOFF: Duration = Duration::from_secs(2);

/// Cheap to clone. All clones share one connection, which is opened with the first call.
#[derive(Clone)]
pub(crate) struct TaskManagerClient {
    shared: Arc<Shared>,
}

struct Shared {
    task_manager_id: TaskManagerId,
    fence: Fence,
    connection: Connection,
    /// Cancelled once the registration is over.
    over: CancellationToken,
}

impl TaskManagerClient {
    /// A client for the registration that `fence` names.
    ///
    /// # Errors
    /// If `rpc_address` is no `host:port`.
    pub(crate) fn new(
        task_manager_id: TaskManagerId,
        fence: Fence,
        rpc_address: &str,
    ) -> Result<Self, Error> {
        let connection = Connection::lazy(rpc_address).map_err(|status| Error::TaskManagerUnreachable {
            task_manager_id: task_manager_id.clone(),
            status,
        })?;
        let over = CancellationToken::new();
        Ok(Self { shared: Arc::new(Shared { task_manager_id, fence, connection, over }) })
    }

    /// The registration's fence.
    pub(crate) fn fence(&self) -> Fence {
        self.shared.fence
    }

    /// Whether it is for this registration.
    pub(crate) fn is_for(&self, registration_id: RegistrationId) -> bool {
        self.shared.fence.registration_id == registration_id
    }

    /// Ends all deliveries: the registration is over.
    pub(crate) fn close(&self) {
        self.shared.over.cancel();
    }

    /// Sends an order again and again until it is answered. `None`: the registration ended first.
    pub(crate) async fn deliver(&self, order: Order) -> Option<OrderAnswer> {
        self.shared.over.run_until_cancelled(self.send_until_answered(&order)).await
    }

    async fn send_until_answered(&self, order: &Order) -> OrderAnswer {
        let mut backoff = FIRST_BACKOFF;
        loop {
            match self.shared.connection.order(self.shared.fence, order.clone()).await {
                // The TaskManager may not have seen the answer to its registration yet.
                Ok(OrderAnswer::UnknownRegistration) => {}
                Ok(answer) => return answer,
                // Tried again even so: the machine's deadlines act if it never helps.
                Err(error) if !flott_rpc::is_retriable(&error) => {
                    warn!(task_manager_id = %self.shared.task_manager_id, order = order.name(), %error, "a TaskManager can't read an order");
                }
                Err(error) => {
                    debug!(task_manager_id = %self.shared.task_manager_id, order = order.name(), %error, "an order was not answered");
                }
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(LAST_BACKOFF);
        }
    }

    /// The TaskManager's log files.
    ///
    /// # Errors
    /// [`Error::TaskManagerUnreachable`].
    pub(crate) async fn list_logs(&self) -> Result<Vec<LogFileView>, Error> {
        self.shared.connection.list_logs().await.map_err(|status| self.unreachable(status))
    }

    /// A log file's content.
    ///
    /// # Errors
    /// [`Error::TaskManagerUnreachable`], [`Error::LogNotFound`].
    pub(crate) async fn read_log(
        &self,
        file: LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<LogStream, Error> {
        match self.shared.connection.read_log(&file, offset, limit).await {
            Ok(Some(stream)) => Ok(stream),
            Ok(None) => Err(file.not_found()),
            Err(status) => Err(self.unreachable(status)),
        }
    }

    /// The newest events in the TaskManager's log that match.
    ///
    /// # Errors
    /// [`Error::TaskManagerUnreachable`].
    pub(crate) async fn search_log(&self, query: LogQuery) -> Result<FoundLines, Error> {
        self.shared.connection.search_log(query).await.map_err(|status| self.unreachable(status))
    }

    /// Which events the TaskManager logs.
    ///
    /// # Errors
    /// [`Error::TaskManagerUnreachable`], [`Error::NoLogFilter`].
    pub(crate) async fn log_filter(&self) -> Result<String, Error> {
        self.shared.connection.log_filter().await.map_err(|status| self.of_filter(&status))
    }

    /// Changes which events the TaskManager logs, and returns the filter as it reads it.
    ///
    /// # Errors
    /// [`Error::TaskManagerUnreachable`], [`Error::NoLogFilter`], [`Error::BadLogFilter`].
    pub(crate) async fn set_log_filter(&self, filter: &str) -> Result<String, Error> {
        self.shared.connection.set_log_filter(filter).await.map_err(|status| self.of_filter(&status))
    }

    fn of_filter(&self, status: &Status) -> Error {
        match status.code() {
            Code::NotFound => Error::NoLogFilter("TaskManager"),
            Code::InvalidArgument => Error::BadLogFilter(status.message().to_owned()),
            _ => self.unreachable(describe(status)),
        }
    }

    /// What the threads of the TaskManager and its task hosts do.
    ///
    /// # Errors
    /// [`Error::TaskManagerUnreachable`].
    pub(crate) async fn threads(&self) -> Result<Vec<ThreadInfo>, Error> {
        self.shared.connection.threads().await.map_err(|status| self.unreachable(status))
    }

    /// What the subtasks of a job, or of all, do on the TaskManager. Takes as long as the sampling.
    ///
    /// # Errors
    /// [`Error::TaskManagerUnreachable`].
    pub(crate) async fn sample(&self, wish: SampleTasks) -> Result<Vec<JobSamples>, Error> {
        self.shared.connection.sample(wish).await.map_err(|status| self.unreachable(status))
    }

    fn unreachable(&self, status: String) -> Error {
        Error::TaskManagerUnreachable { task_manager_id: self.shared.task_manager_id.clone(), status }
    }
}
