//! Any changes, and any course of any number of snapshots at the same time.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Set {
        first: u32,
        count: u32,
        size: usize,
    },
    Remove {
        first: u32,
        count: u32,
    },
    ChangeAll,
    RemoveEvery(u32),
    Drain,
    Begin(Kind),
    Write(usize),
    /// The JobMaster decides on a written snapshot, and deletes files.
    Decide {
        which: usize,
        completes: bool,
    },
    /// The table hears of it.
    Tell(usize),
    Restart {
        owned: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Incremental,
    Full,
    Savepoint,
}

fn op() -> impl Strategy<Value = Op> {
    let keys = (0..3_000u32, prop_oneof![4 => 1..20u32, 1 => 1..1_000u32]);
    prop_oneof![
        8 => (keys.clone(), prop_oneof![3 => 0..20usize, 1 => 0..2_000usize])
            .prop_map(|((first, count), size)| Op::Set { first, count, size }),
        3 => keys.prop_map(|(first, count)| Op::Remove { first, count }),
        1 => Just(Op::ChangeAll),
        1 => (2..5u32).prop_map(Op::RemoveEvery),
        1 => Just(Op::Drain),
        6 => prop_oneof![8 => Just(Kind::Incremental), 1 => Just(Kind::Full), 1 => Just(Kind::Savepoint)]
            .prop_map(Op::Begin),
        12 => prop_oneof![3 => 1..10usize, 1 => Just(1_000)].prop_map(Op::Write),
        6 => (0..3usize, prop::bool::weighted(0.8)).prop_map(|(which, completes)| Op::Decide { which, completes }),
        6 => (0..3usize).prop_map(Op::Tell),
        1 => any::<bool>().prop_map(|owned| Op::Restart { owned }),
    ]
}

/// A snapshot under way: what it must contain, and what it contains so far.
struct UnderWay {
    id: u64,
    kind: Kind,
    expected: Model,
    snapshot: Snapshot,
    is_written: bool,
}

struct Job {
    table: KeyedTable<u32, Vec<u8>>,
    model: Model,
    files: Files,
    last_id: u64,
    under_way: Vec<UnderWay>,
    /// Decisions that the table has not heard of.
    untold: Vec<(u64, bool)>,
    completed: Option<UnderWay>,
    savepoints: Vec<UnderWay>,
}

impl Job {
    fn new() -> Self {
        Self {
            table: table(),
            model: Model::new(),
            files: Files::default(),
            last_id: 0,
            under_way: Vec::new(),
            untold: Vec::new(),
            completed: None,
            savepoints: Vec::new(),
        }
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Set { first, count, size } => {
                for key in first..first + count {
                    let value = vec![(key + size as u32) as u8; size];
                    self.model.insert(key, value.clone());
                    set(&mut self.table, key, value);
                }
            }
            Op::Remove { first, count } => {
                for key in first..first + count {
                    assert_eq!(self.table.remove(stable_hash(&key), &key), self.model.remove(&key));
                }
            }
            Op::ChangeAll => {
                self.table.iter_mut().for_each(|(_, value)| value.push(1));
                self.model.values_mut().for_each(|value| value.push(1));
            }
            Op::RemoveEvery(n) => {
                self.table.retain(|key, _| key % n != 0);
                self.model.retain(|key, _| key % n != 0);
            }
            Op::Drain => {
                let drained: Model = self.table.drain().collect();
                assert_eq!(drained, std::mem::take(&mut self.model));
            }
            Op::Begin(kind) => self.begin(kind),
            Op::Write(budget) => self.write(budget),
            Op::Decide { which, completes } => self.decide(which, completes),
            Op::Tell(which) => self.tell(which),
            Op::Restart { owned } => self.restart(owned),
        }
        assert_eq!(self.table.len(), self.model.len());
    }

    fn begin(&mut self, kind: Kind) {
        self.last_id += 1;
        let id = self.last_id;
        self.table.begin(CheckpointId(id), kind == Kind::Incremental);
        let expected = self.model.clone();
        self.under_way.push(UnderWay {
            id,
            kind,
            expected,
            snapshot: Snapshot::default(),
            is_written: false,
        });
    }

    fn write(&mut self, budget: usize) {
        let Some(at) = self.under_way.iter().position(|one| !one.is_written) else {
            return assert!(self.files.write_some(&mut self.table, &mut Snapshot::default(), 1));
        };
        let one = &mut self.under_way[at];
        one.is_written = self.files.write_some(&mut self.table, &mut one.snapshot, budget);
        if one.is_written {
            assert_eq!(restored(&self.files, &one.snapshot), one.expected);
            if one.kind == Kind::Savepoint {
                self.table.aborted(CheckpointId(one.id));
                let savepoint = self.under_way.remove(at);
                self.savepoints.push(savepoint);
            }
        }
    }

    fn decide(&mut self, which: usize, completes: bool) {
        if which >= self.under_way.len() || (completes && !self.under_way[which].is_written) {
            return;
        }
        let one = self.under_way.remove(which);
        self.untold.push((one.id, completes));
        if !completes {
            one.snapshot.file.into_iter().for_each(|file| self.files.delete(file));
            // What is not written any more is not waited for either.
            if !one.is_written {
                self.tell(self.untold.len() - 1);
            }
            return;
        }
        // Older ones are given up.
        while self.under_way.first().is_some_and(|older| older.id < one.id) {
            self.decide(0, false);
        }
        // All files go that were written before and are not needed for this one.
        let needed = one.snapshot.files();
        let kept: BTreeSet<u32> = self
            .under_way
            .iter()
            .chain(&self.savepoints)
            .filter_map(|other| other.snapshot.file)
            .chain(needed)
            .collect();
        for file in self.files.numbers() {
            if !kept.contains(&file) {
                self.files.delete(file);
            }
        }
        assert_eq!(restored(&self.files, &one.snapshot), one.expected);
        self.completed = Some(one);
    }

    fn tell(&mut self, which: usize) {
        if which >= self.untold.len() {
            return;
        }
        match self.untold.remove(which) {
            (id, true) => self.table.completed(CheckpointId(id)),
            (id, false) => self.table.aborted(CheckpointId(id)),
        }
    }

    /// The job begins anew from what is completed.
    fn restart(&mut self, owned: bool) {
        let Some(completed) = &self.completed else { return };
        self.table = table();
        self.files.restore(&completed.snapshot, &mut self.table, owned).unwrap();
        self.model = completed.expected.clone();
        assert_eq!(content(&self.table), self.model);
        for one in self.under_way.drain(..) {
            one.snapshot.file.into_iter().for_each(|file| self.files.delete(file));
        }
        self.untold.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn each_snapshot_is_what_was_there_when_it_began(ops in prop::collection::vec(op(), 1..80)) {
        let mut job = Job::new();
        for op in ops {
            job.run(op);
        }
        while job.under_way.iter().any(|one| !one.is_written) {
            job.run(Op::Write(5));
        }
        for savepoint in &job.savepoints {
            assert_eq!(restored(&job.files, &savepoint.snapshot), savepoint.expected);
            assert_eq!(savepoint.snapshot.referred, 0);
        }
    }
}
