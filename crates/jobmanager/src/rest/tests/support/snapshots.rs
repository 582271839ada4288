//! Checkpoints of the canned job, and operations that have come to something.

use std::sync::Arc;

use flott_control::job_master::{
    CheckpointRecord, CheckpointStatistics, RecordStatus, RestoredRecord, SnapshotTaken, SubtaskRecord,
    TaskRecord, Totals,
};
use flott_core::{
    CheckpointId, FailureCause, FailureKind, JobId, MonoTime, TriggerId,
    checkpoint::{CheckpointStats, SavepointFormat},
};

use super::{RUNNING, graph};
use crate::{OperationStatus, clock::Clock, view::CheckpointsView};

/// Operations that are under way, done, failed.
pub(in crate::rest::tests) const UNDERWAY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(in crate::rest::tests) const DONE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(in crate::rest::tests) const BROKEN: &str = "cccccccccccccccccccccccccccccccc";

/// How far an operation is, by its id.
pub(super) fn status<T>(trigger: TriggerId, result: T) -> Option<OperationStatus<T>> {
    match trigger.to_string().as_str() {
        UNDERWAY => Some(OperationStatus::InProgress),
        DONE => Some(OperationStatus::Completed(Ok(result))),
        BROKEN => {
            let cause = FailureCause::new(FailureKind::CheckpointFailed, "no space left on device")
                .context("while writing savepoint 7");
            Some(OperationStatus::Completed(Err(cause)))
        }
        _ => None,
    }
}

/// How far an operation on the running job is.
pub(super) fn of_job(id: JobId, trigger: TriggerId) -> Option<OperationStatus<SnapshotTaken>> {
    let taken =
        SnapshotTaken { checkpoint_id: CheckpointId(7), location: "file:/sp/savepoint-111111-x".into() };
    status(trigger, taken).filter(|_| id.to_string() == RUNNING)
}

fn at(ms: u64) -> MonoTime {
    MonoTime::ZERO + std::time::Duration::from_millis(ms)
}

/// A checkpoint of which `acknowledged` subtasks of each vertex have acknowledged, after 10 ms and 20 ms.
fn record(id: u64, acknowledged: u32, status: RecordStatus) -> CheckpointRecord {
    let subtask = |index: u32| SubtaskRecord {
        acknowledged_at: at(id * 1000 + 10 + 10 * u64::from(index)),
        state_size: 500,
        stats: CheckpointStats { written: 100, sync_ms: 1, async_ms: 4, ..CheckpointStats::default() },
        finished: false,
    };
    let totals = |vertices: u32| {
        let count = vertices * acknowledged;
        Totals {
            checkpointed_size: u64::from(count) * 100,
            state_size: u64::from(count) * 500,
            subtasks: 2 * vertices,
            acknowledged: count,
            ..Totals::default()
        }
    };
    let latest_ack = (acknowledged > 0).then(|| subtask(acknowledged - 1).acknowledged_at);
    let tasks = graph().vertices.into_iter().map(|vertex| TaskRecord {
        vertex: vertex.id,
        latest_ack,
        totals: totals(1),
        subtasks: (0..2).map(|index| (index < acknowledged).then(|| subtask(index))).collect(),
    });
    CheckpointRecord {
        id: CheckpointId(id),
        triggered_at: at(id * 1000),
        checkpoint_type: "CHECKPOINT",
        savepoint_format: None,
        status,
        latest_ack,
        totals: totals(2),
        tasks: tasks.collect(),
    }
}

/// Five checkpoints: 1 is gone, 2 has failed, 3 is a savepoint, 4 is the latest, 5 is under way.
pub(super) fn checkpoints() -> CheckpointsView {
    let completed = |path: &str, discarded| RecordStatus::Completed {
        external_path: format!("file:/checkpoints/{path}"),
        discarded,
    };
    let failed = RecordStatus::Failed { at: at(2900), message: "subtask count (2/2) declined".to_owned() };
    let savepoint = CheckpointRecord {
        checkpoint_type: "SAVEPOINT",
        savepoint_format: Some(SavepointFormat::Canonical),
        ..record(3, 2, completed("savepoint-111111-x", false))
    };
    let history: Vec<_> = [
        record(5, 1, RecordStatus::InProgress),
        record(4, 2, completed("chk-4", false)),
        savepoint,
        record(2, 0, failed),
        record(1, 2, completed("chk-1", true)),
    ]
    .map(Arc::new)
    .into();
    let mut statistics = CheckpointStatistics::default();
    let counts = &mut statistics.counts;
    (counts.restored, counts.total, counts.in_progress, counts.completed, counts.failed) = (1, 5, 1, 3, 1);
    for record in [&history[4], &history[2], &history[1]] {
        let summaries = &mut statistics.summaries;
        summaries.checkpointed_size.add(record.totals.checkpointed_size);
        summaries.state_size.add(record.totals.state_size);
        summaries.end_to_end_duration.add(record.end_to_end_ms(record.triggered_at));
        summaries.processed_data.add(0);
        summaries.persisted_data.add(0);
    }
    statistics.latest_completed = Some(Arc::clone(&history[1]));
    statistics.latest_savepoint = Some(Arc::clone(&history[2]));
    statistics.latest_failed = Some(Arc::clone(&history[3]));
    statistics.latest_restored = Some(RestoredRecord {
        id: CheckpointId(253),
        restored_at: at(5),
        is_savepoint: true,
        external_path: "file:/sp/savepoint-9894d4-8d3546d8c55d".to_owned(),
    });
    statistics.history = history.into();
    CheckpointsView::new(statistics, Clock::start())
}
