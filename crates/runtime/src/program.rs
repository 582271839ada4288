//! A job's dataflow in executable form, as its program has built it in this process.

use std::{collections::BTreeMap, sync::Arc};

use flott_core::{
    ChannelId, FailureKind, JobGraph, SubtaskId, VertexIndex, deployment::Placement, job_config::JobConfig,
};
use flott_exchange::{CapturedChannel, ChannelCapture, ChannelPeer, ChannelSender, DataPlane, InputGate};

use crate::{
    Record, RestoredTask, Result, RuntimeContext, TaskContext, TaskEnd, TaskSignals,
    input::{SplitProvider, TaskInput},
    latency::LatencyTracking,
    scope,
    writer::Channels,
};

/// Makes the input and chain of one subtask.
pub type BuildTask = dyn Fn(&mut TaskBuilder) -> Result<Box<dyn TaskInput>> + Send + Sync;

/// The executable form of one vertex.
pub struct VertexProgram {
    /// Makes a subtask of it.
    pub build: Box<BuildTask>,
}

/// The executable form of a job.
pub struct JobProgram {
    /// The graph that the control plane knows.
    pub graph: JobGraph,
    /// For each vertex of the graph how to run it.
    pub vertices: Vec<VertexProgram>,
    /// The settings from which both were built.
    pub config: JobConfig,
    /// What the program tells all its functions.
    pub parameters: Arc<BTreeMap<String, String>>,
}

/// What the parts of one subtask are made of.
pub struct TaskBuilder {
    context: TaskContext,
    operators: Vec<String>,
    uids: Vec<String>,
    plane: DataPlane,
    /// By position of the edge among the vertex' inputs.
    inputs: Vec<Vec<ChannelPeer>>,
    /// By position of the edge among the vertex' outputs.
    outputs: Vec<Vec<ChannelPeer>>,
    splits: Option<Box<dyn SplitProvider>>,
    latency: Option<LatencyTracking>,
}

impl TaskBuilder {
    /// Collects the surroundings of a subtask.
    ///
    /// # Errors
    /// The name of a vertex for which the placement is incomplete.
    pub fn new(
        program: &JobProgram,
        task: SubtaskId,
        context: TaskContext,
        placement: &Placement,
        plane: DataPlane,
        splits: Box<dyn SplitProvider>,
    ) -> Result<Self, String> {
        let (graph, attempt) = (&program.graph, context.attempt);
        let host_of = |vertex: VertexIndex, subtask| {
            placement.host_of(vertex, flott_core::SubtaskIndex(subtask)).ok_or_else(|| {
                format!("subtask {subtask} of \"{}\" is not placed", graph.vertex(vertex).name)
            })
        };
        let mut inputs = Vec::new();
        for (index, edge) in graph.inputs_of(task.vertex) {
            let mut channels = Vec::new();
            for producer in graph.producers_of(edge, task.subtask) {
                let channel = ChannelId {
                    edge: index,
                    producer: flott_core::SubtaskIndex(producer),
                    consumer: task.subtask,
                    attempt,
                };
                channels.push(ChannelPeer { channel, host: host_of(edge.source, producer)? });
            }
            inputs.push(channels);
        }
        let mut outputs = Vec::new();
        for (index, edge) in graph.outputs_of(task.vertex) {
            let mut channels = Vec::new();
            for consumer in graph.consumers_of(edge, task.subtask) {
                let channel = ChannelId {
                    edge: index,
                    producer: task.subtask,
                    consumer: flott_core::SubtaskIndex(consumer),
                    attempt,
                };
                channels.push(ChannelPeer { channel, host: host_of(edge.target, consumer)? });
            }
            outputs.push(channels);
        }
        let chain = &graph.vertex(task.vertex).operators;
        let operators = chain.iter().map(|operator| operator.name.clone()).collect();
        let uids = chain.iter().map(|operator| operator.uid.clone()).collect();
        let latency = LatencyTracking::of_task(program.config.latency, graph, task);
        Ok(Self { context, operators, uids, plane, inputs, outputs, splits: Some(splits), latency })
    }

