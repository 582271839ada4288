use std::cell::OnceCell;

use bytes::Bytes;
use flott_core::{CheckpointId, time::Timestamp};
use flott_state::{
    Error, Key, KeyedSnapshot, KeyedTable, RestoredSegment, Result, SegmentAddress, SegmentLocation,
    SegmentSink, StateValue, TableDescription,
};

use super::{
    super::part::Part,
    Tables,
    name::{Content, Name},
    table,
};

/// A snapshot that is not written yet.
pub(super) struct Pending {
    id: CheckpointId,
    /// The numbers of its tables, in the order in which they are described.
    tables: Vec<u64>,
    /// What they are.
    descriptions: Vec<TableDescription>,
    /// The tables before this one are written.
    at: usize,
}

/// Writes segments as those of a table.
struct AsTable<'a> {
    table: u16,
    out: &'a mut dyn SegmentSink,
}

impl SegmentSink for AsTable<'_> {
    fn write(&mut self, address: SegmentAddress, bytes: Bytes) -> Result<SegmentLocation> {
        self.out.write(SegmentAddress { table: self.table, ..address }, bytes)
    }

    fn refer(&mut self, address: SegmentAddress, location: SegmentLocation) {
        self.out.refer(SegmentAddress { table: self.table, ..address }, location);
    }

    fn is_full(&self) -> bool {
        self.out.is_full()
    }
}

/// The tables are described by their numbers, which rise.
impl<K: Key, A: StateValue + Clone> KeyedSnapshot for Tables<K, A> {
    fn begin(&mut self, id: CheckpointId, incremental: bool) {
        let mut tables = Vec::new();
        self.for_each(|number, table| {
            tables.push(number);
            table.begin(id, incremental);
        });
        tables.sort_unstable();
        let descriptions = self.describe_all();
        self.pending.push_back(Pending { id, tables, descriptions, at: 0 });
    }

    fn write(&mut self, out: &mut dyn SegmentSink) -> Result<bool> {
        let Some(mut pending) = self.pending.pop_front() else { return Ok(true) };
        self.written = None;
        while let Some(number) = pending.tables.get(pending.at) {
            let mut out = AsTable { table: pending.at as u16, out: &mut *out };
            // What is gone had nothing that was still to be written.
            let written = self.find(*number).map_or(Ok(true), |table| table.write(&mut out));
            pending.at += usize::from(*written.as_ref().unwrap_or(&false));
            if written != Ok(true) || (out.is_full() && pending.at < pending.tables.len()) {
                self.leftovers.forget_written();
                self.pending.push_front(pending);
                return written.map(|_| false);
            }
        }
        self.leftovers.forget_written();
        self.written = Some(pending.descriptions);
        Ok(true)
    }

    fn completed(&mut self, id: CheckpointId) {
        self.for_each(|_, table| table.completed(id));
        self.leftovers.completed(id);
    }

    fn aborted(&mut self, id: CheckpointId) {
        self.pending.retain(|pending| pending.id != id);
        self.for_each(|_, table| table.aborted(id));
        self.leftovers.aborted(id);
    }

    fn restore(&mut self, segment: &RestoredSegment<'_>) -> Result<()> {
        if !self.groups.contains(&segment.group) {
            return Ok(());
        }
        let text = &segment.table.name;
        let incompatible = |reason| Error::Incompatible { state: text.clone(), reason };
        let name = Name::parse(text).ok_or_else(|| {
            incompatible(
                "it is not one of windows that are the same for all keys: give these another uid".to_owned(),
            )
        })?;
        let fits = match name.content {
            Content::Pane(span) => self.grid.pane(span.start) == Some(span),
            slides @ Content::Slides { .. } => slides == Content::slides(&self.grid),
        };
        if !fits {
            let (size, slide, offset) = (self.grid.size, self.grid.slide, self.grid.offset);
            return Err(incompatible(format!(
                "it belongs to windows of another size, slide or offset than those of now ({size} ms every {slide} ms, \
                 from {offset} ms): give these another uid"
            )));
        }
        let part = self.restored_part(segment.group, name.fired);
        self.switch(part);
        let restored = match name.content {
            Content::Slides { .. } => self.part.sliding.restore(segment),
            Content::Pane(span) => {
                let (at, _) = self.locate(span);
                self.part.panes[at].table.restore(segment)
            }
        };
        self.switch(part);
        restored
    }

