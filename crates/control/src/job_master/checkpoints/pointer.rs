//! What the job recovers from, made durable.
//!
//! A checkpoint counts from the moment on at which that says so, not before. Where a JobManager ends before, the next one
//! recovers from the older one, and nobody has been told of the newer.

use std::{collections::BTreeSet, sync::Arc};

use flott_core::{
    CheckpointId, JobGraph, MonoTime, SubtaskId,
    checkpoint::{CheckpointMetadata, RestorePoint, SnapshotKind},
};

use super::super::{
    CheckpointPointer, Effect, JobMaster, LatestCheckpoint, RecoveredCheckpoint, RetainedCheckpoint,
    RunRecord, reconcile::Recovery,
};
use super::{
    Completed, Pending, SnapshotTaken, Stopping,
    complete::parent_of,
    decide,
    pending::Phase,
    retained::{self, Retained},
};
use crate::protocol::CheckpointNotice;

/// So many of the last checkpoints are told to be given up after a failover: more than can have been under way.
const MAX_GIVEN_UP: u64 = 256;

impl JobMaster {
    /// Makes the next one durable, one at a time and in their order.
    pub(super) fn advance_pointer(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let is_stored = |pending: &&Pending| matches!(pending.phase, Phase::Stored { .. });
        let is_pointing = |pending: &Pending| matches!(pending.phase, Phase::Pointing { .. });
        while !self.checkpoints.pending.values().any(is_pointing)
            && let Some(id) = self.checkpoints.pending.values().find(is_stored).map(Pending::id)
        {
            let newest = self.checkpoints.latest.as_ref().map(|(point, _)| point.checkpoint_id);
            let barrier = self.checkpoints.pending.get(&id).map(|pending| &pending.barrier);
            if !self.is_to_be_latest(id) {
                self.complete_savepoint(id, now, out);
            } else if barrier.is_some_and(|barrier| decide::becomes_latest(barrier, newest)) {
                self.point_to(id, out);
            } else {
                self.subsume(id, now, out);
            }
        }
    }

    pub(in super::super) fn pointer_stored(
        &mut self,
        id: CheckpointId,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let pending = self.checkpoints.pending.get(&id);
        if !pending.is_some_and(|pending| matches!(pending.phase, Phase::Pointing { .. })) {
            return;
        }
        self.complete_latest(id, now, out);
        self.advance_pointer(now, out);
        self.serve_splits(out);
        self.proceed(now, out);
    }

    fn point_to(&mut self, id: CheckpointId, out: &mut Vec<Effect>) {
        let Some(pending) = self.checkpoints.pending.get(&id) else { return };
        let Phase::Stored { metadata, stored } = pending.phase.clone() else { return };
        let location = self.directory_of(&pending.barrier);
        let stops = pending.barrier.is_savepoint();
        let latest = LatestCheckpoint { id, metadata: stored.uri.clone(), stops };
        let mut retained: Vec<_> = self.checkpoints.retained.iter().map(retained_checkpoint).collect();
        if !stops {
            let directory = location.clone();
            retained.push(RetainedCheckpoint { id, directory, is_exclusive: true });
            let keep = (self.settings().num_retained as usize).max(1);
            retained.drain(..retained.len().saturating_sub(keep));
        }
        let pointer = CheckpointPointer { latest: Some(latest), retained };
        if let Some(stopping) = self.checkpoints.stopping.as_mut().filter(|stopping| stopping.id == id) {
            stopping.savepoint = Some(SnapshotTaken { checkpoint_id: id, location });
        }
        if let Some(pending) = self.checkpoints.pending.get_mut(&id) {
            pending.phase = Phase::Pointing { metadata, stored };
        }
        out.push(Effect::StorePointer { checkpoint_id: id, pointer });
    }

    /// Takes over what another JobMaster has made durable.
    pub(in super::super) fn recover_checkpoints(
        &mut self,
        run: &RunRecord,
        latest: Option<RecoveredCheckpoint>,
        retained: Vec<(RetainedCheckpoint, Arc<CheckpointMetadata>)>,
        recovery: &mut Recovery,
    ) {
        self.checkpoints.next_id = self.checkpoints.next_id.max(run.next_checkpoint);
        self.checkpoints.has_unknown_files = run.next_checkpoint > RunRecord::default().next_checkpoint;
        let Some(RecoveredCheckpoint { point, metadata, stops }) = latest else { return };
        // A savepoint is the user's.
        let point = RestorePoint { owned: point.owned && !stops, ..point };
        let id = point.checkpoint_id;
        self.checkpoints.next_id = self.checkpoints.next_id.max(CheckpointId(id.0 + 1));
        self.checkpoints.has_records = metadata.has_records();
        self.begin_splits_with(&metadata);
        recovery.finished = finished_in(&metadata, &self.graph);
        recovery.settled =
            recovery.finished.iter().filter(|it| !has_state(&metadata, &self.graph, **it)).copied().collect();
        let directory = parent_of(&point.metadata).to_owned();
        if stops {
            recovery.stop = Some(SnapshotTaken { checkpoint_id: id, location: directory.clone() });
        }
        let mut known: Vec<_> =
            retained.iter().map(|(retained, metadata)| completed(retained, metadata)).collect();
        if point.owned && known.iter().all(|completed| completed.id != id) {
            let latest = RetainedCheckpoint { id, directory, is_exclusive: true };
            known.push(completed(&latest, &metadata));
        }
        self.checkpoints.retained = Retained::of(known);
        self.checkpoints.may_refer = point.owned;
        let is_savepoint = matches!(metadata.kind, SnapshotKind::Savepoint { .. });
        self.checkpoints.latest = Some((point, is_savepoint));
    }

