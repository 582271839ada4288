//! A whole job in miniature: three pipelines, each a source and a sink that commits, over a source's splits. Some sources
//! are chained with sinks that commit, too, beside their channels. Messages come late and doubled, parts of checkpoints and stores fail, subtasks fail at any time. Whatever happens, each split is
//! committed exactly once, or, if the job was stopped with a savepoint, is in it.

mod invariants;
mod pipeline;

use std::sync::Arc;

use flott_core::{
    JobGraph, TaskManagerId,
    checkpoint::{EnumerationState, SnapshotKind, StopMode},
    deployment::{EnumeratedSplits, SplitAnswer},
    job_graph::Partitioner,
};
use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use invariants::Ledger;
use pipeline::{Pipeline, SPLITS};

/// Delay before a restart, in milliseconds.
const DELAY_MS: u64 = 20;
const PIPELINES: u32 = 3;
const NAMES: [&str; 3] = ["a", "b", "c"];

struct World {
    job: JobMaster,
    now: u64,
    pipelines: Vec<Pipeline>,
    /// Reports of each TaskManager that have not come, oldest first, with its next sequence number.
    outbox: BTreeMap<TaskManagerId, (u64, VecDeque<Report>)>,
    /// What the source's subtasks have told of splits.
    enumerated: VecDeque<Event>,
    /// Metadata that is being written.
    stores: VecDeque<(CheckpointId, String, Arc<CheckpointMetadata>)>,
    ledger: Ledger,
    calls: u64,
}

