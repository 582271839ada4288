use std::sync::Arc;

use flott_core::{
    checkpoint::{EnumerationState, SnapshotKind, SourceQueueState},
    deployment::SplitAnswer,
};

use super::*;

/// The job began with checkpoint 7 of another, which had one file and one split left.
fn begun(owned: bool) -> Driver {
    let metadata = CheckpointMetadata {
        job_id: jobs::JOB,
        job_name: "old".to_owned(),
        checkpoint_id: CheckpointId(7),
        kind: SnapshotKind::Checkpoint { full: false },
        triggered_at: 0,
        operators: vec![flott_core::checkpoint::OperatorState {
            uid: "Sink".to_owned(),
            name: "Sink".to_owned(),
            parallelism: 1,
            max_parallelism: 128,
            subtasks: vec![part("Sink", &["../shared/x"]).operators.pop()],
        }],
        vertices: Vec::new(),
        sources: vec![SourceQueueState {
            uid: "Source".to_owned(),
            remaining: vec![vec![9].into()],
            enumeration: EnumerationState::Complete,
        }],
    };
    let metadata = Arc::new(metadata);
    let uri = "file:///old/chk-7/_metadata".to_owned();
    let point = RestorePoint { checkpoint_id: CheckpointId(7), metadata: uri, owned };
    let initial = Some(InitialSnapshot { point, metadata });
    let mut driver =
        Driver::deployed(every_second(), CheckpointConfig { initial, ..CheckpointConfig::default() });
    for (vertex, subtask) in [(0, 0), (0, 1), (1, 0)] {
        driver.state(vertex, subtask, TaskState::Running);
    }
    driver
}

#[test]
fn a_snapshot_that_is_not_claimed_is_never_touched() {
    let mut driver = begun(false);
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(7));
    let (barrier, _) = triggered(&driver.at(1_000)).unwrap();
    assert_eq!(barrier.id, CheckpointId(8), "numbers go on");
    let restored = driver.job.checkpoints().latest_restored.clone().unwrap();
    assert_eq!((restored.id, restored.external_path.as_str()), (CheckpointId(7), "file:///old/chk-7"));
    assert_eq!(driver.job.checkpoints().counts.restored, 1);
    assert_eq!(barrier.kind, SnapshotKind::Checkpoint { full: true }, "nothing refers to its files");
    driver.ack_all(8);
    let mut effects = driver.stored(8);
    let (barrier, _) = triggered(&driver.at(2_000)).unwrap();
    assert_eq!(barrier.kind, SnapshotKind::Checkpoint { full: false });
    driver.ack_all(9);
    effects.extend(driver.stored(9));
    effects.extend(driver.finish_all());
    assert!(!deleted(&effects).iter().any(|it| it.contains("old")), "{effects:?}");
}

#[test]
fn a_claimed_snapshot_is_the_jobs_own() {
    let mut driver = begun(true);
    let (barrier, _) = triggered(&driver.at(1_000)).unwrap();
    assert_eq!(barrier.kind, SnapshotKind::Checkpoint { full: false });
    driver.ack(8, 0, 0);
    driver.ack(8, 0, 1);
    driver.ack_with(8, 1, 0, part("Sink", &["file:///old/shared/x"]));
    assert_eq!(deleted(&driver.stored(8)), ["file:///old/chk-7"], "its file is in use");
    driver.complete_at(2_000);
    assert_eq!(deleted(&driver.complete_at(3_000)), ["file:///old/shared/x", "file:///c/job/chk-9"]);
}

#[test]
fn sources_read_what_it_says() {
    let mut driver = begun(false);
    let ask = |request_id| Event::SplitRequested {
        subtask: SubtaskId::new(0, 1),
        attempt: AttemptNumber(0),
        request_id,
    };
    let answer = |effects: Vec<Effect>| match &effects[..] {
        [Effect::AnswerSplit { answer, .. }] => answer.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(answer(driver.on(ask(1))), SplitAnswer::Split(vec![9]));
    assert_eq!(answer(driver.on(ask(2))), SplitAnswer::NoMoreSplits);
}
