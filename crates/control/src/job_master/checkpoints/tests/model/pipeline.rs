//! One source and one sink, as task hosts would run them.

use super::*;

/// The source has so many splits.
pub(super) const SPLITS: u8 = 90;

#[derive(Clone, Debug)]
enum Item {
    Split(u8),
    Barrier(Barrier),
    End,
}

/// Reads splits and hands each on at once, so that it has no state of its own.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The attempt that runs.
    attempt: Option<AttemptNumber>,
    last_request: u64,
    last_answered: u64,
    inbox: Option<(u64, SplitAnswer)>,
    /// How many splits it has found and how often it has reported, while it enumerates.
    enumerating: Option<(u8, u64)>,
    triggered: VecDeque<Barrier>,
    last_barrier: u64,
    /// Barriers of these are late.
    aborted: BTreeSet<CheckpointId>,
    /// It reads nothing more until it is told how this checkpoint ended.
    stopped_by: Option<CheckpointId>,
    /// Set when it has closed its channel and waits for a checkpoint, to commit what a sink has that is chained to it: the
    /// last one that it has taken part in.
    committing: Option<CheckpointId>,
    channel: VecDeque<Item>,
}

/// Commits what came before the barrier of a checkpoint when that is complete.
#[derive(Debug, Default)]
struct Sink {
    attempt: Option<AttemptNumber>,
    current: Vec<u8>,
    prepared: BTreeMap<u64, Vec<u8>>,
    triggered: VecDeque<Barrier>,
    last_barrier: u64,
    /// Barriers of these are late.
    aborted: BTreeSet<CheckpointId>,
    has_ended: bool,
    stopped_by: Option<CheckpointId>,
    /// The last checkpoint whose completion it knows, and the file of its state.
    known: Option<(u64, String)>,
    /// Files of checkpoints whose end it does not know.
    written: BTreeMap<u64, String>,
    files: u64,
}

#[derive(Debug)]
pub(super) struct Pipeline {
    number: u32,
    pub(super) source: Source,
    sink: Sink,
}

pub(super) fn state(subtask: SubtaskId, attempt: AttemptNumber, state: TaskState) -> Report {
    Report::Task(TaskReport::without_metrics(subtask, attempt, state))
}

impl Source {
    /// What to ask for next, or again.
    pub(super) fn ask(&mut self) -> Option<(AttemptNumber, u64)> {
        let attempt = self.attempt.filter(|_| self.stopped_by.is_none() && self.committing.is_none())?;
        if self.last_request == self.last_answered {
            self.last_request += 1;
        }
        Some((attempt, self.last_request))
    }

    pub(super) fn answered(&mut self, attempt: AttemptNumber, request_id: u64, answer: SplitAnswer) {
        if self.attempt == Some(attempt) && self.last_answered < request_id {
            self.inbox = Some((request_id, answer));
        }
    }

    /// Takes the answer that has come. Returns the attempt if that was the last one.
    fn read(&mut self) -> Option<AttemptNumber> {
        if self.stopped_by.is_some() {
            return None;
        }
        let (request_id, answer) = self.inbox.take()?;
        self.last_answered = request_id;
        match answer {
            SplitAnswer::Split(split) => self.channel.push_back(Item::Split(split[0])),
            SplitAnswer::Enumerate { resume } => self.enumerating = Some((resume.map_or(0, |it| it[0]), 0)),
            SplitAnswer::NoMoreSplits => {
                self.channel.push_back(Item::End);
                return self.attempt;
            }
        }
        None
    }

    pub(super) fn find(&mut self, count: u8) -> Option<(AttemptNumber, EnumeratedSplits)> {
        let attempt = self.attempt.filter(|_| self.stopped_by.is_none())?;
        let (found, reports) = self.enumerating.as_mut()?;
        let until = (*found + count).min(SPLITS);
        let new = (*found..until).map(|split| vec![split]).collect();
        (*found, *reports) = (until, *reports + 1);
        let (report_id, complete) = (*reports, until == SPLITS);
        self.enumerating.take_if(|_| complete);
        Some((attempt, EnumeratedSplits { report_id, result: Ok(new), complete }))
    }
}

impl Pipeline {
    pub(super) fn new(number: u32) -> Self {
        Self { number, source: Source::default(), sink: Sink::default() }
    }

    /// Whether a sink is chained to the source, beside its channel.
    fn commits_at_source(&self) -> bool {
        self.number > 0
    }

    /// The source takes the answer that has come.
    pub(super) fn read(&mut self) -> Option<Report> {
        let attempt = self.source.read()?;
        let subtask = SubtaskId::new(0, self.number);
        if self.commits_at_source() {
            self.source.committing = Some(CheckpointId(0));
            return Some(Report::AwaitsCheckpoint { subtask, attempt });
        }
        Some(self.stop(subtask, attempt))
    }

