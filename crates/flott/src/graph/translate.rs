//! From the StreamGraph to the JobGraph and its executable form, as Flink's `StreamingJobGraphGenerator`.

use std::collections::BTreeMap;

use flott_core::{
    JobEdge, JobGraph, JobType, JobVertex, OperatorInfo, Partitioner, RecoverySettings, VertexId,
    VertexIndex, key_group::default_max_parallelism,
};
use flott_runtime::{Boundedness, JobProgram, VertexProgram};

use super::{
    EdgeTarget, Node, NodeKind, SideOutput, StreamGraph, Upstream,
    chain::{Chain, ChainedOperator, Consumer, Head},
};
use crate::{Error, RuntimeMode};

#[cfg(test)]
mod tests;

/// Who reads an operator, and which of its side outputs if not the main one.
type Consumers = Vec<(Option<SideOutput>, Consumer)>;

const DEFAULT_GROUP: &str = "default";

/// Where an operator has ended up.
#[derive(Clone, Copy)]
struct Place {
    vertex: usize,
    position: usize,
}

struct Translation<'a> {
    graph: &'a StreamGraph,
    parallelism: Vec<u32>,
    groups: Vec<String>,
    uids: Vec<String>,
    /// For each operator, the operators of its chain's members in order of position, by vertex.
    members: Vec<Vec<usize>>,
    places: Vec<Place>,
    /// With how many subtasks each vertex runs: as many as its operators are to have, unless the job was rescaled.
    subtasks: Vec<u32>,
}

impl StreamGraph {
    /// Chains operators into vertices.
    ///
    /// # Errors
    /// The first mistake in the dataflow.
    pub(crate) fn translate(&self, name: &str) -> Result<JobProgram, Error> {
        if let Some(problem) = self.problems.first() {
            return Err(Error::Setting(problem.to_string()));
        }
        self.check_side_outputs()?;
        let runtime_mode = self.resolve_mode()?;
        let mut translation = Translation::new(self);
        translation.form_chains();
        translation.rescale();
        let (edges, programs) = translation.connect();
        let graph = JobGraph {
            name: self.config.name.clone().unwrap_or_else(|| name.to_owned()),
            job_type: if runtime_mode == RuntimeMode::Batch { JobType::Batch } else { JobType::Streaming },
            runtime_mode,
            parallelism: self.config.parallelism,
            vertices: translation.vertices(),
            edges,
            recovery: RecoverySettings::clone(&self.config.recovery),
        };
        graph.validate()?;
        let (config, parameters) = (self.config.clone(), self.parameters.clone().into());
        Ok(JobProgram { graph, vertices: programs, config, parameters })
    }

    /// Whether all readers of a side output read the same type.
    fn check_side_outputs(&self) -> Result<(), Error> {
        let mut types = BTreeMap::new();
        for input in self.nodes.iter().flat_map(|node| &node.inputs) {
            let Some(side) = &input.side else { continue };
            let known = *types.entry((input.node, &side.id)).or_insert(side.record_type);
            if known != side.record_type {
                return Err(Error::Setting(format!(
                    "side output \"{}\" of \"{}\" is read as {known} and as {}: use one OutputTag for all its readers",
                    side.id, self.nodes[input.node.0].name, side.record_type
                )));
            }
        }
        Ok(())
    }

    /// Turns `Automatic` into what it means for this graph.
    fn resolve_mode(&self) -> Result<RuntimeMode, Error> {
        let unbounded = self
            .nodes
            .iter()
            .find(|node| matches!(node.kind, NodeKind::Source { boundedness: Boundedness::Unbounded, .. }));
        match (self.config.runtime_mode, unbounded) {
            (RuntimeMode::Batch, Some(source)) => {
                Err(Error::UnboundedBatch { source_name: source.name.clone() })
            }
            (RuntimeMode::Automatic, None) => Ok(RuntimeMode::Batch),
            (RuntimeMode::Automatic, Some(_)) => Ok(RuntimeMode::Streaming),
            (mode, _) => Ok(mode),
        }
    }
}

