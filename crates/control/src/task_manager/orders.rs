//! What a TaskManager does when ordered. Each order may come twice, late, or overtaken by a later one.

use std::time::Duration;

use flott_core::{
    AllocationId, AttemptNumber, FailureCause, FailureKind, HostId, JobId, MonoTime, SubtaskId,
    deployment::{Placement, TaskDescriptor, TaskHostSpec},
};

use super::{
    Effect, HostCommand, HostState, TaskManager,
    job::{LocalJob, LocalTask, Successor},
};
use crate::protocol::{Order, Refusal, Report, TaskReport, TaskState};

/// Why a task host has ended that was stopped first.
const NEVER_STARTED: &str = "it was released before it started";

impl TaskManager {
    pub(super) fn obey(&mut self, order: Order, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        match order {
            Order::RequestSlot { slot, holder } => {
                self.slots.allocate(slot, holder)?;
                self.jobs.entry(holder.job_id).or_insert_with(LocalJob::new);
                Ok(())
            }
            Order::FreeSlot { holder } => {
                self.slots.start_freeing(holder);
                self.settle(holder.job_id, out);
                Ok(())
            }
            Order::StartTaskHost { attempt, allocations, spec } => {
                self.start_host(attempt, &allocations, spec, out)
            }
            Order::DeployTasks { job_id, placement, tasks } => self.deploy(job_id, placement, tasks, out),
            Order::CancelTasks { job_id, tasks } => {
                self.cancel(job_id, tasks, out);
                Ok(())
            }
            Order::TriggerCheckpoint { job_id, barrier, tasks } => {
                self.note_trigger(job_id, &barrier, &tasks);
                self.command(job_id, HostCommand::TriggerCheckpoint { barrier, tasks }, out)
            }
            Order::NotifyCheckpoint { job_id, notice } => {
                self.note_end(job_id, notice);
                self.command(job_id, HostCommand::NotifyCheckpoint { notice }, out)
            }
            Order::KillTaskHost { job_id, attempt } => {
                self.stop_host(job_id, attempt, Duration::ZERO, out);
                Ok(())
            }
            Order::ReleaseTaskHost { job_id, attempt } => {
                self.stop_host(job_id, attempt, self.config.release_grace, out);
                Ok(())
            }
        }
    }

    /// Frees what can be freed of the slots that the job gives back, and ends its task host if that stands in the
    /// way. Forgets the job when nothing is left of it. Returns whether a slot became free.
    pub(super) fn settle(&mut self, job_id: JobId, out: &mut Vec<Effect>) -> bool {
        let Some(job) = self.jobs.get_mut(&job_id) else {
            return self.slots.finish_freeing(job_id, |_| true);
        };
        let keeps_slots = self.slots.held_by(job_id).next().is_some();
        let gives_slots = self.slots.freeing_of(job_id).next().is_some();
        let runs_there = self.slots.freeing_of(job_id).any(|allocation| job.runs_in(allocation));
        if let HostState::Starting { attempt } | HostState::Running { attempt } = job.host
            && gives_slots
            && (!keeps_slots || runs_there)
        {
            let idle =
                matches!(job.host, HostState::Running { .. }) && !job.tasks.values().any(|task| task.live);
            let grace = if idle { self.config.release_grace } else { Duration::ZERO };
            job.host = HostState::Stopping { attempt };
            out.push(Effect::KillTaskHost { job_id, attempt, grace });
        }
        let freed = self.slots.finish_freeing(job_id, |allocation| {
            !job.host.is_alive() || (keeps_slots && !job.runs_in(allocation))
        });
        let uses_slots = keeps_slots || self.slots.freeing_of(job_id).next().is_some();
        if !uses_slots && !job.host.is_alive() && job.outbox.is_empty() {
            self.jobs.remove(&job_id);
        }
        freed
    }

    /// As `settle`, and tells the leader at once if a slot became free: jobs may be waiting for it.
    pub(super) fn settle_and_tell(&mut self, job_id: JobId, now: MonoTime, out: &mut Vec<Effect>) {
        if self.settle(job_id, out) {
            self.send_heartbeat(now, out);
        }
    }

    fn start_host(
        &mut self,
        attempt: AttemptNumber,
        allocations: &[AllocationId],
        spec: TaskHostSpec,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let job_id = spec.job_id;
        let held = |allocation: &AllocationId| self.slots.holds(job_id, *allocation);
        if allocations.is_empty() || !allocations.iter().all(held) {
            return Err(Refusal::UnknownAllocation);
        }
        let job = self.jobs.get_mut(&job_id).ok_or(Refusal::UnknownAllocation)?;
        if job.newest_start() >= Some(attempt) {
            return Ok(()); // a copy, or overtaken by the order to release it
        }
        match job.host {
            HostState::Absent | HostState::Ended { .. } => {
                job.host = HostState::Starting { attempt };
                out.push(Effect::SpawnTaskHost { attempt, spec });
            }
            // Its JobMaster does not count on the old one any more.
            HostState::Starting { attempt: old }
            | HostState::Running { attempt: old }
            | HostState::Stopping { attempt: old } => {
                job.host = HostState::Stopping { attempt: old };
                job.successor = Some(Successor { attempt, start: Some((allocations.to_vec(), spec)) });
                out.push(Effect::KillTaskHost { job_id, attempt: old, grace: Duration::ZERO });
            }
        }
        Ok(())
    }

