//! Carries a task host's questions about source splits to the JobMaster.

use std::time::Duration;

use flott_core::{JobId, TaskManagerId, deployment::SplitAnswer};
use flott_rpc::{
    Precondition, RetryPolicy, SplitRequest, SplitsReport, call_with_retry, job_master_client, pb,
    precondition_of,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::uplink::{Uplink, Uplinks};

/// How long an answer may take: the JobMaster may have to wait until there is a split. Then it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

const POLICY: RetryPolicy = RetryPolicy {
    call_timeout: ANSWER_TIMEOUT,
    initial_backoff: Duration::from_millis(50),
    // A split that is found while nobody asks waits that long.
    max_backoff: Duration::from_millis(250),
};

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

    /// Delivers the reports that come, each until it is acknowledged or nobody wants it any more. One after the other, so
    /// that none overtakes the one before it.
    pub(super) async fn report_all(self, mut reports: mpsc::Receiver<SplitsReport>) {
        while let Some(report) = reports.recv().await {
            self.report(report).await;
        }
    }

    async fn report(&self, report: SplitsReport) {
        let splits: pb::EnumeratedSplits = report.splits.into();
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
        // Ends with the task host, whose task owns it.
        let never = CancellationToken::new();
        let answered = call_with_retry(POLICY, &never, || async {
            let mut uplinks = self.uplinks.clone();
            let uplink = uplinks.wait_for(Option::is_some).await.ok().and_then(|uplink| uplink.clone());
            let uplink = uplink.ok_or_else(|| Status::aborted("the TaskManager is going down"))?;
            call(uplink).await.map_err(|status| match precondition_of(&status) {
                Some(Precondition::UnknownRegistration | Precondition::StaleLeader { .. }) => {
                    Status::unavailable("there will be another registration")
                }
                Some(Precondition::UnknownJob) | None => status,
            })
        });
        let outcome = answered.await;
        if let Err(error) = &outcome {
            tracing::debug!(job_id = %self.job_id, %error, "the JobMaster refuses a message about splits");
        }
        outcome.ok()
    }
}

fn with_timeout<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER_TIMEOUT);
    request
}
