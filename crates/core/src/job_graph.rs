//! The JobGraph: what a job's program describes, after chaining, as the control plane sees it.

mod validate;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use validate::GraphError;

use crate::{
    EdgeIndex, OperatorId, SubtaskIndex, VertexId, VertexIndex, checkpoint::CheckpointSettings,
    job_config::RuntimeMode, restart::RestartStrategy,
};

/// Most vertices that a JobGraph may have.
pub const MAX_VERTICES: usize = 10_000;

/// Whether a job's input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobType {
    /// Runs in batch mode.
    Batch,
    /// Runs in streaming mode.
    Streaming,
}

/// How the records of an edge are spread over the consuming subtasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Partitioner {
    /// Subtask i sends to subtask i.
    Forward,
    /// By key group of the record's key.
    Hash,
    /// To all in turn.
    Rebalance,
    /// To those of a fixed few in turn, so that as many channels as possible stay within a TaskManager.
    Rescale,
    /// To a random one.
    Shuffle,
    /// Each record to all.
    Broadcast,
    /// All to subtask 0.
    Global,
    /// As a function of the author says.
    Custom,
}

impl Partitioner {
    /// The ship strategy's name in plans, such as `HASH`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "FORWARD",
            Self::Hash => "HASH",
            Self::Rebalance => "REBALANCE",
            Self::Rescale => "RESCALE",
            Self::Shuffle => "SHUFFLE",
            Self::Broadcast => "BROADCAST",
            Self::Global => "GLOBAL",
            Self::Custom => "CUSTOM",
        }
    }

    /// Whether a subtask is connected with some of the other side's subtasks only, instead of with all.
    pub const fn is_pointwise(self) -> bool {
        matches!(self, Self::Forward | Self::Rescale)
    }
}

/// An operator within a vertex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorInfo {
    /// Identity that stays the same when unrelated operators are added.
    pub uid: String,
    /// Name for people.
    pub name: String,
}

/// A chain of operators that runs in one subtask per parallel instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobVertex {
    /// Derived from the uids of the chained operators.
    pub id: VertexId,
    /// Names of the chained operators, joined by ` -> `, as Flink's.
    pub name: String,
    /// The chained operators, the head first.
    pub operators: Vec<OperatorInfo>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups, and most subtasks it can ever have.
    pub max_parallelism: u32,
    /// Subtasks of vertices of one group may share a slot.
    pub slot_sharing_group: String,
    /// Whether its head is a source that asks for splits.
    pub is_source: bool,
}

/// Records flow from one vertex to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEdge {
    /// The producing vertex.
    pub source: VertexIndex,
    /// The consuming vertex.
    pub target: VertexIndex,
    /// How the records are spread.
    pub partitioner: Partitioner,
}

/// A job's dataflow after chaining. Vertices are in topological order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobGraph {
    /// Name for people.
    pub name: String,
    /// Batch or streaming.
    pub job_type: JobType,
    /// The mode that was asked for.
    pub runtime_mode: RuntimeMode,
    /// Parallelism of operators that set none.
    pub parallelism: u32,
    /// The vertices.
    pub vertices: Vec<JobVertex>,
    /// The edges.
    pub edges: Vec<JobEdge>,
    /// How the job survives failures.
    pub recovery: RecoverySettings,
}

/// How a job survives failures: what its program says, or else what was configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoverySettings {
    /// When and how its state is saved.
    pub checkpoints: CheckpointSettings,
    /// How often it starts again; `None`: as often as it takes if it has checkpoints, never if it has none.
    pub restart: Option<RestartStrategy>,
}

impl RecoverySettings {
    /// The strategy that holds.
    pub fn restart_strategy(&self) -> RestartStrategy {
        self.restart.unwrap_or(if self.checkpoints.is_enabled() {
            RestartStrategy::EXPONENTIAL
        } else {
            RestartStrategy::None
        })
    }
}

