//! What really happens to each job, as no machine sees it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flott_control::job_master::{Outcome, ParallelismBounds, pipelined_regions};
use flott_core::{
    AttemptNumber, CheckpointId, JobGraph, JobId, SubtaskId, TaskManagerId, VertexId, VertexIndex,
    checkpoint::{CheckpointMetadata, CheckpointSettings},
    deployment::TaskHostSpec,
    job_config::RuntimeMode,
    job_graph::{JobEdge, JobType, JobVertex, OperatorInfo, Partitioner},
    restart::RestartStrategy,
};

use super::{random::Random, store::Durable};

/// How a job is and what became of it.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) graph: Arc<JobGraph>,
    /// Splits of its source.
    pub(crate) splits: u64,
    /// Microseconds that a split takes.
    pub(crate) split_time: u64,
    /// This subtask panics, in so many of its attempts.
    pub(crate) panics: Option<(SubtaskId, u32)>,
    /// This subtask does not hear that it is canceled.
    pub(crate) deaf: Option<SubtaskId>,
    /// Its task hosts can't be started.
    pub(crate) broken: bool,
    /// Enumerating its splits fails.
    pub(crate) unreadable: bool,
    /// Its sinks can't end before a checkpoint.
    pub(crate) commits: bool,
    /// So can its maps, which are chained with sinks beside their channels.
    pub(crate) commits_midway: bool,
    /// Restarts as often as it takes.
    pub(crate) endless: bool,
    /// The number of the region of each subtask, and the number of subtasks for which that holds.
    regions: (Vec<u32>, BTreeMap<SubtaskId, usize>),
    /// What users have wanted of its vertices.
    pub(crate) wanted: Vec<Vec<ParallelismBounds>>,
    /// What is stored of it.
    pub(crate) durable: Durable,
    /// All attempts and task hosts that were ever begun, and checkpoints, with who triggered them.
    pub(crate) begun: BTreeSet<(SubtaskId, AttemptNumber)>,
    pub(crate) hosts: BTreeSet<AttemptNumber>,
    pub(crate) triggered: BTreeMap<CheckpointId, u64>,
    /// Whether all of it ran when its JobManager was lost, so that the next one must not restart anything.
    pub(crate) is_whole: bool,
    /// Whether all its subtasks have come to their end.
    pub(crate) has_finished: bool,
    /// Whether a JobManager was lost when not all of it ran.
    pub(crate) was_torn: bool,
    /// Leader that runs it.
    pub(crate) epoch: Option<u64>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) cancel_requested: bool,
    /// To whom each split was handed out last, and by which leader.
    pub(crate) handed: BTreeMap<u64, (SubtaskId, AttemptNumber, u64, u64)>,
    /// What the attempts that came to their natural end had read.
    pub(crate) finished: BTreeMap<(SubtaskId, AttemptNumber), Vec<u64>>,
    /// Attempts that have closed their channels.
    pub(crate) closed: BTreeSet<(SubtaskId, AttemptNumber)>,
    /// What checkpoints are made of that were stored, and what those subtasks had read that had finished by then.
    pub(crate) stored: BTreeMap<CheckpointId, Stored>,
    /// The highest attempt of each subtask so far.
    pub(crate) attempts: BTreeMap<SubtaskId, AttemptNumber>,
    /// TaskManagers that its JobMaster was told to be lost.
    pub(crate) lost: BTreeSet<TaskManagerId>,
    /// Task hosts that were started: place, incarnation of the TaskManager, attempt.
    pub(crate) started: BTreeSet<(usize, u64, AttemptNumber)>,
    /// Subtasks that some task host was told to run.
    pub(crate) deployed: BTreeSet<SubtaskId>,
    /// Attempts that run somewhere right now, and the TaskManagers that started them.
    pub(crate) live: BTreeMap<SubtaskId, BTreeMap<AttemptNumber, TaskManagerId>>,
}

#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) metadata: Arc<CheckpointMetadata>,
    pub(crate) finished: BTreeMap<SubtaskId, Vec<u64>>,
}

impl Truth {
    pub(crate) fn new(random: &mut Random, calm: bool) -> Self {
        let mut graph = graph(random);
        let anyone = |graph: &JobGraph, random: &mut Random| {
            let vertex = random.below(graph.vertices.len() as u64) as u32;
            let parallelism = graph.vertex(VertexIndex(vertex)).parallelism;
            SubtaskId::new(vertex, random.below(u64::from(parallelism)) as u32)
        };
        let mut sometimes = |percent: u64| !calm && random.percent(percent);
        let (panics, deaf) = (sometimes(25), sometimes(15));
        let (broken, unreadable) = (sometimes(4), sometimes(4));
        let strategy = strategy(random, broken || unreadable);
        graph.recovery.restart = Some(strategy);
        let has_checkpoints = strategy != RestartStrategy::None && random.percent(60);
        if has_checkpoints {
            graph.recovery.checkpoints = checkpoints(random);
        }
        let commits = has_checkpoints && random.percent(50);
        Self {
            splits: random.between(0, 12),
            split_time: random.between(100, 400_000),
            panics: panics.then(|| (anyone(&graph, random), random.between(1, 3) as u32)),
            deaf: deaf.then(|| anyone(&graph, random)),
            broken,
            unreadable,
            commits,
            commits_midway: commits && random.percent(50),
            endless: is_endless(strategy),
            regions: Default::default(),
            wanted: Vec::new(),
            durable: Durable::default(),
            begun: BTreeSet::new(),
            hosts: BTreeSet::new(),
            triggered: BTreeMap::new(),
            is_whole: false,
            has_finished: false,
            was_torn: false,
            epoch: None,
            outcome: None,
            cancel_requested: false,
            handed: BTreeMap::new(),
            finished: BTreeMap::new(),
            closed: BTreeSet::new(),
            stored: BTreeMap::new(),
            attempts: BTreeMap::new(),
            lost: BTreeSet::new(),
            started: BTreeSet::new(),
            deployed: BTreeSet::new(),
            live: BTreeMap::new(),
            graph: Arc::new(graph),
        }
    }

