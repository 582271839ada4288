//! Performs what the machine wants done. Nothing here waits: what takes time is spawned, and comes back as an event.

use std::time::Duration;

use flott_control::{
    protocol::{Fence, RegistrationRequest, Report, SlotReport},
    task_manager::{Effect, Event, HostCommand},
};
use flott_core::{AttemptNumber, JobId, deployment::TaskHostSpec, profile::TaskSampling};
use flott_rpc::{JobReports, ProcessMetrics, TaskHostMetrics, send_reports};
use tokio::sync::{mpsc, oneshot};

use super::{
    Input,
    actor::{Actor, HostEntry},
};
use crate::{
    clock::now,
    profiles::AskedHost,
    registration::{Pulse, register},
    supervisor::host::{Host, HostOrder},
};

/// How long the answer to reports may take.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the log may say that there is no JobManager.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// Most orders that wait for a task host's task, which never waits long itself.
const HOST_ORDERS: usize = 256;

impl Actor {
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Register { request } => self.register(request),
            Effect::SendHeartbeat { fence, slots } => {
                let registration = self.heartbeats.as_ref().map(|stream| stream.registration_id());
                if registration == Some(fence.registration_id) {
                    self.send_heartbeat(slots);
                }
            }
            Effect::AnswerOrder { call, answer } => {
                if let Some(reply) = self.replies.remove(&call) {
                    let _ = reply.send(answer); // the caller may have given up
                }
            }
            Effect::SpawnTaskHost { attempt, spec } => self.spawn_host(attempt, spec),
            Effect::KillTaskHost { job_id, attempt, grace } => {
                self.order_host(job_id, attempt, HostOrder::End { grace });
            }
            Effect::SendToTaskHost { job_id, command } => self.send_to_host(job_id, command),
            Effect::AnswerSplit { job_id, subtask, attempt, request_id, answer } => {
                self.split_replies.answer((job_id, subtask, attempt, request_id), answer);
            }
            Effect::ConfirmSplits { job_id, subtask, attempt, report_id, again } => {
                self.split_replies.confirm((job_id, subtask, attempt, report_id), again);
            }
            Effect::SendReports { job_id, fence, reports } => self.send_reports(job_id, fence, reports),
            Effect::Violation { message } => tracing::error!("{message}"),
        }
    }

    fn register(&mut self, request: RegistrationRequest) {
        let job_managers = self.config.job_managers.clone();
        let seen = self.machine.highest_epoch();
        let inputs = self.inputs.clone();
        let is_due = self.complain_at.is_none_or(|time| time <= now());
        if is_due {
            self.complain_at = Some(now() + COMPLAINT_INTERVAL);
        }
        self.calls.spawn(async move {
            let generation = request.generation;
            let input = match register(&job_managers, seen, request).await {
                Ok(registered) => Input::RegistrationAnswered { generation, registered },
                Err(asked) => {
                    if is_due {
                        tracing::warn!(%asked, "cannot register at a JobManager");
                    }
                    Input::Event(Event::RegistrationFailed { generation })
                }
            };
            let _ = inputs.send(input).await; // without the event loop there is nobody to tell
        });
    }

    pub(super) fn send_heartbeat(&self, slots: SlotReport) {
        let Some(stream) = &self.heartbeats else { return };
        let metrics = |(&(job_id, _), host): (&(JobId, AttemptNumber), &HostEntry)| {
            let (pid, process) = (host.pid?, ProcessMetrics::default());
            Some(TaskHostMetrics { job_id, pid, process, subtasks: host.subtasks.clone() })
        };
        stream.send(Pulse { slots, task_hosts: self.hosts.iter().filter_map(metrics).collect() });
    }

    fn spawn_host(&mut self, attempt: AttemptNumber, spec: TaskHostSpec) {
        let (orders, inbox) = mpsc::channel(HOST_ORDERS);
        self.hosts.insert((spec.job_id, attempt), HostEntry::new(orders, &spec));
        self.host_tasks.spawn(Host::new(self.context.clone(), attempt, spec, inbox).run());
    }

    fn send_to_host(&mut self, job_id: JobId, command: HostCommand) {
        // A job has one running task host at a time, the latest.
        let all = (job_id, AttemptNumber(0))..=(job_id, AttemptNumber(u32::MAX));
        let Some((&(_, attempt), _)) = self.hosts.range(all).next_back() else {
            return; // its end is on its way to the machine
        };
        self.order_host(job_id, attempt, HostOrder::Send(command));
    }

    /// Asks the task hosts of a job, or of all, what their subtasks do.
    pub(super) fn ask_hosts(&self, job_id: Option<JobId>, sampling: &TaskSampling) -> Vec<AskedHost> {
        let started = self.hosts.iter().filter(|((job, _), _)| job_id.is_none_or(|wanted| wanted == *job));
        let ask = |(&(job_id, _), host): (&(JobId, AttemptNumber), &HostEntry)| {
            let pid = host.pid?;
            let (reply, answer) = oneshot::channel();
            // One that takes no orders tells nothing.
            let _ = host.orders.try_send(HostOrder::Sample { sampling: sampling.clone(), reply });
            Some(AskedHost { job_id, pid, answer })
        };
        started.filter_map(ask).collect()
    }

    fn order_host(&mut self, job_id: JobId, attempt: AttemptNumber, order: HostOrder) {
        let Some(host) = self.hosts.get(&(job_id, attempt)) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = host.orders.try_send(order) {
            tracing::error!(%job_id, host_attempt = %attempt, "a task host's task takes no orders: giving the task host up");
            // Its task ends the task host when there is nobody to give it orders.
            self.hosts.remove(&(job_id, attempt));
        }
    }

    fn send_reports(&mut self, job_id: JobId, fence: Fence, reports: Vec<(u64, Report)>) {
        let Some(&(up_to, _)) = reports.last() else { return };
        let registration_id = fence.registration_id;
        let failed = Event::ReportsFailed { job_id, up_to, registration_id };
        let uplink = self.uplink.borrow().clone().filter(|uplink| uplink.fence == fence);
        let Some(uplink) = uplink else {
            self.pending.push_back(failed);
            return;
        };
        let message = JobReports { sender: uplink.sender(&self.context.task_manager_id), job_id, reports };
        let inputs = self.inputs.clone();
        self.calls.spawn(async move {
            let event = match send_reports(uplink.channel, message, REPORT_TIMEOUT).await {
                Ok(answer) => Event::ReportsAnswered { job_id, up_to, registration_id, answer },
                Err(error) => {
                    tracing::debug!(%job_id, error = error.message(), "cannot deliver reports");
                    failed
                }
            };
            let _ = inputs.send(Input::Event(event)).await; // without the event loop there is nobody to tell
        });
    }
}