impl JobGraph {
    /// The vertex at a position.
    ///
    /// # Panics
    /// If the position is not one of this graph's.
    pub fn vertex(&self, index: VertexIndex) -> &JobVertex {
        &self.vertices[index.0 as usize]
    }

    /// The position of the vertex with this id.
    pub fn index_of(&self, id: VertexId) -> Option<VertexIndex> {
        self.vertices.iter().position(|vertex| vertex.id == id).map(|index| VertexIndex(index as u32))
    }

    /// The edges that end in a vertex, in the order in which its input gates see them.
    pub fn inputs_of(&self, vertex: VertexIndex) -> impl Iterator<Item = (EdgeIndex, &JobEdge)> {
        self.indexed_edges().filter(move |(_, edge)| edge.target == vertex)
    }

    /// The edges that start in a vertex.
    pub fn outputs_of(&self, vertex: VertexIndex) -> impl Iterator<Item = (EdgeIndex, &JobEdge)> {
        self.indexed_edges().filter(move |(_, edge)| edge.source == vertex)
    }

    fn indexed_edges(&self) -> impl Iterator<Item = (EdgeIndex, &JobEdge)> {
        self.edges.iter().enumerate().map(|(index, edge)| (EdgeIndex(index as u32), edge))
    }

    /// The subtasks of an edge's target that a subtask of its source sends to.
    pub fn consumers_of(&self, edge: &JobEdge, producer: SubtaskIndex) -> std::ops::Range<u32> {
        self.connected(edge.partitioner, producer, edge.source, edge.target)
    }

    /// The subtasks of an edge's source that send to a subtask of its target.
    pub fn producers_of(&self, edge: &JobEdge, consumer: SubtaskIndex) -> std::ops::Range<u32> {
        self.connected(edge.partitioner, consumer, edge.target, edge.source)
    }

    /// The subtasks of `other` with which a subtask of `own` is connected. Pointwise, as in Flink: subtask i of the side
    /// with fewer subtasks has those of the other side whose number, scaled down, is i.
    fn connected(
        &self,
        partitioner: Partitioner,
        subtask: SubtaskIndex,
        own: VertexIndex,
        other: VertexIndex,
    ) -> std::ops::Range<u32> {
        let (own, other) = (self.vertex(own).parallelism, self.vertex(other).parallelism);
        if !partitioner.is_pointwise() {
            return 0..other;
        }
        // Of two subtasks i and j, j on the side with more, these are connected: i = ⌊j · fewer / more⌋.
        let (own, other, index) = (u64::from(own), u64::from(other), u64::from(subtask.0));
        if own >= other {
            let only = (index * other / own) as u32;
            return only..only + 1;
        }
        (index * other).div_ceil(own) as u32..((index + 1) * other).div_ceil(own) as u32
    }

    /// How many slots the job needs: the largest parallelism of each slot sharing group, summed over the groups.
    pub fn required_slots(&self) -> u32 {
        let mut groups = std::collections::BTreeMap::<&str, u32>::new();
        for vertex in &self.vertices {
            let slots = groups.entry(&vertex.slot_sharing_group).or_default();
            *slots = (*slots).max(vertex.parallelism);
        }
        groups.values().sum()
    }

    /// Number of subtasks of all vertices.
    pub fn total_subtasks(&self) -> usize {
        self.vertices.iter().map(|vertex| vertex.parallelism as usize).sum()
    }

    /// The number of subtasks of each vertex.
    pub fn parallelisms(&self) -> Vec<u32> {
        self.vertices.iter().map(|vertex| vertex.parallelism).collect()
    }

    /// The same dataflow with other numbers of subtasks, one for each vertex in their order.
    #[must_use]
    pub fn with_parallelisms(&self, parallelisms: &[u32]) -> Self {
        let mut graph = self.clone();
        for (vertex, parallelism) in graph.vertices.iter_mut().zip(parallelisms) {
            vertex.parallelism = *parallelism;
        }
        graph
    }

