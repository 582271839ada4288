//! Refuses graphs that the control plane could not run.

use std::collections::BTreeMap;

use super::{JobGraph, MAX_VERTICES, Partitioner};
use crate::key_group::MAX_PARALLELISM_LIMIT;

/// Why a JobGraph can't be run. Each names the vertex and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// No vertices.
    #[error("the dataflow is empty: add a source and a sink before execute()")]
    Empty,
    /// Too many vertices.
    #[error("the dataflow has {count} vertices, at most {MAX_VERTICES} are allowed")]
    TooManyVertices {
        /// How many there are.
        count: usize,
    },
    /// Parallelism 0 or beyond the max parallelism.
    #[error(
        "parallelism {parallelism} of \"{vertex}\" must be between 1 and its max parallelism {max_parallelism}"
    )]
    Parallelism {
        /// The vertex' name.
        vertex: String,
        /// Its parallelism.
        parallelism: u32,
        /// Its max parallelism.
        max_parallelism: u32,
    },
    /// Max parallelism 0 or too large.
    #[error(
        "max parallelism {max_parallelism} of \"{vertex}\" must be between 1 and {MAX_PARALLELISM_LIMIT}"
    )]
    MaxParallelism {
        /// The vertex' name.
        vertex: String,
        /// Its max parallelism.
        max_parallelism: u32,
    },
    /// Two operators with one uid.
    #[error("operators \"{first}\" and \"{second}\" have the same uid \"{uid}\": give each a uid of its own")]
    DuplicateUid {
        /// The uid.
        uid: String,
        /// Name of the one operator.
        first: String,
        /// Name of the other.
        second: String,
    },
    /// An edge from or to a vertex that is not there, or against the topological order.
    #[error(
        "edge {edge} does not lead from an earlier vertex to a later one: the dataflow is cyclic or damaged"
    )]
    Edge {
        /// Position of the edge.
        edge: usize,
    },
    /// A forward edge between vertices of different parallelism.
    #[error(
        "the forward edge from \"{source_vertex}\" (parallelism {source_parallelism}) to \"{target_vertex}\" \
         (parallelism {target_parallelism}) needs equal parallelism: use rebalance()"
    )]
    Forward {
        /// Name of the producing vertex.
        source_vertex: String,
        /// Its parallelism.
        source_parallelism: u32,
        /// Name of the consuming vertex.
        target_vertex: String,
        /// Its parallelism.
        target_parallelism: u32,
    },
    /// A vertex without input that is no source, or a source with input.
    #[error("vertex \"{vertex}\" must either be a source or have an input")]
    Input {
        /// The vertex' name.
        vertex: String,
    },
}

