//! The StreamGraph: operators as the program has connected them, before chaining.

mod chain;
mod translate;

use std::{collections::BTreeMap, sync::Arc};

use flott_core::{Partitioner, job_config::JobConfig};
use flott_runtime::{
    Boundedness, OutputTag, Record, Result, RuntimeContext, TaskEnd,
    input::{GateInput, TaskInput, TwoGatesInput, TwoInputs},
    operators::count_between,
    output::{AnySide, BoxOutput, Downstream, Side, SideOutputs, Tee, WithSides},
    program::TaskBuilder,
    writer::{Broadcast, Distribution, EdgeWriter, Forward, Global, Rebalance, Shuffle},
};

pub(crate) use flott_runtime::output::AnyOutput;

use crate::Error;

/// Position of an operator in [`StreamGraph::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) usize);

/// Makes the input of a source, given what it feeds. It is always the head of its chain.
pub(crate) type BuildSource = dyn Fn(&mut TaskBuilder, AnyOutput) -> Result<Box<dyn TaskInput>> + Send + Sync;
/// Makes an operator, given its position in the chain and what it feeds.
pub(crate) type BuildOperator = dyn Fn(&mut TaskBuilder, u32, Next) -> Result<AnyOutput> + Send + Sync;
/// Makes an operator with two inputs together with these, given what it feeds. It is always the head of its chain.
pub(crate) type BuildTwoInputs = dyn Fn(&mut TaskBuilder, Next) -> Result<Box<dyn TaskInput>> + Send + Sync;
/// Makes the gate in front of an operator.
pub(crate) type BuildGate = dyn Fn(&mut TaskBuilder, AnyOutput) -> Result<Box<dyn TaskInput>> + Send + Sync;
/// Makes what sends into an edge.
pub(crate) type BuildWriter = dyn Fn(&TaskBuilder, &EdgeTarget) -> Result<AnyOutput> + Send + Sync;

/// Hands records to several outputs; with none it drops them. What stays in the chain is counted.
pub(crate) type MakeTee = dyn Fn(&TaskBuilder, Vec<AnyOutput>, &Link) -> AnyOutput + Send + Sync;
/// Hands the records of a side output to its readers.
pub(crate) type MakeSide = dyn Fn(Vec<AnyOutput>) -> Box<dyn AnySide> + Send + Sync;

/// Positions in their chain of an operator and of those that read it there.
pub(crate) struct Link {
    pub(crate) from: u32,
    pub(crate) to: Vec<u32>,
}

/// What an operator feeds.
pub(crate) struct Next {
    pub(crate) main: AnyOutput,
    pub(crate) sides: SideOutputs,
}

impl Next {
    /// For an operator that has no side outputs of its own.
    fn into_main<T: Record>(self) -> BoxOutput<T> {
        let main = self.main.downcast();
        if self.sides.is_empty() { main } else { Box::new(WithSides::new(main, self.sides)) }
    }

    fn into_downstream<T: Record>(self) -> Downstream<T> {
        Downstream::new(self.main.downcast(), self.sides)
    }
}

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
    TwoInputs { build: Arc<BuildTwoInputs> },
}

/// An operator.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) uid: Option<String>,
    pub(crate) parallelism: Option<u32>,
    /// Whether it has the parallelism of its input if it sets none.
    pub(crate) follows_input: bool,
    pub(crate) max_parallelism: Option<u32>,
    /// Whether it may be chained to the operator before it.
    pub(crate) chains_to_previous: bool,
    /// Whether the operators behind it may be chained to it.
    pub(crate) chains_next: bool,
    pub(crate) slot_sharing_group: Option<String>,
    pub(crate) inputs: Vec<Upstream>,
    pub(crate) kind: NodeKind,
    tee: Arc<MakeTee>,
}

/// A stream that an operator reads: who produces it and how it is spread.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) node: NodeId,
    /// Set if it is a side output.
    pub(crate) side: Option<SideOutput>,
    /// `None`: forward if the parallelism allows it, else rebalance.
    pub(crate) partitioner: Option<Partitioner>,
    pub(crate) writer: Arc<BuildWriter>,
}

