//! The StreamGraph: operators as the program has connected them, before chaining.

mod chain;
mod translate;

use std::sync::Arc;

use flott_core::{Partitioner, job_config::JobConfig};
use flott_runtime::{
    Boundedness, Record, Result, TaskEnd,
    input::{GateInput, TaskInput},
    output::{BoxOutput, Tee},
    program::TaskBuilder,
    writer::{Broadcast, EdgeWriter, Forward, Rebalance},
};

pub(crate) use flott_runtime::output::AnyOutput;

use crate::Error;

/// Position of an operator in [`StreamGraph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) usize);

/// Makes the input of a source, given its position in the chain and what it feeds.
pub(crate) type BuildSource =
    dyn Fn(&mut TaskBuilder, u32, AnyOutput) -> Result<Box<dyn TaskInput>> + Send + Sync;
/// Makes an operator, given its position in the chain and what it feeds.
pub(crate) type BuildOperator = dyn Fn(&mut TaskBuilder, u32, AnyOutput) -> Result<AnyOutput> + Send + Sync;
/// Makes the gate in front of an operator.
pub(crate) type BuildGate = dyn Fn(&mut TaskBuilder, AnyOutput) -> Result<Box<dyn TaskInput>> + Send + Sync;
/// Makes what sends into an edge.
pub(crate) type BuildWriter = dyn Fn(&TaskBuilder, &EdgeTarget) -> Result<AnyOutput> + Send + Sync;

/// Where an edge leads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeTarget {
    /// Position in its chain of the operator that emits into the edge.
    pub(crate) producer: u32,
    /// Position of the edge among the outputs of its vertex.
    pub(crate) output: usize,
    /// Parallelism of the consuming vertex.
    pub(crate) parallelism: u32,
    /// Its max parallelism.
    pub(crate) max_parallelism: u32,
}

pub(crate) enum NodeKind {
    Source { boundedness: Boundedness, build: Arc<BuildSource> },
    Operator { build: Arc<BuildOperator>, gate: Arc<BuildGate> },
}

/// An operator.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) uid: Option<String>,
    pub(crate) parallelism: Option<u32>,
    pub(crate) max_parallelism: Option<u32>,
    pub(crate) chainable: bool,
    pub(crate) slot_sharing_group: Option<String>,
    pub(crate) inputs: Vec<Upstream>,
    pub(crate) kind: NodeKind,
    /// Hands its records to several outputs; with none it drops them.
    tee: Arc<dyn Fn(Vec<AnyOutput>) -> AnyOutput + Send + Sync>,
}

/// A stream that an operator reads: who produces it and how it is spread.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) node: NodeId,
    /// `None`: forward if the parallelism allows it, else rebalance.
    pub(crate) partitioner: Option<Partitioner>,
    pub(crate) writer: Arc<BuildWriter>,
}

impl Node {
    /// An operator that emits records of type `T`.
    pub(crate) fn new<T: Record>(name: String, kind: NodeKind) -> Self {
        Self {
            name,
            uid: None,
            parallelism: None,
            max_parallelism: None,
            chainable: true,
            slot_sharing_group: None,
            inputs: Vec::new(),
            kind,
            tee: Arc::new(|outputs| {
                let outputs = outputs.into_iter().map(AnyOutput::downcast::<T>).collect();
                AnyOutput::new::<T>(Box::new(Tee::new(outputs)))
            }),
        }
    }

    /// An operator over records of type `I` that emits records of type `T`.
    pub(crate) fn operator<I: Record, T: Record>(
        name: &str,
        inputs: Vec<Upstream>,
        build: impl Fn(&TaskBuilder, u32, BoxOutput<T>) -> Result<BoxOutput<I>> + Send + Sync + 'static,
    ) -> Self {
        let build = Arc::new(move |builder: &mut TaskBuilder, position: u32, next: AnyOutput| {
            build(builder, position, next.downcast()).map(AnyOutput::new)
        });
        let gate = Arc::new(|builder: &mut TaskBuilder, head: AnyOutput| {
            let gate = builder.gate::<I>()?;
            let counters = builder.task().counters.clone();
            Ok(Box::new(GateInput::new(gate, counters, head.downcast())) as Box<dyn TaskInput>)
        });
        Self { inputs, ..Self::new::<T>(name.to_owned(), NodeKind::Operator { build, gate }) }
    }
}

impl Upstream {
    /// What `node` emits, spread in the way that fits the parallelism.
    pub(crate) fn of<T: Record>(node: NodeId) -> Self {
        Self { node, partitioner: None, writer: writer::<T>(None) }
    }

    /// The same stream, spread in this way.
    pub(crate) fn partitioned<T: Record>(&self, partitioner: Partitioner) -> Self {
        Self { node: self.node, partitioner: Some(partitioner), writer: writer::<T>(Some(partitioner)) }
    }
}

/// What sends records of type `T` without a key.
fn writer<T: Record>(partitioner: Option<Partitioner>) -> Arc<BuildWriter> {
    Arc::new(move |builder, target| {
        let channels = builder.channels::<T>(target.output)?;
        let producer = builder.operator(target.producer);
        let subtask = builder.task().subtask;
        let forwards = channels.len() == 1;
        Ok(AnyOutput::new::<T>(match partitioner {
            Some(Partitioner::Forward) => Box::new(EdgeWriter::new(producer, channels, Forward)),
            Some(Partitioner::Broadcast) => Box::new(EdgeWriter::new(producer, channels, Broadcast)),
            None if forwards => Box::new(EdgeWriter::new(producer, channels, Forward)),
            None | Some(Partitioner::Rebalance) => {
                Box::new(EdgeWriter::new(producer, channels, Rebalance::new(subtask)))
            }
            Some(Partitioner::Hash) => {
                let reason = "a hash edge needs the key selector of key_by";
                return Err(TaskEnd::failed(flott_core::FailureKind::Internal, reason));
            }
        }))
    })
}

/// All operators of a program.
pub(crate) struct StreamGraph {
    pub(crate) config: JobConfig,
    pub(crate) nodes: Vec<Node>,
    /// Mistakes that were made while building, told when the graph is run.
    pub(crate) problems: Vec<Error>,
}

impl StreamGraph {
    pub(crate) fn new(config: JobConfig) -> Self {
        Self { config, nodes: Vec::new(), problems: Vec::new() }
    }

    pub(crate) fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }
}
