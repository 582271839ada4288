//! What is told of a snapshot, as JSON and, by `text`, for people.

use std::collections::BTreeMap;

use flott_core::{
    CheckpointId, JobId,
    checkpoint::{EnumerationState, OperatorState, SavepointFormat, SnapshotKind, StopMode},
};
use flott_storage::{StoredSnapshot, manifest::Redistribution};
use serde::Serialize;

use super::{
    files::Files,
    read::{Manifest, Manifests},
};

/// All of it. Sizes are in bytes.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) path: String,
    /// `CHECKPOINT`, `SAVEPOINT` or `SYNC_SAVEPOINT`, with which the job ended.
    pub(super) kind: &'static str,
    #[serde(rename = "savepointFormat")]
    pub(super) format: Option<SavepointFormat>,
    pub(super) drained: bool,
    #[serde(rename = "jobId")]
    pub(super) job_id: JobId,
    #[serde(rename = "jobName")]
    pub(super) job_name: String,
    #[serde(rename = "checkpointId")]
    pub(super) checkpoint_id: CheckpointId,
    #[serde(rename = "triggerTimestamp")]
    pub(super) triggered_at: i64,
    #[serde(rename = "stateSize")]
    pub(super) state_size: u64,
    #[serde(rename = "metadataSize")]
    pub(super) metadata_size: u64,
    pub(super) files: Files,
    pub(super) operators: Vec<Operator>,
    pub(super) sources: Vec<Source>,
    pub(super) chains: Vec<Chain>,
    /// What is missing or damaged.
    pub(super) problems: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Operator {
    pub(super) uid: String,
    pub(super) name: String,
    pub(super) parallelism: u32,
    #[serde(rename = "maxParallelism")]
    pub(super) max_parallelism: u32,
    #[serde(rename = "stateSize")]
    pub(super) state_size: u64,
    pub(super) states: Vec<State>,
    pub(super) subtasks: Vec<Subtask>,
}

/// One state of an operator, over all subtasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct State {
    pub(super) name: String,
    /// The container that it is in; none of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<String>,
    pub(super) kind: String,
    /// What it is made of, by role, such as `key`.
    pub(super) types: BTreeMap<&'static str, String>,
    pub(super) ttl: bool,
    /// Segments of keyed state, elements of lists.
    pub(super) pieces: u64,
    pub(super) size: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Subtask {
    pub(super) index: usize,
    /// First and last; none without keyed state.
    #[serde(rename = "keyGroups")]
    pub(super) key_groups: Option<[u32; 2]>,
    #[serde(rename = "stateSize")]
    pub(super) state_size: u64,
    pub(super) files: Vec<String>,
}

/// What a source has still to read that no subtask had.
#[derive(Debug, Serialize)]
pub(super) struct Source {
    pub(super) uid: String,
    #[serde(rename = "unassignedSplits")]
    pub(super) unassigned_splits: usize,
    /// Whether all splits are known.
    pub(super) enumeration: &'static str,
}

/// What belongs to a chain of operators as a whole.
#[derive(Debug, Serialize)]
pub(super) struct Chain {
    pub(super) uids: Vec<String>,
    #[serde(rename = "finishedSubtasks")]
    pub(super) finished_subtasks: usize,
    /// Records that barriers had overtaken.
    #[serde(rename = "inFlightSize")]
    pub(super) in_flight_size: u64,
}

