//! Carries a task host's questions about source splits to the JobMaster.

use std::time::Duration;

use flott_core::{JobId, TaskManagerId, deployment::SplitAnswer};
use flott_rpc::{
    Precondition, SplitRequest, SplitsReport, is_retriable, job_master_client, pb, precondition_of,
};
use tokio::time::sleep;
use tonic::{Request, Status};

use crate::uplink::{Uplink, Uplinks};

/// How long an answer may take: the JobMaster may have to wait for another subtask to enumerate. Then it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait after a call that came to nothing; doubled each time.
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Talks with the JobMaster of one job, whichever leader it is with.
#[derive(Clone)]
pub(super) struct SplitClient {
    pub(super) task_manager_id: TaskManagerId,
    pub(super) job_id: JobId,
    pub(super) uplinks: Uplinks,
}

impl SplitClient {
    /// Asks until there is an answer. `None` if the JobMaster does not want to hear of this attempt any more, and the
    /// asking subtask will be canceled.
    pub(super) async fn request(self, request: SplitRequest) -> Option<SplitAnswer> {
        self.call(|uplink| {
            let message = pb::RequestSplitRequest {
                sender: Some(uplink.sender(&self.task_manager_id).into()),
                job_id: self.job_id.as_bytes().to_vec(),
                subtask: Some((request.subtask, request.attempt).into()),
                request_id: request.request_id,
            };
            async move {
                let response = job_master_client(uplink.channel).request_split(with_timeout(message)).await?;
                let answer =
                    response.into_inner().answer.ok_or_else(|| Status::internal("no answer in response"))?;
                Ok(SplitAnswer::try_from(answer)?)
            }
        })
        .await
    }

    /// Delivers splits, until that is acknowledged or nobody wants them any more.
    pub(super) async fn report(self, report: SplitsReport) {
        let splits: pb::EnumeratedSplits = report.result.into();
        let delivered =
            self.call(|uplink| {
                let message = pb::ReportSplitsRequest {
                    sender: Some(uplink.sender(&self.task_manager_id).into()),
                    job_id: self.job_id.as_bytes().to_vec(),
                    subtask: Some((report.subtask, report.attempt).into()),
                    splits: Some(splits.clone()),
                };
                async move {
                    job_master_client(uplink.channel).report_splits(with_timeout(message)).await.map(drop)
                }
            });
        delivered.await;
    }

    /// Makes a call until it is answered in a way that does not change.
    async fn call<T, C>(&self, call: impl Fn(Uplink) -> C) -> Option<T>
    where
        C: Future<Output = Result<T, Status>>,
    {
        let mut uplinks = self.uplinks.clone();
        let mut backoff = INITIAL_BACKOFF;
        loop {
            let uplink = uplinks.wait_for(Option::is_some).await.ok()?.clone()?;
            let status = match call(uplink).await {
                Ok(answer) => return Some(answer),
                Err(status) => status,
            };
            let again = matches!(
                precondition_of(&status),
                Some(Precondition::UnknownRegistration | Precondition::StaleLeader { .. })
            );
            if !again && !is_retriable(&status) {
                tracing::debug!(job_id = %self.job_id, error = %status, "the JobMaster refuses a message about splits");
                return None;
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }
}

fn with_timeout<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER_TIMEOUT);
    request
}
