use std::collections::VecDeque;

use flott_core::time::Timestamp;
use flott_state::{Key, KeyedTable, StateValue};

use super::{
    grid::{Grid, Span, Wide},
    slide::Slide,
};

/// The pane of no record.
pub(super) const NOWHERE: Span = Span { start: i64::MAX, last: i64::MIN };

/// What the records of a pane add up to, by key.
pub(super) struct Pane<K, A> {
    pub(super) span: Span,
    pub(super) table: KeyedTable<K, A>,
    /// Tells the table from others in snapshots.
    pub(super) number: u64,
    /// Whether the first of its windows is over.
    pub(super) done: bool,
}

/// The windows of keys that have come equally far: of all keys, but for a while after a restore at another parallelism.
pub(super) struct Part<K, A> {
    /// Those that take records, by start. If records may be late they stay until nobody asks for them.
    pub(super) panes: VecDeque<Pane<K, A>>,
    /// What the next windows will give, as far as their panes were in an earlier window.
    pub(super) sliding: KeyedTable<K, Slide<A>>,
    /// Tells that table from others in snapshots.
    pub(super) number: u64,
    /// The time up to which windows have been fired.
    pub(super) time: Timestamp,
    /// Start of the first window that is not over; not on the grid before the first time.
    pub(super) open: Wide,
    /// With a function that wants to know when windows are over: start of the first one that it was not told.
    pub(super) uncleared: Wide,
    /// The pane of the last record, and where it stands.
    pub(super) current: Span,
    pub(super) current_at: usize,
}

impl<K: Key, A: StateValue> Part<K, A> {
    /// Without records, after windows have been fired up to `time`. Both positions follow from that.
    pub(super) fn new(
        sliding: KeyedTable<K, Slide<A>>,
        number: u64,
        time: Timestamp,
        (grid, lateness): (&Grid, i64),
    ) -> Self {
        Self {
            panes: VecDeque::new(),
            sliding,
            number,
            time,
            open: open_at(grid, time),
            uncleared: open_at(grid, uncleared_at(time, lateness)),
            current: NOWHERE,
            current_at: 0,
        }
    }

    /// How many entries its tables have.
    pub(super) fn entries(&self) -> usize {
        self.panes.iter().map(|pane| pane.table.len()).sum::<usize>() + self.sliding.len()
    }

    /// Where the panes begin whose windows are all still to come.
    pub(super) fn first_undone(&self) -> usize {
        self.panes.partition_point(|pane| pane.done)
    }

    /// The next window that has records.
    pub(super) fn next_window(&self, grid: &Grid) -> Option<Wide> {
        if !self.sliding.is_empty() {
            return Some(self.open);
        }
        self.panes.get(self.first_undone()).map(|pane| grid.first_window(pane.span))
    }

    /// Where the pane stands, or is to stand.
    pub(super) fn find(&self, span: Span) -> Result<usize, usize> {
        let at = self.panes.partition_point(|pane| pane.span.start < span.start);
        if self.panes.get(at).is_some_and(|pane| pane.span == span) { Ok(at) } else { Err(at) }
    }
}

/// When windows were over that have been cleared at `time`.
pub(super) fn uncleared_at(time: Timestamp, lateness: i64) -> Timestamp {
    if time == Timestamp::MIN { time } else { time.as_millis().saturating_sub(lateness).into() }
}

/// Start of the first window that is not over when windows have been fired up to `time`.
pub(super) fn open_at(grid: &Grid, time: Timestamp) -> Wide {
    if time == Timestamp::MIN { Wide::from(i64::MIN) * 4 } else { grid.first_open_window(time) }
}