    /// Begins an attempt with what a checkpoint says.
    pub(super) fn begin(
        &mut self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        from: Option<&CheckpointMetadata>,
        ledger: &mut Ledger,
    ) -> Report {
        let number = self.number as usize;
        let finished = from.is_some_and(|from| from.vertices[subtask.vertex.0 as usize].finished[number]);
        if subtask.vertex.0 == 0 {
            self.source = Source { attempt: Some(attempt), ..Source::default() };
            if finished {
                self.source.attempt = None;
                self.source.channel.push_back(Item::End);
                return state(subtask, attempt, TaskState::Finished);
            }
        } else {
            self.sink = Sink { attempt: Some(attempt), files: self.sink.files, ..Sink::default() };
            let part = from.and_then(|from| from.operator("Sink")?.subtasks[number].clone());
            if let Some(OperatorSubtaskState { manifest: Blob::Inline(bytes), files, .. }) = part {
                let id = from.map_or(0, |from| from.checkpoint_id.0);
                ledger.check_files(&files, from.expect("it has a part"));
                for entry in bytes.chunks(3) {
                    self.sink.prepared.entry(number_of(entry)).or_default().push(entry[2]);
                }
                // All that belongs to what it begins with is committed before anything new.
                self.sink.commit(self.number, id, ledger);
            }
            if finished {
                self.sink.attempt = None;
                return state(subtask, attempt, TaskState::Finished);
            }
        }
        state(subtask, attempt, TaskState::Running)
    }

    pub(super) fn cancel(&mut self, subtask: SubtaskId, attempt: AttemptNumber) -> Option<Report> {
        self.runs(subtask).take_if(|it| *it == attempt)?;
        Some(state(subtask, attempt, TaskState::Canceled))
    }

    pub(super) fn fail(&mut self, subtask: SubtaskId) -> Option<Report> {
        let attempt = self.runs(subtask).take()?;
        Some(state(subtask, attempt, jobs::failed(FailureKind::Panic, "boom")))
    }

    /// Its process ends.
    pub(super) fn die(&mut self, subtask: SubtaskId) {
        self.runs(subtask).take();
    }

    /// The attempt that runs.
    fn runs(&mut self, subtask: SubtaskId) -> &mut Option<AttemptNumber> {
        match subtask.vertex.0 {
            0 => &mut self.source.attempt,
            _ => &mut self.sink.attempt,
        }
    }

    pub(super) fn trigger(&mut self, subtask: SubtaskId, attempt: AttemptNumber, barrier: &Barrier) {
        if *self.runs(subtask) == Some(attempt) {
            let triggered =
                if subtask.vertex.0 == 0 { &mut self.source.triggered } else { &mut self.sink.triggered };
            triggered.push_back(barrier.clone());
        }
    }

    pub(super) fn source_barrier(&mut self) -> Option<Report> {
        let source = &mut self.source;
        let (attempt, barrier) = (source.attempt?, source.triggered.pop_front()?);
        if barrier.id.0 <= source.last_barrier || source.aborted.contains(&barrier.id) {
            return None;
        }
        source.last_barrier = barrier.id.0;
        let enumerator = source.enumerating.map(|(found, reports)| (reports, vec![found]));
        let progress = SourceProgress { last_answered: source.last_answered, enumerator };
        if barrier.stop().is_some() {
            source.stopped_by = Some(barrier.id);
        }
        let finished = source.committing.is_some();
        match &mut source.committing {
            Some(last) => *last = barrier.id,
            None => source.channel.push_back(Item::Barrier(barrier.clone())),
        }
        let snapshot = SubtaskSnapshot { source: Some(progress), finished, ..SubtaskSnapshot::default() };
        Some(acknowledgment(SubtaskId::new(0, self.number), attempt, barrier.id, snapshot))
    }

    /// The sink takes the next that comes, or, after all, the barrier that comes to it directly.
    pub(super) fn sink_step(&mut self, fails: bool, ledger: &mut Ledger) -> Vec<Report> {
        let Some(attempt) = self.sink.attempt else { return Vec::new() };
        let subtask = SubtaskId::new(1, self.number);
        match self.source.channel.pop_front() {
            Some(Item::Split(split)) => {
                self.sink.current.push(split);
                Vec::new()
            }
            Some(Item::Barrier(barrier)) => {
                self.sink.barrier(subtask, attempt, &barrier, fails, ledger).into_iter().collect()
            }
            Some(Item::End) => {
                self.sink.has_ended = true;
                if self.sink.current.is_empty() && self.sink.prepared.is_empty() {
                    self.sink.attempt = None;
                    return vec![state(subtask, attempt, TaskState::Finished)];
                }
                vec![Report::AwaitsCheckpoint { subtask, attempt }]
            }
            None if self.sink.has_ended => {
                let barrier = self.sink.triggered.pop_front();
                barrier
                    .and_then(|it| self.sink.barrier(subtask, attempt, &it, fails, ledger))
                    .into_iter()
                    .collect()
            }
            None => Vec::new(),
        }
    }

