//! Scripts of what happens to a job, and what becomes of its checkpoints.

mod acknowledge;
mod complete;
mod initial;
mod model;
mod pointer;
mod recovery;
mod restore;
mod savepoint;
mod statistics;
mod tolerance;
mod trigger;

use flott_core::{
    FailureKind,
    checkpoint::{
        Barrier, Blob, CheckpointMetadata, CheckpointStats, OperatorSubtaskState, SourceProgress, StateFile,
        SubtaskSnapshot,
    },
    restart::RestartStrategy,
};

use super::{
    super::{Event, Outcome, tests as jobs},
    *,
};
use crate::protocol::{CheckpointOutcome, CheckpointReport, Report, TaskReport, TaskState};

/// The directory of the job's checkpoints.
const DIR: &str = "file:///c/job";

/// A job with two sources and a sink, of which source 0 and the sink are on `a`, and source 1 on `b`.
struct Driver {
    job: JobMaster,
    now: u64,
    sequence: u64,
}

impl Driver {
    /// All subtasks run at time 0.
    fn running(settings: CheckpointSettings) -> Self {
        let mut driver = Self::deployed(settings, CheckpointConfig::default());
        for (vertex, subtask) in [(0, 0), (0, 1), (1, 0)] {
            driver.state(vertex, subtask, TaskState::Running);
        }
        driver
    }

    fn deployed(settings: CheckpointSettings, config: CheckpointConfig) -> Self {
        let mut graph = jobs::graph(2, 1);
        graph.recovery.checkpoints = settings;
        graph.recovery.restart = Some(RestartStrategy::None);
        let mut job = jobs::job(graph).with_checkpoints(config);
        job.spec.checkpoint_dir = DIR.to_owned();
        let mut driver = Self { job, now: 0, sequence: 100 };
        let beginning =
            [jobs::granted("a", 0), jobs::granted("b", 0), jobs::ready("a", 0), jobs::ready("b", 0)];
        driver.on(Event::Started);
        beginning.into_iter().for_each(|event| drop(driver.on(event)));
        driver
    }

    fn on(&mut self, event: Event) -> Vec<Effect> {
        jobs::handle(&mut self.job, event, MonoTime::from_millis(self.now))
    }

    fn at(&mut self, now: u64) -> Vec<Effect> {
        self.now = now;
        self.on(Event::TimerFired)
    }

    fn report(&mut self, subtask: SubtaskId, report: impl FnOnce(AttemptNumber) -> Report) -> Vec<Effect> {
        let execution = self.job.executions().find(|it| it.subtask == subtask).unwrap();
        let host = execution.location.as_ref().unwrap().task_manager_id.clone();
        let report = report(execution.attempt);
        self.sequence += 1;
        let event = jobs::reported(host.as_str(), self.sequence, report);
        self.on(event)
    }

    fn state(&mut self, vertex: u32, subtask: u32, state: TaskState) -> Vec<Effect> {
        let subtask = SubtaskId::new(vertex, subtask);
        self.report(subtask, |attempt| Report::Task(TaskReport::without_metrics(subtask, attempt, state)))
    }

    fn outcome(&mut self, id: u64, vertex: u32, subtask: u32, outcome: CheckpointOutcome) -> Vec<Effect> {
        let (subtask, checkpoint_id) = (SubtaskId::new(vertex, subtask), CheckpointId(id));
        self.report(subtask, |attempt| {
            Report::Checkpoint(CheckpointReport { subtask, attempt, checkpoint_id, outcome })
        })
    }

    fn ack_with(&mut self, id: u64, vertex: u32, subtask: u32, snapshot: SubtaskSnapshot) -> Vec<Effect> {
        let (snapshot, stats) = (Box::new(snapshot), CheckpointStats::default());
        self.outcome(id, vertex, subtask, CheckpointOutcome::Acknowledged { snapshot, stats })
    }

    fn ack(&mut self, id: u64, vertex: u32, subtask: u32) -> Vec<Effect> {
        self.ack_with(id, vertex, subtask, SubtaskSnapshot::default())
    }

    fn ack_all(&mut self, id: u64) -> Vec<Effect> {
        [(0, 0), (0, 1), (1, 0)]
            .into_iter()
            .flat_map(|(vertex, subtask)| self.ack(id, vertex, subtask))
            .collect()
    }

    fn decline(&mut self, id: u64, kind: FailureKind) -> Vec<Effect> {
        let cause = FailureCause::new(kind, "no space left");
        self.outcome(id, 1, 0, CheckpointOutcome::Declined(cause))
    }

    fn stored(&mut self, id: u64) -> Vec<Effect> {
        let pending = self.job.checkpoints.pending.get(&CheckpointId(id)).expect("it is pending");
        let uri = format!("{}/_metadata", self.job.directory_of(&pending.barrier));
        let result = Ok(StoredMetadata { uri, size: 10 });
        self.on(Event::CheckpointStored { checkpoint_id: CheckpointId(id), result })
    }

