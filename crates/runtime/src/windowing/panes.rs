//! Aggregation in windows that are the same for all keys, the usual case, without timers and without a state for each window.
//!
//! Time is cut into panes, longest times that no window begins or ends within. A record costs one look-up in the table of its
//! pane, whatever the number of windows that it belongs to. When a window is over, the panes that ended with it move into
//! [`Slide`]s, one a key, that give the window's value from that of the window before.
//!
//! What comes out is what the general operator would give with the default trigger, except for the order of keys.

mod grid;
mod part;
mod slide;
mod tables;
#[cfg(test)]
mod tests;

use std::iter;

use flott_core::{hash::stable_hash, time::Timestamp};

use super::{
    Aligned, Contents, TimeDomain, TimeWindow, Window, WindowFunction,
    arrivals::Arrivals,
    function::{Firing, Late, Times},
    keys::Keys,
    operator::{WindowSettings, without_timestamp},
};
use crate::{
    Batch, CheckpointEvent, Mark, Output, Record, Redistribution, Result, RuntimeContext,
    operators::KeySelector,
    output::{Downstream, Flush},
    scope,
};
use grid::{Grid, Wide};
use part::{NOWHERE, uncleared_at};
use slide::Slide;
use tables::Tables;

/// The name of the panes in checkpoints.
const PANES: &str = "panes";

/// The name of the time up to which windows have been fired. In event time the watermark says that again after a restore; in
/// processing time the clock may still show the very millisecond.
const FIRED: &str = "fired up to";

/// Aggregates records in windows on a grid.
pub struct PaneOperator<T, S, C, F, W>
where
    S: KeySelector<T>,
    C: Contents<T>,
    W: Window,
    F: WindowFunction<C::Value, S::Key, W>,
{
    operator: RuntimeContext,
    selector: S,
    contents: C,
    next: Firing<C::Value, S::Key, W, F>,
    late: Late<T>,
    domain: TimeDomain,
    /// For how long after its end a window takes records, in milliseconds.
    lateness: i64,
    grid: Grid,
    make: fn(TimeWindow) -> W,
    tables: Tables<S::Key, C::State>,
    arrivals: Arrivals,
    times: Times,
}

/// Where a record belongs.
enum Place {
    /// To the current pane.
    Current,
    /// To no window that still takes records.
    Late,
    /// To none at all.
    Gap,
}

