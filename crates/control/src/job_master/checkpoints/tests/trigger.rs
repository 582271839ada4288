use flott_core::checkpoint::{Alignment, SnapshotKind};

use super::*;

#[test]
fn the_first_begins_at_the_sources_after_the_interval() {
    let mut driver = Driver::running(every_second());
    assert_eq!(driver.job.next_wakeup(), Some(MonoTime::from_millis(1_000)));
    assert_eq!(triggered(&driver.at(999)), None);
    let (barrier, tasks) = triggered(&driver.at(1_000)).unwrap();
    assert_eq!(tasks, [(0, 0), (0, 1)]);
    assert_eq!(barrier.id, CheckpointId(1));
    assert_eq!(barrier.triggered_at, 1_000);
    assert_eq!(barrier.kind, SnapshotKind::Checkpoint { full: false });
    assert_eq!(barrier.alignment, Alignment::Aligned { timeout_ms: None });
}

#[test]
fn none_begins_before_all_subtasks_run() {
    let mut driver = Driver::deployed(every_second(), CheckpointConfig::default());
    driver.state(0, 0, TaskState::Running);
    driver.state(0, 1, TaskState::Running);
    driver.state(1, 0, TaskState::Initializing);
    assert_eq!(triggered(&driver.at(3_000)), None);
    driver.state(1, 0, TaskState::Running);
    assert_eq!(triggered(&driver.at(3_999)), None, "the interval begins when all run");
    assert!(triggered(&driver.at(4_000)).is_some());
}

#[test]
fn without_an_interval_there_are_none_but_those_asked_for() {
    let mut driver = Driver::running(CheckpointSettings::default());
    assert_eq!(triggered(&driver.at(1_000_000)), None);
    let request = SnapshotRequest::Checkpoint(ManualCheckpoint::Full);
    let (barrier, _) = triggered(&driver.request(1, request)).unwrap();
    assert_eq!(barrier.kind, SnapshotKind::Checkpoint { full: true });
    driver.ack_all(1);
    assert_eq!(done(&driver.stored(1)), Some((1, Ok((1, format!("{DIR}/chk-1"))))));
}

#[test]
fn one_waits_for_the_one_before_and_for_the_pause_after_it() {
    let settings = CheckpointSettings { min_pause_ms: 700, ..every_second() };
    let mut driver = Driver::running(settings);
    driver.at(1_000);
    assert_eq!(triggered(&driver.at(2_500)), None, "at most one");
    driver.ack_all(1);
    driver.stored(1);
    assert_eq!(driver.job.next_wakeup(), Some(MonoTime::from_millis(3_200)));
    assert_eq!(triggered(&driver.at(3_199)), None, "it has just ended");
    assert_eq!(triggered(&driver.at(3_200)).unwrap().0.id, CheckpointId(2));
}

#[test]
fn several_may_be_under_way() {
    let settings = CheckpointSettings { max_concurrent: 2, ..every_second() };
    let mut driver = Driver::running(settings.clone());
    assert!(triggered(&driver.at(1_000)).is_some());
    assert!(triggered(&driver.at(2_000)).is_some());
    assert!(triggered(&driver.at(3_000)).is_none());

    let mut driver = Driver::running(CheckpointSettings { unaligned: true, ..settings });
    assert_eq!(triggered(&driver.at(1_000)).unwrap().0.alignment, Alignment::Unaligned);
    assert!(triggered(&driver.at(2_000)).is_none(), "not if barriers overtake records");
}

#[test]
fn alignment_is_as_the_settings_say_but_savepoints_never_overtake() {
    let unaligned = CheckpointSettings { unaligned: true, aligned_timeout_ms: 30, ..every_second() };
    let mut driver = Driver::running(unaligned);
    let alignment = triggered(&driver.at(1_000)).unwrap().0.alignment;
    assert_eq!(alignment, Alignment::Aligned { timeout_ms: Some(30) });
    driver.ack_all(1);
    driver.stored(1);
    let savepoint = triggered(&driver.savepoint(1, AfterSavepoint::GoOn)).unwrap().0;
    assert_eq!(savepoint.alignment, Alignment::Aligned { timeout_ms: None });

    let mode = flott_core::checkpoint::CheckpointMode::AtLeastOnce;
    let mut driver = Driver::running(CheckpointSettings { mode, ..every_second() });
    assert_eq!(triggered(&driver.at(1_000)).unwrap().0.alignment, Alignment::AtLeastOnce);
}

