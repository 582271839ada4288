use flott_core::CheckpointId;
use flott_state::{Key, KeyedSnapshot, KeyedTable, StateValue};

use super::super::{part::Pane, slide::Slide};

/// Tables that have no pane any more.
pub(in super::super) struct Leftovers<K, A> {
    /// With memory for the next pane.
    spare: Option<KeyedTable<K, A>>,
    /// Those that are still to be written for a snapshot, with their numbers.
    retired: Vec<(u64, Box<dyn Retired>)>,
}

/// A table of any type.
pub(super) trait Retired: KeyedSnapshot + Send {
    fn is_pending(&self) -> bool;
}

impl<K: Key, V: StateValue> Retired for KeyedTable<K, V> {
    fn is_pending(&self) -> bool {
        self.has_pending_snapshot()
    }
}

impl<K, A> Default for Leftovers<K, A> {
    fn default() -> Self {
        Self { spare: None, retired: Vec::new() }
    }
}

impl<K: Key, A: StateValue + Clone> Leftovers<K, A> {
    pub(super) fn take_spare(&mut self) -> Option<KeyedTable<K, A>> {
        self.spare.take()
    }

    /// Hands out all that a pane has, which is over.
    pub(in super::super) fn empty(&mut self, pane: Pane<K, A>, take: impl FnMut(K, A)) {
        self.spare = self.take_all(pane.number, pane.table, take).or(self.spare.take());
    }

    /// As [`empty`](Self::empty), of windows of several panes.
    pub(super) fn empty_slides(
        &mut self,
        number: u64,
        slides: KeyedTable<K, Slide<A>>,
        take: impl FnMut(K, Slide<A>),
    ) {
        self.take_all(number, slides, take);
    }

    /// A pane is not needed any more.
    pub(in super::super) fn drop(&mut self, pane: Pane<K, A>) {
        if pane.table.has_pending_snapshot() {
            self.retired.push((pane.number, Box::new(pane.table)));
        }
    }

    /// Gives back the empty table, unless it is still to be written.
    fn take_all<V: StateValue + Clone>(
        &mut self,
        number: u64,
        mut table: KeyedTable<K, V>,
        mut take: impl FnMut(K, V),
    ) -> Option<KeyedTable<K, V>> {
        if table.has_pending_snapshot() {
            // Copies cost less than to encode it now, and are gone when this is done.
            table.iter().for_each(|(key, value)| take(key.clone(), value.clone()));
            self.retired.push((number, Box::new(table)));
            return None;
        }
        table.drain_with(take);
        Some(table)
    }

    /// The retired table of this number.
    pub(super) fn retired(&mut self, number: u64) -> Option<&mut dyn KeyedSnapshot> {
        let table = self.retired.iter_mut().find(|(known, _)| *known == number);
        table.map(|(_, table)| -> &mut dyn KeyedSnapshot { &mut **table })
    }

    /// Drops the retired tables that are written.
    pub(super) fn forget_written(&mut self) {
        self.retired.retain(|(_, table)| table.is_pending());
    }

    pub(super) fn completed(&mut self, id: CheckpointId) {
        if let Some(spare) = &mut self.spare {
            spare.completed(id);
        }
    }

    pub(super) fn aborted(&mut self, id: CheckpointId) {
        if let Some(spare) = &mut self.spare {
            spare.aborted(id);
        }
        self.retired.iter_mut().for_each(|(_, table)| table.aborted(id));
        self.forget_written();
    }
}