impl Report {
    pub(super) fn new(
        snapshot: &StoredSnapshot,
        manifests: &Manifests,
        files: Files,
        problems: Vec<String>,
    ) -> Self {
        let metadata = &snapshot.metadata;
        let (kind, format, stop) = match &metadata.kind {
            SnapshotKind::Checkpoint { .. } => ("CHECKPOINT", None, None),
            SnapshotKind::Savepoint { format, stop: None, .. } => ("SAVEPOINT", Some(*format), None),
            SnapshotKind::Savepoint { format, stop, .. } => ("SYNC_SAVEPOINT", Some(*format), *stop),
        };
        let operators: Vec<_> = metadata
            .operators
            .iter()
            .enumerate()
            .map(|(position, operator)| Operator::new(operator, position, manifests))
            .collect();
        let chains = metadata.vertices.iter().map(|vertex| Chain {
            uids: vertex.uids.clone(),
            finished_subtasks: vertex.finished.iter().filter(|finished| **finished).count(),
            in_flight_size: vertex.channels.iter().flatten().map(|blob| blob.size()).sum(),
        });
        Self {
            path: snapshot.directory.to_string(),
            kind,
            format,
            drained: stop == Some(StopMode::Drain),
            job_id: metadata.job_id,
            job_name: metadata.job_name.clone(),
            checkpoint_id: metadata.checkpoint_id,
            triggered_at: metadata.triggered_at,
            state_size: operators.iter().map(|operator| operator.state_size).sum(),
            metadata_size: snapshot.size,
            files,
            operators,
            sources: metadata
                .sources
                .iter()
                .map(|source| Source {
                    uid: source.uid.clone(),
                    unassigned_splits: source.remaining.len(),
                    enumeration: match source.enumeration {
                        EnumerationState::NotBegun => "not begun",
                        EnumerationState::Underway(_) => "under way",
                        EnumerationState::Complete => "complete",
                    },
                })
                .collect(),
            chains: chains.collect(),
            problems,
        }
    }
}

impl Operator {
    fn new(operator: &OperatorState, position: usize, manifests: &Manifests) -> Self {
        let manifest = |index: usize| manifests.get(&(position, index));
        let mut states: Vec<State> = Vec::new();
        for state in (0..operator.subtasks.len()).filter_map(manifest).flat_map(states_of) {
            // Subtasks have the same states, as far as they have any. If one does not, it is told apart.
            let is_same = |known: &&mut State| {
                (&known.name, &known.part, &known.kind, &known.types)
                    == (&state.name, &state.part, &state.kind, &state.types)
            };
            match states.iter_mut().find(is_same) {
                Some(known) => {
                    known.pieces += state.pieces;
                    known.size += state.size;
                }
                None => states.push(state),
            }
        }
        let subtasks = operator.subtasks.iter().enumerate().filter_map(|(index, state)| {
            let state = state.as_ref()?;
            let groups = manifest(index).map(|manifest| &manifest.key_groups);
            Some(Subtask {
                index,
                key_groups: groups.filter(|groups| !groups.is_empty()).map(|it| [it.start, it.end - 1]),
                state_size: state.state_size,
                files: state.files.iter().map(|file| file.path.clone()).collect(),
            })
        });
        let subtasks: Vec<_> = subtasks.collect();
        Self {
            uid: operator.uid.clone(),
            name: operator.name.clone(),
            parallelism: operator.parallelism,
            max_parallelism: operator.max_parallelism,
            state_size: subtasks.iter().map(|subtask| subtask.state_size).sum(),
            states,
            subtasks,
        }
    }
}

fn states_of(manifest: &Manifest) -> impl Iterator<Item = State> {
    let tables = manifest.tables.iter().map(|table| {
        let of = &table.description;
        let namespace = Some(of.namespace.to_string()).filter(|namespace| namespace != "()");
        let types = [
            ("key", Some(of.key.to_string())),
            ("namespace", namespace),
            ("map key", of.map_key.as_ref().map(ToString::to_string)),
            ("value", Some(of.value.to_string()).filter(|value| value != "()")),
        ];
        State {
            name: of.name.clone(),
            part: Some(table.part.clone()),
            kind: of.kind.to_string(),
            types: types.into_iter().filter_map(|(role, name)| Some((role, name?))).collect(),
            ttl: of.ttl,
            pieces: table.segments,
            size: table.size,
        }
    });
    let lists = manifest.lists.iter().map(|list| State {
        name: list.name.clone(),
        part: None,
        kind: match list.redistribution {
            Redistribution::Split => "operator list, split",
            Redistribution::Union => "operator list, union",
            Redistribution::Broadcast => "operator list, broadcast",
        }
        .to_owned(),
        types: [("element", list.schema.to_string())].into(),
        ttl: false,
        pieces: list.elements,
        size: list.size,
    });
    tables.chain(lists)
}