#[test]
fn finished_subtasks_have_acknowledged_and_those_behind_them_begin() {
    let mut driver = Driver::running(every_second());
    driver.state(0, 0, TaskState::Finished);
    assert_eq!(triggered(&driver.at(1_000)).unwrap().1, [(0, 1)]);
    let effects = driver.state(0, 1, TaskState::Finished);
    assert_eq!(triggered(&effects).unwrap().1, [(1, 0)], "no barrier can come to the sink any more");
    let effects = driver.ack(1, 1, 0);
    let (_, _, metadata) = store(&effects).unwrap();
    assert_eq!(metadata.vertices[0].finished, [true, true]);
    assert_eq!(metadata.vertices[1].finished, [false]);
}

#[test]
fn without_after_tasks_finish_the_first_that_finishes_ends_them() {
    let settings = CheckpointSettings { after_tasks_finish: false, ..every_second() };
    let mut driver = Driver::running(settings);
    driver.state(0, 0, TaskState::Finished);
    assert_eq!(triggered(&driver.at(9_000)), None);
    let answer = done(&driver.savepoint(1, AfterSavepoint::GoOn)).unwrap().1.unwrap_err();
    assert!(answer.contains("checkpoints-after-tasks-finish"), "{answer}");
}

fn awaits(driver: &mut Driver, vertex: u32, subtask: u32) -> Vec<Effect> {
    let subtask = SubtaskId::new(vertex, subtask);
    driver.report(subtask, |attempt| Report::AwaitsCheckpoint { subtask, attempt })
}

#[test]
fn a_subtask_that_needs_one_to_end_has_it_at_once() {
    let settings = CheckpointSettings { min_pause_ms: 9_000, interval_ms: Some(60_000), ..every_second() };
    let mut driver = Driver::running(settings);
    assert_eq!(triggered(&awaits(&mut driver, 0, 0)).unwrap().0.id, CheckpointId(1));
    assert_eq!(triggered(&awaits(&mut driver, 0, 0)), None, "that one will do");
    assert_eq!(triggered(&awaits(&mut driver, 0, 1)), None, "it was triggered before");
    driver.ack_all(1);
    assert_eq!(triggered(&driver.stored(1)).unwrap().0.id, CheckpointId(2), "subtask 1 needs another");
    driver.ack_all(2);
    assert_eq!(triggered(&driver.stored(2)), None);
}

#[test]
fn one_that_is_needed_and_fails_is_repeated_after_a_moment() {
    let settings = CheckpointSettings { interval_ms: Some(60_000), ..every_second() };
    let mut driver = Driver::running(settings);
    awaits(&mut driver, 0, 0);
    assert_eq!(triggered(&driver.decline(1, FailureKind::External)), None);
    assert_eq!(driver.job.next_wakeup(), Some(MonoTime::from_millis(1_000)));
    assert_eq!(triggered(&driver.at(1_000)).unwrap().0.id, CheckpointId(2));
    driver.ack_all(2);
    driver.stored(2);
    assert_eq!(triggered(&driver.at(2_000)), None);
}

#[test]
fn those_whose_input_has_ended_get_no_barrier_from_producers_that_still_wait() {
    let mut driver = Driver::running(CheckpointSettings { interval_ms: Some(60_000), ..every_second() });
    driver.state(0, 1, TaskState::Finished);
    assert_eq!(triggered(&awaits(&mut driver, 0, 0)).unwrap().1, [(0, 0)]);
    let (barrier, tasks) = triggered(&awaits(&mut driver, 1, 0)).expect("its channels are closed");
    assert_eq!((barrier.id, tasks), (CheckpointId(1), vec![(1, 0)]));
    assert_eq!(triggered(&awaits(&mut driver, 1, 0)), None, "once is enough");
    driver.decline(1, FailureKind::External);
    assert_eq!(triggered(&driver.at(1_000)).unwrap().1, [(0, 0), (1, 0)], "as is the next");
    driver.ack(2, 0, 0);
    assert!(store(&driver.ack(2, 1, 0)).is_some());
}

#[test]
fn who_registers_again_is_told_again() {
    let mut driver = Driver::running(every_second());
    driver.complete_at(1_000);
    driver.at(2_000);
    driver.ack(2, 0, 0);
    let again = |name: &str| Event::TaskManagerReregistered {
        task_manager_id: jobs::tm(name),
        fence: jobs::fence(name),
    };
    let effects = driver.on(again("a"));
    assert_eq!(notices(&effects), [("a", CheckpointNotice::Completed(CheckpointId(1)))]);
    assert_eq!(triggered(&effects), None, "its source has acknowledged");
    let effects = driver.on(again("b"));
    assert_eq!(notices(&effects), [("b", CheckpointNotice::Completed(CheckpointId(1)))]);
    assert_eq!(triggered(&effects).unwrap().1, [(0, 1)]);
}
