//! Whether a job can begin with a snapshot.

use flott_core::{
    JobEdge, JobGraph, VertexIndex,
    checkpoint::{CheckpointMetadata, EnumerationState, OperatorState, VertexState},
    job_graph::JobVertex,
};

/// Checks a snapshot against the job that is to begin with it, before anything is started. Returns what is worth a
/// warning: state that nobody takes up, if `allow_non_restored` says that this is meant. `edges` are those of the graph that
/// the snapshot was taken of, or none if they are not known.
///
/// # Errors
/// All reasons why the job can't begin with it, each naming the operator and what to do.
pub fn check_restore(
    metadata: &CheckpointMetadata,
    edges: &[JobEdge],
    graph: &JobGraph,
    allow_non_restored: bool,
) -> Result<Vec<String>, Vec<String>> {
    let mut check =
        Check { metadata, edges, graph, allow_non_restored, warnings: Vec::new(), errors: Vec::new() };
    check.shapes();
    if check.errors.is_empty() {
        metadata.operators.iter().for_each(|operator| check.operator(operator));
        check.sources();
        check.records_on_their_way();
        check.finished();
    }
    if check.errors.is_empty() { Ok(check.warnings) } else { Err(check.errors) }
}

struct Check<'a> {
    metadata: &'a CheckpointMetadata,
    edges: &'a [JobEdge],
    graph: &'a JobGraph,
    allow_non_restored: bool,
    warnings: Vec<String>,
    errors: Vec<String>,
}

/// How many subtasks of a vertex had processed all their input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finished {
    All,
    NotAll,
    /// Of some of its operators all, of others not.
    Mixed,
}

