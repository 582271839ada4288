//! Snapshots of all states of an operator.

use flott_core::CheckpointId;

use super::{Carried, KeyedState, Registered};
use crate::{
    Key, KeyedSnapshot, RestoredSegment, Result, SegmentSink, TableDescription, snapshot::Conversion,
};

/// States that are restored before they are registered are kept as they were written until they are; those that never
/// are registered stay in the snapshots. A state that does not fit what is stored of it is an error where the two come
/// together: when the segment is restored, or when the state is registered.
impl<K: Key> KeyedSnapshot for KeyedState<K> {
    fn begin(&mut self, id: CheckpointId, incremental: bool) {
        self.carried.retain(|carried| !carried.is_leaving || carried.is_pending());
        for state in &mut self.states {
            state.table.begin(id, incremental);
        }
        for carried in self.carried.iter_mut().filter(|carried| !carried.is_leaving) {
            carried.begin(id, incremental);
        }
        self.pending.push_back(id);
    }

    fn write(&mut self, out: &mut dyn SegmentSink) -> Result<bool> {
        let Some(&id) = self.pending.front() else { return Ok(true) };
        for (table, which) in self.tables().into_iter().enumerate() {
            let table = table as u16;
            let is_written = match which {
                Which::Registered(index) => self.states[index].table.write(id, table, out)?,
                Which::Carried(index) => self.carried[index].write(id, table, out)?,
            };
            if !is_written {
                return Ok(false);
            }
        }
        self.pending.pop_front();
        Ok(true)
    }

    fn completed(&mut self, id: CheckpointId) {
        for state in &mut self.states {
            state.table.completed(id);
        }
    }

    fn aborted(&mut self, id: CheckpointId) {
        self.pending.retain(|pending| *pending != id);
        for state in &mut self.states {
            state.table.aborted(id);
        }
        for carried in &mut self.carried {
            carried.aborted(id);
        }
    }

    fn restore(&mut self, segment: &RestoredSegment<'_>) -> Result<()> {
        if !self.key_groups().contains(&segment.group) {
            return Ok(());
        }
        let name = &*segment.table.name;
        if let Some(state) = self.states.iter_mut().find(|state| &*state.info.name == name) {
            let Registered { table, description, migrations, conversion, .. } = state;
            let conversion = Conversion::of(conversion, segment.table, || description.clone(), migrations)?;
            return table.restore(segment, conversion, &self.current);
        }
        if let Some(carried) = self.carried.iter_mut().find(|carried| carried.description == *segment.table) {
            carried.add(segment);
            return Ok(());
        }
        let mut carried = Carried::new(segment.table.clone(), self.next_position);
        self.next_position += 1;
        carried.add(segment);
        self.carried.push(carried);
        Ok(())
    }

    fn entries(&self) -> usize {
        self.len()
    }

    fn describe(&self) -> Vec<TableDescription> {
        let description = |which| match which {
            Which::Registered(index) => self.states[index].description.clone(),
            Which::Carried(index) => self.carried[index].description.clone(),
        };
        self.tables().into_iter().map(description).collect()
    }
}

/// A table of one sort or the other.
#[derive(Clone, Copy)]
enum Which {
    Registered(usize),
    Carried(usize),
}

impl<K: Key> KeyedState<K> {
    /// All tables in the order in which they are described.
    fn tables(&self) -> Vec<Which> {
        let registered =
            self.states.iter().enumerate().map(|(i, state)| (state.position, Which::Registered(i)));
        let carried =
            self.carried.iter().enumerate().map(|(i, carried)| (carried.position, Which::Carried(i)));
        let mut tables: Vec<_> = registered.chain(carried).collect();
        tables.sort_unstable_by_key(|(position, _)| *position);
        tables.into_iter().map(|(_, which)| which).collect()
    }

    /// Moves what was restored of a state into its table, now that it is registered.
    pub(super) fn adopt(&mut self, state: &mut Registered<K>) -> Result<()> {
        let Self { carried, current, .. } = self;
        let mut is_pending = false;
        for old in
            carried.iter_mut().filter(|old| !old.is_leaving && *old.description.name == *state.info.name)
        {
            let conversion = Conversion::of(
                &mut state.conversion,
                &old.description,
                || state.description.clone(),
                &state.migrations,
            )?;
            for segment in old.segments() {
                state.table.restore(&segment, conversion, current)?;
            }
            is_pending |= old.is_pending();
        }
        for old in carried.iter_mut().filter(|old| *old.description.name == *state.info.name) {
            old.is_leaving = true;
            if !is_pending {
                state.position = state.position.min(old.position);
            }
        }
        carried.retain(|old| !old.is_leaving || old.is_pending());
        Ok(())
    }
}
