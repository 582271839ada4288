//! Calls to a TaskManager.

use std::{io, time::Duration};

use flott_control::protocol::{Fence, Order, OrderAnswer};
use flott_core::{
    logs::{FoundLines, LogQuery},
    profile::{JobSamples, ThreadInfo},
};
use flott_rpc::{LogSelector, ReadLog, SampleTasks, pb};
use futures::StreamExt;
use tonic::{Code, Request, Status, transport::Channel};

use crate::{LogFile, LogStream, view::LogFileView};

/// How long a TaskManager may take to answer one copy of an order.
const ORDER_DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take to list its logs, or to begin to send one. A reader waits.
const LOG_DEADLINE: Duration = Duration::from_secs(10);

/// How much longer than a sampling a TaskManager may take to tell of it: longer than it waits for its task hosts.
const SAMPLING_GRACE: Duration = Duration::from_secs(20);

/// A connection that comes about with the first call, and again after a break. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Channel);

impl Connection {
    /// A connection to `host:port`.
    ///
    /// # Errors
    /// If the address is no such thing, with a text that says so.
    pub(crate) fn lazy(address: &str) -> Result<Self, String> {
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(format!("\"{address}\" is not host:port"));
        }
        flott_rpc::tcp_channel(address).map(Self).map_err(|_| format!("\"{address}\" is not host:port"))
    }

    /// Sends one copy of an order.
    ///
    /// # Errors
    /// If there is no answer. Whether the order was carried out is not known then.
    pub(crate) async fn order(&self, fence: Fence, order: Order) -> Result<OrderAnswer, Status> {
        flott_rpc::send_order(self.0.clone(), fence, order, ORDER_DEADLINE).await
    }

    /// The TaskManager's log files.
    ///
    /// # Errors
    /// With what the call ended with.
    pub(crate) async fn list_logs(&self) -> Result<Vec<LogFileView>, String> {
        let mut request = Request::new(pb::ListLogsRequest {});
        request.set_timeout(LOG_DEADLINE);
        let response = flott_rpc::task_manager_client(self.0.clone()).list_logs(request).await;
        let files = response.map_err(|status| describe(&status))?.into_inner().files;
        let view = |file: pb::LogFile| LogFileView {
            name: file.name,
            size: file.size,
            modified_unix_ms: file.modified_unix_ms,
        };
        Ok(files.into_iter().map(view).collect())
    }

    /// A log file's content; `None` if there is no such file.
    ///
    /// # Errors
    /// With what the call ended with.
    pub(crate) async fn read_log(
        &self,
        file: &LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<Option<LogStream>, String> {
        if limit == Some(0) {
            // On the wire 0 means all.
            return Ok(Some(LogStream::new(futures::stream::empty())));
        }
        let file = match file {
            LogFile::Log => LogSelector::Log,
            LogFile::Stdout => LogSelector::Stdout,
            LogFile::Named(name) => LogSelector::Name(name.clone()),
        };
        let request = pb::ReadLogRequest::from(ReadLog { file, offset, limit });
        let mut client = flott_rpc::task_manager_client(self.0.clone());
        // No deadline on the request itself: it would hold for the whole stream, and who reads it may be slow.
        let response = match tokio::time::timeout(LOG_DEADLINE, client.read_log(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(status)) if status.code() == Code::NotFound => return Ok(None),
            Ok(Err(status)) => return Err(describe(&status)),
            Err(_) => return Err("no answer in time".to_owned()),
        };
        let pieces = response.into_inner().map(|piece| match piece {
            Ok(piece) => Ok(piece.data),
            Err(status) => Err(io::Error::other(describe(&status))),
        });
        Ok(Some(LogStream::new(pieces)))
    }

    /// The newest events in the TaskManager's log that match.
    ///
    /// # Errors
    /// With what the call ended with.
    pub(crate) async fn search_log(&self, query: LogQuery) -> Result<FoundLines, String> {
        let request = within(pb::SearchLogRequest::from(query), LOG_DEADLINE);
        let response = flott_rpc::task_manager_client(self.0.clone()).search_log(request).await;
        let response = response.map_err(|status| describe(&status))?.into_inner();
        FoundLines::try_from(response).map_err(|error| error.to_string())
    }

    /// Which events the TaskManager logs.
    ///
    /// # Errors
    /// With the call's.
    pub(crate) async fn log_filter(&self) -> Result<String, Status> {
        let request = within(pb::GetLogFilterRequest {}, ORDER_DEADLINE);
        let response = flott_rpc::task_manager_client(self.0.clone()).get_log_filter(request).await?;
        Ok(response.into_inner().filter)
    }

    /// Changes that, and returns the filter as the TaskManager reads it.
    ///
    /// # Errors
    /// With the call's.
    pub(crate) async fn set_log_filter(&self, filter: &str) -> Result<String, Status> {
        let request = within(pb::SetLogFilterRequest { filter: filter.to_owned() }, ORDER_DEADLINE);
        let response = flott_rpc::task_manager_client(self.0.clone()).set_log_filter(request).await?;
        Ok(response.into_inner().filter)
    }

    /// What the threads of the TaskManager and its task hosts do.
    ///
    /// # Errors
    /// With what the call ended with.
    pub(crate) async fn threads(&self) -> Result<Vec<ThreadInfo>, String> {
        let request = within(pb::DumpThreadsRequest {}, LOG_DEADLINE);
        let response = flott_rpc::task_manager_client(self.0.clone()).dump_threads(request).await;
        let threads = response.map_err(|status| describe(&status))?.into_inner().threads;
        Ok(threads.into_iter().map(Into::into).collect())
    }

    /// What subtasks on the TaskManager do.
    ///
    /// # Errors
    /// With what the call ended with.
    pub(crate) async fn sample(&self, wish: SampleTasks) -> Result<Vec<JobSamples>, String> {
        let deadline = wish.sampling.duration().saturating_add(SAMPLING_GRACE);
        let request = within(pb::SampleTasksRequest::from(wish), deadline);
        let response = flott_rpc::task_manager_client(self.0.clone()).sample_tasks(request).await;
        let jobs = response.map_err(|status| describe(&status))?.into_inner().jobs;
        let converted: Result<Vec<_>, _> = jobs.into_iter().map(JobSamples::try_from).collect();
        converted.map_err(|error| error.to_string())
    }
}

fn within<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// A status as text.
pub(crate) fn describe(status: &Status) -> String {
    let message = status.message();
    if message.is_empty() { status.code().to_string() } else { message.to_owned() }
}