impl Check<'_> {
    fn snapshot(&self) -> String {
        format!("{} {}", self.kind(), self.metadata.checkpoint_id)
    }

    fn kind(&self) -> &'static str {
        match self.metadata.kind {
            flott_core::checkpoint::SnapshotKind::Checkpoint { .. } => "checkpoint",
            flott_core::checkpoint::SnapshotKind::Savepoint { .. } => "savepoint",
        }
    }

    /// What is written must fit together, or it was not written by us.
    fn shapes(&mut self) {
        for operator in &self.metadata.operators {
            if operator.subtasks.len() != operator.parallelism as usize || operator.parallelism == 0 {
                let (uid, count) = (&operator.uid, operator.subtasks.len());
                let error = format!(
                    "metadata of {} is damaged: operator with uid {uid} has {count} states for {} subtasks",
                    self.snapshot(),
                    operator.parallelism
                );
                self.errors.push(error);
            }
        }
        for vertex in &self.metadata.vertices {
            let count = vertex.finished.len();
            let fits = |length: usize| length == 0 || length == count;
            if !fits(vertex.channels.len()) || !fits(vertex.watermarks.len()) {
                let error = format!(
                    "metadata of {} is damaged: {} have not as many states as subtasks",
                    self.snapshot(),
                    words(&vertex.uids)
                );
                self.errors.push(error);
            }
        }
    }

    fn vertex_with(&self, uid: &str) -> Option<&JobVertex> {
        self.graph.vertices.iter().find(|vertex| vertex.operators.iter().any(|operator| operator.uid == uid))
    }

    fn operator(&mut self, operator: &OperatorState) {
        let OperatorState { uid, name, max_parallelism, .. } = operator;
        let Some(vertex) = self.vertex_with(uid) else {
            if operator.subtasks.iter().any(Option::is_some) {
                self.nobody_has(&format!("operator \"{name}\" (uid {uid})"), "state");
            }
            return;
        };
        let snapshot = self.snapshot();
        if vertex.max_parallelism != *max_parallelism {
            let error = format!(
                "operator \"{name}\" (uid {uid}) has max parallelism {} in the job but {max_parallelism} in {snapshot}, \
                 where it is fixed: call set_max_parallelism({max_parallelism})",
                vertex.max_parallelism
            );
            self.errors.push(error);
        } else if vertex.parallelism > *max_parallelism {
            let error = format!(
                "operator \"{name}\" (uid {uid}) has parallelism {}, but its max parallelism in {snapshot} is \
                 {max_parallelism}: lower its parallelism",
                vertex.parallelism
            );
            self.errors.push(error);
        }
    }

    fn sources(&mut self) {
        for source in &self.metadata.sources {
            let has_begun = source.enumeration != EnumerationState::NotBegun || !source.remaining.is_empty();
            let heads = self.graph.vertices.iter().filter(|vertex| vertex.is_source);
            let mut heads = heads.filter_map(|vertex| vertex.operators.first());
            if has_begun && !heads.any(|head| head.uid == source.uid) {
                self.nobody_has(&format!("source with uid {}", source.uid), "splits");
            }
        }
    }

    fn nobody_has(&mut self, who: &str, what: &str) {
        let found = format!("{who} has {what} in {}, but the job has no such operator", self.snapshot());
        if self.allow_non_restored {
            self.warnings.push(format!("{found}: its {what} are dropped"));
        } else {
            self.errors.push(format!(
                "{found}: give the operator that it belongs to this uid, or drop it with -n \
                 (--allowNonRestoredState)"
            ));
        }
    }

    fn records_on_their_way(&mut self) {
        let mut vertices = self.metadata.vertices.iter();
        if !vertices.any(|vertex| vertex.channels.iter().any(Option::is_some)) {
            return;
        }
        let contains =
            format!("{} contains records that were on their way between subtasks", self.snapshot());
        let fix = "stop the old job with a savepoint and begin with that";
        for old in &self.metadata.vertices {
            let same = |vertex: &&JobVertex| vertex.operators.iter().map(|it| &it.uid).eq(&old.uids);
            let error = match self.graph.vertices.iter().find(same) {
                Some(vertex) if vertex.parallelism as usize == old.finished.len() => continue,
                Some(vertex) => format!(
                    "{contains} and can be restored only at the same parallelism: \"{}\" had {} subtasks and has {} \
                     now; {fix}",
                    vertex.name,
                    old.finished.len(),
                    vertex.parallelism
                ),
                None => format!(
                    "{contains} and can be restored only in the same graph: {} were one chain; {fix}",
                    words(&old.uids)
                ),
            };
            self.errors.push(error);
        }
        if self.graph.vertices.len() > self.metadata.vertices.len() {
            self.errors.push(format!(
                "{contains} and can be restored only in the same graph: it had {} vertices and has {} now; {fix}",
                self.metadata.vertices.len(),
                self.graph.vertices.len()
            ));
        }
        self.same_edges(&contains, fix);
    }

    /// Records that were on their way are known by the index of their edge, and are where its partitioner had sent them.
    fn same_edges(&mut self, contains: &str, fix: &str) {
        // Those of snapshots of the first version.
        if self.edges.is_empty() {
            return;
        }
        let old_uids =
            |vertex: VertexIndex| Some(self.metadata.vertices.get(vertex.0 as usize)?.uids.clone());
        let new_uids = |vertex: VertexIndex| {
            let operators = &self.graph.vertices.get(vertex.0 as usize)?.operators;
            Some(operators.iter().map(|operator| operator.uid.clone()).collect())
        };
        let old: Vec<_> = self.edges.iter().map(|edge| described(edge, old_uids)).collect();
        let new: Vec<_> = self.graph.edges.iter().map(|edge| described(edge, new_uids)).collect();
        let none = || "nothing".to_owned();
        for index in (0..old.len().max(new.len())).filter(|index| old.get(*index) != new.get(*index)) {
            let (old, new) = (old.get(index).cloned(), new.get(index).cloned());
            self.errors.push(format!(
                "{contains} and can be restored only in the same graph: edge {index} was {} and is {} now; {fix}",
                old.unwrap_or_else(none),
                new.unwrap_or_else(none)
            ));
        }
    }

    /// What has processed all its input gets no more, so nothing may come before it or within its chain that has not.
    fn finished(&mut self) {
        let states: Vec<_> = self.graph.vertices.iter().map(|vertex| self.finished_of(vertex)).collect();
        let snapshot = self.snapshot();
        for (vertex, state) in self.graph.vertices.iter().zip(&states) {
            if *state == Finished::Mixed {
                self.errors.push(format!(
                    "\"{}\" chains operators that had processed all their input in {snapshot} with others that had not: \
                     they must be as they were, or all begin anew under other uids",
                    vertex.name
                ));
            }
        }
        for edge in &self.graph.edges {
            let (source, target) = (edge.source.0 as usize, edge.target.0 as usize);
            if states[target] == Finished::All && states[source] == Finished::NotAll {
                self.errors.push(format!(
                    "\"{}\" had processed all its input in {snapshot}, but \"{}\" before it has not: give it another uid \
                     to begin anew",
                    self.graph.vertices[target].name, self.graph.vertices[source].name
                ));
            }
        }
    }

    fn finished_of(&self, vertex: &JobVertex) -> Finished {
        let old = |uid: &String| self.metadata.vertices.iter().find(|old| old.uids.contains(uid));
        let is_done = |old: &VertexState| !old.finished.is_empty() && old.finished.iter().all(|it| *it);
        let done = vertex.operators.iter().filter(|operator| old(&operator.uid).is_some_and(is_done)).count();
        match done {
            0 => Finished::NotAll,
            count if count == vertex.operators.len() => Finished::All,
            _ => Finished::Mixed,
        }
    }
}

/// What makes an edge the same in another graph.
fn described(edge: &JobEdge, uids: impl Fn(VertexIndex) -> Option<Vec<String>>) -> String {
    let chain = |vertex| uids(vertex).map_or_else(|| format!("vertex {vertex}"), |uids| uids.join(", "));
    format!("{} from [{}] to [{}]", edge.partitioner.as_str(), chain(edge.source), chain(edge.target))
}

fn words(uids: &[String]) -> String {
    format!("the operators with uids {}", uids.join(", "))
}