    /// Those of the snapshot that is being written, or was written last: by now there may be other panes.
    /// A key counts once for each pane in which it has records.
    fn entries(&self) -> usize {
        std::iter::once(&self.part).chain(&self.apart).map(Part::entries).sum()
    }

    fn describe(&self) -> Vec<TableDescription> {
        let pending = self.pending.front().map(|pending| &pending.descriptions);
        self.written.as_ref().or(pending).cloned().unwrap_or_else(|| self.describe_all())
    }
}

fn describe<K: Key, V: StateValue>(table: &KeyedTable<K, V>) -> Option<TableDescription> {
    table.describe().pop()
}

impl<K: Key, A: StateValue + Clone> Tables<K, A> {
    fn describe_all(&self) -> Vec<TableDescription> {
        // Schemas are found out once for all panes.
        let of_panes = OnceCell::new();
        let mut tables = Vec::new();
        for part in std::iter::once(&self.part).chain(&self.apart) {
            let named = |content| Name { content, fired: part.time }.to_string();
            let name = named(Content::slides(&self.grid));
            tables.extend(
                describe(&part.sliding).map(|table| (part.number, TableDescription { name, ..table })),
            );
            for pane in &part.panes {
                let Some(table) = of_panes.get_or_init(|| describe(&pane.table)).clone() else { continue };
                let name = named(Content::Pane(pane.span));
                tables.push((pane.number, TableDescription { name, ..table }));
            }
        }
        tables.sort_unstable_by_key(|(number, _)| *number);
        tables.into_iter().map(|(_, table)| table).collect()
    }

    fn for_each(&mut self, mut call: impl FnMut(u64, &mut dyn KeyedSnapshot)) {
        for part in std::iter::once(&mut self.part).chain(&mut self.apart) {
            call(part.number, &mut part.sliding);
            for pane in &mut part.panes {
                call(pane.number, &mut pane.table);
            }
        }
    }

    /// The table of this number.
    fn find(&mut self, number: u64) -> Option<&mut dyn KeyedSnapshot> {
        for part in std::iter::once(&mut self.part).chain(&mut self.apart) {
            if part.number == number {
                return Some(&mut part.sliding);
            }
            if let Some(pane) = part.panes.iter_mut().find(|pane| pane.number == number) {
                return Some(&mut pane.table);
            }
        }
        self.leftovers.retired(number)
    }

    /// The part for what is restored of a key group whose windows have been fired up to `fired`.
    fn restored_part(&mut self, group: u32, fired: Timestamp) -> usize {
        let position = self.position(fired);
        let known = std::iter::once(&self.part)
            .chain(&self.apart)
            .position(|part| self.position(part.time) == position);
        let is_first = self.part.panes.is_empty() && self.part.sliding.is_empty() && self.apart.is_empty();
        let part = match known {
            Some(part) => part,
            None => {
                let number = if is_first { self.part.number } else { self.number() };
                let new = Part::new(table(&self.task), number, fired, (&self.grid, self.lateness));
                if is_first {
                    self.part = new;
                    0
                } else {
                    self.apart.push(new);
                    self.apart.len()
                }
            }
        };
        self.switch(part);
        self.part.time = self.part.time.max(fired);
        self.switch(part);
        let groups = self.groups.len();
        self.part_of_group.resize(groups, 0);
        self.part_of_group[(group - self.groups.start) as usize] = part;
        part
    }
}