    /// SHA-256 of the graph's canonical JSON, as hexadecimal digits. Two programs with the same fingerprint number
    /// their vertices, edges and channels alike.
    pub fn fingerprint(&self) -> String {
        let json = serde_json::to_vec(self).expect("a graph of strings and numbers always serializes");
        hex::encode(Sha256::digest(&json))
    }

    /// The first operator or setting in which `other` differs, in words; `None` if they are equal.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        for (mine, theirs) in self.vertices.iter().zip(&other.vertices) {
            for (mine, theirs) in mine.operators.iter().zip(&theirs.operators) {
                if mine != theirs {
                    return Some(format!(
                        "operator \"{}\" (uid {}) is \"{}\" (uid {}) here",
                        mine.name, mine.uid, theirs.name, theirs.uid
                    ));
                }
            }
            if mine != theirs {
                return Some(format!(
                    "vertex \"{}\" with parallelism {} is \"{}\" with parallelism {} here",
                    mine.name, mine.parallelism, theirs.name, theirs.parallelism
                ));
            }
        }
        if self.vertices.len() != other.vertices.len() {
            return Some(format!("{} vertices are {} here", self.vertices.len(), other.vertices.len()));
        }
        for (mine, theirs) in self.edges.iter().zip(&other.edges) {
            if mine != theirs {
                return Some(format!(
                    "the {} edge from \"{}\" to \"{}\" is a {} edge from \"{}\" to \"{}\" here",
                    mine.partitioner.as_str(),
                    self.vertex(mine.source).name,
                    self.vertex(mine.target).name,
                    theirs.partitioner.as_str(),
                    other.vertex(theirs.source).name,
                    other.vertex(theirs.target).name,
                ));
            }
        }
        Some("the name, the mode or the number of edges differs".to_owned())
    }
}

impl JobVertex {
    /// The id of the operator at a position of the chain: the vertex' own for the head.
    pub fn operator_id(&self, position: usize) -> OperatorId {
        let uid = || self.operators.get(position).map_or("", |operator| &operator.uid);
        let id = if position == 0 { self.id } else { VertexId::of_operators([uid()]) };
        OperatorId::from_bytes(*id.as_bytes())
    }
}

impl VertexId {
    /// The id of a vertex that chains operators with these uids.
    pub fn of_operators<'a>(uids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = Sha256::new();
        for uid in uids {
            hasher.update((uid.len() as u64).to_le_bytes());
            hasher.update(uid.as_bytes());
        }
        let digest = hasher.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(partitioner: Partitioner, source: u32, target: u32) -> JobGraph {
        let vertex = |parallelism| JobVertex {
            id: VertexId::from_bytes([0; 16]),
            name: String::new(),
            operators: Vec::new(),
            parallelism,
            max_parallelism: 128,
            slot_sharing_group: String::new(),
            is_source: false,
        };
        JobGraph {
            name: String::new(),
            job_type: JobType::Streaming,
            runtime_mode: RuntimeMode::Streaming,
            parallelism: 1,
            vertices: vec![vertex(source), vertex(target)],
            edges: vec![JobEdge { source: VertexIndex(0), target: VertexIndex(1), partitioner }],
            recovery: Default::default(),
        }
    }

    proptest! {
        #[test]
        fn both_ends_of_an_edge_agree_who_is_connected(source in 1u32..40, target in 1u32..40, pointwise: bool) {
            let partitioner = if pointwise { Partitioner::Rescale } else { Partitioner::Rebalance };
            let graph = graph(partitioner, source, target);
            let edge = &graph.edges[0];
            for producer in 0..source {
                let consumers = graph.consumers_of(edge, SubtaskIndex(producer));
                prop_assert!(!consumers.is_empty());
                for consumer in 0..target {
                    let producers = graph.producers_of(edge, SubtaskIndex(consumer));
                    prop_assert!(!producers.is_empty());
                    prop_assert_eq!(producers.contains(&producer), consumers.contains(&consumer));
                }
                if pointwise {
                    prop_assert!(consumers.len() as u32 <= target.div_ceil(source));
                }
            }
        }
    }
}
