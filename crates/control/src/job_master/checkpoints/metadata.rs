//! Puts together what a checkpoint's `_metadata` says.

use std::collections::BTreeMap;

use flott_core::{
    JobGraph, JobId, SubtaskId, VertexIndex,
    checkpoint::{
        Barrier, CheckpointMetadata, OperatorState, OperatorSubtaskState, SourceQueueState, SubtaskSnapshot,
        VertexState,
    },
    job_graph::JobVertex,
    time::Timestamp,
};

use super::super::split_queue::QueueSnapshot;

/// What a subtask hands in that has processed all its input.
pub(super) fn finished_snapshot() -> SubtaskSnapshot {
    SubtaskSnapshot { finished: true, watermark: Timestamp::MAX, ..SubtaskSnapshot::default() }
}

/// Why a checkpoint that all subtasks have acknowledged can't be restored from, if it can't: what subtasks had in union lists
/// that have finished would be lost to the others. Where all have finished nobody needs it.
pub(super) fn lost_union_state(
    graph: &JobGraph,
    acknowledged: &BTreeMap<SubtaskId, SubtaskSnapshot>,
) -> Option<String> {
    let vertex_of = |number: usize| {
        let number = VertexIndex(number as u32);
        acknowledged.iter().filter(move |(subtask, _)| subtask.vertex == number).map(|(_, part)| part)
    };
    graph.vertices.iter().enumerate().find_map(|(number, vertex)| {
        let state_of = |part: &'_ SubtaskSnapshot, uid: &str| {
            part.operators.iter().find(|state| state.uid == uid).map(|state| state.has_union)
        };
        let loses = |uid: &str| {
            // Those that have ended with this checkpoint have handed in what they had.
            vertex_of(number).any(|part| part.finished && state_of(part, uid).is_none())
                && vertex_of(number).any(|part| !part.finished && state_of(part, uid) == Some(true))
        };
        let operator = vertex.operators.iter().find(|operator| loses(&operator.uid))?;
        Some(format!(
            "some subtasks of \"{}\" have finished and others have not, but operator \"{}\" has union list state, of \
             which the part of the finished ones would be lost: there are no checkpoints until all have finished",
            vertex.name, operator.name
        ))
    })
}

/// The metadata of a checkpoint that all subtasks have acknowledged.
pub(super) fn assemble(
    job_id: JobId,
    graph: &JobGraph,
    barrier: &Barrier,
    acknowledged: &BTreeMap<SubtaskId, SubtaskSnapshot>,
    queues: &BTreeMap<VertexIndex, QueueSnapshot>,
) -> CheckpointMetadata {
    let mut metadata = CheckpointMetadata {
        job_id,
        job_name: graph.name.clone(),
        checkpoint_id: barrier.id,
        kind: barrier.kind.clone(),
        triggered_at: barrier.triggered_at,
        operators: Vec::new(),
        vertices: Vec::with_capacity(graph.vertices.len()),
        sources: Vec::with_capacity(queues.len()),
    };
    for (index, vertex) in graph.vertices.iter().enumerate() {
        let subtasks: Vec<_> = (0..vertex.parallelism)
            .map(|subtask| acknowledged.get(&SubtaskId::new(index as u32, subtask)))
            .collect();
        metadata.operators.extend(operators_of(vertex, &subtasks));
        metadata.vertices.push(vertex_state(vertex, &subtasks));
        if let (Some(queue), Some(head)) = (queues.get(&VertexIndex(index as u32)), vertex.operators.first())
        {
            metadata.sources.push(SourceQueueState {
                uid: head.uid.clone(),
                remaining: queue.remaining.iter().map(|split| split.clone().into()).collect(),
                enumeration: queue.enumeration.clone(),
            });
        }
    }
    metadata
}

fn operators_of<'a>(
    vertex: &'a JobVertex,
    subtasks: &'a [Option<&SubtaskSnapshot>],
) -> impl Iterator<Item = OperatorState> + 'a {
    vertex.operators.iter().filter_map(|operator| {
        let of = |snapshot: &&SubtaskSnapshot| -> Option<OperatorSubtaskState> {
            snapshot.operators.iter().find(|state| state.uid == operator.uid).cloned()
        };
        let states: Vec<_> = subtasks.iter().map(|snapshot| snapshot.as_ref().and_then(&of)).collect();
        states.iter().any(Option::is_some).then(|| OperatorState {
            uid: operator.uid.clone(),
            name: operator.name.clone(),
            parallelism: vertex.parallelism,
            max_parallelism: vertex.max_parallelism,
            subtasks: states,
        })
    })
}

fn vertex_state(vertex: &JobVertex, subtasks: &[Option<&SubtaskSnapshot>]) -> VertexState {
    let snapshots = || subtasks.iter().map(|snapshot| snapshot.as_ref());
    let has_channels = snapshots().flatten().any(|snapshot| snapshot.channels.is_some());
    let channels = || snapshots().map(|it| it.and_then(|it| it.channels.clone())).collect();
    VertexState {
        uids: vertex.operators.iter().map(|operator| operator.uid.clone()).collect(),
        finished: snapshots().map(|it| it.is_some_and(|it| it.finished)).collect(),
        watermarks: snapshots().map(|it| it.map_or(Timestamp::MIN, |it| it.watermark)).collect(),
        channels: if has_channels { channels() } else { Vec::new() },
    }
}