/// A side output that somebody reads.
#[derive(Clone)]
pub(crate) struct SideOutput {
    pub(crate) id: Arc<str>,
    pub(crate) record_type: &'static str,
    pub(crate) make: Arc<MakeSide>,
}

impl Node {
    /// An operator that emits records of type `T`.
    pub(crate) fn new<T: Record>(name: String, kind: NodeKind) -> Self {
        Self {
            name,
            uid: None,
            parallelism: None,
            follows_input: false,
            max_parallelism: None,
            chains_to_previous: true,
            chains_next: true,
            slot_sharing_group: None,
            inputs: Vec::new(),
            kind,
            tee: Arc::new(|builder, outputs, link| AnyOutput::new(counted(builder, link, tee::<T>(outputs)))),
        }
    }

    /// An operator over records of type `I` that emits records of type `T`.
    pub(crate) fn operator<I: Record, T: Record>(
        name: &str,
        inputs: Vec<Upstream>,
        build: impl Fn(RuntimeContext, BoxOutput<T>) -> Result<BoxOutput<I>> + Send + Sync + 'static,
    ) -> Self {
        Self::operator_of::<I, T>(name, inputs, move |builder, position, next| {
            build(builder.operator(position), next.into_main())
        })
    }

    /// As [`operator`](Self::operator), with side outputs.
    pub(crate) fn with_sides<I: Record, T: Record>(
        name: &str,
        inputs: Vec<Upstream>,
        build: impl Fn(RuntimeContext, Downstream<T>) -> Result<BoxOutput<I>> + Send + Sync + 'static,
    ) -> Self {
        Self::operator_of::<I, T>(name, inputs, move |builder, position, next| {
            build(builder.operator(position), next.into_downstream())
        })
    }

    fn operator_of<I: Record, T: Record>(
        name: &str,
        inputs: Vec<Upstream>,
        build: impl Fn(&mut TaskBuilder, u32, Next) -> Result<BoxOutput<I>> + Send + Sync + 'static,
    ) -> Self {
        let build = Arc::new(move |builder: &mut TaskBuilder, position: u32, next: Next| {
            let operator = build(builder, position, next)?;
            Ok(AnyOutput::new(match builder.latency() {
                Some(latency) => latency.watch(&builder.operator(position), operator),
                None => operator,
            }))
        });
        let gate = Arc::new(|builder: &mut TaskBuilder, head: AnyOutput| {
            let gate = builder.gate::<I>(0..builder.inputs())?;
            let counters = builder.task().counters.clone();
            Ok(Box::new(GateInput::new(gate, counters, head.downcast())) as Box<dyn TaskInput>)
        });
        Self { inputs, ..Self::new::<T>(name.to_owned(), NodeKind::Operator { build, gate }) }
    }

    /// An operator over two inputs that emits records of type `T`.
    pub(crate) fn two_inputs<A: Record, B: Record, T: Record>(
        name: &str,
        left: Vec<Upstream>,
        right: Vec<Upstream>,
        build: impl Fn(RuntimeContext, Downstream<T>) -> Result<Box<dyn TwoInputs<A, B>>> + Send + Sync + 'static,
    ) -> Self {
        let left_inputs = left.len();
        let build = Arc::new(move |builder: &mut TaskBuilder, next: Next| {
            let operator = build(builder.operator(0), next.into_downstream())?;
            let operator = match builder.latency() {
                Some(latency) => latency.watch_two(&builder.operator(0), operator),
                None => operator,
            };
            let left = builder.gate::<A>(0..left_inputs)?;
            let right = builder.gate::<B>(left_inputs..builder.inputs())?;
            let counters = builder.task().counters.clone();
            Ok(Box::new(TwoGatesInput::new(left, right, counters, operator)) as Box<dyn TaskInput>)
        });
        let inputs = left.into_iter().chain(right).collect();
        Self {
            inputs,
            chains_to_previous: false,
            ..Self::new::<T>(name.to_owned(), NodeKind::TwoInputs { build })
        }
    }
}