impl<'a> Translation<'a> {
    fn new(graph: &'a StreamGraph) -> Self {
        let mut translation = Self {
            graph,
            parallelism: Vec::new(),
            groups: Vec::new(),
            uids: Vec::new(),
            members: Vec::new(),
            places: Vec::new(),
            subtasks: Vec::new(),
        };
        let mut seen = BTreeMap::new();
        for node in &graph.nodes {
            let followed = node.inputs.first().filter(|_| node.follows_input);
            let followed = followed.map(|input| translation.parallelism[input.node.0]);
            let parallelism = node.parallelism.or(followed).unwrap_or(graph.config.parallelism);
            translation.parallelism.push(parallelism);
            let group = translation.group_of(node);
            translation.groups.push(group);
            let uid = translation.uid_of(node, &mut seen);
            translation.uids.push(uid);
        }
        translation
    }

    /// An operator that sets no slot sharing group joins its inputs' group if that is one, as in Flink.
    fn group_of(&self, node: &Node) -> String {
        if let Some(group) = &node.slot_sharing_group {
            return group.clone();
        }
        let mut groups = node.inputs.iter().map(|input| &self.groups[input.node.0]);
        match groups.next() {
            Some(first) if groups.all(|group| group == first) => first.clone(),
            _ => DEFAULT_GROUP.to_owned(),
        }
    }

    /// The author's uid, or one made of the operator's name and its inputs' uids: so it does not change when unrelated
    /// operators are added.
    fn uid_of(&self, node: &Node, seen: &mut BTreeMap<String, u32>) -> String {
        if let Some(uid) = &node.uid {
            return uid.clone();
        }
        let inputs = node.inputs.iter().map(|input| self.uids[input.node.0].as_str());
        let id = VertexId::of_operators(std::iter::once(node.name.as_str()).chain(inputs)).to_string();
        let count = seen.entry(id.clone()).or_default();
        *count += 1;
        if *count == 1 { id } else { format!("{id}-{count}") }
    }

    /// How an operator's input is spread.
    fn partitioner(&self, input: &Upstream, consumer: usize) -> Partitioner {
        match input.partitioner {
            Some(partitioner) => partitioner,
            None if self.parallelism[input.node.0] == self.parallelism[consumer] => Partitioner::Forward,
            None => Partitioner::Rebalance,
        }
    }

    /// The operator that another one can be chained to.
    fn chained_to(&self, consumer: usize) -> Option<usize> {
        let node = &self.graph.nodes[consumer];
        let [input] = node.inputs.as_slice() else { return None };
        let producer = input.node.0;
        let chains = self.graph.config.operator_chaining
            && node.chains_to_previous
            && self.graph.nodes[producer].chains_next
            && self.partitioner(input, consumer) == Partitioner::Forward
            && self.parallelism[producer] == self.parallelism[consumer]
            && self.groups[producer] == self.groups[consumer]
            && self.max_parallelism_agrees(self.places[producer].vertex, node);
        chains.then_some(producer)
    }

    /// Operators come after their inputs, so each one finds its producer placed.
    fn form_chains(&mut self) {
        for node in 0..self.graph.nodes.len() {
            let place = match self.chained_to(node) {
                Some(producer) => {
                    let vertex = self.places[producer].vertex;
                    Place { vertex, position: self.members[vertex].len() }
                }
                None => {
                    self.members.push(Vec::new());
                    Place { vertex: self.members.len() - 1, position: 0 }
                }
            };
            self.members[place.vertex].push(node);
            self.places.push(place);
        }
    }

    /// Whoever runs the job has the last word about the number of subtasks. Chains, edges and the number of key groups
    /// follow from what the program says, so that state and records find their places again.
    fn rescale(&mut self) {
        let rescaled = &self.graph.config.rescaled;
        let subtasks = self.members.iter().map(|members| {
            let chosen = rescaled.get(&self.vertex_id(members)).copied();
            chosen.unwrap_or(self.parallelism[members[0]])
        });
        self.subtasks = subtasks.collect();
    }

    fn vertex_id(&self, members: &[usize]) -> VertexId {
        VertexId::of_operators(members.iter().map(|&member| self.uids[member].as_str()))
    }

