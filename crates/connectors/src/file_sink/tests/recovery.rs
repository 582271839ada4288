//! A model of a job that writes numbers, is killed at any step, goes on with another parallelism, and must have written
//! each number exactly once.

use std::collections::VecDeque;

use flott_core::{CheckpointId, SubtaskIndex};
use proptest::{collection::vec, prelude::*};

use super::{committing::staged, *};

type Buckets = fn(&String, &BucketContext) -> String;
type Writer = FileWriter<String, TextFormat, Buckets>;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Numbers are written.
    Write(u64),
    /// A barrier goes through the job; so many subtasks see it before the job is killed, or all.
    Barrier(usize),
    /// The oldest checkpoint under way is complete. The notice reaches so many subtasks before they are killed, or all.
    Complete { notified: usize },
    /// It is complete, but nobody learns of it.
    CompleteUnnoticed,
    /// The oldest checkpoint under way is given up.
    Abort,
    /// The job is killed, and goes on with another parallelism; while it begins, so many subtasks begin before it is killed again.
    Kill { parallelism: u32, cleanly: bool, again_after: Option<u32> },
    /// A new job begins with the last checkpoint.
    NewJob { parallelism: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u64..30).prop_map(Step::Write),
        4 => (0usize..12).prop_map(Step::Barrier),
        3 => (0usize..12).prop_map(|notified| Step::Complete { notified }),
        1 => Just(Step::CompleteUnnoticed),
        1 => Just(Step::Abort),
        3 => (1u32..5, any::<bool>(), prop_oneof![3 => Just(None), 1 => (0u32..5).prop_map(Some)])
            .prop_map(|(parallelism, cleanly, again_after)| Step::Kill { parallelism, cleanly, again_after }),
        1 => (1u32..5).prop_map(|parallelism| Step::NewJob { parallelism }),
    ];
    vec(step, 1..40)
}

/// A checkpoint, as it is stored.
#[derive(Clone, Default)]
struct Stored {
    id: u64,
    next: u64,
    committables: Vec<Vec<u8>>,
    states: Vec<Vec<u8>>,
}

struct Subtask {
    writer: Writer,
    committer: Box<dyn Committer<PendingPart>>,
    waiting: Vec<(u64, PendingPart)>,
}

struct Job {
    sink: FileSink<TextFormat, Buckets>,
    job: u8,
    attempt: u32,
    subtasks: Vec<Subtask>,
    /// The number that is written next.
    next: u64,
    last_id: u64,
    under_way: VecDeque<Stored>,
    completed: Stored,
    /// Whether it may change its parallelism, and new jobs may begin with its checkpoints.
    changes: bool,
}

impl Subtask {
    fn committed(&mut self, id: u64) {
        let (due, rest) = std::mem::take(&mut self.waiting).into_iter().partition(|(of, _)| *of <= id);
        self.waiting = rest;
        let due: Vec<(u64, PendingPart)> = due;
        self.committer.commit(due.into_iter().map(|(_, part)| part).collect()).unwrap();
    }
}

impl Job {
    fn context(&self, subtask: u32, parallelism: u32) -> RuntimeContext {
        let mut context = staged(self.job, self.attempt);
        context.task.subtask = SubtaskIndex(subtask);
        context.task.parallelism = parallelism;
        context
    }

    /// Begins where the last complete checkpoint has ended, element i of all lists being subtask i modulo parallelism's.
    fn begin(&mut self, parallelism: u32, killed_after: Option<u32>) {
        let from = self.completed.clone();
        self.under_way.clear();
        self.next = from.next;
        let share = |all: &[Vec<u8>], subtask: u32| -> Vec<Vec<u8>> {
            all.iter().skip(subtask as usize).step_by(parallelism as usize).cloned().collect()
        };
        let mut subtasks = Vec::new();
        for subtask in 0..parallelism.min(killed_after.unwrap_or(u32::MAX)) {
            let context = self.context(subtask, parallelism);
            let mut committer = Sink::<String>::committer(&self.sink, &context).unwrap().unwrap();
            let parts = share(&from.committables, subtask);
            let parts = parts.iter().map(|part| postcard::from_bytes(part).unwrap()).collect();
            committer.commit(parts).unwrap();
            let states = share(&from.states, subtask);
            let states: Vec<_> = states.iter().map(|state| postcard::from_bytes(state).unwrap()).collect();
            let writer = self.sink.open(&context, &states, from.id == 0).unwrap();
            subtasks.push(Subtask { writer, committer, waiting: Vec::new() });
        }
        self.subtasks = subtasks;
    }

    fn kill(&mut self, cleanly: bool) {
        for subtask in self.subtasks.drain(..) {
            match cleanly {
                true => drop(subtask),
                false => std::mem::forget(subtask),
            }
        }
    }

