use flott_core::checkpoint::{EnumerationState, OperatorState, SnapshotKind, SourceQueueState, VertexState};
use flott_core::{JobEdge, JobGraph, Partitioner, time::Timestamp};

use super::*;

fn operator(uid: &str, parallelism: u32) -> OperatorState {
    let state = part(uid, &[]).operators.pop();
    OperatorState {
        uid: uid.to_owned(),
        name: uid.to_uppercase(),
        parallelism,
        max_parallelism: 128,
        subtasks: vec![state; parallelism as usize],
    }
}

fn vertex(uid: &str, finished: &[bool]) -> VertexState {
    VertexState {
        uids: vec![uid.to_owned()],
        finished: finished.to_vec(),
        watermarks: vec![Timestamp::MIN; finished.len()],
        channels: Vec::new(),
    }
}

/// A snapshot of the job of `graph`.
fn snapshot() -> CheckpointMetadata {
    CheckpointMetadata {
        job_id: jobs::JOB,
        job_name: "test".to_owned(),
        checkpoint_id: CheckpointId(5),
        kind: SnapshotKind::Checkpoint { full: false },
        triggered_at: 0,
        operators: vec![operator("Source", 2), operator("Sink", 1)],
        vertices: vec![vertex("Source", &[false, false]), vertex("Sink", &[false])],
        sources: vec![SourceQueueState {
            uid: "Source".to_owned(),
            remaining: Vec::new(),
            enumeration: EnumerationState::Complete,
        }],
    }
}

fn graph() -> JobGraph {
    jobs::graph(2, 1)
}

fn errors(metadata: &CheckpointMetadata, graph: &JobGraph) -> Vec<String> {
    check_restore(metadata, &[], graph, false).unwrap_err()
}

#[test]
fn what_fits_is_taken_also_at_another_parallelism() {
    assert_eq!(check_restore(&snapshot(), &[], &graph(), false), Ok(Vec::new()));
    assert_eq!(check_restore(&snapshot(), &[], &jobs::graph(3, 4), false), Ok(Vec::new()));
}

#[test]
fn state_that_nobody_takes_up_is_refused_unless_that_is_meant() {
    let mut metadata = snapshot();
    metadata.operators.push(operator("gone", 2));
    metadata.sources[0].uid = "old source".to_owned();
    let errors = errors(&metadata, &graph());
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("operator \"GONE\" (uid gone) has state in checkpoint 5"), "{errors:?}");
    assert!(errors[0].contains("-n (--allowNonRestoredState)"), "{errors:?}");
    assert!(errors[1].contains("uid old source"), "{errors:?}");
    assert_eq!(check_restore(&metadata, &[], &graph(), true).map(|warnings| warnings.len()), Ok(2));
    metadata.sources.clear();
    metadata.operators[2].subtasks = vec![None, None];
    assert_eq!(check_restore(&metadata, &[], &graph(), false), Ok(Vec::new()), "there is nothing to lose");
}

#[test]
fn the_number_of_key_groups_is_fixed() {
    let mut graph = graph();
    graph.vertices[1].max_parallelism = 256;
    let errors = errors(&snapshot(), &graph);
    assert_eq!(
        errors,
        [
            "operator \"SINK\" (uid Sink) has max parallelism 256 in the job but 128 in checkpoint 5, where it is \
             fixed: call set_max_parallelism(128)"
        ]
    );
}

#[test]
fn records_on_their_way_bind_it_to_its_parallelism() {
    let mut metadata = snapshot();
    metadata.vertices[1].channels = vec![Some(Blob::Inline(vec![1]))];
    assert_eq!(check_restore(&metadata, &[], &graph(), false), Ok(Vec::new()));
    let errors = errors(&metadata, &jobs::graph(3, 1));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("\"Source\" had 2 subtasks and has 3 now"), "{errors:?}");
    assert!(errors[0].contains("savepoint"), "{errors:?}");
}

#[test]
fn records_on_their_way_bind_it_to_its_edges() {
    let mut metadata = snapshot();
    metadata.vertices[1].channels = vec![Some(Blob::Inline(vec![1]))];
    let check = |now: &JobGraph| check_restore(&metadata, &graph().edges, now, true);
    assert_eq!(check(&graph()), Ok(Vec::new()));

    let mut other = graph();
    other.edges[0].partitioner = Partitioner::Rebalance;
    let found = check(&other).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    let text = "edge 0 was HASH from [Source] to [Sink] and is REBALANCE from [Source] to [Sink] now";
    assert!(found[0].contains(text), "{found:?}");

    other = graph();
    other.edges.insert(0, JobEdge { partitioner: Partitioner::Forward, ..other.edges[0].clone() });
    assert_eq!(check(&other).unwrap_err().len(), 2, "the old one has another index");
    other.edges.clear();
    assert!(check(&other).unwrap_err()[0].contains("is nothing now"));

    other = graph();
    other.vertices[1].operators[0].uid = "new".to_owned();
    let found = check(&other).unwrap_err();
    assert!(found[0].contains("the operators with uids Sink were one chain"), "whom they were for is gone");

    let mut without = metadata.clone();
    without.vertices[1].channels = vec![None];
    other = graph();
    other.edges[0].partitioner = Partitioner::Rebalance;
    assert_eq!(check_restore(&without, &graph().edges, &other, false), Ok(Vec::new()));
}

#[test]
fn nothing_new_may_come_before_what_has_finished() {
    let mut metadata = snapshot();
    metadata.vertices = vec![vertex("Source", &[true, true]), vertex("Sink", &[false])];
    assert_eq!(check_restore(&metadata, &[], &graph(), false), Ok(Vec::new()));
    metadata.vertices = vec![vertex("Source", &[true, false]), vertex("Sink", &[true])];
    let found = errors(&metadata, &graph());
    assert!(
        found[0].contains("\"Sink\" had processed all its input in checkpoint 5, but \"Source\""),
        "{found:?}"
    );

    metadata.vertices = vec![vertex("Source", &[true, true]), vertex("Sink", &[false])];
    let mut chained = graph();
    let new = flott_core::job_graph::OperatorInfo { uid: "new".to_owned(), name: "New".to_owned() };
    chained.vertices[0].operators.push(new);
    let found = errors(&metadata, &chained);
    assert!(
        found[0].starts_with("\"Source\" chains operators that had processed all their input"),
        "{found:?}"
    );
}

#[test]
fn metadata_that_does_not_fit_together_is_refused() {
    let mut metadata = snapshot();
    metadata.operators[0].subtasks.pop();
    metadata.vertices[0].channels = vec![None];
    let errors = errors(&metadata, &graph());
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors.iter().all(|error| error.starts_with("metadata of checkpoint 5 is damaged")),
        "{errors:?}"
    );
}