impl JobGraph {
    /// Checks what the control plane relies on.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), GraphError> {
        if self.vertices.is_empty() {
            return Err(GraphError::Empty);
        }
        if self.vertices.len() > MAX_VERTICES {
            return Err(GraphError::TooManyVertices { count: self.vertices.len() });
        }
        self.validate_vertices()?;
        self.validate_edges()
    }

    fn validate_vertices(&self) -> Result<(), GraphError> {
        let mut uids = BTreeMap::new();
        for vertex in &self.vertices {
            let name = || vertex.name.clone();
            if !(1..=MAX_PARALLELISM_LIMIT).contains(&vertex.max_parallelism) {
                return Err(GraphError::MaxParallelism {
                    vertex: name(),
                    max_parallelism: vertex.max_parallelism,
                });
            }
            if !(1..=vertex.max_parallelism).contains(&vertex.parallelism) {
                return Err(GraphError::Parallelism {
                    vertex: name(),
                    parallelism: vertex.parallelism,
                    max_parallelism: vertex.max_parallelism,
                });
            }
            for operator in &vertex.operators {
                if let Some(first) = uids.insert(&operator.uid, &operator.name) {
                    return Err(GraphError::DuplicateUid {
                        uid: operator.uid.clone(),
                        first: first.clone(),
                        second: operator.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn validate_edges(&self) -> Result<(), GraphError> {
        let mut has_input = vec![false; self.vertices.len()];
        for (position, edge) in self.edges.iter().enumerate() {
            let target = edge.target.0 as usize;
            if edge.source >= edge.target || target >= self.vertices.len() {
                return Err(GraphError::Edge { edge: position });
            }
            has_input[target] = true;
            let (source, target) = (self.vertex(edge.source), self.vertex(edge.target));
            if edge.partitioner == Partitioner::Forward && source.parallelism != target.parallelism {
                return Err(GraphError::Forward {
                    source_vertex: source.name.clone(),
                    source_parallelism: source.parallelism,
                    target_vertex: target.name.clone(),
                    target_parallelism: target.parallelism,
                });
            }
        }
        match self.vertices.iter().zip(has_input).find(|(vertex, has_input)| vertex.is_source == *has_input) {
            Some((vertex, _)) => Err(GraphError::Input { vertex: vertex.name.clone() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        JobEdge, JobType, JobVertex, OperatorInfo, Partitioner, VertexId, VertexIndex,
        job_config::RuntimeMode,
    };

    fn vertex(name: &str, parallelism: u32, is_source: bool) -> JobVertex {
        JobVertex {
            id: VertexId::of_operators([name]),
            name: name.to_owned(),
            operators: vec![OperatorInfo { uid: name.to_owned(), name: name.to_owned() }],
            parallelism,
            max_parallelism: 128,
            slot_sharing_group: "default".to_owned(),
            is_source,
        }
    }

    fn graph() -> JobGraph {
        JobGraph {
            name: "test".to_owned(),
            job_type: JobType::Streaming,
            runtime_mode: RuntimeMode::Streaming,
            parallelism: 1,
            vertices: vec![vertex("source", 2, true), vertex("sink", 3, false)],
            edges: vec![JobEdge {
                source: VertexIndex(0),
                target: VertexIndex(1),
                partitioner: Partitioner::Hash,
            }],
            recovery: Default::default(),
        }
    }

    #[test]
    fn a_sound_graph_is_accepted() {
        assert_eq!(graph().validate(), Ok(()));
        assert_eq!(graph().required_slots(), 3);
        assert_eq!(graph().total_subtasks(), 5);
    }

    #[test]
    fn each_broken_rule_is_named() {
        let broken = |change: &dyn Fn(&mut JobGraph)| {
            let mut graph = graph();
            change(&mut graph);
            graph.validate().unwrap_err().to_string()
        };
        assert!(broken(&|g| g.vertices.clear()).contains("empty"));
        assert!(broken(&|g| g.vertices[0].parallelism = 0).contains("parallelism 0 of \"source\""));
        assert!(broken(&|g| g.vertices[0].parallelism = 129).contains("max parallelism 128"));
        assert!(broken(&|g| g.vertices[0].max_parallelism = 0).contains("max parallelism 0"));
        assert!(broken(&|g| g.vertices[1].operators[0].uid = "source".into()).contains("same uid"));
        assert!(broken(&|g| g.edges[0].target = VertexIndex(7)).contains("edge 0"));
        assert!(broken(&|g| g.edges[0].source = VertexIndex(1)).contains("cyclic"));
        assert!(broken(&|g| g.edges[0].partitioner = Partitioner::Forward).contains("rebalance()"));
        assert!(broken(&|g| g.edges.clear()).contains("\"sink\""));
    }

    #[test]
    fn the_first_difference_is_named() {
        let mut other = graph();
        other.vertices[1].operators[0].name = "other".into();
        assert!(graph().first_difference(&other).unwrap().contains("operator \"sink\""));
        assert_ne!(graph().fingerprint(), other.fingerprint());
        assert_eq!(graph().first_difference(&graph()), None);
    }
}