    fn restart(&mut self, parallelism: u32, cleanly: bool, again_after: Option<u32>) {
        let parallelism = if self.changes { parallelism } else { self.subtasks.len() as u32 };
        self.kill(cleanly);
        self.attempt += 1;
        if again_after.is_some() {
            self.begin(parallelism, again_after);
            self.kill(cleanly);
            self.attempt += 1;
        }
        self.begin(parallelism, None);
    }

    fn barrier(&mut self, subtasks: usize) -> bool {
        self.last_id += 1;
        let mut stored = Stored { id: self.last_id, next: self.next, ..Stored::default() };
        let killed = subtasks < self.subtasks.len();
        for subtask in self.subtasks.iter_mut().take(subtasks) {
            let prepared = subtask.writer.prepare_commit().unwrap();
            subtask.waiting.extend(prepared.into_iter().map(|part| (stored.id, part)));
            let parts = subtask.waiting.iter().map(|(_, part)| postcard::to_stdvec(part).unwrap());
            stored.committables.extend(parts);
            let states = subtask.writer.snapshot(CheckpointId(stored.id)).unwrap();
            stored.states.extend(states.iter().map(|state| postcard::to_stdvec(state).unwrap()));
        }
        if !killed {
            self.under_way.push_back(stored);
        }
        killed
    }

    fn complete(&mut self) -> Option<u64> {
        self.completed = self.under_way.pop_front()?;
        Some(self.completed.id)
    }

    fn step(&mut self, step: &Step) {
        let parallelism = self.subtasks.len();
        match *step {
            Step::Write(count) => {
                for number in self.next..self.next + count {
                    let writer = &mut self.subtasks[number as usize % parallelism].writer;
                    write(writer, &[&number.to_string()]).unwrap();
                }
                self.next += count;
            }
            Step::Barrier(subtasks) => {
                if self.barrier(subtasks) {
                    self.restart(parallelism as u32, subtasks % 2 == 0, None);
                }
            }
            Step::Complete { notified } => {
                let Some(id) = self.complete() else { return };
                self.subtasks.iter_mut().take(notified).for_each(|subtask| subtask.committed(id));
                if notified < parallelism {
                    self.restart(parallelism as u32, notified % 2 == 0, None);
                }
            }
            Step::CompleteUnnoticed => drop(self.complete()),
            Step::Abort => drop(self.under_way.pop_front()),
            Step::Kill { parallelism, cleanly, again_after } => {
                self.restart(parallelism, cleanly, again_after)
            }
            Step::NewJob { .. } if !self.changes => {}
            Step::NewJob { parallelism } => {
                self.kill(true);
                (self.job, self.attempt) = (self.job + 1, 0);
                self.begin(parallelism, None);
            }
        }
    }

    fn finish(&mut self) {
        for subtask in &mut self.subtasks {
            subtask.writer.finish().unwrap();
        }
        assert!(!self.barrier(usize::MAX));
        while let Some(id) = self.complete() {
            self.subtasks.iter_mut().for_each(|subtask| subtask.committed(id));
        }
        self.kill(true);
    }
}

/// The numbers that everybody sees, in order.
fn visible(directory: &TempDir) -> Vec<u64> {
    let files = files(directory.path());
    let visible = files.iter().filter(|(name, _)| !name.contains("/.") && !name.starts_with('.'));
    let mut all: Vec<_> =
        visible.flat_map(|(_, text)| text.lines().map(|line| line.parse().unwrap())).collect();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_record_is_written_exactly_once_whatever_is_killed(
        steps in steps(),
        parallelism in 1u32..5,
        changes: bool,
    ) {
        let directory = tempdir().unwrap();
        let sink = TextFileSink::new(path(&directory))
            .rolling(RollingPolicy::never().max_bytes(20))
            .buckets((|record, _| format!("b{}", record.len())) as Buckets);
        let mut job = Job {
            sink,
            job: 1,
            attempt: 0,
            subtasks: Vec::new(),
            next: 0,
            last_id: 0,
            under_way: VecDeque::new(),
            completed: Stored::default(),
            changes,
        };
        job.begin(parallelism, None);
        for step in &steps {
            job.step(step);
            let visible = visible(&directory);
            prop_assert!(visible.iter().all(|number| *number < job.completed.next), "before its time: {visible:?}");
            if matches!(step, Step::Kill { .. }) {
                let expected: Vec<_> = (0..job.completed.next).collect();
                prop_assert_eq!(visible, expected, "all of the checkpoint, before anything is written");
            }
        }
        job.finish();
        prop_assert_eq!(visible(&directory), (0..job.next).collect::<Vec<_>>());
        let hidden: Vec<_> =
            files(directory.path()).into_keys().filter(|name| name.contains("/.") || name.starts_with('.')).collect();
        // What a job has left that was replaced by a new one belongs to its checkpoints; and subtasks that are new in a job
        // do not know what they may remove until they have taken part in a checkpoint.
        if !changes {
            prop_assert_eq!(hidden, Vec::<String>::new(), "leftovers");
        }
    }
}