impl<T, S, C, F, W> PaneOperator<T, S, C, F, W>
where
    T: Record,
    S: KeySelector<T>,
    C: Contents<T>,
    W: Window,
    F: WindowFunction<C::Value, S::Key, W>,
{
    /// Aggregates `contents` by key in `windows` and hands on to `next` what `function` emits.
    ///
    /// # Errors
    /// Those of the function when it opens, and if what a checkpoint has can't be restored.
    #[expect(clippy::too_many_arguments, reason = "each is one of the parts that make windows what they are")]
    pub fn new(
        operator: RuntimeContext,
        selector: S,
        windows: Aligned<W>,
        domain: TimeDomain,
        contents: C,
        function: F,
        settings: WindowSettings<T>,
        next: Downstream<F::Record>,
    ) -> Result<Self> {
        let Aligned { size, slide, offset, window } = windows;
        let next = Firing::open(&operator, function, false, next)?;
        let grid = Grid::new(size, slide, offset);
        let lateness = if domain == TimeDomain::EventTime { settings.lateness } else { 0 };
        let fired = match domain {
            TimeDomain::EventTime => None,
            TimeDomain::ProcessingTime => operator.restored().list(FIRED)?.pop(),
        };
        let mut tables = Tables::new(&operator.task, grid, lateness, fired.unwrap_or(Timestamp::MIN));
        operator.restored().keyed(PANES, &mut tables)?;
        let mut this = Self {
            next,
            late: Late::new(&operator, settings.late),
            arrivals: Arrivals::restore(&operator)?,
            operator,
            selector,
            contents,
            domain,
            lateness,
            grid,
            make: window,
            tables,
            times: Times { watermark: Timestamp::MIN, processing_time: Timestamp::MIN },
        };
        this.wake_for_next();
        Ok(this)
    }

    /// Until when a window takes records.
    fn cleanup_time(&self, window: Wide) -> i64 {
        self.grid.max_timestamp(window).saturating_add(self.lateness)
    }

    /// Makes the pane of a timestamp the current one.
    #[cold]
    fn locate(&mut self, time: i64) -> Place {
        let Some(mut span) = self.grid.pane(time) else {
            let is_late = self.domain == TimeDomain::EventTime
                && time.saturating_add(self.lateness) <= self.tables.part.time.as_millis();
            return if is_late { Place::Late } else { Place::Gap };
        };
        if self.domain == TimeDomain::ProcessingTime && self.grid.first_window(span) < self.tables.part.open {
            // The clock still shows the last millisecond of a window that was fired: the record belongs to the next.
            let Some(next) = self.grid.pane(self.tables.part.time.as_millis().saturating_add(1)) else {
                return Place::Gap;
            };
            span = next;
        } else if self.domain == TimeDomain::EventTime
            && self.cleanup_time(self.grid.last_window(span)) <= self.tables.part.time.as_millis()
        {
            return Place::Late;
        }
        let (at, is_new) = self.tables.locate(span);
        if is_new {
            self.wake_for_next();
        }
        (self.tables.part.current, self.tables.part.current_at) = (span, at);
        Place::Current
    }

    /// Adds a record to the current pane.
    #[inline]
    fn add(&mut self, record: T) {
        let part = &mut self.tables.part;
        let pane = &mut part.panes[part.current_at];
        if pane.done {
            return self.add_late(record);
        }
        let (contents, table) = (&mut self.contents, &mut pane.table);
        let arrival = self.arrivals.take();
        let (hash, found) = self.selector.with(&record, |key| {
            let hash = stable_hash(key);
            (hash, table.get_mut(hash, key).ok_or_else(|| key.clone()))
        });
        match found {
            Ok(state) => contents.add(state, record, arrival),
            Err(key) => {
                table.insert(hash, key, contents.first(record, arrival));
            }
        }
    }

    /// Adds a record to the current pane, some of whose windows are over. Those that may still change fire again.
    #[cold]
    fn add_late(&mut self, record: T) {
        let (hash, key) = self.selector.with(&record, |key| (stable_hash(key), key.clone()));
        let arrival = self.arrivals.take();
        let part = &mut self.tables.part;
        let (span, open) = (part.current, part.open);
        let (first, last) = (self.grid.first_window(span), self.grid.last_window(span));
        let contents = &mut self.contents;
        if first == last {
            let table = &mut part.panes[part.current_at].table;
            match table.get_mut(hash, &key) {
                Some(state) => contents.add(state, record, arrival),
                None => {
                    table.insert(hash, key.clone(), contents.first(record, arrival));
                }
            }
        } else {
            let state = contents.first(record, arrival);
            if last >= open {
                let slide = part.sliding.get_or_insert_with(hash, &key, || key.clone(), Slide::default);
                slide.add(span.start, state.clone(), contents);
            }
            let table = &mut part.panes[part.current_at].table;
            match table.get_mut(hash, &key) {
                _ if self.lateness == 0 => {}
                Some(known) => contents.merge(known, state),
                None => {
                    table.insert(hash, key.clone(), state);
                }
            }
        }
        let mut window = last;
        while window >= first {
            if window < open && self.cleanup_time(window) > self.tables.part.time.as_millis() {
                self.fire_again(hash, &key, window);
            }
            window -= Wide::from(self.grid.slide);
        }
    }

    /// Gives the value of a key's window that is over.
    fn fire_again(&mut self, hash: u64, key: &S::Key, window: Wide) {
        let end = window + Wide::from(self.grid.size);
        let panes = &self.tables.part.panes;
        let from = panes.partition_point(|pane| Wide::from(pane.span.last) < window);
        let mut total: Option<C::State> = None;
        for pane in panes.range(from..).take_while(|pane| Wide::from(pane.span.start) < end) {
            let Some(state) = pane.table.get(hash, key) else { continue };
            match &mut total {
                Some(total) => self.contents.merge(total, state.clone()),
                None => total = Some(state.clone()),
            }
        }
        let Some(total) = total else { return };
        let value = self.contents.finish(total);
        self.next.fire(key, &(self.make)(self.grid.window(window)), value, self.times);
    }

    /// Gives what all windows hold that are over at this time, and drops what nobody will ask for again.
    fn advance(&mut self, time: Timestamp) {
        for part in 0..self.tables.parts() {
            self.tables.switch(part);
            self.advance_part(time);
            self.tables.switch(part);
        }
        if self.tables.is_split() {
            self.tables.join();
        }
    }

    fn advance_part(&mut self, time: Timestamp) {
        let time = time.max(self.tables.part.time);
        self.tables.part.time = time;
        while let Some(window) = self.tables.part.next_window(&self.grid)
            && self.grid.max_timestamp(window) <= time.as_millis()
        {
            if self.grid.is_tumbling() {
                self.fire_pane(window)
            } else {
                self.fire_sliding(window)
            }
            self.tables.part.open = window + Wide::from(self.grid.slide);
        }
        let part = &mut self.tables.part;
        part.open = part.open.max(self.grid.first_open_window(time));
        self.clean_up(time);
        self.tables.part.current = NOWHERE;
    }

    /// Fires a window that is a pane, the first that is not done.
    fn fire_pane(&mut self, start: Wide) {
        let window = (self.make)(self.grid.window(start));
        let Self { tables, contents, next, times, .. } = self;
        let at = tables.part.first_undone();
        if self.lateness > 0 {
            let Some(pane) = tables.part.panes.get_mut(at) else { return };
            pane.done = true;
            for (key, state) in pane.table.iter() {
                next.fire(key, &window, contents.value(state), *times);
            }
        } else if let Some(pane) = tables.part.panes.remove(at) {
            tables.leftovers.empty(pane, |key, state| {
                next.fire(&key, &window, contents.finish(state), *times);
                next.clear(&key, &window, *times);
            });
        }
    }

    /// Fires a window of several panes.
    fn fire_sliding(&mut self, start: Wide) {
        let window = self.grid.window(start);
        self.slide_panes(start + Wide::from(self.grid.size));
        let begin = window.start().as_millis();
        let window = (self.make)(window);
        let Self { contents, next, tables, times, .. } = self;
        tables.part.sliding.retain(|key, slide| {
            slide.expire(begin, contents);
            let Some(total) = slide.total(contents) else { return false };
            next.fire(key, &window, contents.finish(total), *times);
            if self.lateness == 0 {
                next.clear(key, &window, *times);
            }
            true
        });
    }

    /// Adds the panes that begin before `end` to what windows are made of.
    fn slide_panes(&mut self, end: Wide) {
        let Self { contents, tables, .. } = self;
        let first = tables.part.first_undone();
        let Tables { part, leftovers, .. } = tables;
        let sliding = &mut part.sliding;
        let mut slide = |key: &S::Key, start: i64, state: C::State| {
            let hash = stable_hash(key);
            let slide = sliding.get_or_insert_with(hash, key, || key.clone(), Slide::default);
            slide.add(start, state, contents);
        };
        if self.lateness > 0 {
            let new = part.panes.range_mut(first..).take_while(|pane| Wide::from(pane.span.start) < end);
            for pane in new {
                pane.done = true;
                for (key, state) in pane.table.iter() {
                    slide(key, pane.span.start, state.clone());
                }
            }
            return;
        }
        while part.panes.get(first).is_some_and(|pane| Wide::from(pane.span.start) < end) {
            let Some(pane) = part.panes.remove(first) else { break };
            let start = pane.span.start;
            leftovers.empty(pane, |key, state| slide(&key, start, state));
        }
        // Those of late records have given them to the slides already.
        part.panes.drain(..first).for_each(|pane| leftovers.drop(pane));
    }

    /// Drops the panes whose last window takes no more records.
    fn clean_up(&mut self, time: Timestamp) {
        if self.lateness > 0 && self.next.wants_clear {
            self.clear_windows(time);
            // A late record may yet bring back panes of those that had none.
            let cleared = self.grid.first_open_window(uncleared_at(time, self.lateness));
            let part = &mut self.tables.part;
            part.uncleared = part.uncleared.max(cleared);
        }
        while let Some(pane) = self.tables.part.panes.front()
            && pane.done
            && self.cleanup_time(self.grid.last_window(pane.span)) <= time.as_millis()
            && let Some(pane) = self.tables.part.panes.pop_front()
        {
            self.tables.leftovers.drop(pane);
        }
    }

    /// Tells the function which windows are over that could still have taken late records.
    fn clear_windows(&mut self, time: Timestamp) {
        loop {
            let part = &self.tables.part;
            let from = part.panes.partition_point(|pane| self.grid.last_window(pane.span) < part.uncleared);
            let Some(pane) = part.panes.get(from).filter(|pane| pane.done) else { return };
            let start = part.uncleared.max(self.grid.first_window(pane.span));
            if self.cleanup_time(start) > time.as_millis() {
                return;
            }
            let end = start + Wide::from(self.grid.size);
            let mut keys = Keys::default();
            for pane in part.panes.range(from..).take_while(|pane| Wide::from(pane.span.start) < end) {
                pane.table.iter().for_each(|(key, _)| keys.insert(key));
            }
            let window = (self.make)(self.grid.window(start));
            for key in keys.iter() {
                self.next.clear(key, &window, self.times);
            }
            self.tables.part.uncleared = start + Wide::from(self.grid.slide);
        }
    }

    /// In processing time: asks to be called when the next windows are over.
    fn wake_for_next(&mut self) {
        if self.domain == TimeDomain::EventTime {
            return;
        }
        for part in 0..self.tables.parts() {
            self.tables.switch(part);
            if let Some(window) = self.tables.part.next_window(&self.grid) {
                self.operator.clock().wake_at(self.grid.max_timestamp(window).into());
            }
            self.tables.switch(part);
        }
    }

    /// Takes a record of this time.
    #[inline]
    fn take(&mut self, record: T, timestamp: Timestamp, time: Timestamp) -> Result<()> {
        if !self.tables.part.current.contains(time.as_millis()) {
            if time.is_none() {
                return Err(without_timestamp(&self.operator));
            }
            match self.locate(time.as_millis()) {
                Place::Current => {}
                Place::Gap => return Ok(()),
                Place::Late => {
                    self.late.take(record, timestamp, &mut self.next.next);
                    return Ok(());
                }
            }
        }
        self.add(record);
        Ok(())
    }

    /// As [`take`](Self::take), if keys have not all come equally far.
    #[cold]
    fn take_apart(&mut self, record: T, timestamp: Timestamp, time: Timestamp) -> Result<()> {
        let part = self.tables.part_of(self.selector.with(&record, stable_hash));
        self.tables.switch(part);
        let taken = self.take(record, timestamp, time);
        self.tables.switch(part);
        taken
    }
}

