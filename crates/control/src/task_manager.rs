//! The machine of a TaskManager: its registration, its slots, and the task hosts of the jobs that hold them.
//!
//! It obeys the highest leader that it has seen, and of that one only orders for its current registration. It keeps
//! running what it runs when the leader is gone: the next leader decides, by freeing the slots that it does not know.
//! A slot is free only when nothing of its holder runs in it any more.

mod effect;
mod event;
mod job;
mod orders;
mod outbox;
mod registration;
mod slots;
mod split_log;
mod survey;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use flott_core::{
    AttemptNumber, FailureCause, JobId, LeaderEpoch, MonoTime, RegistrationId, SubtaskId, TaskManagerId,
};

pub use effect::{Effect, HostCommand};
pub use event::Event;
pub use job::HostState;
pub use registration::Registration;

use crate::protocol::{OrderAnswer, Report, ReportAnswer, SlotReport, TaskManagerInfo, TaskReport};
use job::LocalJob;
use slots::Slots;

/// Settings of a TaskManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskManagerConfig {
    /// Who it is.
    pub task_manager_id: TaskManagerId,
    /// What it has, with its number of slots.
    pub info: TaskManagerInfo,
    /// Generation of its first registration: the wall clock's microseconds at the start of the process.
    pub first_generation: u64,
    /// `heartbeat.timeout`: after how long without an answer to a heartbeat it registers again.
    pub heartbeat_timeout: Duration,
    /// `cluster.registration.initial-timeout`: how long to wait after the first failed registration; doubled after
    /// each further one.
    pub registration_initial_backoff: Duration,
    /// `cluster.registration.max-timeout`: most time between two tries.
    pub registration_max_backoff: Duration,
    /// How long to wait for the answer to a registration.
    pub registration_timeout: Duration,
    /// How long to wait before reports that were not delivered are sent again.
    pub report_retry_backoff: Duration,
    /// How long a task host that has nothing more to run may take to end.
    pub release_grace: Duration,
    /// `taskmanager.leader-loss-grace`: after how long without any leader all task hosts are ended, since another one may
    /// have begun to run the same elsewhere.
    pub leader_loss_grace: Duration,
}

/// The pure core of a TaskManager.
#[derive(Clone, Debug)]
pub struct TaskManager {
    config: TaskManagerConfig,
    registration: Registration,
    highest_epoch: LeaderEpoch,
    /// Since when it has had no leader; `None` while it has one, and before it has had any.
    leaderless_since: Option<MonoTime>,
    next_generation: u64,
    /// How long to wait after the next failed registration.
    backoff: Duration,
    slots: Slots,
    /// The jobs that hold slots here, or whose task host still runs, or of which reports are still to be delivered.
    jobs: BTreeMap<JobId, LocalJob>,
    next_sequence: u64,
}

impl TaskManager {
    /// One whose process has just started: nothing runs, and nobody knows it.
    pub fn new(config: TaskManagerConfig) -> Self {
        Self {
            registration: Registration::Disconnected { retry_at: MonoTime::ZERO },
            highest_epoch: LeaderEpoch(0),
            leaderless_since: None,
            next_generation: config.first_generation,
            backoff: config.registration_initial_backoff,
            slots: Slots::new(config.info.slots),
            jobs: BTreeMap::new(),
            next_sequence: 0,
            config,
        }
    }

