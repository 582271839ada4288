//! What the next leader is told.

use flott_core::{
    CheckpointId,
    checkpoint::{
        Alignment, Barrier, CheckpointStats, SavepointFormat, SnapshotKind, SourceProgress, StopMode,
        SubtaskSnapshot,
    },
    deployment::{EnumeratedSplits, SplitAnswer},
};

use super::*;
use crate::protocol::{
    CheckpointNotice, CheckpointOutcome, CheckpointReport, LocalHost, LocalHostState, LocalJobReport,
    SplitMark,
};

fn lost() -> Event {
    Event::ConnectionLost { registration_id: fence(1, 1).registration_id }
}

/// What it tells when it loses its connection.
fn told(task_manager: &mut TaskManager) -> Vec<LocalJobReport> {
    let effects = drive(task_manager, [(100, lost())]);
    registrations(&effects)[0].jobs.clone()
}

fn answered(registration: u8, request_id: u64, answer: SplitAnswer) -> Event {
    Event::SplitAnswered {
        job_id: JOB,
        registration_id: fence(1, registration).registration_id,
        subtask: SubtaskId::new(0, 0),
        attempt: FIRST,
        request_id,
        answer,
    }
}

fn found(report_id: u64, splits: &[u8]) -> Event {
    let result = Ok(splits.iter().map(|it| vec![*it]).collect());
    Event::SplitsFound {
        job_id: JOB,
        subtask: SubtaskId::new(0, 0),
        attempt: FIRST,
        splits: EnumeratedSplits { report_id, result, complete: false },
    }
}

fn taken(registration: u8, report_id: u64) -> Event {
    let Event::SplitsFound { job_id, subtask, attempt, splits } = found(report_id, &[]) else {
        unreachable!()
    };
    let registration_id = fence(1, registration).registration_id;
    Event::SplitsAcknowledged { job_id, registration_id, subtask, attempt, splits }
}

fn split(number: u8) -> SplitAnswer {
    SplitAnswer::Split(vec![number])
}

fn acknowledged(id: u64, last_answered: u64, last_report: Option<u64>) -> Event {
    let enumerator = last_report.map(|last| (last, vec![1]));
    let source = Some(SourceProgress { last_answered, enumerator });
    let snapshot = Box::new(SubtaskSnapshot { source, ..SubtaskSnapshot::default() });
    let outcome = CheckpointOutcome::Acknowledged { snapshot, stats: CheckpointStats::default() };
    let report = CheckpointReport {
        subtask: SubtaskId::new(0, 0),
        attempt: FIRST,
        checkpoint_id: CheckpointId(id),
        outcome,
    };
    Event::HostReportedCheckpoint { job_id: JOB, attempt: FIRST, report }
}

fn notify(notice: CheckpointNotice) -> Event {
    order(Order::NotifyCheckpoint { job_id: JOB, notice })
}

#[test]
fn it_tells_what_it_has_of_each_job_that_holds_slots() {
    let mut task_manager = running();
    let awaits = Event::HostAwaitsCheckpoint {
        job_id: JOB,
        attempt: FIRST,
        subtask: SubtaskId::new(0, 0),
        task_attempt: FIRST,
    };
    drive(&mut task_manager, [(10, task(JOB, 0, TaskState::Running)), (11, awaits), (12, cancel(JOB, &[1]))]);
    let jobs = told(&mut task_manager);
    assert_eq!(jobs.len(), 1);
    let host =
        LocalHost { attempt: FIRST, state: LocalHostState::Ready { data_address: "a:7000".to_owned() } };
    assert_eq!((jobs[0].job_id, jobs[0].host.as_ref()), (JOB, Some(&host)));
    let tasks: Vec<_> = jobs[0]
        .tasks
        .iter()
        .map(|it| (it.subtask.subtask.0, it.state.clone(), it.awaits_checkpoint, it.is_canceling))
        .collect();
    assert_eq!(tasks, [(0, Some(TaskState::Running), true, false), (1, None, false, true)]);
    assert_eq!(jobs[0].next_sequence, 3, "what was reported before is in it");
}

#[test]
fn what_has_ended_is_known_for_as_long_as_the_job_has_slots() {
    let mut task_manager = running();
    drive(&mut task_manager, [(10, task(JOB, 0, TaskState::Finished)), (11, host_exited(JOB))]);
    let jobs = told(&mut task_manager);
    let host = LocalHost { attempt: FIRST, state: LocalHostState::Ended };
    assert_eq!(jobs[0].host, Some(host));
    assert_eq!(jobs[0].tasks[0].state, Some(TaskState::Finished));
    assert!(matches!(jobs[0].tasks[1].state, Some(TaskState::Failed(_))), "it ended with its task host");

    let mut task_manager = running();
    drive(&mut task_manager, [(10, free(holder(JOB, 1))), (11, free(holder(JOB, 2)))]);
    assert_eq!(told(&mut task_manager), [], "it gives all of them back");
}