    /// The signals of the subtask, shared by its loop and its writers.
    pub fn signals(&self) -> &Arc<TaskSignals> {
        &self.context.signals
    }

    /// Names of the chained operators.
    pub fn operators(&self) -> &[String] {
        &self.operators
    }

    /// Uids of the chained operators.
    pub fn uids(&self) -> &[String] {
        &self.uids
    }

    /// Lets the operators begin with what they had in a checkpoint. To be called before they are made.
    ///
    /// # Errors
    /// If records were on their way in channels that are not there any more.
    pub(crate) fn restore(&mut self, restored: RestoredTask) -> Result<()> {
        let knows = |peers: &[Vec<ChannelPeer>], captured: &CapturedChannel| {
            peers.iter().flatten().any(|peer| captured.is_of(peer.channel))
        };
        let ChannelCapture { inputs, outputs } = restored.channels();
        let known = inputs.iter().all(|captured| knows(&self.inputs, captured))
            && outputs.iter().all(|captured| knows(&self.outputs, captured));
        if !known {
            let message = "cannot restore from a checkpoint whose barriers have overtaken records: the program has other \
                           connections than the one that took it; begin with a savepoint, or with a checkpoint that \
                           was aligned";
            return Err(TaskEnd::failed(FailureKind::StateIncompatible, message));
        }
        self.context.restored = Arc::new(restored);
        Ok(())
    }

    /// What the subtask knows of itself.
    pub fn task(&self) -> &TaskContext {
        &self.context
    }

    /// What the operator at a position of the chain knows of itself.
    pub fn operator(&self, position: u32) -> RuntimeContext {
        let at = position as usize;
        let of = |texts: &[String]| texts.get(at).map_or("", String::as_str).into();
        let (name, uid): (Arc<str>, Arc<str>) = (of(&self.operators), of(&self.uids));
        RuntimeContext::new(self.context.clone(), name, uid, position)
    }

    /// Builds the operator at a position of the chain: a panic in `build` is its own.
    pub fn within<R>(&mut self, position: u32, build: impl FnOnce(&mut Self) -> R) -> R {
        let _scope = scope::enter(position);
        build(self)
    }

    /// The channels of one of the vertex' output edges.
    ///
    /// # Errors
    /// If the consumer expects another type of records.
    pub fn channels<T: Record>(&self, output: usize) -> Result<Channels<T>> {
        let senders = self.outputs[output]
            .iter()
            .map(|peer| self.plane.sender(*peer, &self.context.signals.wake))
            .collect::<Result<Vec<ChannelSender<T>>, _>>()?;
        let mut channels =
            Channels::new(senders, self.context.signals.clone(), self.context.counters.clone());
        channels.restore(&self.context.restored.channels().outputs)?;
        Ok(channels)
    }

    /// The gate over some of the vertex' input edges, by their position among them.
    ///
    /// # Errors
    /// If a producer has another type of records.
    pub fn gate<T: Record>(&self, inputs: std::ops::Range<usize>) -> Result<InputGate<T>> {
        let channels = self.inputs[inputs].concat();
        let mut gate = self.plane.gate(&channels, &self.context.signals.wake)?;
        gate.restore(&self.context.restored.channels().inputs);
        Ok(gate)
    }

    /// How the subtask measures latency, if it does.
    pub fn latency(&self) -> Option<&LatencyTracking> {
        self.latency.as_ref()
    }

    /// Number of the vertex' input edges.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The way to the split queue, for the source at the head.
    ///
    /// # Panics
    /// If taken twice: a chain has one head.
    pub fn splits(&mut self) -> Box<dyn SplitProvider> {
        self.splits.take().expect("a chain has one source")
    }
}
