//! A source with lost, late and doubled messages, checkpoints that succeed and fail, and restarts at any time.

use flott_core::checkpoint::SourceProgress;

use super::*;

const READERS: usize = 3;
const SPLITS: u8 = 24;

/// What a reader's part of a checkpoint contains.
#[derive(Clone, Debug, Default)]
struct Part {
    held: Vec<u8>,
    finished: bool,
}

#[derive(Clone, Debug, Default)]
struct Reader {
    attempt: u32,
    last_request: u64,
    last_answered: u64,
    inbox: Option<(u64, SplitAnswer)>,
    held: Vec<u8>,
    finished: bool,
    /// How many splits it has found and how often it has reported, while it enumerates.
    enumerating: Option<(u8, u64)>,
}

impl Reader {
    fn asks(&self) -> bool {
        self.last_request > self.last_answered
    }
}

#[derive(Clone, Debug, Default)]
struct Checkpoint {
    /// Taken at the barriers, and whether the acknowledgment has come.
    parts: BTreeMap<usize, (Part, Progress, bool)>,
    taken: Option<QueueSnapshot>,
}

struct World {
    queue: SplitQueue,
    readers: Vec<Reader>,
    reports: VecDeque<(usize, u32, u64, Vec<u8>, bool)>,
    next_id: u64,
    pending: BTreeMap<u64, Checkpoint>,
    /// What each reader has in the last completed checkpoint.
    latest: Vec<Part>,
    completed: usize,
}

impl World {
    fn new() -> Self {
        Self {
            queue: SplitQueue::new(QueueSnapshot::default()),
            readers: vec![Reader::default(); READERS],
            reports: VecDeque::new(),
            next_id: 1,
            pending: BTreeMap::new(),
            latest: vec![Part::default(); READERS],
            completed: 0,
        }
    }

    fn request_of(&self, reader: usize) -> SplitRequest {
        let Reader { attempt, last_request, .. } = self.readers[reader];
        SplitRequest {
            subtask: SubtaskIndex(reader as u32),
            attempt: AttemptNumber(attempt),
            request_id: last_request,
        }
    }

    fn answer(&mut self, answers: Vec<(SplitRequest, SplitAnswer)>) {
        for (request, answer) in answers {
            assert_eq!(request, self.request_of(request.subtask.0 as usize), "an answer to an old request");
            self.readers[request.subtask.0 as usize].inbox = Some((request.request_id, answer));
        }
    }

    fn serve(&mut self) {
        let answers = self.queue.serve();
        self.answer(answers);
    }

    /// Asks, or asks again what was asked before.
    fn ask(&mut self, reader: usize) {
        if self.readers[reader].finished {
            return;
        }
        if !self.readers[reader].asks() {
            self.readers[reader].last_request += 1;
        }
        let request = self.request_of(reader);
        match self.queue.request(request) {
            Decision::Answer(answer) => self.answer(vec![(request, answer)]),
            Decision::Wait => {}
            Decision::Stale => panic!("{request:?} is the newest"),
        }
    }

    fn take_answer(&mut self, reader: usize) {
        let reader = &mut self.readers[reader];
        let Some((request_id, answer)) = reader.inbox.take() else { return };
        reader.last_answered = request_id;
        match answer {
            SplitAnswer::Split(split) => reader.held.push(split[0]),
            SplitAnswer::NoMoreSplits => reader.finished = true,
            SplitAnswer::Enumerate { resume } => {
                reader.enumerating = Some((resume.map_or(0, |found| found[0]), 0));
            }
        }
    }

    fn find(&mut self, count: u8) {
        for (index, reader) in self.readers.iter_mut().enumerate() {
            let Some((found, reports)) = &mut reader.enumerating else { continue };
            let until = (*found + count).min(SPLITS);
            let new = (*found..until).collect();
            (*found, *reports) = (until, *reports + 1);
            self.reports.push_back((index, reader.attempt, *reports, new, until == SPLITS));
            if until == SPLITS {
                reader.enumerating = None;
            }
        }
    }

    fn take_report(&mut self) {
        let Some((reader, attempt, id, splits, complete)) = self.reports.pop_front() else { return };
        if !self.queue.is_enumerating(SubtaskIndex(reader as u32), AttemptNumber(attempt)) {
            return;
        }
        match self.queue.reported(id, bytes(&splits), complete) {
            Reported::Answers(answers) => self.answer(answers),
            other => panic!("reports come in order: {other:?}"),
        }
    }

    fn trigger(&mut self) {
        if self.pending.len() < 2 {
            self.pending.insert(self.next_id, Checkpoint::default());
            self.queue.begin(CheckpointId(self.next_id));
            self.next_id += 1;
        }
    }

    /// A barrier comes to a reader, or it finishes before.
    fn barrier(&mut self, reader: usize) {
        let it = &self.readers[reader];
        let Some((_, checkpoint)) = self.pending.iter_mut().find(|(_, at)| !at.parts.contains_key(&reader))
        else {
            return;
        };
        let enumerator = it.enumerating.map(|(found, reports)| (reports, vec![found]));
        let progress = match it.finished {
            true => Progress::Finished,
            false => Progress::At(SourceProgress { last_answered: it.last_answered, enumerator }),
        };
        let part = Part { held: it.held.clone(), finished: it.finished };
        checkpoint.parts.insert(reader, (part, progress, false));
    }

