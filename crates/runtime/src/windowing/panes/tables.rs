//! The tables of the panes, as checkpoints see them.
//!
//! Each pane's table is snapshot as tables are, segment by segment, while records come. A table whose pane is over while it
//! is being written is put aside until it is. How far windows have been fired follows from the time up to which they have
//! been, and that is part of the tables' names: at a restore at another parallelism a subtask may get the keys of subtasks
//! that had come to different times. Then keys go on in as many *parts*, each from its own time, until all have come to the
//! same windows, which is soon: so no window is fired twice, and none never.

mod leftovers;
mod name;
mod snapshot;

use std::{collections::VecDeque, ops::Range};

use flott_core::{
    hash::stable_hash,
    key_group::{groups_of_subtask, key_group},
    time::Timestamp,
};
use flott_state::{Key, KeyedTable, StateValue, TableDescription};

use self::{leftovers::Leftovers, snapshot::Pending};
use super::{
    grid::{Grid, Span, Wide},
    part::{NOWHERE, Pane, Part, open_at},
};
use crate::TaskContext;

pub(super) struct Tables<K, A> {
    /// The part at work; nearly always the only one.
    pub(super) part: Part<K, A>,
    /// The others.
    apart: Vec<Part<K, A>>,
    /// While there are several: to which a key group belongs, 0 being `part`.
    part_of_group: Vec<usize>,
    pub(super) leftovers: Leftovers<K, A>,
    task: TaskContext,
    groups: Range<u32>,
    grid: Grid,
    lateness: i64,
    next_number: u64,
    /// Snapshots that are not written yet, in their order.
    pending: VecDeque<Pending>,
    /// What the tables were of the one that was written last.
    written: Option<Vec<TableDescription>>,
}

impl<K: Key, A: StateValue + Clone> Tables<K, A> {
    /// Without records, after windows have been fired up to `fired`.
    pub(super) fn new(task: &TaskContext, grid: Grid, lateness: i64, fired: Timestamp) -> Self {
        Self {
            part: Part::new(table(task), 0, fired, (&grid, lateness)),
            apart: Vec::new(),
            part_of_group: Vec::new(),
            leftovers: Leftovers::default(),
            groups: groups_of_subtask(task.subtask, task.parallelism, task.max_parallelism),
            task: task.clone(),
            grid,
            lateness,
            next_number: 1,
            pending: VecDeque::new(),
            written: None,
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Makes a pane of the part at work and gives its position, if it is not there.
    pub(super) fn locate(&mut self, span: Span) -> (usize, bool) {
        let at = match self.part.find(span) {
            Ok(at) => return (at, false),
            Err(at) => at,
        };
        let table = self.leftovers.take_spare().unwrap_or_else(|| table(&self.task));
        let done = self.grid.first_window(span) < self.part.open;
        let number = self.number();
        self.part.panes.insert(at, Pane { span, table, number, done });
        (at, true)
    }

    /// Whether there are several parts.
    #[inline]
    pub(super) fn is_split(&self) -> bool {
        !self.apart.is_empty()
    }

    /// Number of parts.
    pub(super) fn parts(&self) -> usize {
        1 + self.apart.len()
    }

    /// The part of a key with this hash. Only if there are several.
    pub(super) fn part_of(&self, hash: u64) -> usize {
        let group = key_group(hash, self.task.max_parallelism).wrapping_sub(self.groups.start);
        self.part_of_group.get(group as usize).copied().unwrap_or(0)
    }

    /// Makes another part the one at work, or that part the other one again.
    pub(super) fn switch(&mut self, part: usize) {
        if let Some(other) = part.checked_sub(1).and_then(|at| self.apart.get_mut(at)) {
            std::mem::swap(&mut self.part, other);
        }
    }

    /// Makes one part of all if they have come equally far.
    pub(super) fn join(&mut self) {
        let position = |part: &Part<K, A>| self.position(part.time);
        if self.apart.iter().any(|other| position(other) != position(&self.part)) {
            return;
        }
        for other in std::mem::take(&mut self.apart) {
            self.absorb(other);
        }
        self.part_of_group = Vec::new();
    }

    /// What must be the same of two times for windows to go on alike after both.
    fn position(&self, time: Timestamp) -> (Wide, Option<Timestamp>) {
        // How late records may be depends on the time itself, not only on which windows are over.
        (open_at(&self.grid, time), (self.lateness > 0).then_some(time))
    }

    fn absorb(&mut self, other: Part<K, A>) {
        let Self { part, leftovers, .. } = self;
        part.time = part.time.max(other.time);
        part.current = NOWHERE;
        for pane in other.panes {
            match part.find(pane.span) {
                Err(at) => part.panes.insert(at, pane),
                Ok(at) => {
                    let table = &mut part.panes[at].table;
                    leftovers.empty(pane, |key, state| {
                        table.insert(stable_hash(&key), key, state);
                    });
                }
            }
        }
        leftovers.empty_slides(other.number, other.sliding, |key, slide| {
            part.sliding.insert(stable_hash(&key), key, slide);
        });
    }
}

fn table<K: Key, V: StateValue>(task: &TaskContext) -> KeyedTable<K, V> {
    KeyedTable::new(task.subtask, task.parallelism, task.max_parallelism)
}
