//! What a task host says.

use std::time::Duration;

use flott_control::{
    protocol::{TaskReport, TaskState},
    task_manager::Event,
};
use flott_core::{FailureCause, FailureKind, SubtaskId};
use flott_rpc::{SplitRequest, TaskHostCommand, TaskHostMessage, pb};
use tokio::sync::mpsc;

use super::{Host, LAST_WORDS_TIMEOUT, SPLIT_REPORTS, split_client};
use crate::{config::host_port, supervisor::LaunchedTaskHost, task_manager::Input};

impl Host {
    pub(super) async fn receive(&mut self, message: pb::TaskHostMessage, host: &dyn LaunchedTaskHost) {
        let message = match TaskHostMessage::try_from(message) {
            Ok(message) => message,
            Err(error) => {
                let cause =
                    FailureCause::new(FailureKind::Internal, format!("the task host sent an {error}"));
                return self.end_with(cause, Duration::ZERO);
            }
        };
        let (job_id, attempt) = (self.spec.job_id, self.attempt);
        match message {
            TaskHostMessage::Hello(_) => {
                let cause = FailureCause::new(FailureKind::Internal, "the task host introduced itself twice");
                self.end_with(cause, Duration::ZERO);
            }
            TaskHostMessage::Listening { data_port } => {
                self.ready = true;
                let data_address = host_port(&self.context.data_host, data_port);
                self.tell(Event::HostReady { job_id, attempt, data_address }).await;
            }
            TaskHostMessage::Refused(cause) => self.end_with(cause, LAST_WORDS_TIMEOUT),
            TaskHostMessage::TaskState(report) => {
                self.silence.reported(&report);
                self.log(&report);
                let report = with_stderr(report, host).await;
                self.tell(Event::HostReportedTask { job_id, attempt, report }).await;
            }
            TaskHostMessage::Checkpoint(report) => {
                self.tell(Event::HostReportedCheckpoint { job_id, attempt, report }).await;
            }
            TaskHostMessage::AwaitsCheckpoint { subtask, attempt: task_attempt } => {
                self.tell(Event::HostAwaitsCheckpoint { job_id, attempt, subtask, task_attempt }).await;
            }
            TaskHostMessage::SplitRequest(request) => self.forward_split_request(request),
            TaskHostMessage::SplitsReport(report) => {
                // Before any JobMaster hears of it: what one has handed out of it the next one must know.
                self.tell(Event::SplitsFound {
                    job_id,
                    subtask: report.subtask,
                    attempt: report.attempt,
                    splits: report.splits.clone(),
                })
                .await;
                if let Err(mpsc::error::TrySendError::Full(_)) = self.split_reports.try_send(report) {
                    let message = format!("the JobManager has not taken {SPLIT_REPORTS} reports of splits");
                    let cause = FailureCause::new(FailureKind::ConnectionLost, message);
                    self.end_with(cause, Duration::ZERO);
                }
            }
            TaskHostMessage::Watermarks(watermarks) => drop(self.watermarks.send_replace(watermarks)),
            // A sign of life, which has been noted.
            TaskHostMessage::Metrics(subtasks) if subtasks.is_empty() => {}
            TaskHostMessage::Metrics(subtasks) => {
                self.send(Input::HostMetrics { job_id, attempt, subtasks }).await;
            }
            TaskHostMessage::Samples { request_id, samples } => {
                self.samplings.end(request_id, &self.spec.graph, host.pid(), samples);
            }
        }
    }

    /// The history of the subtasks here. Why one has failed, the JobMaster tells.
    fn log(&self, report: &TaskReport) {
        let SubtaskId { vertex, subtask } = report.subtask;
        let vertex = self.spec.graph.vertices.get(vertex.0 as usize).map_or("", |vertex| &vertex.name);
        tracing::info!(
            job_id = %self.spec.job_id,
            vertex,
            subtask = subtask.0,
            attempt = report.attempt.0,
            state = %report.state.execution_state(),
            "task state changed"
        );
    }

    fn forward_split_request(&mut self, request: SplitRequest) {
        let Some(connection) = &self.connection else { return };
        let commands = connection.commands.clone();
        let client = split_client(&self.context, &self.spec);
        self.calls.spawn(async move {
            if let Some(answer) = client.request(request).await {
                let command = TaskHostCommand::SplitResponse { request, answer };
                // If it is gone it needs no answer.
                let _ = commands.send(Ok(command.into())).await;
            }
        });
    }
}

/// Adds what the task host has printed to a failure that it reports.
async fn with_stderr(mut report: TaskReport, host: &dyn LaunchedTaskHost) -> TaskReport {
    if let TaskState::Failed(cause) = &mut report.state
        && cause.stderr_tail.is_none()
    {
        cause.stderr_tail = host.stderr_tail().await.filter(|tail| !tail.trim().is_empty());
    }
    report
}