    fn acknowledge(&mut self, which: usize) {
        let mut unheard = self.pending.iter_mut().flat_map(|(id, checkpoint)| {
            let parts = checkpoint.parts.iter_mut().filter(|(_, (.., heard))| !heard);
            parts.map(|(reader, part)| (*id, *reader, part))
        });
        let Some((id, reader, (_, progress, heard))) = unheard.nth(which % 2) else { return };
        *heard = true;
        self.queue.passed(CheckpointId(id), SubtaskIndex(reader as u32), progress.clone());
        self.serve();
    }

    /// Stores a checkpoint that all have acknowledged.
    fn store(&mut self) {
        for (id, checkpoint) in &mut self.pending {
            let all = checkpoint.parts.values().filter(|(.., heard)| *heard).count() == READERS;
            if !all || checkpoint.taken.is_some() {
                continue;
            }
            match self.queue.snapshot(CheckpointId(*id)) {
                Taken::Ready(taken) => {
                    check(checkpoint.parts.values().map(|(part, ..)| part), &taken);
                    checkpoint.taken = Some(taken);
                }
                Taken::NotYet => {}
                Taken::Torn => panic!("checkpoint {id} is torn"),
            }
        }
    }

    fn complete(&mut self) {
        let Some((&id, _)) = self.pending.iter().find(|(_, it)| it.taken.is_some()) else { return };
        let Some(checkpoint) = self.pending.remove(&id) else { return };
        self.queue.completed(CheckpointId(id));
        for older in self.pending.extract_if(..id, |_, it| it.taken.is_none()).map(|(id, _)| id) {
            self.queue.forget(CheckpointId(older));
        }
        self.latest = checkpoint.parts.into_values().map(|(part, ..)| part).collect();
        self.completed += 1;
        self.serve();
    }

    fn abort(&mut self, storing: bool) {
        let found = self.pending.iter().find(|(_, it)| it.taken.is_some() == storing);
        let Some(id) = found.map(|(id, _)| *id) else { return };
        self.pending.remove(&id);
        self.queue.forget(CheckpointId(id));
        self.serve();
    }

    fn restart(&mut self, readers: BTreeSet<usize>) {
        while self.pending.values().any(|it| it.taken.is_none()) {
            self.abort(false);
        }
        while !self.pending.is_empty() {
            self.complete();
        }
        let mut restarted: BTreeSet<_> = readers.iter().map(|reader| SubtaskIndex(*reader as u32)).collect();
        if self.queue.needs_all(&restarted) {
            restarted = (0..READERS as u32).map(SubtaskIndex).collect();
        }
        for subtask in &restarted {
            let (reader, part) = (subtask.0 as usize, &self.latest[subtask.0 as usize]);
            self.readers[reader] = Reader {
                attempt: self.readers[reader].attempt + 1,
                held: part.held.clone(),
                finished: part.finished,
                ..Reader::default()
            };
        }
        self.queue.restore(&restarted);
        self.serve();
    }

    fn step(&mut self, kind: u8, which: usize) {
        let reader = which % READERS;
        match kind {
            0..=7 => self.ask(reader),
            8..=15 => self.take_answer(reader),
            16..=18 => self.find(which as u8 % 4),
            19..=22 => self.take_report(),
            23..=24 => self.trigger(),
            25..=32 => self.barrier(reader),
            33..=40 => self.acknowledge(which),
            41..=43 => self.store(),
            44..=45 => self.complete(),
            46 => self.abort(which.is_multiple_of(2)),
            _ => self.restart((0..READERS).filter(|reader| which >> reader & 1 == 1).collect()),
        }
    }
}

/// Each split is exactly once in a reader's part, in the queue, or still to be found.
fn check<'a>(parts: impl Iterator<Item = &'a Part>, taken: &QueueSnapshot) {
    let mut all: Vec<_> = parts.flat_map(|part| &part.held).copied().collect();
    all.extend(taken.remaining.iter().map(|split| split[0]));
    all.extend(match &taken.enumeration {
        EnumerationState::NotBegun => 0..SPLITS,
        EnumerationState::Underway(found) => found[0]..SPLITS,
        EnumerationState::Complete => SPLITS..SPLITS,
    });
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..SPLITS), "{all:?} in {taken:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        // The same cases in each run; another seed here tries others.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_split_is_in_one_place_of_each_checkpoint_and_read_once(
        script in prop::collection::vec((0..48_u8, 0..8_usize), 0..400),
    ) {
        let mut world = World::new();
        script.into_iter().for_each(|(kind, which)| world.step(kind, which));
        // Then all goes well.
        for round in 0..400 {
            (0..READERS).for_each(|reader| {
                world.ask(reader);
                world.take_answer(reader);
                world.barrier(reader);
                world.acknowledge(0);
            });
            world.find(1);
            world.take_report();
            world.store();
            world.complete();
            if round % 10 == 0 {
                world.trigger();
            }
        }
        prop_assert!(world.completed > 0);
        prop_assert!(world.readers.iter().all(|reader| reader.finished));
        let mut read: Vec<_> = world.readers.iter().flat_map(|reader| &reader.held).copied().collect();
        read.sort_unstable();
        prop_assert!(read.iter().copied().eq(0..SPLITS), "{:?}", read);
    }
}
