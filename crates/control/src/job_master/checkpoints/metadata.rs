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
