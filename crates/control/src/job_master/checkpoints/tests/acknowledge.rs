use super::*;

#[test]
fn it_is_stored_when_all_have_acknowledged_and_told_when_it_is_stored() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    assert_eq!(store(&driver.ack(1, 0, 0)), None);
    assert_eq!(store(&driver.ack(1, 1, 0)), None);
    let effects = driver.ack_with(1, 0, 1, part("Source", &["x"]));
    let (id, directory, metadata) = store(&effects).unwrap();
    assert_eq!((id, directory), (CheckpointId(1), "file:///c/job/chk-1"));
    assert_eq!(metadata.operators.len(), 1, "those without state are left out");
    let source = metadata.operator("Source").unwrap();
    assert_eq!((source.parallelism, source.max_parallelism), (2, 128));
    assert!(source.subtasks[0].is_none() && source.subtasks[1].is_some());
    assert_eq!(notices(&effects), [], "nothing may be committed yet");
    assert_eq!(driver.job.restore_point(), None);
    let effects = driver.stored(1);
    assert_eq!(notices(&effects), both(CheckpointNotice::Completed(CheckpointId(1))));
    let point = driver.job.restore_point().unwrap();
    assert_eq!(point.metadata, "file:///c/job/chk-1/_metadata");
    assert!(point.owned);
}

#[test]
fn doubled_late_and_unknown_acknowledgments_change_nothing() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    for _ in 0..3 {
        assert_eq!(store(&driver.ack(1, 0, 0)), None);
    }
    assert_eq!(driver.ack(9, 0, 1), []);
    driver.decline(1, FailureKind::UserError);
    assert_eq!(store(&driver.ack_all(1)), None, "it was given up");
    assert_eq!(driver.decline(1, FailureKind::UserError), []);
    assert_eq!(driver.job.checkpoints().counts.failed, 1);
    driver.complete_at(2_000);
    let effects = driver.ack(2, 0, 0);
    assert_eq!((store(&effects), deleted(&effects)), (None, vec![]));
}

#[test]
fn acknowledgments_of_other_attempts_do_not_count() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    let snapshot = Box::new(SubtaskSnapshot::default());
    let (subtask, stats) = (SubtaskId::new(0, 0), CheckpointStats::default());
    let report = CheckpointReport {
        subtask,
        attempt: AttemptNumber(1),
        checkpoint_id: CheckpointId(1),
        outcome: CheckpointOutcome::Acknowledged { snapshot, stats },
    };
    driver.report(subtask, |_| Report::Checkpoint(report));
    driver.ack(1, 0, 1);
    assert_eq!(store(&driver.ack(1, 1, 0)), None);
    assert!(store(&driver.ack(1, 0, 0)).is_some());
}

#[test]
fn one_that_declines_ends_it_and_all_are_told() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    driver.ack_with(1, 0, 0, part("Source", &["x", "../shared/y"]));
    let effects = driver.decline(1, FailureKind::UserError);
    assert_eq!(notices(&effects), both(CheckpointNotice::Aborted(CheckpointId(1))));
    assert_eq!(deleted(&effects), ["file:///c/job/shared/y", "file:///c/job/chk-1"]);
    let failed = driver.job.checkpoints().latest_failed.clone().unwrap();
    let RecordStatus::Failed { message, .. } = &failed.status else { panic!("{failed:?}") };
    assert_eq!(message, "no space left, in Sink (1/1)");
    let effects = driver.ack_with(1, 0, 1, part("Source", &["../shared/z"]));
    assert_eq!(deleted(&effects), ["file:///c/job/shared/z"], "what comes late is of no use");
}

#[test]
fn one_that_takes_too_long_names_who_has_not_answered() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    assert_eq!(driver.job.next_wakeup(), Some(MonoTime::from_millis(6_000)));
    driver.ack(1, 0, 1);
    let effects = driver.at(6_000);
    assert_eq!(notices(&effects), both(CheckpointNotice::Aborted(CheckpointId(1))));
    let failed = driver.job.checkpoints().latest_failed.clone().unwrap();
    let RecordStatus::Failed { message, at } = &failed.status else { panic!("{failed:?}") };
    assert_eq!(*at, MonoTime::from_millis(6_000));
    assert_eq!(
        message,
        "checkpoint 1 was not completed within 5 s: 1 of 2 subtasks of \"Source\", 1 of 1 subtasks of \"Sink\" have \
         not answered"
    );
    assert_eq!(triggered(&effects).unwrap().0.id, CheckpointId(2), "the next one is overdue");
}

#[test]
fn state_in_a_file_that_is_gone_is_refused() {
    let mut driver = Driver::running(every_second());
    for (at, path) in [(1_000, "../shared/a"), (2_000, "../shared/b"), (3_000, "../shared/b")] {
        let id = triggered(&driver.at(at)).unwrap().0.id.0;
        driver.ack(id, 0, 0);
        driver.ack(id, 0, 1);
        driver.ack_with(id, 1, 0, part("Sink", &[path]));
        driver.stored(id);
    }
    driver.at(4_000);
    let effects = driver.ack_with(4, 1, 0, part("Sink", &["../shared/a"]));
    assert_eq!(notices(&effects), both(CheckpointNotice::Aborted(CheckpointId(4))));
    let failed = driver.job.checkpoints().latest_failed.clone().unwrap();
    let RecordStatus::Failed { message, .. } = &failed.status else { panic!("{failed:?}") };
    assert!(message.contains("file:///c/job/shared/a"), "{message}");
}

#[test]
fn acknowledgments_that_had_to_wait_are_not_late() {
    let mut driver = Driver::running(every_second());
    let id = triggered(&driver.at(1_000)).unwrap().0.id;
    driver.now = 20_000;
    let effects = driver.on(Event::Resumed { after: std::time::Duration::from_secs(18) });
    assert_eq!(notices(&effects), []);
    driver.at(20_000);
    driver.ack_all(id.0);
    driver.stored(id.0);
    assert_eq!(driver.job.restore_point().map(|point| point.checkpoint_id), Some(id));
}