    fn not_stored(&mut self, id: u64) -> Vec<Effect> {
        let result = Err(FailureCause::new(FailureKind::External, "503 Slow Down"));
        self.on(Event::CheckpointStored { checkpoint_id: CheckpointId(id), result })
    }

    /// Triggers the next at this time and completes it.
    fn complete_at(&mut self, now: u64) -> Vec<Effect> {
        let id = triggered(&self.at(now)).expect("one is due").0.id.0;
        self.ack_all(id);
        self.stored(id)
    }

    fn request(&mut self, call: u64, request: SnapshotRequest) -> Vec<Effect> {
        self.on(Event::SnapshotRequested { call: CallId(call), request })
    }

    fn savepoint(&mut self, call: u64, then: AfterSavepoint) -> Vec<Effect> {
        let directory = format!("file:///s/savepoint-{call}");
        self.request(call, SnapshotRequest::Savepoint { directory, format: Default::default(), then })
    }

    fn finish_all(&mut self) -> Vec<Effect> {
        let subtasks = [(0, 0), (0, 1), (1, 0)].into_iter();
        subtasks.flat_map(|(vertex, subtask)| self.state(vertex, subtask, TaskState::Finished)).collect()
    }
}

/// Every second.
fn every_second() -> CheckpointSettings {
    CheckpointSettings { interval_ms: Some(1_000), timeout_ms: 5_000, ..CheckpointSettings::default() }
}

/// The checkpoint that is ordered, and the subtasks it begins at.
fn triggered(effects: &[Effect]) -> Option<(Barrier, Vec<(u32, u32)>)> {
    let mut found: Option<(Barrier, Vec<_>)> = None;
    for effect in effects {
        if let Effect::SendOrder { order: Order::TriggerCheckpoint { barrier, tasks, .. }, .. } = effect {
            let found = found.get_or_insert_with(|| (barrier.clone(), Vec::new()));
            assert_eq!(found.0, *barrier, "one at a time");
            found.1.extend(tasks.iter().map(|(subtask, _)| (subtask.vertex.0, subtask.subtask.0)));
        }
    }
    found.map(|(barrier, mut tasks)| {
        tasks.sort_unstable();
        (barrier, tasks)
    })
}

/// What is told to which TaskManager of how checkpoints ended.
fn notices(effects: &[Effect]) -> Vec<(&str, CheckpointNotice)> {
    let notice = |effect| match effect {
        &Effect::SendOrder { ref to, order: Order::NotifyCheckpoint { notice, .. }, .. } => {
            Some((to.as_str(), notice))
        }
        _ => None,
    };
    effects.iter().filter_map(notice).collect()
}

fn store(effects: &[Effect]) -> Option<(CheckpointId, &str, &CheckpointMetadata)> {
    effects.iter().find_map(|effect| match effect {
        Effect::StoreCheckpoint { checkpoint_id, directory, metadata } => {
            Some((*checkpoint_id, directory.as_str(), &**metadata))
        }
        _ => None,
    })
}

fn deleted(effects: &[Effect]) -> Vec<String> {
    let mut all = Vec::new();
    for effect in effects {
        if let Effect::DeleteFiles { files, directories } = effect {
            all.extend(files.iter().chain(directories).cloned());
        }
    }
    all
}

/// A checkpoint's number and directory, or why there is none.
type Answer = Result<(u64, String), String>;

/// The answer to the one call that is answered.
fn done(effects: &[Effect]) -> Option<(u64, Answer)> {
    let mut answers = effects.iter().filter_map(|effect| match effect {
        Effect::SnapshotDone { call, result: Ok(taken) } => {
            Some((call.0, Ok((taken.checkpoint_id.0, taken.location.clone()))))
        }
        Effect::SnapshotDone { call, result: Err(cause) } => Some((call.0, Err(cause.message.clone()))),
        _ => None,
    });
    let answer = answers.next();
    assert_eq!(answers.next(), None, "one answer at a time");
    answer
}

fn file(path: &str) -> StateFile {
    StateFile { path: path.to_owned(), size: 100 }
}

/// A part with state in these files.
fn part(uid: &str, files: &[&str]) -> SubtaskSnapshot {
    let files: Vec<_> = files.iter().map(|path| file(path)).collect();
    let state_size = files.iter().map(|file| file.size).sum();
    let manifest = Blob::Inline(vec![1]);
    let operator =
        OperatorSubtaskState { uid: uid.to_owned(), manifest, files, has_union: false, state_size };
    SubtaskSnapshot { operators: vec![operator], ..SubtaskSnapshot::default() }
}

fn progress(last_answered: u64) -> SubtaskSnapshot {
    let source = Some(SourceProgress { last_answered, enumerator: None });
    SubtaskSnapshot { source, ..SubtaskSnapshot::default() }
}

fn message(job: &JobMaster) -> String {
    match job.outcome() {
        Some(Outcome::Failed(cause)) => cause.message.clone(),
        _ => job.failures()[0].cause.message.clone(),
    }
}

fn both(notice: CheckpointNotice) -> [(&'static str, CheckpointNotice); 2] {
    [("a", notice), ("b", notice)]
}
