use flott_core::{
    CheckpointId,
    checkpoint::{Alignment, Barrier, CheckpointStats, SnapshotKind},
};

use super::*;
use crate::protocol::{CheckpointNotice, CheckpointOutcome, CheckpointReport};

const CHECKPOINT: CheckpointId = CheckpointId(1);

fn trigger() -> Order {
    let kind = SnapshotKind::Checkpoint { full: false };
    let alignment = Alignment::Aligned { timeout_ms: None };
    let barrier = Barrier { id: CHECKPOINT, triggered_at: 0, kind, alignment };
    Order::TriggerCheckpoint { job_id: JOB, barrier, tasks: vec![(SubtaskId::new(0, 0), FIRST)] }
}

fn notify() -> Order {
    Order::NotifyCheckpoint { job_id: JOB, notice: CheckpointNotice::Completed(CHECKPOINT) }
}

fn commands(effects: &[Effect]) -> Vec<HostCommand> {
    let command = |effect: &Effect| match effect {
        Effect::SendToTaskHost { command, .. } => Some(command.clone()),
        _ => None,
    };
    effects.iter().filter_map(command).collect()
}

fn acknowledged(subtask: u32, attempt: u32) -> CheckpointReport {
    CheckpointReport {
        subtask: SubtaskId::new(0, subtask),
        attempt: AttemptNumber(attempt),
        checkpoint_id: CHECKPOINT,
        outcome: CheckpointOutcome::Acknowledged {
            snapshot: Box::default(),
            stats: CheckpointStats::default(),
        },
    }
}

fn told(host_attempt: u32, report: CheckpointReport) -> Event {
    Event::HostReportedCheckpoint { job_id: JOB, attempt: AttemptNumber(host_attempt), report }
}

fn taken(up_to: u64) -> Event {
    let registration_id = fence(1, 1).registration_id;
    Event::ReportsAnswered { job_id: JOB, up_to, registration_id, answer: ReportAnswer::Acknowledged }
}

#[test]
fn the_task_host_of_the_job_is_told_of_checkpoints() {
    let mut task_manager = running();
    let effects = drive(&mut task_manager, [(10, order(trigger())), (11, order(notify()))]);
    let Order::TriggerCheckpoint { barrier, tasks, .. } = trigger() else { panic!("it is one") };
    let notice = CheckpointNotice::Completed(CHECKPOINT);
    assert_eq!(
        commands(&effects),
        [HostCommand::TriggerCheckpoint { barrier, tasks }, HostCommand::NotifyCheckpoint { notice }]
    );
    assert_eq!(refusal(&effects), None);
}

#[test]
fn without_a_running_task_host_nobody_is_told_of_checkpoints() {
    let mut without = registered();
    drive(&mut without, [(1, request(0, holder(JOB, 1)))]);
    let mut ended = running();
    drive(&mut ended, [(10, host_exited(JOB))]);
    for mut task_manager in [registered(), without, ended] {
        for it in [trigger(), notify()] {
            let effects = drive(&mut task_manager, [(20, order(it))]);
            assert_eq!(refusal(&effects), Some(Refusal::NoTaskHost));
            assert_eq!(commands(&effects), []);
        }
    }
}

#[test]
fn what_subtasks_tell_of_checkpoints_is_reported_in_order() {
    let mut task_manager = running();
    let awaits = Event::HostAwaitsCheckpoint {
        job_id: JOB,
        attempt: FIRST,
        subtask: SubtaskId::new(0, 1),
        task_attempt: FIRST,
    };
    let script = [(10, told(0, acknowledged(0, 0))), (11, awaits), (12, taken(0))];
    let effects = drive(&mut task_manager, script);
    let reports: Vec<_> = sent(&effects).into_iter().map(|(_, report)| report).collect();
    let awaits = Report::AwaitsCheckpoint { subtask: SubtaskId::new(0, 1), attempt: FIRST };
    assert_eq!(reports, [Report::Checkpoint(acknowledged(0, 0)), awaits]);
}

#[test]
fn what_a_task_host_cannot_know_of_checkpoints_is_not_reported() {
    let mut task_manager = running();
    drive(&mut task_manager, [(10, task(JOB, 1, TaskState::Finished))]);
    let strangers = [told(1, acknowledged(0, 0)), told(0, acknowledged(0, 1)), told(0, acknowledged(1, 0))];
    for event in strangers {
        drive(&mut task_manager, [(11, event)]);
    }
    // Its host was ready, and a subtask has finished.
    drive(&mut task_manager, [(12, taken(0)), (13, taken(1))]);
    assert!(task_manager.jobs[&JOB].outbox.is_empty(), "nothing else was to be told");
}
