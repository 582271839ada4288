//! Finds task hosts that do not answer any more: stopped by a signal, or starved.
//!
//! A task host tells what its subtasks do several times a second, from a thread that runs no user code. So silence does not
//! mean that user code is slow, but that the whole process stands still.

use std::{collections::BTreeSet, time::Duration};

use flott_control::protocol::TaskReport;
use flott_core::{AttemptNumber, FailureCause, FailureKind, SubtaskId, deployment::TaskDescriptor};
use tokio::time::Instant;

/// A timer that fires so late shows that this process stood still itself, as when the machine slept: then what the task host
/// has said meanwhile is still on its way.
const OWN_STALL: Duration = Duration::from_secs(1);

/// How long a task host has said nothing.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    /// What it was told to run, and has not reported as ended.
    running: BTreeSet<(SubtaskId, AttemptNumber)>,
    /// Since when; meaningless while nothing runs.
    since: Option<Instant>,
}

impl Silence {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, running: BTreeSet::new(), since: None }
    }

    /// It is told to run these. If it ran nothing before, it was not expected to say anything.
    pub(super) fn deployed(&mut self, tasks: &[TaskDescriptor], now: Instant) {
        if self.running.is_empty() {
            self.since = Some(now);
        }
        self.running.extend(tasks.iter().map(|task| (task.subtask, task.attempt)));
    }

    pub(super) fn reported(&mut self, report: &TaskReport) {
        if report.state.is_terminal() {
            self.running.remove(&(report.subtask, report.attempt));
        }
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// When to [`check`](Self::check), if ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.filter(|_| !self.running.is_empty()).map(|since| since + self.limit)
    }

    /// Why it is to be killed, if it is.
    pub(super) fn check(&mut self, now: Instant) -> Option<FailureCause> {
        let deadline = self.deadline().filter(|deadline| *deadline <= now)?;
        if now > deadline + OWN_STALL {
            self.since = Some(now);
            return None;
        }
        let message = format!(
            "the task host did not answer for {} s (heartbeat.timeout) and was killed",
            self.limit.as_secs_f64()
        );
        Some(FailureCause::new(FailureKind::TaskHostSignal, message))
    }
}

#[cfg(test)]
mod tests {
    use flott_control::protocol::TaskState;
    use flott_core::AllocationId;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(15);
    const TASK: (SubtaskId, AttemptNumber) = (SubtaskId::new(0, 1), AttemptNumber(2));

    fn descriptor() -> TaskDescriptor {
        TaskDescriptor {
            subtask: TASK.0,
            attempt: TASK.1,
            allocation_id: AllocationId::from_bytes([1; 16]),
            restore: None,
        }
    }

    fn start() -> Instant {
        crate::clock::now()
    }

    #[test]
    fn only_who_has_something_to_run_must_speak() {
        let begin = start();
        let mut silence = Silence::new(LIMIT);
        silence.heard(begin);
        assert_eq!(silence.deadline(), None);

        let deployed = begin + LIMIT * 10;
        silence.deployed(&[descriptor()], deployed);
        assert_eq!(silence.deadline(), Some(deployed + LIMIT));
        silence.heard(deployed + LIMIT / 2);
        assert_eq!(silence.check(deployed + LIMIT), None);

        let running = TaskReport::without_metrics(TASK.0, TASK.1, TaskState::Running);
        silence.reported(&running);
        assert!(silence.deadline().is_some());
        silence.reported(&TaskReport { state: TaskState::Canceled, ..running });
        assert_eq!(silence.deadline(), None);
    }

    #[test]
    fn silence_ends_a_task_host_and_says_for_how_long() {
        let mut silence = Silence::new(LIMIT);
        silence.deployed(&[descriptor()], start());
        let deadline = silence.deadline().unwrap();
        assert_eq!(silence.check(deadline - Duration::from_millis(1)), None);
        let cause = silence.check(deadline).unwrap();
        assert_eq!(cause.kind, FailureKind::TaskHostSignal);
        assert!(cause.message.contains("did not answer for 15 s"), "{cause}");
    }

    #[test]
    fn a_stall_of_our_own_is_not_held_against_it() {
        let mut silence = Silence::new(LIMIT);
        silence.deployed(&[descriptor()], start());
        let woken = silence.deadline().unwrap() + OWN_STALL * 60;
        assert_eq!(silence.check(woken), None);
        assert!(silence.check(woken + LIMIT).is_some());
    }
}
