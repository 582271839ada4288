//! The service through which leaders give orders.

use flott_control::protocol::OrderAnswer;
use flott_core::logs::LogQuery;
use flott_logging::LogFilter;
use flott_rpc::{
    FencedOrder, ReadLog, SampleTasks, order_answer_response, pb, pb::task_manager_server::TaskManager,
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::{logs::Logs, profiles::Profiles, task_manager::Input};

/// Pieces of a log file that are read ahead.
const LOG_PIECES: usize = 2;

/// Hands orders to the event loop, and reads log files.
pub(crate) struct RpcService {
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) logs: Logs,
    /// `None`: another one logs for this process.
    pub(crate) log_filter: Option<LogFilter>,
    pub(crate) profiles: Profiles,
}

impl RpcService {
    fn log_filter(&self) -> Result<&LogFilter, Status> {
        let missing = || Status::not_found("the TaskManager is a part of a program that logs for it");
        self.log_filter.as_ref().ok_or_else(missing)
    }

    async fn order<P>(&self, request: Request<P>) -> Result<pb::OrderAnswer, Status>
    where
        FencedOrder: TryFrom<P, Error = flott_rpc::Error>,
    {
        let order = FencedOrder::try_from(request.into_inner())?;
        let (reply, answer) = oneshot::channel::<OrderAnswer>();
        let going_down = || Status::unavailable("the TaskManager is going down");
        self.inputs.send(Input::Order { order, reply }).await.map_err(|_| going_down())?;
        order_answer_response(answer.await.map_err(|_| going_down())?)
    }
}

#[tonic::async_trait]
impl TaskManager for RpcService {
    type ReadLogStream = ReceiverStream<Result<pb::ReadLogResponse, Status>>;

    async fn request_slot(
        &self,
        request: Request<pb::RequestSlotRequest>,
    ) -> Result<Response<pb::RequestSlotResponse>, Status> {
        Ok(Response::new(pb::RequestSlotResponse { answer: Some(self.order(request).await?) }))
    }

    async fn free_slot(
        &self,
        request: Request<pb::FreeSlotRequest>,
    ) -> Result<Response<pb::FreeSlotResponse>, Status> {
        Ok(Response::new(pb::FreeSlotResponse { answer: Some(self.order(request).await?) }))
    }

    async fn start_task_host(
        &self,
        request: Request<pb::StartTaskHostRequest>,
    ) -> Result<Response<pb::StartTaskHostResponse>, Status> {
        Ok(Response::new(pb::StartTaskHostResponse { answer: Some(self.order(request).await?) }))
    }

    async fn deploy_tasks(
        &self,
        request: Request<pb::DeployTasksRequest>,
    ) -> Result<Response<pb::DeployTasksResponse>, Status> {
        Ok(Response::new(pb::DeployTasksResponse { answer: Some(self.order(request).await?) }))
    }

    async fn cancel_tasks(
        &self,
        request: Request<pb::CancelTasksRequest>,
    ) -> Result<Response<pb::CancelTasksResponse>, Status> {
        Ok(Response::new(pb::CancelTasksResponse { answer: Some(self.order(request).await?) }))
    }

    async fn trigger_checkpoint(
        &self,
        request: Request<pb::TriggerCheckpointRequest>,
    ) -> Result<Response<pb::TriggerCheckpointResponse>, Status> {
        Ok(Response::new(pb::TriggerCheckpointResponse { answer: Some(self.order(request).await?) }))
    }

    async fn notify_checkpoint(
        &self,
        request: Request<pb::NotifyCheckpointRequest>,
    ) -> Result<Response<pb::NotifyCheckpointResponse>, Status> {
        Ok(Response::new(pb::NotifyCheckpointResponse { answer: Some(self.order(request).await?) }))
    }

    async fn kill_task_host(
        &self,
        request: Request<pb::KillTaskHostRequest>,
    ) -> Result<Response<pb::KillTaskHostResponse>, Status> {
        Ok(Response::new(pb::KillTaskHostResponse { answer: Some(self.order(request).await?) }))
    }

    async fn release_task_host(
        &self,
        request: Request<pb::ReleaseTaskHostRequest>,
    ) -> Result<Response<pb::ReleaseTaskHostResponse>, Status> {
        Ok(Response::new(pb::ReleaseTaskHostResponse { answer: Some(self.order(request).await?) }))
    }

    async fn list_logs(
        &self,
        _: Request<pb::ListLogsRequest>,
    ) -> Result<Response<pb::ListLogsResponse>, Status> {
        let files = self.logs.list().await?.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListLogsResponse { files }))
    }

    async fn read_log(
        &self,
        request: Request<pb::ReadLogRequest>,
    ) -> Result<Response<Self::ReadLogStream>, Status> {
        let reader = self.logs.open(&ReadLog::try_from(request.into_inner())?).await?;
        let (sender, pieces) = mpsc::channel(LOG_PIECES);
        #[expect(clippy::disallowed_methods, reason = "ends with the file, or when nobody listens any more")]
        tokio::spawn(reader.send(sender));
        Ok(Response::new(ReceiverStream::new(pieces)))
    }

    async fn search_log(
        &self,
        request: Request<pb::SearchLogRequest>,
    ) -> Result<Response<pb::SearchLogResponse>, Status> {
        let found = self.logs.search(LogQuery::try_from(request.into_inner())?).await?;
        Ok(Response::new(found.into()))
    }

    async fn get_log_filter(
        &self,
        _: Request<pb::GetLogFilterRequest>,
    ) -> Result<Response<pb::GetLogFilterResponse>, Status> {
        Ok(Response::new(pb::GetLogFilterResponse { filter: self.log_filter()?.text() }))
    }

    async fn set_log_filter(
        &self,
        request: Request<pb::SetLogFilterRequest>,
    ) -> Result<Response<pb::SetLogFilterResponse>, Status> {
        let filter = self.log_filter()?;
        filter
            .set(&request.into_inner().filter)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(pb::SetLogFilterResponse { filter: filter.text() }))
    }

    async fn dump_threads(
        &self,
        _: Request<pb::DumpThreadsRequest>,
    ) -> Result<Response<pb::DumpThreadsResponse>, Status> {
        let threads = self.profiles.threads().await?.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::DumpThreadsResponse { threads }))
    }

    async fn sample_tasks(
        &self,
        request: Request<pb::SampleTasksRequest>,
    ) -> Result<Response<pb::SampleTasksResponse>, Status> {
        let jobs = self.profiles.sample(SampleTasks::try_from(request.into_inner())?).await?;
        Ok(Response::new(pb::SampleTasksResponse { jobs: jobs.into_iter().map(Into::into).collect() }))
    }
}
