//! What must be true at every step.

use super::*;

/// The storage and the outside world, as they would be found.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Metadata that was written, by URI.
    pub(super) stored: BTreeMap<String, Arc<CheckpointMetadata>>,
    durable: BTreeSet<CheckpointId>,
    /// Those whose metadata is being written.
    pub(super) storing: BTreeSet<CheckpointId>,
    files: BTreeSet<String>,
    /// What each transaction of each pipeline has made visible.
    committed: BTreeMap<(u32, u64), Vec<u8>>,
    last_triggered: CheckpointId,
    last_completed: CheckpointId,
    answered: BTreeSet<CallId>,
    /// The savepoint with which the job was stopped.
    stopped_with: Option<String>,
}

impl Ledger {
    pub(super) fn see(&mut self, effect: &Effect) {
        match effect {
            Effect::SendOrder { order: Order::TriggerCheckpoint { barrier, .. }, .. } => {
                // Others may follow of one that began before.
                self.last_triggered = self.last_triggered.max(barrier.id);
            }
            Effect::SendOrder {
                order: Order::NotifyCheckpoint { notice: CheckpointNotice::Completed(id), .. },
                ..
            } => {
                assert!(
                    self.durable.contains(id),
                    "checkpoint {id} is told to be complete but is not durable"
                );
                assert!(*id >= self.last_completed, "{id} is told after {}", self.last_completed);
                self.last_completed = *id;
            }
            Effect::SendOrder { order: Order::DeployTasks { tasks, .. }, .. } => {
                assert!(self.storing.is_empty(), "subtasks begin before it is known from where");
                for task in tasks {
                    let id = task.restore.as_ref().map_or(CheckpointId(0), |point| point.checkpoint_id);
                    assert_eq!(id, self.last_completed, "a subtask begins with another than the last");
                }
            }
            Effect::StoreCheckpoint { checkpoint_id, directory, .. } => {
                let uri = format!("{directory}/_metadata");
                assert!(!self.stored.contains_key(&uri), "number {checkpoint_id} was used before");
                self.storing.insert(*checkpoint_id);
            }
            Effect::DeleteFiles { files, directories } => {
                assert!(!directories.iter().any(|it| it.starts_with("file:///s/") && self.is_kept(it)));
                for file in files {
                    self.files.remove(file);
                }
                self.files.retain(|file| !directories.iter().any(|it| retained::is_within(file, it)));
            }
            Effect::SnapshotDone { call, result } => {
                assert!(self.answered.insert(*call), "{call:?} is answered twice");
                if let Ok(taken) = result
                    && self.durable.contains(&taken.checkpoint_id)
                    && taken.checkpoint_id == self.last_completed
                    && taken.location.starts_with("file:///s/")
                {
                    self.stopped_with = Some(taken.location.clone());
                }
            }
            _ => {}
        }
    }

    /// Whether a savepoint's metadata was written there.
    fn is_kept(&self, directory: &str) -> bool {
        self.stored.contains_key(&format!("{directory}/_metadata"))
    }

    pub(super) fn check(&self, job: &JobMaster) {
        for checkpoint in job.checkpoints.retained.iter() {
            for file in &checkpoint.files {
                let id = checkpoint.id;
                assert!(
                    job.outcome().is_some() || self.files.contains(file),
                    "checkpoint {id} has lost {file}"
                );
            }
        }
        if let Some(RecordStatus::Failed { message, .. }) =
            job.checkpoints().latest_failed.as_ref().map(|record| &record.status)
        {
            assert!(!message.contains("twice") && !message.contains("was deleted"), "{message}");
        }
        let counts = job.checkpoints().counts;
        assert_eq!(counts.total, counts.in_progress + counts.completed + counts.failed);
        assert_eq!(counts.in_progress as usize, job.checkpoints.pending.len());
    }

    pub(super) fn check_files(&self, files: &[StateFile], of: &CheckpointMetadata) {
        let directory = match &of.kind {
            SnapshotKind::Savepoint { directory, .. } => directory.clone(),
            SnapshotKind::Checkpoint { .. } => format!("{DIR}/chk-{}", of.checkpoint_id),
        };
        for file in files {
            let uri = retained::uri_of(&directory, file);
            assert!(self.files.contains(&uri), "{uri} is gone, with which a subtask is to begin");
        }
    }

    pub(super) fn written(&mut self, barrier: &Barrier, path: &str) {
        let directory = match &barrier.kind {
            SnapshotKind::Savepoint { directory, .. } => directory.clone(),
            SnapshotKind::Checkpoint { .. } => format!("{DIR}/chk-{}", barrier.id),
        };
        let uri = retained::uri_of(&directory, &file(path));
        assert!(self.files.insert(uri.clone()), "{uri} was written before");
    }

    pub(super) fn metadata_written(
        &mut self,
        id: CheckpointId,
        uri: &str,
        metadata: Arc<CheckpointMetadata>,
    ) {
        check_splits(&metadata, &self.committed);
        assert!(self.durable.insert(id), "{id} was stored before");
        self.stored.insert(uri.to_owned(), metadata);
    }

    /// Makes visible what belongs to a transaction; again, if it was visible before.
    pub(super) fn commit(&mut self, pipeline: u32, transaction: u64, with: u64, splits: Vec<u8>) {
        assert!(self.durable.contains(&CheckpointId(with)), "committed with {with}, which is not durable");
        let before = self.committed.entry((pipeline, transaction)).or_insert_with(|| splits.clone());
        assert_eq!(
            *before, splits,
            "pipeline {pipeline} commits something else as transaction {transaction}"
        );
    }

    pub(super) fn open_calls(&self, calls: u64) -> usize {
        calls as usize - self.answered.len()
    }

    /// After the end: each split was committed once, or is in the savepoint with which the job was stopped.
    pub(super) fn check_result(&self) {
        let mut all: Vec<_> = self.committed.values().flatten().copied().collect();
        if let Some(savepoint) = &self.stopped_with {
            all.extend(unread(&self.stored[&format!("{savepoint}/_metadata")]));
        }
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..SPLITS), "{all:?} {self:?}");
    }
}

/// The splits that are in no reader.
fn unread(metadata: &CheckpointMetadata) -> Vec<u8> {
    let source = &metadata.sources[0];
    let mut all: Vec<_> = source.remaining.iter().map(|split| split[0]).collect();
    all.extend(match &source.enumeration {
        EnumerationState::NotBegun => 0..SPLITS,
        EnumerationState::Underway(found) => found[0]..SPLITS,
        EnumerationState::Complete => SPLITS..SPLITS,
    });
    all
}

/// Each split is either unread, or prepared in the snapshot, or was committed with an earlier checkpoint.
fn check_splits(metadata: &CheckpointMetadata, committed: &BTreeMap<(u32, u64), Vec<u8>>) {
    let mut all = unread(metadata);
    let mut prepared = BTreeSet::new();
    let parts = metadata.operator("Sink").map_or(&[][..], |operator| &operator.subtasks);
    for (pipeline, part) in parts.iter().enumerate() {
        let Some(OperatorSubtaskState { manifest: Blob::Inline(bytes), .. }) = part else { continue };
        for entry in bytes.chunks(3) {
            prepared.insert((pipeline as u32, pipeline::number_of(entry)));
            all.push(entry[2]);
        }
    }
    let is_earlier = |it: &(u32, u64)| !prepared.contains(it) && it.1 <= metadata.checkpoint_id.0;
    let earlier = committed.iter().filter(|(transaction, _)| is_earlier(transaction));
    all.extend(earlier.flat_map(|(_, splits)| splits).copied());
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..SPLITS), "{all:?} in {metadata:?}");
}