    /// The job's task host has ended: what was to come after it comes now.
    pub(super) fn start_successor(&mut self, job_id: JobId, out: &mut Vec<Effect>) {
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        let Some(Successor { attempt, start }) = job.successor.take() else { return };
        let holds = |allocation: &AllocationId| self.slots.holds(job_id, *allocation);
        match start {
            Some((allocations, spec)) if allocations.iter().all(holds) => {
                job.host = HostState::Starting { attempt };
                out.push(Effect::SpawnTaskHost { attempt, spec });
            }
            Some(_) => self.never_started(job_id, attempt, "its slots were taken away before it started"),
            None => job.host = HostState::Ended { attempt },
        }
    }

    fn never_started(&mut self, job_id: JobId, attempt: AttemptNumber, reason: &str) {
        if let Some(job) = self.jobs.get_mut(&job_id) {
            job.host = HostState::Ended { attempt };
            let cause = FailureCause::new(FailureKind::TaskHostExit, reason);
            self.report(job_id, Report::HostEnded { attempt, cause });
        }
    }

    fn deploy(
        &mut self,
        job_id: JobId,
        placement: Placement,
        tasks: Vec<TaskDescriptor>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let job = self.jobs.get_mut(&job_id).ok_or(Refusal::UnknownAllocation)?;
        let HostState::Running { attempt: host } = job.host else { return Err(Refusal::NoTaskHost) };
        // Meant for one that has ended since: its tasks have ended with it.
        if placement.host_on(&self.config.task_manager_id) != Some(HostId(host.0)) {
            return Err(Refusal::NoTaskHost);
        }
        let mut fresh = Vec::new();
        for task in tasks {
            let known = job.tasks.get(&task.subtask).is_some_and(|known| known.attempt >= task.attempt);
            if known {
                continue; // a copy, or canceled before it came
            }
            if !self.slots.holds(job_id, task.allocation_id) {
                return Err(Refusal::UnknownAllocation);
            }
            fresh.push(task);
        }
        for task in &fresh {
            let restored = task.restore.as_ref().map(|point| point.checkpoint_id);
            let local = LocalTask::deployed(task.attempt, task.allocation_id, restored);
            job.tasks.insert(task.subtask, local);
        }
        if !fresh.is_empty() {
            out.push(Effect::SendToTaskHost {
                job_id,
                command: HostCommand::Deploy { placement, tasks: fresh },
            });
        }
        Ok(())
    }

    fn cancel(&mut self, job_id: JobId, tasks: Vec<(SubtaskId, AttemptNumber)>, out: &mut Vec<Effect>) {
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        let mut running = Vec::new();
        let mut never_ran = Vec::new();
        for (subtask, attempt) in tasks {
            match job.tasks.get_mut(&subtask) {
                Some(task) if task.attempt == attempt && task.live => {
                    task.is_canceling = true;
                    running.push((subtask, attempt));
                }
                Some(task) if task.attempt >= attempt => {} // it has ended, which is reported
                _ => {
                    // Its deployment has not come yet; when it does, it must not be obeyed any more.
                    job.tasks.insert(subtask, LocalTask::never_ran(attempt));
                    never_ran.push((subtask, attempt));
                }
            }
        }
        // If the host is not running, the end of it is the end of its tasks, and is reported.
        if !running.is_empty() && matches!(job.host, HostState::Running { .. }) {
            out.push(Effect::SendToTaskHost { job_id, command: HostCommand::Cancel { tasks: running } });
        }
        for (subtask, attempt) in never_ran {
            let report = TaskReport::without_metrics(subtask, attempt, TaskState::Canceled);
            self.report(job_id, Report::Task(report));
        }
    }

    /// Hands on what only the job's task host can judge.
    fn command(&self, job_id: JobId, command: HostCommand, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let host = self.jobs.get(&job_id).map(|job| job.host);
        if !matches!(host, Some(HostState::Running { .. })) {
            return Err(Refusal::NoTaskHost);
        }
        out.push(Effect::SendToTaskHost { job_id, command });
        Ok(())
    }

    fn stop_host(&mut self, job_id: JobId, attempt: AttemptNumber, grace: Duration, out: &mut Vec<Effect>) {
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        match job.host {
            HostState::Starting { attempt: own } | HostState::Running { attempt: own } if own == attempt => {
                job.host = HostState::Stopping { attempt };
                out.push(Effect::KillTaskHost { job_id, attempt, grace });
            }
            HostState::Stopping { attempt: own } if own == attempt && grace.is_zero() => {
                out.push(Effect::KillTaskHost { job_id, attempt, grace });
            }
            // The order to start it has not come yet, or has not been obeyed. It must not be any more.
            host if job.newest_start() < Some(attempt) && !host.is_alive() => {
                self.never_started(job_id, attempt, NEVER_STARTED);
            }
            _ if job.newest_start() <= Some(attempt) && job.host.attempt() < Some(attempt) => {
                job.successor = Some(Successor { attempt, start: None });
                let cause = FailureCause::new(FailureKind::TaskHostExit, NEVER_STARTED);
                self.report(job_id, Report::HostEnded { attempt, cause });
            }
            _ => {}
        }
    }
}
