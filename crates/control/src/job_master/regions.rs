//! Which subtasks have to be restarted together.
//!
//! Records between connected subtasks are pipelined: they are nowhere but on the way. Who loses what it had read needs
//! its producers to send it again, and who sends something again must not meet a consumer that has it already. So all
//! subtasks that are connected, directly or over others, make up one region: the unit of failover, as in Flink. Edges
//! that are pointwise connect only some subtasks, so a job without any shuffle has as many regions as subtasks side by
//! side.

use std::{collections::BTreeMap, ops::Range};

use flott_core::{JobGraph, SubtaskId, SubtaskIndex, VertexIndex};

/// The pipelined regions of a job: each subtask is in exactly one. Subtasks in the graph's order, and regions in the
/// order of their first ones.
pub fn pipelined_regions(graph: &JobGraph) -> Vec<Vec<SubtaskId>> {
    let mut starts = Vec::with_capacity(graph.vertices.len());
    let mut subtasks = Vec::with_capacity(graph.total_subtasks());
    for (vertex, job_vertex) in graph.vertices.iter().enumerate() {
        starts.push(subtasks.len());
        subtasks.extend((0..job_vertex.parallelism).map(|subtask| SubtaskId::new(vertex as u32, subtask)));
    }
    let position = |vertex: VertexIndex, subtask: u32| starts[vertex.0 as usize] + subtask as usize;
    let mut sets = DisjointSets::new(subtasks.len());
    for edge in &graph.edges {
        let parallelism = |vertex| graph.vertex(vertex).parallelism;
        let (source, target) = (edge.source, edge.target);
        if edge.partitioner.is_pointwise() {
            for producer in 0..parallelism(source) {
                for consumer in graph.consumers_of(edge, SubtaskIndex(producer)) {
                    sets.join(position(source, producer), position(target, consumer));
                }
            }
        } else {
            // All with all: it is enough to join each with the first of the other side.
            let all = |count: u32| -> Range<u32> { 0..count };
            all(parallelism(source)).for_each(|it| sets.join(position(source, it), position(target, 0)));
            all(parallelism(target)).for_each(|it| sets.join(position(source, 0), position(target, it)));
        }
    }
    let mut numbers = BTreeMap::new();
    let mut regions: Vec<Vec<SubtaskId>> = Vec::new();
    for (index, subtask) in subtasks.into_iter().enumerate() {
        let number = *numbers.entry(sets.root(index)).or_insert(regions.len());
        if number == regions.len() {
            regions.push(Vec::new());
        }
        regions[number].push(subtask);
    }
    regions
}

/// Union-find with path halving (Tarjan & van Leeuwen, "Worst-case Analysis of Set Union Algorithms", 1984).
struct DisjointSets {
    parents: Vec<usize>,
    sizes: Vec<usize>,
}

impl DisjointSets {
    fn new(count: usize) -> Self {
        Self { parents: (0..count).collect(), sizes: vec![1; count] }
    }

    fn root(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return;
        }
        let (small, large) = if self.sizes[one] < self.sizes[other] { (one, other) } else { (other, one) };
        self.parents[small] = large;
        self.sizes[large] += self.sizes[small];
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flott_core::{
        VertexId,
        job_config::RuntimeMode,
        job_graph::{JobEdge, JobType, JobVertex, Partitioner},
    };
    use proptest::prelude::*;

    use super::*;

    fn graph(parallelisms: &[u32], edges: &[(u32, u32, Partitioner)]) -> JobGraph {
        let vertex = |parallelism: &u32| JobVertex {
            id: VertexId::from_bytes([0; 16]),
            name: String::new(),
            operators: Vec::new(),
            parallelism: *parallelism,
            max_parallelism: 128,
            slot_sharing_group: String::new(),
            is_source: false,
        };
        let edge = |(source, target, partitioner): &(u32, u32, Partitioner)| JobEdge {
            source: VertexIndex(*source),
            target: VertexIndex(*target),
            partitioner: *partitioner,
        };
        JobGraph {
            name: String::new(),
            job_type: JobType::Streaming,
            runtime_mode: RuntimeMode::Streaming,
            parallelism: 1,
            vertices: parallelisms.iter().map(vertex).collect(),
            edges: edges.iter().map(edge).collect(),
            recovery: Default::default(),
        }
    }

