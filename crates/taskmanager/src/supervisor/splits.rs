//! Carries a task host's questions about source splits to the JobMaster.

#[cfg(test)]
mod tests;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use flott_core::{JobId, RegistrationId, TaskManagerId, deployment::SplitAnswer};
use flott_rpc::{
    CallError, Precondition, RetryPolicy, SplitRequest, SplitsReport, call_with_retry, job_master_client, pb,
    precondition_of,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::{
    task_manager::Input,
    uplink::{Uplink, Uplinks},
};

/// How long an answer may take: the JobMaster may have to wait until there is a split. Then it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

const POLICY: RetryPolicy = RetryPolicy {
    call_timeout: ANSWER_TIMEOUT,
    initial_backoff: Duration::from_millis(50),
    // A split that is found while nobody asks waits that long.
    max_backoff: Duration::from_millis(250),
};

/// How long it is left open, when the JobManager does not know the job, whether it is only about to lose the leadership: then
/// the next leader is asked.
const DOUBT: Duration = Duration::from_secs(60);

/// How long to wait for another registration before asking again, when an answer came too late to count.
const AGAIN_TIMEOUT: Duration = Duration::from_millis(250);

/// Talks with the JobMaster of one job, whichever leader it is with.
#[derive(Clone)]
pub(super) struct SplitClient {
    pub(super) task_manager_id: TaskManagerId,
    pub(super) job_id: JobId,
    pub(super) uplinks: Uplinks,
    pub(super) inputs: mpsc::Sender<Input>,
}

impl SplitClient {
    /// Asks until there is an answer that counts. `None` if the JobMaster does not want to hear of this attempt any more, and
    /// the asking subtask will be canceled.
    pub(super) async fn request(self, request: SplitRequest) -> Option<SplitAnswer> {
        let job_id = self.job_id;
        loop {
            let (registration_id, answer) = self.call(|uplink| self.request_once(request, uplink)).await?;
            // What the next leader is told of the subtask and what the subtask is told must be the same, so the event loop
            // has the last word.
            let (reply, decided) = oneshot::channel();
            let input = Input::SplitAnswered { request, job_id, registration_id, answer, reply };
            self.inputs.send(input).await.ok()?;
            if let Some(answer) = decided.await.ok()? {
                return Some(answer);
            }
            self.registered_anew(registration_id, AGAIN_TIMEOUT).await;
        }
    }

    async fn request_once(&self, request: SplitRequest, uplink: Uplink) -> Result<SplitAnswer, Status> {
        let message = pb::RequestSplitRequest {
            sender: Some(uplink.sender(&self.task_manager_id).into()),
            job_id: self.job_id.as_bytes().to_vec(),
            subtask: Some((request.subtask, request.attempt).into()),
            request_id: request.request_id,
        };
        let response = job_master_client(uplink.channel).request_split(with_timeout(message)).await?;
        let answer = response.into_inner().answer.ok_or_else(|| Status::internal("no answer in response"))?;
        Ok(SplitAnswer::try_from(answer)?)
    }

    /// Delivers the reports that come, each until it is acknowledged or nobody wants it any more. One after the other, so
    /// that none overtakes the one before it.
    pub(super) async fn report_all(self, mut reports: mpsc::Receiver<SplitsReport>) {
        while let Some(report) = reports.recv().await {
            // That nobody wants it is logged already.
            let _ = self.report(report).await;
        }
    }

    async fn report(&self, report: SplitsReport) -> Option<()> {
        let splits: pb::EnumeratedSplits = report.splits.clone().into();
        loop {
            let sent = self.call(|uplink| self.report_once(&report, splits.clone(), uplink));
            let (registration_id, ()) = sent.await?;
            let (reply, decided) = oneshot::channel();
            let (report, job_id) = (report.clone(), self.job_id);
            let input = Input::SplitsAcknowledged { report, job_id, registration_id, reply };
            self.inputs.send(input).await.ok()?;
            let again = decided.await.ok()?;
            if !again {
                return Some(());
            }
            self.registered_anew(registration_id, AGAIN_TIMEOUT).await;
        }
    }

    async fn report_once(
        &self,
        report: &SplitsReport,
        splits: pb::EnumeratedSplits,
        uplink: Uplink,
    ) -> Result<(), Status> {
        let message = pb::ReportSplitsRequest {
            sender: Some(uplink.sender(&self.task_manager_id).into()),
            job_id: self.job_id.as_bytes().to_vec(),
            subtask: Some((report.subtask, report.attempt).into()),
            splits: Some(splits),
        };
        job_master_client(uplink.channel).report_splits(with_timeout(message)).await.map(drop)
    }

    /// Makes a call until it is answered in a way that does not change, and returns with which registration that was.
    async fn call<T, C>(&self, call: impl Fn(Uplink) -> C) -> Option<(RegistrationId, T)>
    where
        C: Future<Output = Result<T, Status>>,
    {
        // Ends with the task host, whose task owns it.
        let never = CancellationToken::new();
        loop {
            let asked = Mutex::new(None);
            let answered = call_with_retry(POLICY, &never, || async {
                let mut uplinks = self.uplinks.clone();
                let uplink = uplinks.wait_for(Option::is_some).await.ok().and_then(|uplink| uplink.clone());
                let uplink = uplink.ok_or_else(|| Status::aborted("the TaskManager is going down"))?;
                *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(uplink.fence.registration_id);
                call(uplink).await.map_err(|status| match precondition_of(&status) {
                    Some(Precondition::UnknownRegistration | Precondition::StaleLeader { .. }) => {
                        Status::unavailable("there will be another registration")
                    }
                    Some(Precondition::UnknownJob) | None => status,
                })
            });
            let outcome = answered.await;
            let registration_id = asked.into_inner().unwrap_or_else(PoisonError::into_inner)?;
            match outcome {
                Ok(answer) => return Some((registration_id, answer)),
                Err(CallError::Answered(status))
                    if precondition_of(&status) == Some(Precondition::UnknownJob)
                        && self.registered_anew(registration_id, DOUBT).await => {}
                Err(error) => {
                    tracing::debug!(job_id = %self.job_id, %error, "the JobMaster refuses a message about splits");
                    return None;
                }
            }
        }
    }

    /// Waits until another registration has taken the place of this one, and tells whether that happens in time.
    async fn registered_anew(&self, registration_id: RegistrationId, limit: Duration) -> bool {
        let mut uplinks = self.uplinks.clone();
        let is_another = |uplink: &Option<Uplink>| {
            uplink.as_ref().is_some_and(|it| it.fence.registration_id != registration_id)
        };
        matches!(timeout(limit, uplinks.wait_for(is_another)).await, Ok(Ok(_)))
    }
}

fn with_timeout<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER_TIMEOUT);
    request
}