#[test]
fn answers_of_a_leader_that_it_has_left_are_not_handed_on() {
    let mut task_manager = running();
    let on = |effects: Vec<Effect>| match effects.as_slice() {
        [Effect::AnswerSplit { answer, .. }] => answer.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(on(drive(&mut task_manager, [(10, answered(1, 1, split(7)))])), Some(split(7)));
    assert_eq!(on(drive(&mut task_manager, [(11, answered(1, 1, split(7)))])), Some(split(7)), "doubled");
    let jobs = told(&mut task_manager);
    assert_eq!(jobs[0].splits[0].answers, [(1, split(7))]);
    assert_eq!(on(drive(&mut task_manager, [(101, answered(1, 2, split(8)))])), None, "it is asked again");
    let effects = drive(&mut task_manager, [(102, taken(1, 1))]);
    assert!(matches!(effects.as_slice(), [Effect::ConfirmSplits { again: true, .. }]));
    drive(&mut task_manager, [(103, registered_as(101, fence(2, 2)))]);
    assert_eq!(on(drive(&mut task_manager, [(104, answered(1, 2, split(8)))])), None);
    let next = Event::ConnectionLost { registration_id: fence(2, 2).registration_id };
    let effects = drive(&mut task_manager, [(105, next)]);
    assert_eq!(registrations(&effects)[0].jobs, jobs, "nothing has changed for the next one");
}

#[test]
fn what_is_in_a_complete_checkpoint_is_forgotten() {
    let mut task_manager = running();
    drive(
        &mut task_manager,
        [
            (10, answered(1, 1, SplitAnswer::Enumerate { resume: None })),
            (11, found(1, &[1, 2])),
            (12, answered(1, 2, split(1))),
            (13, acknowledged(1, 2, Some(1))),
            (14, found(2, &[3])),
            (15, answered(1, 3, split(2))),
            (16, acknowledged(3, 3, Some(2))),
            (17, acknowledged(2, 3, Some(2))),
            (18, notify(CheckpointNotice::Aborted(CheckpointId(2)))),
            (19, notify(CheckpointNotice::Completed(CheckpointId(1)))),
        ],
    );
    let jobs = told(&mut task_manager);
    let log = &jobs[0].splits[0];
    assert_eq!(log.answers, [(3, split(2))]);
    assert_eq!(log.reports.iter().map(|report| report.report_id).collect::<Vec<_>>(), [2]);
    let mark = |id, last_answered, last_report| SplitMark {
        checkpoint_id: CheckpointId(id),
        last_answered,
        last_report: Some(last_report),
    };
    assert_eq!(log.marks, [mark(1, 2, 1), mark(3, 3, 2)]);
    assert_eq!((jobs[0].last_checkpoint, log.is_cut), (Some(CheckpointId(3)), false));
}

#[test]
fn parts_of_checkpoints_may_become_durable_in_any_order() {
    let mut task_manager = running();
    let script =
        [(10, acknowledged(2, 4, None)), (11, acknowledged(1, 3, None)), (12, acknowledged(1, 3, None))];
    drive(&mut task_manager, script);
    let marks: Vec<_> = told(&mut task_manager)[0].splits[0]
        .marks
        .iter()
        .map(|mark| (mark.checkpoint_id.0, mark.last_answered))
        .collect();
    assert_eq!(marks, [(1, 3), (2, 4)]);
}

#[test]
fn a_log_is_bounded_and_says_when_something_is_missing() {
    let mut task_manager = running();
    let large = |request_id| (10, answered(1, request_id, SplitAnswer::Split(vec![0; 400_000])));
    drive(&mut task_manager, [large(1), large(2), large(3)]);
    let jobs = told(&mut task_manager);
    assert_eq!((jobs[0].splits[0].answers.len(), jobs[0].splits[0].is_cut), (2, true));
    drive(&mut task_manager, [(101, registered_as(101, fence(1, 1))), (102, acknowledged(1, 2, None))]);
    drive(&mut task_manager, [(103, notify(CheckpointNotice::Completed(CheckpointId(1))))]);
    let jobs = told(&mut task_manager);
    let log = &jobs[0].splits[0];
    assert_eq!((log.answers.len(), log.is_cut), (1, false), "what is missing is in the checkpoint");
}

#[test]
fn it_tells_who_was_drained() {
    let mut task_manager = running();
    let kind = SnapshotKind::Savepoint {
        directory: "file:///s".to_owned(),
        format: SavepointFormat::default(),
        stop: Some(StopMode::Drain),
    };
    let alignment = Alignment::Aligned { timeout_ms: None };
    let barrier = Barrier { id: CheckpointId(4), triggered_at: 0, kind, alignment };
    let tasks = vec![(SubtaskId::new(0, 0), FIRST)];
    drive(&mut task_manager, [(10, order(Order::TriggerCheckpoint { job_id: JOB, barrier, tasks }))]);
    let drained: Vec<_> = told(&mut task_manager)[0].tasks.iter().map(|task| task.drained).collect();
    assert_eq!(drained, [Some(CheckpointId(4)), None]);
}

#[test]
fn without_a_leader_for_too_long_everything_ends() {
    let mut task_manager = running();
    drive(&mut task_manager, [(100, lost())]);
    let mut now = 100;
    let mut effects = Vec::new();
    while kills(&effects).is_empty() {
        now = task_manager.next_wakeup().unwrap().as_micros() / 1_000;
        assert!(now <= 600_100, "its grace is over");
        effects = drive(&mut task_manager, [(now, Event::TimerFired)]);
    }
    assert_eq!(now, 600_100);
    assert!(!registrations(&effects).is_empty() || task_manager.registration().id().is_none());
    drive(&mut task_manager, [(now + 1, host_exited(JOB))]);
    assert_eq!(held(&task_manager), [None, None]);
    assert!(task_manager.next_wakeup().unwrap() > MonoTime::from_millis(now), "it goes on trying, no more");
}

#[test]
fn with_a_leader_the_grace_begins_anew() {
    let mut task_manager = running();
    drive(&mut task_manager, [(100, lost()), (200, registered_as(101, fence(2, 2)))]);
    assert_eq!(task_manager.leader_deadline(), None);
}