    /// The job goes on from where its subtasks are. They are told that what was under way is given up, at most the number
    /// `last`, and again of the latest checkpoint, since it may have been completed when nobody could tell them any more.
    pub(in super::super) fn resume_latest(
        &mut self,
        last: Option<CheckpointId>,
        stop: Option<SnapshotTaken>,
        out: &mut Vec<Effect>,
    ) {
        self.checkpoints.has_begun = true;
        let begun_with = self.restore_point().map_or(0, |point| point.checkpoint_id.0);
        // Task hosts run the users' code: what they tell may be anything.
        let highest = self.checkpoints.next_id.0.saturating_sub(1);
        let last = last.map_or(begun_with, |last| last.0.min(highest));
        let first = (begun_with + 1).max((last + 1).saturating_sub(MAX_GIVEN_UP));
        self.checkpoints.given_up = (first..=last).map(CheckpointId).collect();
        for id in self.checkpoints.given_up.clone() {
            self.notify_all(CheckpointNotice::Aborted(id), out);
        }
        let latest = self.checkpoints.latest.as_ref().map(|(point, _)| point.checkpoint_id);
        if let Some(savepoint) = stop {
            let id = savepoint.checkpoint_id;
            self.checkpoints.stopping = Some(Stopping { id, call: None, savepoint: Some(savepoint) });
        }
        if let Some(id) = latest {
            self.notify_all(CheckpointNotice::Completed(id), out);
        }
    }

    /// The job begins again. That it restores its latest checkpoint is counted when it does.
    pub(in super::super) fn begin_checkpoints_anew(&mut self) {
        self.checkpoints.has_begun = true;
    }

    /// Whether savepoints are in the directory of the job's checkpoints.
    pub(super) fn has_savepoints_within(&self) -> bool {
        // Where another JobMaster has run the job, those are not known.
        let unknown = self.checkpoints.has_unknown_files && self.numbers.stored.has_savepoints_within;
        unknown || !self.checkpoints.savepoints_within.is_empty()
    }
}

fn retained_checkpoint(completed: &Completed) -> RetainedCheckpoint {
    RetainedCheckpoint {
        id: completed.id,
        directory: completed.directory.clone(),
        is_exclusive: completed.is_exclusive,
    }
}

fn completed(retained: &RetainedCheckpoint, metadata: &CheckpointMetadata) -> Completed {
    let RetainedCheckpoint { id, directory, is_exclusive } = retained.clone();
    let files = metadata.files().map(|file| retained::uri_of(&directory, file)).collect();
    Completed { id, directory, files, is_exclusive }
}

/// The subtasks that had processed all their input. Where there are others than when the checkpoint was taken, all of them
/// if all of those had.
fn finished_in(metadata: &CheckpointMetadata, graph: &JobGraph) -> BTreeSet<SubtaskId> {
    let vertices = metadata.vertices.iter().zip(&graph.vertices).zip(0..);
    let finished = vertices.flat_map(|((state, job_vertex), vertex)| {
        let is_same = state.finished.len() == job_vertex.parallelism as usize;
        let all = !state.finished.is_empty() && state.finished.iter().all(|finished| *finished);
        let finished = (0..job_vertex.parallelism).filter(move |subtask| match is_same {
            true => state.finished[*subtask as usize],
            false => all,
        });
        finished.map(move |subtask| SubtaskId::new(vertex, subtask))
    });
    finished.collect()
}

/// Whether something is kept for a subtask, such as what it has still to commit.
fn has_state(metadata: &CheckpointMetadata, graph: &JobGraph, subtask: SubtaskId) -> bool {
    let parallelism = graph.vertex(subtask.vertex).parallelism;
    let vertex = metadata.vertices.get(subtask.vertex.0 as usize);
    let is_its = |uid: &String| vertex.is_some_and(|vertex| vertex.uids.contains(uid));
    let mut operators = metadata.operators.iter().filter(|operator| is_its(&operator.uid));
    operators.any(|it| match it.parallelism == parallelism {
        true => it.subtasks.get(subtask.subtask.0 as usize).is_some_and(Option::is_some),
        // Who has got what of those that were there then is decided elsewhere.
        false => it.subtasks.iter().any(Option::is_some),
    })
}
