use flott_core::{
    checkpoint::{EnumerationState, Retention},
    deployment::{EnumeratedSplits, SplitAnswer},
};

use super::*;

#[test]
fn the_newest_replaces_the_oldest() {
    let mut driver = Driver::running(CheckpointSettings { num_retained: 2, ..every_second() });
    assert_eq!(deleted(&driver.complete_at(1_000)), Vec::<String>::new());
    assert_eq!(deleted(&driver.complete_at(2_000)), Vec::<String>::new());
    assert_eq!(deleted(&driver.complete_at(3_000)), ["file:///c/job/chk-1"]);
    let history = &driver.job.checkpoints().history;
    let discarded: Vec<_> = history
        .iter()
        .map(|record| match &record.status {
            RecordStatus::Completed { discarded, .. } => (record.id.0, *discarded),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(discarded, [(3, false), (2, false), (1, true)]);
}

#[test]
fn one_that_could_not_be_stored_is_none() {
    let mut driver = Driver::running(every_second());
    driver.complete_at(1_000);
    driver.at(2_000);
    driver.ack_all(2);
    let effects = driver.not_stored(2);
    assert_eq!(notices(&effects), both(CheckpointNotice::Aborted(CheckpointId(2))));
    assert_eq!(deleted(&effects), ["file:///c/job/chk-2"]);
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(1));
    assert_eq!(driver.not_stored(2), [], "answers come once");
}

#[test]
fn a_newer_one_that_is_completed_first_ends_those_before_it() {
    let mut driver = Driver::running(CheckpointSettings { max_concurrent: 3, ..every_second() });
    (1..=3).for_each(|second| drop(driver.at(second * 1_000)));
    driver.ack_all(1);
    driver.ack_all(3);
    let effects = driver.stored(3);
    assert_eq!(notices(&effects)[..2], both(CheckpointNotice::Completed(CheckpointId(3))));
    assert_eq!(notices(&effects)[2..], both(CheckpointNotice::Aborted(CheckpointId(2))));
    let effects = driver.stored(1);
    assert_eq!(
        notices(&effects),
        both(CheckpointNotice::Aborted(CheckpointId(1))),
        "never back to an earlier one"
    );
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(3));
    assert!(driver.job.failures().is_empty());
}

#[test]
fn what_is_being_stored_when_a_part_fails_still_counts() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    driver.ack_all(1);
    assert!(!driver.job.checkpoints_settled());
    let cause = FailureCause::new(FailureKind::Panic, "boom");
    let mut effects = Vec::new();
    driver.job.stop_checkpoints(&cause, MonoTime::from_millis(1_100), &mut effects);
    assert_eq!(notices(&effects), []);
    assert_eq!(notices(&driver.stored(1)), both(CheckpointNotice::Completed(CheckpointId(1))));
    assert!(driver.job.checkpoints_settled());
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(1));
}

#[test]
fn what_is_not_acknowledged_when_a_part_fails_is_given_up_and_its_number_is_burnt() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    driver.ack(1, 0, 0);
    let cause = FailureCause::new(FailureKind::Panic, "boom");
    let mut effects = Vec::new();
    driver.job.stop_checkpoints(&cause, MonoTime::from_millis(1_100), &mut effects);
    assert_eq!(notices(&effects), both(CheckpointNotice::Aborted(CheckpointId(1))));
    assert!(driver.job.checkpoints_settled());
    assert_eq!(triggered(&driver.at(2_000)).unwrap().0.id, CheckpointId(2));
}

#[test]
fn splits_that_no_reader_has_are_part_of_it() {
    let mut driver = Driver::running(every_second());
    let source = |subtask| SubtaskId::new(0, subtask);
    let ask = |subtask, request_id| Event::SplitRequested {
        subtask: source(subtask),
        attempt: AttemptNumber(0),
        request_id,
    };
    driver.on(ask(0, 1));
    let splits =
        EnumeratedSplits { report_id: 1, result: Ok(vec![vec![1], vec![2], vec![3]]), complete: true };
    driver.on(Event::SplitsEnumerated { subtask: source(0), attempt: AttemptNumber(0), splits });
    driver.on(ask(0, 2));
    driver.on(ask(1, 1));
    driver.at(1_000);
    driver.ack_with(1, 0, 0, progress(2));
    driver.ack_with(1, 0, 1, progress(0));
    let effects = driver.ack(1, 1, 0);
    let queue = &store(&effects).unwrap().2.sources[0];
    assert_eq!((queue.uid.as_str(), &queue.enumeration), ("Source", &EnumerationState::Complete));
    assert_eq!(queue.remaining, [vec![2], vec![3]]);
    driver.stored(1);

    let restarted = BTreeSet::from([source(1)]);
    assert!(!driver.job.needs_whole_vertex(source(1).vertex, &restarted));
    let mut effects = Vec::new();
    driver.job.restore_splits(&restarted, MonoTime::from_millis(1_500), &mut effects);
    assert_eq!(driver.job.checkpoints().counts.restored, 1);
    let answers = driver.on(ask(0, 3));
    assert!(
        matches!(&answers[..], [Effect::AnswerSplit { answer: SplitAnswer::Split(split), .. }] if *split == [2]),
        "the restarted reader's split is there again: {answers:?}"
    );
}

#[test]
fn what_stays_at_the_end_is_as_the_settings_say() {
    use Retention::{DeleteOnCancellation, NoExternalizedCheckpoints, RetainOnCancellation};
    let end = |retention, end: fn(&mut Driver) -> Vec<Effect>| {
        let mut driver = Driver::running(CheckpointSettings { retention, ..every_second() });
        driver.complete_at(1_000);
        let effects = end(&mut driver);
        assert!(driver.job.outcome().is_some(), "{:?}", driver.job.state());
        deleted(&effects)
    };
    let finish = |driver: &mut Driver| driver.finish_all();
    let cancel = |driver: &mut Driver| {
        driver.on(Event::CancelRequested);
        let subtasks = [(0, 0), (0, 1), (1, 0)].into_iter();
        subtasks.flat_map(|(vertex, subtask)| driver.state(vertex, subtask, TaskState::Canceled)).collect()
    };
    let fail = |driver: &mut Driver| {
        let mut effects = driver.state(0, 0, jobs::failed(FailureKind::Panic, "boom"));
        effects.extend(driver.state(0, 1, TaskState::Canceled));
        effects.extend(driver.state(1, 0, TaskState::Canceled));
        effects
    };
    let all = vec![DIR.to_owned()];
    assert_eq!(end(NoExternalizedCheckpoints, finish), all);
    assert_eq!(end(NoExternalizedCheckpoints, cancel), all);
    assert_eq!(end(NoExternalizedCheckpoints, fail), all);
    assert_eq!(end(DeleteOnCancellation, cancel), all);
    assert_eq!(end(DeleteOnCancellation, fail), Vec::<String>::new());
    assert_eq!(end(RetainOnCancellation, finish), all);
    assert_eq!(end(RetainOnCancellation, cancel), Vec::<String>::new());
    assert_eq!(end(RetainOnCancellation, fail), Vec::<String>::new());
}

#[test]
fn one_that_is_under_way_at_the_end_is_given_up() {
    let mut driver = Driver::running(every_second());
    let request = SnapshotRequest::Checkpoint(ManualCheckpoint::Configured);
    driver.request(3, request);
    let effects = driver.finish_all();
    assert_eq!(done(&effects), Some((3, Err("the job has finished".to_owned()))));
    assert_eq!(driver.job.checkpoints().counts.in_progress, 0);
    assert_eq!(driver.job.next_wakeup(), None);
}