    /// Takes in an event and returns what is to be done, in this order.
    pub fn handle(&mut self, event: Event, now: MonoTime) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Started => self.register(now, &mut out),
            Event::RegistrationAnswered { generation, answer } => {
                self.registration_answered(generation, answer, now, &mut out);
            }
            Event::RegistrationFailed { generation } => self.registration_failed(generation, now),
            Event::HeartbeatAnswered { registration_id, known } => {
                self.heartbeat_answered(registration_id, known, now, &mut out);
            }
            Event::ConnectionLost { registration_id } => {
                if self.registration.id() == Some(registration_id) {
                    self.register(now, &mut out);
                }
            }
            Event::OrderReceived { call, fence, order } => {
                if let Some(answer) = self.fenced_off(fence, now, &mut out) {
                    out.push(Effect::AnswerOrder { call, answer });
                } else {
                    let result = self.obey(order, &mut out);
                    let slots = self.slots.report();
                    let answer = match result {
                        Ok(()) => OrderAnswer::Accepted { slots },
                        Err(reason) => OrderAnswer::Refused { reason, slots },
                    };
                    out.push(Effect::AnswerOrder { call, answer });
                }
            }
            Event::HostReady { job_id, attempt, data_address } => {
                self.host_ready(job_id, attempt, data_address, &mut out);
            }
            Event::HostExited { job_id, attempt, cause } => {
                self.host_exited(job_id, attempt, cause, now, &mut out);
            }
            Event::HostReportedTask { job_id, attempt, report } => {
                self.host_reported_task(job_id, attempt, report, now, &mut out);
            }
            Event::HostReportedCheckpoint { job_id, attempt, report } => {
                if self.is_running(job_id, attempt, report.subtask, report.attempt) {
                    self.note_checkpoint(job_id, &report);
                    self.report(job_id, Report::Checkpoint(report));
                }
            }
            Event::HostAwaitsCheckpoint { job_id, attempt: host, subtask, task_attempt: attempt } => {
                if self.is_running(job_id, host, subtask, attempt) {
                    self.note_waiting(job_id, subtask);
                    self.report(job_id, Report::AwaitsCheckpoint { subtask, attempt });
                }
            }
            Event::ReportsAnswered { job_id, up_to, registration_id, answer } => {
                self.reports_answered(job_id, up_to, registration_id, answer, now, &mut out);
            }
            Event::ReportsFailed { job_id, up_to, registration_id } => {
                if let Some(job) = self.jobs.get_mut(&job_id) {
                    job.outbox.failed(up_to, registration_id, now + self.config.report_retry_backoff);
                }
            }
            Event::SplitAnswered { job_id, registration_id, subtask, attempt, request_id, answer } => {
                let answer = (self.registration.id() == Some(registration_id)).then_some(answer);
                if let (Some(answer), Some(splits)) = (&answer, self.splits_of(job_id, subtask, attempt)) {
                    splits.answered(request_id, answer.clone());
                }
                out.push(Effect::AnswerSplit { job_id, subtask, attempt, request_id, answer });
            }
            Event::SplitsFound { job_id, subtask, attempt, splits } => {
                self.note_found_splits(job_id, subtask, attempt, splits);
            }
            Event::SplitsAcknowledged { job_id, registration_id, subtask, attempt, splits } => {
                let again = self.registration.id() != Some(registration_id);
                let report_id = splits.report_id;
                out.push(Effect::ConfirmSplits { job_id, subtask, attempt, report_id, again });
            }
            Event::TimerFired => {
                self.check_registration(now, &mut out);
                self.check_leader(now, &mut out);
                self.jobs.values_mut().for_each(|job| job.outbox.wake(now));
            }
        }
        self.send_reports(&mut out);
        out
    }

    /// When [`Event::TimerFired`] is wanted next.
    pub fn next_wakeup(&self) -> Option<MonoTime> {
        let retries = self.jobs.values().filter_map(|job| job.outbox.wakeup());
        retries.chain(Some(self.registration.wakeup())).chain(self.leader_deadline()).min()
    }

    /// Its registration.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The highest epoch of a leader that it has seen.
    pub fn highest_epoch(&self) -> LeaderEpoch {
        self.highest_epoch
    }

    /// The slots as they are.
    pub fn slot_report(&self) -> SlotReport {
        self.slots.report()
    }

    /// The jobs that it has to do with, and their task hosts.
    pub fn task_hosts(&self) -> impl Iterator<Item = (JobId, HostState)> {
        self.jobs.iter().map(|(job_id, job)| (*job_id, job.host))
    }

    fn host_ready(
        &mut self,
        job_id: JobId,
        attempt: AttemptNumber,
        data_address: String,
        out: &mut Vec<Effect>,
    ) {
        match self.jobs.get_mut(&job_id) {
            Some(job) if job.host == HostState::Starting { attempt } => {
                job.host = HostState::Running { attempt };
                job.data_address.clone_from(&data_address);
                self.report(job_id, Report::HostReady { attempt, data_address });
            }
            // It became ready just when it was told to end.
            Some(job) if job.host.attempt() >= Some(attempt) => {}
            _ => out.push(Effect::Violation {
                message: format!("task host {attempt} of job {job_id} is ready, but was never started"),
            }),
        }
    }

    fn host_exited(
        &mut self,
        job_id: JobId,
        attempt: AttemptNumber,
        cause: FailureCause,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        match self.jobs.get_mut(&job_id) {
            Some(job) if job.host.attempt() == Some(attempt) && job.host.is_alive() => {
                job.host = HostState::Ended { attempt };
                job.tasks.values_mut().for_each(|task| task.host_ended(&cause));
                self.report(job_id, Report::HostEnded { attempt, cause });
                self.start_successor(job_id, out);
                self.settle_and_tell(job_id, now, out);
            }
            _ => out.push(Effect::Violation {
                message: format!("task host {attempt} of job {job_id} has ended, but did not run"),
            }),
        }
    }

    fn host_reported_task(
        &mut self,
        job_id: JobId,
        host_attempt: AttemptNumber,
        report: TaskReport,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if !self.is_running(job_id, host_attempt, report.subtask, report.attempt) {
            return;
        }
        let job = self.jobs.get_mut(&job_id);
        let Some(task) = job.and_then(|job| job.tasks.get_mut(&report.subtask)) else { return };
        task.live = !report.state.is_terminal();
        task.state = Some(report.state.clone());
        let ended = !task.live;
        self.report(job_id, Report::Task(report));
        if ended {
            self.settle_and_tell(job_id, now, out);
        }
    }

    /// Whether this start of the job's task host runs this attempt. A task host runs user code, so it may say anything;
    /// only what it can know of its tasks counts.
    fn is_running(
        &self,
        job_id: JobId,
        host_attempt: AttemptNumber,
        subtask: SubtaskId,
        attempt: AttemptNumber,
    ) -> bool {
        let Some(job) = self.jobs.get(&job_id) else { return false };
        let host_runs = job.host.attempt() == Some(host_attempt) && job.host.is_alive();
        host_runs && job.tasks.get(&subtask).is_some_and(|task| task.live && task.attempt == attempt)
    }

    fn reports_answered(
        &mut self,
        job_id: JobId,
        up_to: u64,
        registration_id: RegistrationId,
        answer: ReportAnswer,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let current = self.registration.id() == Some(registration_id);
        // The job may not have been told of the registration yet. If it never is, the slots are freed.
        let has_slots = self.slots.held_by(job_id).next().is_some();
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        match answer {
            ReportAnswer::Acknowledged => job.outbox.acknowledged(up_to, registration_id),
            ReportAnswer::UnknownJob if current => job.outbox.acknowledged(u64::MAX, registration_id),
            ReportAnswer::UnknownRegistration if current && has_slots => {
                job.outbox.failed(up_to, registration_id, now + self.config.report_retry_backoff);
            }
            ReportAnswer::UnknownRegistration if current => job.outbox.acknowledged(up_to, registration_id),
            // Of an earlier registration: it counts for nothing, what was sent with it is sent again.
            ReportAnswer::UnknownJob | ReportAnswer::UnknownRegistration => {}
        }
        self.settle(job_id, out);
    }

    fn report(&mut self, job_id: JobId, report: Report) {
        if let Some(job) = self.jobs.get_mut(&job_id) {
            job.outbox.push(self.next_sequence, report);
            self.next_sequence += 1;
        }
    }

    fn send_reports(&mut self, out: &mut Vec<Effect>) {
        let Registration::Registered { fence, .. } = self.registration else { return };
        for (job_id, job) in &mut self.jobs {
            if let Some(reports) = job.outbox.next_batch(fence.registration_id) {
                out.push(Effect::SendReports { job_id: *job_id, fence, reports });
            }
        }
    }
}
