//! How many subtasks a user wants of each vertex, and how many fit.

use std::collections::BTreeMap;

use flott_core::{JobGraph, VertexId, VertexIndex, job_graph::Partitioner};
use serde::{Deserialize, Serialize};

/// How many subtasks a vertex is to have, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParallelismBounds {
    /// At least so many.
    pub lower: u32,
    /// If there are slots, so many.
    pub upper: u32,
}

/// The bounds that hold as long as nobody has asked for others: what runs is what is wanted.
pub(in super::super) fn default_bounds(graph: &JobGraph) -> Vec<ParallelismBounds> {
    graph.vertices.iter().map(|vertex| ParallelismBounds { lower: 1, upper: vertex.parallelism }).collect()
}

/// Checks what is wanted of a job with this graph. Returns the bounds of all vertices in their order. `None` as a bound stands
/// for the least, and the most, that the vertex can have.
///
/// # Errors
/// All that is wrong, in the words of Flink where it has some.
pub fn check_requirements(
    graph: &JobGraph,
    wanted: &BTreeMap<VertexId, (Option<u32>, Option<u32>)>,
) -> Result<Vec<ParallelismBounds>, Vec<String>> {
    let mut errors = Vec::new();
    for id in wanted.keys().filter(|id| graph.index_of(**id).is_none()) {
        errors.push(format!("Job vertex [{id}] was not found in the JobGraph."));
    }
    let mut bounds = Vec::with_capacity(graph.vertices.len());
    for vertex in &graph.vertices {
        let (id, max) = (vertex.id, vertex.max_parallelism);
        let Some((lower, upper)) = wanted.get(&id) else {
            errors.push(format!(
                "The request is incomplete, missing job vertex [{id}] resource requirements (\"{}\").",
                vertex.name
            ));
            continue;
        };
        let (lower, upper) = (lower.unwrap_or(1), upper.unwrap_or(max));
        if lower == 0 || upper == 0 {
            errors.push(format!(
                "Both, the requested lower bound [{lower}] and upper bound [{upper}] for job vertex [{id}] must be \
                 greater than zero."
            ));
        } else if lower > upper {
            errors.push(format!(
                "The requested lower bound [{lower}] for job vertex [{id}] is higher than the upper bound [{upper}]."
            ));
        } else if upper > max {
            errors.push(format!(
                "The newly requested parallelism {upper} for the job vertex {id} exceeds its maximum parallelism {max}."
            ));
        }
        bounds.push(ParallelismBounds { lower, upper });
    }
    if errors.is_empty() {
        check_forward(graph, &bounds, &mut errors);
    }
    if errors.is_empty() { Ok(bounds) } else { Err(errors) }
}

/// Subtask i sends to subtask i, so there must be as many of both.
fn check_forward(graph: &JobGraph, bounds: &[ParallelismBounds], errors: &mut Vec<String>) {
    let of = |vertex: VertexIndex| (graph.vertex(vertex), bounds[vertex.0 as usize]);
    for edge in graph.edges.iter().filter(|edge| edge.partitioner == Partitioner::Forward) {
        let ((source, own), (target, other)) = (of(edge.source), of(edge.target));
        if own != other {
            errors.push(format!(
                "Job vertices [{}] (\"{}\") and [{}] (\"{}\") are connected by a forward edge, so their bounds must be equal: \
                 [{}, {}] and [{}, {}] were requested.",
                source.id, source.name, target.id, target.name, own.lower, own.upper, other.lower, other.upper
            ));
        }
    }
}

