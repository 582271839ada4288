//! What really happens to each job, as no machine sees it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flott_control::job_master::Outcome;
use flott_core::{
    AttemptNumber, JobGraph, JobId, SubtaskId, TaskManagerId, VertexId, VertexIndex,
    job_config::RuntimeMode,
    job_graph::{JobEdge, JobType, JobVertex, OperatorInfo, Partitioner},
};

use super::random::Random;

/// How a job is and what became of it.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) graph: Arc<JobGraph>,
    /// Splits of its source.
    pub(crate) splits: u64,
    /// Microseconds that a split takes.
    pub(crate) split_time: u64,
    /// This subtask panics.
    pub(crate) panics: Option<SubtaskId>,
    /// This subtask does not hear that it is canceled.
    pub(crate) deaf: Option<SubtaskId>,
    /// Its task hosts can't be started.
    pub(crate) broken: bool,
    /// Enumerating its splits fails.
    pub(crate) unreadable: bool,
    /// Leader that it was submitted to.
    pub(crate) epoch: Option<u64>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) cancel_requested: bool,
    /// To whom each split was handed out.
    pub(crate) handed: BTreeMap<u64, (SubtaskId, AttemptNumber, u64)>,
    /// By whom each split was read to its end.
    pub(crate) read: BTreeMap<u64, Vec<SubtaskId>>,
    /// Subtasks that came to their natural end.
    pub(crate) finished: BTreeSet<SubtaskId>,
    /// TaskManagers that its JobMaster was told to be lost.
    pub(crate) lost: BTreeSet<TaskManagerId>,
    /// Task hosts that were started: place, incarnation of the TaskManager, attempt.
    pub(crate) started: BTreeSet<(usize, u64, AttemptNumber)>,
    /// Subtasks that some task host was told to run.
    pub(crate) deployed: BTreeSet<SubtaskId>,
    /// Subtasks that run somewhere right now.
    pub(crate) live: BTreeMap<SubtaskId, u64>,
}

impl Truth {
    pub(crate) fn new(random: &mut Random, calm: bool) -> Self {
        let graph = graph(random);
        let anyone = |random: &mut Random| {
            let vertex = random.below(graph.vertices.len() as u64) as u32;
            let parallelism = graph.vertex(VertexIndex(vertex)).parallelism;
            SubtaskId::new(vertex, random.below(u64::from(parallelism)) as u32)
        };
        let mut sometimes = |percent: u64| !calm && random.percent(percent);
        let (panics, deaf) = (sometimes(15), sometimes(15));
        let (broken, unreadable) = (sometimes(4), sometimes(4));
        Self {
            splits: random.between(0, 12),
            split_time: random.between(100, 400_000),
            panics: panics.then(|| anyone(random)),
            deaf: deaf.then(|| anyone(random)),
            broken,
            unreadable,
            epoch: None,
            outcome: None,
            cancel_requested: false,
            handed: BTreeMap::new(),
            read: BTreeMap::new(),
            finished: BTreeSet::new(),
            lost: BTreeSet::new(),
            started: BTreeSet::new(),
            deployed: BTreeSet::new(),
            live: BTreeMap::new(),
            graph: Arc::new(graph),
        }
    }

    /// Whether all that the subtask waits for has come to its end.
    pub(crate) fn has_all_input(&self, subtask: SubtaskId) -> bool {
        self.graph.inputs_of(subtask.vertex).all(|(_, edge)| {
            self.graph
                .producers_of(edge, subtask.subtask)
                .all(|producer| self.finished.contains(&SubtaskId::new(edge.source.0, producer)))
        })
    }

    pub(crate) fn all_finished(&self) -> bool {
        self.finished.len() == self.graph.total_subtasks()
    }
}

pub(crate) fn job_id(index: usize) -> JobId {
    let mut bytes = [0; 16];
    bytes[15] = index as u8 + 1;
    JobId::from_bytes(bytes)
}

/// A source, a map and a sink, perhaps in two slot sharing groups.
fn graph(random: &mut Random) -> JobGraph {
    let parallelism = random.between(1, 4) as u32;
    let sink_parallelism = random.between(1, u64::from(parallelism)) as u32;
    let sink_group = if random.percent(20) { "sink" } else { "default" };
    let vertex = |name: &str, parallelism, group: &str, is_source| JobVertex {
        id: VertexId::of_operators([name]),
        name: name.to_owned(),
        operators: vec![OperatorInfo { uid: name.to_owned(), name: name.to_owned() }],
        parallelism,
        max_parallelism: 128,
        slot_sharing_group: group.to_owned(),
        is_source,
    };
    let edge = |source, target, partitioner| JobEdge {
        source: VertexIndex(source),
        target: VertexIndex(target),
        partitioner,
    };
    JobGraph {
        name: "simulated".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism,
        vertices: vec![
            vertex("Source", parallelism, "default", true),
            vertex("Map", parallelism, "default", false),
            vertex("Sink", sink_parallelism, sink_group, false),
        ],
        edges: vec![edge(0, 1, Partitioner::Forward), edge(1, 2, Partitioner::Hash)],
        recovery: Default::default(),
    }
}