    fn regions(parallelisms: &[u32], edges: &[(u32, u32, Partitioner)]) -> Vec<Vec<(u32, u32)>> {
        let regions = pipelined_regions(&graph(parallelisms, edges));
        let plain = |region: Vec<SubtaskId>| region.iter().map(|it| (it.vertex.0, it.subtask.0)).collect();
        regions.into_iter().map(plain).collect()
    }

    #[test]
    fn forward_edges_connect_only_neighbors() {
        let edges = [(0, 1, Partitioner::Forward)];
        assert_eq!(regions(&[2, 2], &edges), [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]);
    }

    #[test]
    fn a_shuffle_makes_one_region_of_all() {
        let edges = [(0, 1, Partitioner::Forward), (1, 2, Partitioner::Hash)];
        assert_eq!(regions(&[3, 3, 2], &edges).len(), 1);
        assert_eq!(regions(&[3, 1], &[(0, 1, Partitioner::Global)]).len(), 1);
    }

    #[test]
    fn rescaling_groups_subtasks() {
        let edges = [(0, 1, Partitioner::Rescale)];
        assert_eq!(regions(&[4, 2], &edges), [[(0, 0), (0, 1), (1, 0)], [(0, 2), (0, 3), (1, 1)]]);
    }

    #[test]
    fn what_is_not_connected_stays_apart() {
        let edges = [(0, 1, Partitioner::Hash), (2, 3, Partitioner::Hash)];
        let expected = [vec![(0, 0), (0, 1), (1, 0)], vec![(2, 0), (3, 0), (3, 1)]];
        assert_eq!(regions(&[2, 1, 1, 2], &edges), expected);
        assert_eq!(regions(&[2], &[]), [[(0, 0)], [(0, 1)]]);
    }

    #[test]
    fn large_shuffles_are_cheap() {
        let edges = [(0, 1, Partitioner::Rebalance), (1, 2, Partitioner::Hash)];
        let regions = regions(&[20_000, 20_000, 20_000], &edges);
        assert_eq!(regions.iter().map(Vec::len).collect::<Vec<_>>(), [60_000]);
    }

    fn any_graph() -> impl Strategy<Value = JobGraph> {
        let partitioner = prop_oneof![
            3 => Just(Partitioner::Rescale),
            1 => Just(Partitioner::Hash),
        ];
        let edges = prop::collection::vec((0..5_u32, 1..5_u32, partitioner), 0..5);
        (prop::collection::vec(1..7_u32, 5), edges).prop_map(|(parallelisms, edges)| {
            let edges: Vec<_> = edges.into_iter().filter(|(source, target, _)| source < target).collect();
            graph(&parallelisms, &edges)
        })
    }

    /// Who is reached from a subtask over channels, in either direction.
    fn reached(graph: &JobGraph, from: SubtaskId) -> BTreeSet<SubtaskId> {
        let mut seen = BTreeSet::from([from]);
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            let down = graph.outputs_of(at.vertex).flat_map(|(_, edge)| {
                graph.consumers_of(edge, at.subtask).map(|it| SubtaskId::new(edge.target.0, it))
            });
            let up = graph.inputs_of(at.vertex).flat_map(|(_, edge)| {
                graph.producers_of(edge, at.subtask).map(|it| SubtaskId::new(edge.source.0, it))
            });
            todo.extend(down.chain(up).filter(|next| seen.insert(*next)));
        }
        seen
    }

    proptest! {
        #[test]
        fn regions_are_what_channels_connect(graph in any_graph()) {
            let regions = pipelined_regions(&graph);
            prop_assert_eq!(regions.iter().map(Vec::len).sum::<usize>(), graph.total_subtasks());
            for region in regions {
                prop_assert!(region.is_sorted());
                let members: BTreeSet<_> = region.iter().copied().collect();
                prop_assert_eq!(members, reached(&graph, region[0]));
            }
        }
    }
}
