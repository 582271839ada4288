//! The small decisions on which exactness hangs, each in one place.

use flott_core::{
    CheckpointId,
    checkpoint::{Barrier, CheckpointMode, CheckpointSettings, Retention, SnapshotKind},
};

use super::super::Outcome;

/// How subtasks wait for the barriers of a snapshot.
pub(super) fn alignment(
    settings: &CheckpointSettings,
    kind: &SnapshotKind,
    for_rescale: bool,
) -> flott_core::checkpoint::Alignment {
    use flott_core::checkpoint::Alignment;
    let is_savepoint = matches!(kind, SnapshotKind::Savepoint { .. });
    match settings.mode {
        CheckpointMode::AtLeastOnce => Alignment::AtLeastOnce,
        // What is restored at any parallelism can't contain records on their way.
        CheckpointMode::ExactlyOnce if is_savepoint || for_rescale || !settings.unaligned => {
            Alignment::Aligned { timeout_ms: None }
        }
        CheckpointMode::ExactlyOnce if settings.aligned_timeout_ms == 0 => Alignment::Unaligned,
        CheckpointMode::ExactlyOnce => Alignment::Aligned { timeout_ms: Some(settings.aligned_timeout_ms) },
    }
}

/// Whether the job recovers from it once it is stored, so that sinks may make visible what belongs to it.
pub(super) fn becomes_latest(barrier: &Barrier, latest: Option<CheckpointId>) -> bool {
    barrier.commits() && latest < Some(barrier.id)
}

/// Whether the retained checkpoints of a job that has ended stay.
pub(super) fn keeps(retention: Retention, outcome: &Outcome) -> bool {
    match (retention, outcome) {
        (Retention::NoExternalizedCheckpoints, _) | (_, Outcome::Finished) => false,
        (Retention::DeleteOnCancellation, Outcome::Canceled) => false,
        (Retention::RetainOnCancellation, Outcome::Canceled) | (_, Outcome::Failed(_)) => true,
    }
}
