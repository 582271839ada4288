use super::*;

#[test]
fn each_subtask_is_shown_with_what_it_did() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    driver.now = 1_010;
    driver.ack(1, 0, 0);
    driver.state(0, 1, TaskState::Finished);
    driver.now = 1_025;
    let stats = CheckpointStats { written: 30, sync_ms: 1, processed: 5, ..CheckpointStats::default() };
    let snapshot = Box::new(part("Sink", &["a", "b"]));
    driver.outcome(1, 1, 0, CheckpointOutcome::Acknowledged { snapshot, stats });
    driver.stored(1);
    let shown = driver.job.checkpoints();
    let record = shown.latest_completed.clone().unwrap();
    assert_eq!(shown.find(CheckpointId(1)), Some(&record));
    assert_eq!((record.status_name(), record.checkpoint_type), ("COMPLETED", "CHECKPOINT"));
    assert_eq!((record.totals.subtasks, record.totals.acknowledged), (3, 3));
    assert_eq!((record.totals.checkpointed_size, record.totals.state_size), (30, 200));
    assert_eq!(record.end_to_end_ms(MonoTime::from_millis(9_999)), 25);
    let source = &record.tasks[0];
    assert_eq!(source.latest_ack, Some(MonoTime::from_millis(1_010)));
    assert!(source.subtasks[1].unwrap().finished);
    let sink = record.tasks[1].subtasks[0].unwrap();
    assert_eq!((sink.acknowledged_at, sink.stats.written), (MonoTime::from_millis(1_025), 30));
    assert_eq!(shown.summaries.end_to_end_duration.max(), 25);
    assert_eq!(shown.summaries.processed_data.max(), 5);
}

#[test]
fn counts_add_up_and_the_history_is_bounded() {
    let config = CheckpointConfig { history: 3, ..CheckpointConfig::default() };
    let mut driver = Driver::deployed(every_second(), config);
    for (vertex, subtask) in [(0, 0), (0, 1), (1, 0)] {
        driver.state(vertex, subtask, TaskState::Running);
    }
    driver.at(1_000);
    driver.decline(1, FailureKind::External);
    (2..=6).for_each(|second| drop(driver.complete_at(second * 1_000)));
    driver.at(7_000);
    let shown = driver.job.checkpoints();
    let counts = Counts { restored: 0, total: 7, in_progress: 1, completed: 5, failed: 1 };
    assert_eq!(shown.counts, counts);
    let ids: Vec<_> = shown.history.iter().map(|record| record.id.0).collect();
    assert_eq!(ids, [7, 6, 5]);
    assert_eq!(shown.find(CheckpointId(1)).unwrap().status_name(), "FAILED", "the last failure stays");
    assert_eq!(shown.find(CheckpointId(2)), None);
}

#[test]
fn savepoints_are_told_apart() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::GoOn);
    assert_eq!(driver.job.checkpoints().history[0].status_name(), "IN_PROGRESS");
    driver.ack_all(1);
    driver.stored(1);
    let shown = driver.job.checkpoints();
    let savepoint = shown.latest_savepoint.clone().unwrap();
    assert_eq!((savepoint.checkpoint_type, savepoint.is_savepoint()), ("SAVEPOINT", true));
    assert_eq!(shown.latest_completed, None);
    let stop = AfterSavepoint::Stop(flott_core::checkpoint::StopMode::Suspend);
    driver.savepoint(2, stop);
    assert_eq!(driver.job.checkpoints().history[0].checkpoint_type, "SYNC_SAVEPOINT");
}