    pub(super) fn notified(
        &mut self,
        subtask: SubtaskId,
        notice: CheckpointNotice,
        ledger: &mut Ledger,
    ) -> Vec<Report> {
        let Some(attempt) = *self.runs(subtask) else { return Vec::new() };
        let is_source = subtask.vertex.0 == 0;
        let stopped_by = if is_source { &mut self.source.stopped_by } else { &mut self.sink.stopped_by };
        match notice {
            CheckpointNotice::Aborted(id) => {
                stopped_by.take_if(|it| *it == id);
                let aborted = if is_source { &mut self.source.aborted } else { &mut self.sink.aborted };
                aborted.insert(id);
                if let Some(last) = self.source.committing.as_mut().filter(|last| is_source && **last == id) {
                    *last = CheckpointId(0);
                }
                self.sink.written.remove(&id.0);
                Vec::new()
            }
            CheckpointNotice::Completed(id) => {
                let stops = *stopped_by == Some(id);
                if is_source {
                    let committed = |last: CheckpointId| last.0 > 0 && last <= id;
                    let stops = stops || self.source.committing.is_some_and(committed);
                    return if stops { vec![self.stop(subtask, attempt)] } else { Vec::new() };
                }
                self.sink.commit(self.number, id.0, ledger);
                if let Some(file) = self.sink.written.remove(&id.0) {
                    self.sink.known = Some((id.0, file));
                }
                let is_done =
                    self.sink.has_ended && self.sink.current.is_empty() && self.sink.prepared.is_empty();
                if stops || is_done { vec![self.stop(subtask, attempt)] } else { Vec::new() }
            }
        }
    }

    fn stop(&mut self, subtask: SubtaskId, attempt: AttemptNumber) -> Report {
        *self.runs(subtask) = None;
        state(subtask, attempt, TaskState::Finished)
    }
}

impl Sink {
    fn barrier(
        &mut self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        barrier: &Barrier,
        fails: bool,
        ledger: &mut Ledger,
    ) -> Option<Report> {
        let id = barrier.id.0;
        if id <= self.last_barrier || self.aborted.contains(&barrier.id) {
            return None;
        }
        self.last_barrier = id;
        let current = std::mem::take(&mut self.current);
        self.prepared.insert(id, current);
        if barrier.stop().is_some() {
            self.stopped_by = Some(barrier.id);
        }
        if fails {
            let outcome = CheckpointOutcome::Declined(FailureCause::new(FailureKind::External, "full"));
            let checkpoint_id = barrier.id;
            return Some(Report::Checkpoint(CheckpointReport { subtask, attempt, checkpoint_id, outcome }));
        }
        let entries = self
            .prepared
            .iter()
            .flat_map(|(id, splits)| splits.iter().map(|it| [(*id >> 8) as u8, *id as u8, *it]));
        let manifest = Blob::Inline(entries.flatten().collect());
        let file = self.state_file(barrier, subtask, ledger);
        let files = vec![StateFile { path: file, size: 1 }];
        let operator =
            OperatorSubtaskState { uid: "Sink".to_owned(), manifest, files, has_union: false, state_size: 1 };
        let snapshot = SubtaskSnapshot { operators: vec![operator], ..SubtaskSnapshot::default() };
        Some(acknowledgment(subtask, attempt, barrier.id, snapshot))
    }

    /// Every other checkpoint finds the state unchanged.
    fn state_file(&mut self, barrier: &Barrier, subtask: SubtaskId, ledger: &mut Ledger) -> String {
        if let (Some((_, file)), SnapshotKind::Checkpoint { full: false }) = (&self.known, &barrier.kind)
            && barrier.id.0.is_multiple_of(2)
        {
            self.written.insert(barrier.id.0, file.clone());
            return file.clone();
        }
        self.files += 1;
        let name = format!("{}-{}", subtask.subtask, self.files);
        let path = if barrier.is_savepoint() { name } else { format!("../shared/{name}") };
        ledger.written(barrier, &path);
        if !barrier.is_savepoint() {
            self.written.insert(barrier.id.0, path.clone());
        }
        path
    }

    fn commit(&mut self, pipeline: u32, id: u64, ledger: &mut Ledger) {
        let later = self.prepared.split_off(&(id + 1));
        for (transaction, splits) in std::mem::replace(&mut self.prepared, later) {
            ledger.commit(pipeline, transaction, id, splits);
        }
    }
}

fn acknowledgment(
    subtask: SubtaskId,
    attempt: AttemptNumber,
    checkpoint_id: CheckpointId,
    snapshot: SubtaskSnapshot,
) -> Report {
    let (snapshot, stats) = (Box::new(snapshot), CheckpointStats::default());
    let outcome = CheckpointOutcome::Acknowledged { snapshot, stats };
    Report::Checkpoint(CheckpointReport { subtask, attempt, checkpoint_id, outcome })
}

/// The transaction of an entry of a sink's state.
pub(super) fn number_of(entry: &[u8]) -> u64 {
    u64::from(u16::from_be_bytes([entry[0], entry[1]]))
}