impl<T, S, C, F, W> Output<T> for PaneOperator<T, S, C, F, W>
where
    T: Record,
    S: KeySelector<T>,
    C: Contents<T>,
    W: Window,
    F: WindowFunction<C::Value, S::Key, W>,
{
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let scope = scope::enter(self.operator.position);
        let now = self.operator.clock().now();
        self.times.processing_time = now;
        self.next.set_time(now);
        for (record, timestamp) in batch.drain() {
            let time = match self.domain {
                TimeDomain::EventTime => timestamp,
                TimeDomain::ProcessingTime => now,
            };
            if self.tables.is_split() {
                self.take_apart(record, timestamp, time)?;
            } else {
                self.take(record, timestamp, time)?;
            }
        }
        drop(scope);
        self.next.check()?;
        self.next.next.send()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        if let Mark::Watermark(watermark) = mark {
            self.times.watermark = watermark;
            if self.domain == TimeDomain::EventTime {
                let _scope = scope::enter(self.operator.position);
                self.times.processing_time = self.operator.clock().now();
                self.next.set_time(self.times.processing_time);
                self.advance(watermark);
            }
        }
        self.next.check()?;
        self.next.next.mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        if self.domain == TimeDomain::ProcessingTime {
            let _scope = scope::enter(self.operator.position);
            self.times.processing_time = now;
            self.next.set_time(now);
            self.advance(now);
            self.wake_for_next();
        }
        self.next.check()?;
        self.next.next.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.next.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.next.next.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.next.next.close()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        let mut part = event.operator(&self.operator);
        part.keyed(PANES, &mut self.tables)?;
        if self.domain == TimeDomain::ProcessingTime {
            let fired = self.tables.part.time;
            part.list::<Timestamp, _>(FIRED, Redistribution::Broadcast, || iter::once(fired))?;
        }
        self.arrivals.checkpoint(&self.operator, event)?;
        self.next.checkpoint(event)
    }
}