impl Upstream {
    /// What `node` emits, spread in the way that fits the parallelism.
    pub(crate) fn of<T: Record>(node: NodeId) -> Self {
        Self { node, side: None, partitioner: None, writer: writer::<T>(None) }
    }

    /// A side output of `node`.
    pub(crate) fn of_side<T: Record>(node: NodeId, tag: &OutputTag<T>) -> Self {
        let side = SideOutput {
            id: tag.id().into(),
            record_type: std::any::type_name::<T>(),
            make: Arc::new(|outputs| Box::new(Side::new(tee::<T>(outputs)))),
        };
        Self { side: Some(side), ..Self::of::<T>(node) }
    }

    /// The same stream, spread in this way.
    pub(crate) fn partitioned<T: Record>(&self, partitioner: Partitioner) -> Self {
        self.spread(partitioner, writer::<T>(Some(partitioner)))
    }

    /// The same stream, sent by this writer.
    pub(crate) fn spread(&self, partitioner: Partitioner, writer: Arc<BuildWriter>) -> Self {
        Self { partitioner: Some(partitioner), writer, ..self.clone() }
    }
}

/// All outputs as one.
fn tee<T: Record>(mut outputs: Vec<AnyOutput>) -> BoxOutput<T> {
    if outputs.len() == 1 {
        return outputs.remove(0).downcast();
    }
    Box::new(Tee::new(outputs.into_iter().map(AnyOutput::downcast::<T>).collect()))
}

/// Counts what an operator hands on within its chain.
fn counted<T: Record>(builder: &TaskBuilder, link: &Link, next: BoxOutput<T>) -> BoxOutput<T> {
    if link.to.is_empty() {
        return next;
    }
    let to: Vec<_> = link.to.iter().map(|position| builder.operator(*position)).collect();
    count_between(&builder.operator(link.from), &to, next)
}

/// What sends records of type `T` as a distribution made by `make` says.
pub(crate) fn writer_by<T: Record, D: Distribution<T> + 'static>(
    make: impl Fn(&TaskBuilder, &EdgeTarget) -> D + Send + Sync + 'static,
) -> Arc<BuildWriter> {
    Arc::new(move |builder, target| {
        let channels = builder.channels::<T>(target.output)?;
        let producer = builder.operator(target.producer);
        let distribution = make(builder, target);
        Ok(AnyOutput::new::<T>(Box::new(EdgeWriter::new(producer, channels, distribution))))
    })
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
            // Those of a rescale edge are fewer.
            None | Some(Partitioner::Rebalance | Partitioner::Rescale) => {
                Box::new(EdgeWriter::new(producer, channels, Rebalance::new(subtask)))
            }
            Some(Partitioner::Shuffle) => {
                Box::new(EdgeWriter::new(producer, channels, Shuffle::new(subtask)))
            }
            Some(Partitioner::Global) => Box::new(EdgeWriter::new(producer, channels, Global)),
            Some(Partitioner::Hash | Partitioner::Custom) => {
                let reason = "a hash edge needs the key selector of key_by, a custom one its partitioner";
                return Err(TaskEnd::failed(flott_core::FailureKind::Internal, reason));
            }
        }))
    })
}

/// All operators of a program.
pub(crate) struct StreamGraph {
    pub(crate) config: JobConfig,
    pub(crate) nodes: Vec<Node>,
    /// What the program tells all its functions.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Mistakes that were made while building, told when the graph is run.
    pub(crate) problems: Vec<Error>,
}

impl StreamGraph {
    pub(crate) fn new(config: JobConfig) -> Self {
        Self { config, nodes: Vec::new(), parameters: BTreeMap::new(), problems: Vec::new() }
    }

    pub(crate) fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }
}