/// The most subtasks of all vertices for which these slots are enough; `None` if they are not even enough for the least. Each
/// vertex has what it is to have at most, or one number that is the same for all, or what it must have at least. So what
/// is connected by forward edges stays equal.
pub(super) fn fit(graph: &JobGraph, bounds: &[ParallelismBounds], slots: u32) -> Option<Vec<u32>> {
    let at = |cap: u32| bounds.iter().map(|it| it.upper.min(cap.max(it.lower))).collect::<Vec<_>>();
    let fits = |cap: u32| graph.with_parallelisms(&at(cap)).required_slots() <= slots;
    if !fits(1) {
        return None;
    }
    // Slots only rise with the number. `low` fits; what is beyond `high` changes nothing any more.
    let (mut low, mut high) = (1, bounds.iter().map(|it| it.upper).max().unwrap_or(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Some(at(low))
}

/// What is wanted if there is no lack of slots.
pub(super) fn wish(bounds: &[ParallelismBounds]) -> Vec<u32> {
    bounds.iter().map(|it| it.upper).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::super::tests::graph, *};

    fn bounds(all: &[(u32, u32)]) -> Vec<ParallelismBounds> {
        all.iter().map(|(lower, upper)| ParallelismBounds { lower: *lower, upper: *upper }).collect()
    }

    fn check(wanted: &[(u32, u32)]) -> Result<Vec<ParallelismBounds>, Vec<String>> {
        let graph = graph(2, 1);
        let ids = graph.vertices.iter().map(|vertex| vertex.id);
        let wanted = ids.zip(wanted).map(|(id, (lower, upper))| (id, (Some(*lower), Some(*upper)))).collect();
        check_requirements(&graph, &wanted)
    }

    #[test]
    fn bounds_must_be_possible() {
        assert_eq!(check(&[(1, 4), (2, 128)]), Ok(bounds(&[(1, 4), (2, 128)])));
        let error = |wanted: &[(u32, u32)]| check(wanted).unwrap_err().join("\n");
        assert!(error(&[(0, 4), (1, 1)]).contains("must be greater than zero"));
        assert!(error(&[(5, 4), (1, 1)]).contains("lower bound [5]"));
        assert!(error(&[(1, 4), (1, 129)]).contains("requested parallelism 129"));
        assert!(error(&[(1, 4)]).contains("missing job vertex"));
    }

    #[test]
    fn vertices_must_be_those_of_the_job() {
        let graph = graph(2, 1);
        let stranger = VertexId::from_bytes([9; 16]);
        let mut wanted: BTreeMap<_, _> = graph.vertices.iter().map(|it| (it.id, (None, Some(2)))).collect();
        wanted.insert(stranger, (None, None));
        let errors = check_requirements(&graph, &wanted).unwrap_err();
        assert_eq!(errors, [format!("Job vertex [{stranger}] was not found in the JobGraph.")]);
        wanted.remove(&stranger);
        wanted.insert(graph.vertices[0].id, (None, None));
        assert_eq!(check_requirements(&graph, &wanted), Ok(bounds(&[(1, 128), (1, 2)])));
    }

    #[test]
    fn forward_edges_need_as_many_subtasks_on_both_sides() {
        let mut graph = graph(2, 2);
        graph.edges[0].partitioner = Partitioner::Forward;
        let wanted = |second: u32| {
            let ids = graph.vertices.iter().map(|vertex| vertex.id);
            ids.zip([3, second]).map(|(id, upper)| (id, (Some(1), Some(upper)))).collect()
        };
        assert!(check_requirements(&graph, &wanted(3)).is_ok());
        let errors = check_requirements(&graph, &wanted(4)).unwrap_err();
        assert!(errors[0].contains("connected by a forward edge"), "{errors:?}");
    }

    #[test]
    fn as_much_as_fits_is_taken() {
        let graph = graph(2, 2);
        let of = |all: &[(u32, u32)], slots| fit(&graph, &bounds(all), slots);
        assert_eq!(of(&[(1, 8), (1, 4)], 100), Some(vec![8, 4]));
        assert_eq!(of(&[(1, 8), (1, 4)], 6), Some(vec![6, 4]));
        assert_eq!(of(&[(1, 8), (1, 4)], 3), Some(vec![3, 3]));
        assert_eq!(of(&[(2, 8), (4, 4)], 4), Some(vec![4, 4]));
        assert_eq!(of(&[(2, 8), (4, 4)], 3), None);
    }

    proptest! {
        #[test]
        fn what_fits_is_within_the_bounds_and_no_more_would(
            all in prop::collection::vec((1..20_u32, 0..20_u32), 2), slots in 1..40_u32, apart: bool,
        ) {
            let mut graph = graph(2, 2);
            if apart {
                graph.vertices[1].slot_sharing_group = "other".to_owned();
            }
            let bounds: Vec<_> = all.iter().map(|(lower, more)| ParallelismBounds { lower: *lower, upper: lower + more }).collect();
            let required = |cap: u32| {
                let at = |it: &ParallelismBounds| it.upper.min(cap.max(it.lower));
                let at: Vec<_> = bounds.iter().map(at).collect();
                (graph.with_parallelisms(&at).required_slots(), at)
            };
            let expected = (1..=40).map(required).rfind(|(required, _)| *required <= slots);
            prop_assert_eq!(fit(&graph, &bounds, slots), expected.map(|(_, at)| at));
        }
    }
}