impl World {
    fn new(settings: CheckpointSettings) -> Self {
        let mut graph: JobGraph = jobs::graph(PIPELINES, PIPELINES);
        graph.edges[0].partitioner = Partitioner::Forward;
        graph.recovery.checkpoints = settings;
        let delay_ms = DELAY_MS;
        graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts: u32::MAX, delay_ms });
        let mut job = jobs::job(graph);
        job.spec.checkpoint_dir = DIR.to_owned();
        let mut world = Self {
            job,
            now: 0,
            pipelines: (0..PIPELINES).map(Pipeline::new).collect(),
            outbox: NAMES.map(|name| (jobs::tm(name), (0, VecDeque::new()))).into(),
            enumerated: VecDeque::new(),
            stores: VecDeque::new(),
            ledger: Ledger::default(),
            calls: 0,
        };
        world.on(Event::Started);
        NAMES.into_iter().for_each(|name| world.on(jobs::granted(name, 0)));
        world
    }

    fn on(&mut self, event: Event) {
        let effects = jobs::handle(&mut self.job, event, MonoTime::from_millis(self.now));
        for effect in effects {
            self.ledger.see(&effect);
            self.perform(effect);
        }
        self.ledger.check(&self.job);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SendOrder { to, order, .. } => self.obey(to, order),
            Effect::AnswerSplit { subtask, attempt, request_id, answer } => {
                self.pipelines[subtask.subtask.0 as usize].source.answered(attempt, request_id, answer);
            }
            Effect::StoreCheckpoint { checkpoint_id, directory, metadata } => {
                self.stores.push_back((checkpoint_id, directory, metadata));
            }
            Effect::Violation { message } => panic!("{message}"),
            _ => {}
        }
    }

    fn obey(&mut self, to: TaskManagerId, order: Order) {
        match order {
            Order::StartTaskHost { attempt, .. } => {
                let data_address = "x:1".to_owned();
                self.tell(&to, Report::HostReady { attempt, data_address });
            }
            Order::KillTaskHost { attempt, .. } => {
                let here = self.job.executions().filter(|it| it.is_on(&to)).map(|it| it.subtask);
                for subtask in here.collect::<Vec<_>>() {
                    self.pipelines[subtask.subtask.0 as usize].die(subtask);
                }
                let cause = FailureCause::new(FailureKind::TaskHostSignal, "killed");
                self.tell(&to, Report::HostEnded { attempt, cause });
            }
            Order::DeployTasks { tasks, .. } => {
                for task in tasks {
                    let point = task.restore.as_ref().map(|point| point.metadata.as_str());
                    let from = point.map(|uri| self.ledger.stored[uri].clone());
                    let report = self.pipelines[task.subtask.subtask.0 as usize].begin(
                        task.subtask,
                        task.attempt,
                        from.as_deref(),
                        &mut self.ledger,
                    );
                    self.tell(&to, report);
                }
            }
            Order::CancelTasks { tasks, .. } => {
                for (subtask, attempt) in tasks {
                    let pipeline = &mut self.pipelines[subtask.subtask.0 as usize];
                    if let Some(report) = pipeline.cancel(subtask, attempt) {
                        self.tell(&to, report);
                    }
                }
            }
            Order::TriggerCheckpoint { barrier, tasks, .. } => {
                for (subtask, attempt) in tasks {
                    self.pipelines[subtask.subtask.0 as usize].trigger(subtask, attempt, &barrier);
                }
            }
            Order::NotifyCheckpoint { notice, .. } => {
                let here = self.job.executions().filter(|it| it.is_on(&to)).map(|it| it.subtask);
                for subtask in here.collect::<Vec<_>>() {
                    let reports = self.pipelines[subtask.subtask.0 as usize].notified(
                        subtask,
                        notice,
                        &mut self.ledger,
                    );
                    reports.into_iter().for_each(|report| self.tell(&to, report));
                }
            }
            _ => {}
        }
    }

    fn tell(&mut self, from: &TaskManagerId, report: Report) {
        self.outbox.get_mut(from).unwrap().1.push_back(report);
    }

    fn tell_of(&mut self, subtask: SubtaskId, report: Report) {
        let execution = self.job.executions().find(|it| it.subtask == subtask).unwrap();
        let host = execution.location.as_ref().unwrap().task_manager_id.clone();
        self.tell(&host, report);
    }

    /// The oldest report of a TaskManager comes, perhaps twice.
    fn deliver(&mut self, name: &str, twice: bool) {
        let (sequence, reports) = self.outbox.get_mut(&jobs::tm(name)).unwrap();
        let Some(report) = reports.pop_front() else { return };
        *sequence += 1;
        let event = jobs::reported(name, *sequence, report);
        if twice {
            self.on(event.clone());
        }
        self.on(event);
    }

    fn ask(&mut self, pipeline: usize) {
        if let Some((attempt, request_id)) = self.pipelines[pipeline].source.ask() {
            let subtask = SubtaskId::new(0, pipeline as u32);
            self.on(Event::SplitRequested { subtask, attempt, request_id });
        }
    }

    fn read(&mut self, pipeline: usize) {
        if let Some(report) = self.pipelines[pipeline].read() {
            self.tell_of(SubtaskId::new(0, pipeline as u32), report);
        }
    }

    fn find(&mut self, pipeline: usize, count: u8) {
        if let Some((attempt, splits)) = self.pipelines[pipeline].source.find(count) {
            let subtask = SubtaskId::new(0, pipeline as u32);
            self.enumerated.push_back(Event::SplitsEnumerated { subtask, attempt, splits });
        }
    }

    fn deliver_splits(&mut self) {
        if let Some(event) = self.enumerated.pop_front() {
            self.on(event);
        }
    }

    /// The source begins a checkpoint that was ordered.
    fn barrier(&mut self, pipeline: usize) {
        if let Some(report) = self.pipelines[pipeline].source_barrier() {
            self.tell_of(SubtaskId::new(0, pipeline as u32), report);
        }
    }

    /// The sink takes what comes next.
    fn sink(&mut self, pipeline: usize, fails: bool) {
        let reports = self.pipelines[pipeline].sink_step(fails, &mut self.ledger);
        reports.into_iter().for_each(|report| self.tell_of(SubtaskId::new(1, pipeline as u32), report));
    }

    fn store(&mut self, which: usize, fails: bool) {
        let which = which % self.stores.len().max(1);
        let Some((checkpoint_id, directory, metadata)) = self.stores.remove(which) else { return };
        self.ledger.storing.remove(&checkpoint_id);
        let result = if fails {
            Err(FailureCause::new(FailureKind::External, "503 Slow Down"))
        } else {
            let uri = format!("{directory}/_metadata");
            self.ledger.metadata_written(checkpoint_id, &uri, metadata);
            Ok(StoredMetadata { uri, size: 1 })
        };
        self.on(Event::CheckpointStored { checkpoint_id, result });
    }

    fn fail(&mut self, vertex: u32, pipeline: usize) {
        let subtask = SubtaskId::new(vertex, pipeline as u32);
        if let Some(report) = self.pipelines[pipeline].fail(subtask) {
            self.tell_of(subtask, report);
        }
    }

    fn request(&mut self, request: SnapshotRequest) {
        self.calls += 1;
        self.on(Event::SnapshotRequested { call: CallId(self.calls), request });
    }

    fn savepoint(&mut self, then: AfterSavepoint) {
        let directory = format!("file:///s/{}", self.calls);
        self.request(SnapshotRequest::Savepoint { directory, format: Default::default(), then });
    }

    fn pass_time(&mut self, ms: u64) {
        self.now += ms;
        self.on(Event::TimerFired);
    }

    fn step(&mut self, kind: u8, which: usize) {
        let pipeline = which % 3;
        match kind {
            0..=9 => {
                for _ in 0..which {
                    self.deliver(NAMES[pipeline], which == 5);
                }
            }
            10..=14 => self.ask(pipeline),
            15..=19 => self.read(pipeline),
            20..=21 => self.find(pipeline, which as u8 % 4),
            22..=24 => self.deliver_splits(),
            25..=30 => self.barrier(pipeline),
            31..=41 => self.sink(pipeline, false),
            42 => self.sink(pipeline, which > 3),
            43..=46 => self.store(which, which == 0),
            47..=50 => self.pass_time(which as u64 * 4),
            51 if which == 0 => self.pass_time(300),
            52 if which < 4 => self.fail(which as u32 % 2, pipeline),
            53 if which < 3 => self.savepoint(AfterSavepoint::GoOn),
            54 if which < 3 => self.request(SnapshotRequest::Checkpoint(ManualCheckpoint::Full)),
            55 if which == 0 => self.savepoint(AfterSavepoint::Stop(StopMode::Suspend)),
            55 if which == 1 => self.savepoint(AfterSavepoint::Stop(StopMode::Drain)),
            _ => {}
        }
    }

    /// What goes on, for messages.
    fn describe(&self) -> String {
        let executions = self.job.executions().map(|it| (it.subtask, it.attempt.0, it.state));
        let (state, pending) = (self.job.state(), &self.job.checkpoints.pending);
        let executions = executions.collect::<Vec<_>>();
        format!("{state:?} {executions:?} {pending:#?} {:#?} {:?}", self.pipelines, self.outbox)
    }

    /// One round in which nothing fails.
    fn round(&mut self) {
        for (pipeline, name) in NAMES.iter().enumerate() {
            for _ in 0..4 {
                self.deliver(name, false);
            }
            self.ask(pipeline);
            self.read(pipeline);
            self.find(pipeline, 2);
            self.deliver_splits();
            self.barrier(pipeline);
            self.sink(pipeline, false);
            self.sink(pipeline, false);
        }
        self.store(0, false);
        self.pass_time(20);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        // The same cases in each run; another seed here tries others.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_split_is_committed_once(
        concurrent in 1..3_u32,
        retained in 1..3_u32,
        script in prop::collection::vec((0..56_u8, 0..8_usize), 0..2_000),
    ) {
        let mut world = World::new(CheckpointSettings {
            interval_ms: Some(40),
            timeout_ms: 400,
            max_concurrent: concurrent,
            num_retained: retained,
            ..CheckpointSettings::default()
        });
        script.into_iter().for_each(|(kind, which)| world.step(kind, which));
        for _ in 0..3_000 {
            if world.job.outcome().is_some() {
                break;
            }
            world.round();
        }
        prop_assert_eq!(world.job.outcome(), Some(&Outcome::Finished), "{}", world.describe());
        world.ledger.check_result();
        prop_assert_eq!(world.ledger.open_calls(world.calls), 0, "every request is answered");
        prop_assert_eq!(world.job.next_wakeup(), None);
    }
}