    /// Makes the edges between vertices, and the vertices' programs that send into them.
    fn connect(&self) -> (Vec<JobEdge>, Vec<VertexProgram>) {
        let nodes = &self.graph.nodes;
        let mut edges = Vec::new();
        let mut outputs = vec![0; self.members.len()];
        let mut consumers: Vec<Consumers> = nodes.iter().map(|_| Vec::new()).collect();
        for (consumer, node) in nodes.iter().enumerate() {
            let place = self.places[consumer];
            if place.position > 0 {
                let input = &node.inputs[0];
                consumers[input.node.0].push((input.side.clone(), Consumer::Chained(place.position)));
                continue;
            }
            for input in &node.inputs {
                let source = self.places[input.node.0].vertex;
                let target = EdgeTarget {
                    producer: self.places[input.node.0].position as u32,
                    output: outputs[source],
                    parallelism: self.subtasks[place.vertex],
                    max_parallelism: self.max_parallelism(place.vertex),
                };
                outputs[source] += 1;
                let edge = Consumer::Edge { target, writer: input.writer.clone() };
                consumers[input.node.0].push((input.side.clone(), edge));
                edges.push(JobEdge {
                    source: VertexIndex(source as u32),
                    target: VertexIndex(place.vertex as u32),
                    partitioner: self.partitioner(input, consumer),
                });
            }
        }
        let programs = self.members.iter().map(|members| self.chain(members, &mut consumers).into_program());
        (edges, programs.collect())
    }

    fn chain(&self, members: &[usize], consumers: &mut [Consumers]) -> Chain {
        let nodes = &self.graph.nodes;
        let head = match &nodes[members[0]].kind {
            NodeKind::Source { build, .. } => Head::Source(build.clone()),
            NodeKind::Operator { gate, .. } => Head::Gate(gate.clone()),
            NodeKind::TwoInputs { build } => Head::TwoInputs(build.clone()),
        };
        let operators = members
            .iter()
            .map(|&member| ChainedOperator {
                build: match &nodes[member].kind {
                    NodeKind::Source { .. } | NodeKind::TwoInputs { .. } => None,
                    NodeKind::Operator { build, .. } => Some(build.clone()),
                },
                tee: nodes[member].tee.clone(),
                consumers: std::mem::take(&mut consumers[member]),
            })
            .collect();
        Chain { head, operators }
    }

    /// Whether an operator's max parallelism can be that of a vertex.
    fn max_parallelism_agrees(&self, vertex: usize, node: &Node) -> bool {
        match (self.set_max_parallelism(vertex), node.max_parallelism) {
            (Some(of_vertex), Some(own)) => of_vertex == own,
            _ => true,
        }
    }

    /// What the first operator of the chain that sets a max parallelism sets.
    fn set_max_parallelism(&self, vertex: usize) -> Option<u32> {
        self.members[vertex].iter().find_map(|&member| self.graph.nodes[member].max_parallelism)
    }

    fn max_parallelism(&self, vertex: usize) -> u32 {
        let members = &self.members[vertex];
        self.set_max_parallelism(vertex)
            .or(self.graph.config.max_parallelism)
            .unwrap_or_else(|| default_max_parallelism(self.parallelism[members[0]]))
    }

    fn vertices(&self) -> Vec<JobVertex> {
        let nodes = &self.graph.nodes;
        self.members
            .iter()
            .enumerate()
            .map(|(vertex, members)| JobVertex {
                id: self.vertex_id(members),
                name: self.chain_name(members[0]),
                operators: members
                    .iter()
                    .map(|&member| OperatorInfo {
                        uid: self.uids[member].clone(),
                        name: nodes[member].name.clone(),
                    })
                    .collect(),
                parallelism: self.subtasks[vertex],
                max_parallelism: self.max_parallelism(vertex),
                slot_sharing_group: self.groups[members[0]].clone(),
                is_source: matches!(nodes[members[0]].kind, NodeKind::Source { .. }),
            })
            .collect()
    }

    /// `A -> B`, or `A -> (B, C)` where the chain forks.
    fn chain_name(&self, operator: usize) -> String {
        let vertex = self.places[operator].vertex;
        let children: Vec<_> = self.members[vertex]
            .iter()
            .filter(|&&member| self.places[member].position > 0)
            .filter(|&&member| self.graph.nodes[member].inputs[0].node.0 == operator)
            .map(|&member| self.chain_name(member))
            .collect();
        let name = &self.graph.nodes[operator].name;
        match children.as_slice() {
            [] => name.clone(),
            [child] => format!("{name} -> {child}"),
            children => format!("{name} -> ({})", children.join(", ")),
        }
    }
}