    /// The number of the region of each subtask in this graph.
    pub(crate) fn regions(&mut self, graph: &JobGraph) -> &BTreeMap<SubtaskId, usize> {
        let parallelisms = graph.parallelisms();
        if self.regions.0 != parallelisms {
            let regions = pipelined_regions(graph).into_iter().enumerate();
            let regions =
                regions.flat_map(|(number, members)| members.into_iter().map(move |it| (it, number)));
            self.regions = (parallelisms, regions.collect());
        }
        &self.regions.1
    }

    /// A task host builds the graph that is wanted of it.
    pub(crate) fn check_program(&self, spec: &TaskHostSpec) {
        let built = self
            .graph
            .vertices
            .iter()
            .map(|vertex| spec.config.rescaled.get(&vertex.id).copied().unwrap_or(vertex.parallelism));
        let built = self.graph.with_parallelisms(&built.collect::<Vec<_>>());
        assert_eq!(*spec.graph, built, "the program builds another graph than is wanted");
    }

    /// Bounds that users may want.
    pub(crate) fn any_requirements(&self, random: &mut Random) -> Vec<ParallelismBounds> {
        let any = |random: &mut Random| {
            let lower = random.between(1, 2) as u32;
            ParallelismBounds { lower, upper: lower + random.below(4) as u32 }
        };
        let all = any(random);
        let sink = if self.graph.edges[1].partitioner == Partitioner::Forward { all } else { any(random) };
        vec![all, all, sink]
    }

    /// Whether all that the subtask waits for has come to its end.
    pub(crate) fn has_all_input(&self, graph: &JobGraph, subtask: SubtaskId, attempt: AttemptNumber) -> bool {
        graph.inputs_of(subtask.vertex).all(|(_, edge)| {
            graph
                .producers_of(edge, subtask.subtask)
                .all(|producer| self.closed.contains(&(SubtaskId::new(edge.source.0, producer), attempt)))
        })
    }

    /// Whether the subtask has to commit something when it has processed all its input.
    pub(crate) fn commits_at_end(&self, subtask: SubtaskId) -> bool {
        let is_sink = self.graph.outputs_of(subtask.vertex).next().is_none();
        let is_source = self.graph.vertex(subtask.vertex).is_source;
        if is_sink { self.commits } else { self.commits_midway && !is_source }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live.values().any(|attempts| !attempts.is_empty())
    }
}

const fn is_endless(strategy: RestartStrategy) -> bool {
    matches!(
        strategy,
        RestartStrategy::FixedDelay { attempts: u32::MAX, .. }
            | RestartStrategy::ExponentialDelay { attempts: u32::MAX, .. }
    )
}

/// `bounded`: it would fail again and again.
fn strategy(random: &mut Random, bounded: bool) -> RestartStrategy {
    let delay_ms = random.below(3) * random.between(0, 500);
    match random.below(if bounded { 7 } else { 10 }) {
        0..4 => RestartStrategy::None,
        4 => RestartStrategy::FixedDelay { attempts: random.between(1, 3) as u32, delay_ms },
        5 => RestartStrategy::FailureRate { max_failures: 2, interval_ms: 1_000_000, delay_ms },
        6 => RestartStrategy::ExponentialDelay {
            initial_ms: 100,
            max_ms: 1_000,
            multiplier: 2.0,
            reset_after_ms: 100_000,
            jitter: 0.1,
            attempts: 3,
        },
        7 | 8 => RestartStrategy::FixedDelay { attempts: u32::MAX, delay_ms },
        _ => RestartStrategy::ExponentialDelay {
            initial_ms: 100,
            max_ms: 1_000,
            multiplier: 1.5,
            reset_after_ms: 5_000,
            jitter: 0.1,
            attempts: u32::MAX,
        },
    }
}

fn checkpoints(random: &mut Random) -> CheckpointSettings {
    CheckpointSettings {
        interval_ms: Some(random.between(50, 800)),
        timeout_ms: random.between(300, 3_000),
        min_pause_ms: random.below(2) * random.between(1, 300),
        max_concurrent: random.between(1, 3) as u32,
        tolerable_failures: random.percent(20).then(|| random.below(4) as u32),
        num_retained: random.between(1, 3) as u32,
        ..CheckpointSettings::default()
    }
}

pub(crate) fn job_id(index: usize) -> JobId {
    let mut bytes = [0; 16];
    bytes[15] = index as u8 + 1;
    JobId::from_bytes(bytes)
}

/// A source, a map and a sink, perhaps in two slot sharing groups, perhaps as pipelines side by side.
fn graph(random: &mut Random) -> JobGraph {
    let parallelism = random.between(1, 4) as u32;
    let (sink_parallelism, sink_edge) = match random.below(5) {
        0..2 => (parallelism, Partitioner::Forward),
        2 => (random.between(1, u64::from(parallelism)) as u32, Partitioner::Rescale),
        _ => (random.between(1, u64::from(parallelism)) as u32, Partitioner::Hash),
    };
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
        edges: vec![edge(0, 1, Partitioner::Forward), edge(1, 2, sink_edge)],
        recovery: Default::default(),
    }
}
