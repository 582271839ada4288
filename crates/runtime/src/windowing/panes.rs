//! Aggregation in windows that are the same for all keys, the usual case, without timers and without a state for each window.
//!
//! Time is cut into panes, longest times that no window begins or ends within. A record costs one look-up in the table of its
//! pane, whatever the number of windows that it belongs to. When a window is over, the panes that ended with it move into
//! [`Slide`]s, one a key, that give the window's value from that of the window before.
//!
//! What comes out is what the general operator would give with the default trigger, except for the order of keys.

mod grid;
mod slide;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, mem};

use flott_core::{hash::stable_hash, time::Timestamp};

use super::{
    Aligned, Contents, TimeDomain, TimeWindow, Window, WindowFunction,
    function::{Firing, Late, Times},
    operator::{WindowSettings, without_timestamp},
    table::{Ownership, Table},
};
use crate::{
    Batch, Mark, Output, Record, Result, RuntimeContext,
    operators::KeySelector,
    output::{Downstream, Flush},
    scope,
};
use grid::{Grid, Span, Wide};
use slide::Slide;

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
    owner: Ownership,
    /// Those that take records, by start. If records may be late they stay until nobody asks for them.
    panes: VecDeque<Pane<S::Key, C::State>>,
    /// What the next windows will give, as far as their panes were in an earlier window.
    sliding: Table<S::Key, Slide<C::State>>,
    /// Start of the first window that is not over; not on the grid before the first watermark.
    open: Wide,
    /// With a function that wants to know when windows are over: start of the first one that it was not told.
    uncleared: Wide,
    /// The pane of the last record, and where it stands.
    current: Span,
    current_at: usize,
    spare: Table<S::Key, C::State>,
    arrivals: u64,
    times: Times,
    /// In processing time: when windows were fired last.
    fired: Timestamp,
}

struct Pane<K, A> {
    span: Span,
    table: Table<K, A>,
    /// Whether the first of its windows is over.
    done: bool,
}

/// The pane of no record.
const NOWHERE: Span = Span { start: i64::MAX, last: i64::MIN };

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
    /// Those of the function when it opens.
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
        Ok(Self {
            next: Firing::open(&operator, function, false, next)?,
            owner: Ownership::of(&operator.task),
            late: Late::new(&operator, settings.late),
            operator,
            selector,
            contents,
            domain,
            lateness: if domain == TimeDomain::EventTime { settings.lateness } else { 0 },
            grid: Grid::new(size, slide, offset),
            make: window,
            panes: VecDeque::new(),
            sliding: Table::default(),
            open: Wide::from(i64::MIN) * 4,
            uncleared: Wide::from(i64::MIN) * 4,
            current: NOWHERE,
            current_at: 0,
            spare: Table::default(),
            arrivals: 0,
            times: Times { watermark: Timestamp::MIN, processing_time: Timestamp::MIN },
            fired: Timestamp::MIN,
        })
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
                && time.saturating_add(self.lateness) <= self.times.watermark.as_millis();
            return if is_late { Place::Late } else { Place::Gap };
        };
        if self.domain == TimeDomain::ProcessingTime && self.grid.first_window(span) < self.open {
            // The clock still shows the last millisecond of a window that was fired: the record belongs to the next.
            let Some(next) = self.grid.pane(self.fired.as_millis().saturating_add(1)) else {
                return Place::Gap;
            };
            span = next;
        } else if self.domain == TimeDomain::EventTime
            && self.cleanup_time(self.grid.last_window(span)) <= self.times.watermark.as_millis()
        {
            return Place::Late;
        }
        let at = self.panes.partition_point(|pane| pane.span.start < span.start);
        if self.panes.get(at).is_none_or(|pane| pane.span != span) {
            let done = self.grid.first_window(span) < self.open;
            self.panes.insert(at, Pane { span, table: mem::take(&mut self.spare), done });
            self.wake_for_next();
        }
        (self.current, self.current_at) = (span, at);
        Place::Current
    }

    /// Adds a record to the current pane.
    #[inline]
    fn add(&mut self, record: T) {
        let pane = &mut self.panes[self.current_at];
        if pane.done {
            return self.add_late(record);
        }
        let (contents, table) = (&mut self.contents, &mut pane.table);
        let arrival = self.arrivals;
        self.arrivals += 1;
        let (hash, found) = self.selector.with(&record, |key| {
            let hash = stable_hash(key);
            (hash, table.get_mut(hash, key).map(|(_, state)| state).ok_or_else(|| key.clone()))
        });
        match found {
            Ok(state) => contents.add(state, record, arrival),
            Err(key) => {
                self.owner.check(hash);
                table.insert(hash, key, contents.first(record, arrival));
            }
        }
    }

    /// Adds a record to the current pane, some of whose windows are over. Those that may still change fire again.
    #[cold]
    fn add_late(&mut self, record: T) {
        let (hash, key) = self.selector.with(&record, |key| (stable_hash(key), key.clone()));
        self.owner.check(hash);
        let span = self.current;
        let arrival = self.arrivals;
        self.arrivals += 1;
        let (first, last) = (self.grid.first_window(span), self.grid.last_window(span));
        let contents = &mut self.contents;
        if first == last {
            let table = &mut self.panes[self.current_at].table;
            match table.get_mut(hash, &key) {
                Some((_, state)) => contents.add(state, record, arrival),
                None => {
                    table.insert(hash, key.clone(), contents.first(record, arrival));
                }
            }
        } else {
            let state = contents.first(record, arrival);
            if last >= self.open {
                self.sliding.get_or_default(hash, &key).add(span.start, state.clone(), contents);
            }
            let table = &mut self.panes[self.current_at].table;
            match table.get_mut(hash, &key) {
                _ if self.lateness == 0 => {}
                Some((_, known)) => contents.merge(known, state),
                None => {
                    table.insert(hash, key.clone(), state);
                }
            }
        }
        let mut window = last;
        while window >= first {
            if window < self.open && self.cleanup_time(window) > self.times.watermark.as_millis() {
                self.fire_again(hash, &key, window);
            }
            window -= Wide::from(self.grid.slide);
        }
    }

    /// Gives the value of a key's window that is over.
    fn fire_again(&mut self, hash: u64, key: &S::Key, window: Wide) {
        let end = window + Wide::from(self.grid.size);
        let from = self.panes.partition_point(|pane| Wide::from(pane.span.last) < window);
        let mut total: Option<C::State> = None;
        for pane in self.panes.range(from..).take_while(|pane| Wide::from(pane.span.start) < end) {
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
        while let Some(window) = self.next_window()
            && self.grid.max_timestamp(window) <= time.as_millis()
        {
            if self.grid.is_tumbling() {
                self.fire_pane(window)
            } else {
                self.fire_sliding(window)
            }
            self.open = window + Wide::from(self.grid.slide);
        }
        self.open = self.open.max(self.grid.first_open_window(time));
        self.clean_up(time);
        self.current = NOWHERE;
    }

    /// The next window that has records.
    fn next_window(&self) -> Option<Wide> {
        if !self.sliding.is_empty() {
            return Some(self.open);
        }
        self.panes.get(self.first_undone()).map(|pane| self.grid.first_window(pane.span))
    }

    /// Where the panes begin whose windows are all still to come.
    fn first_undone(&self) -> usize {
        self.panes.partition_point(|pane| pane.done)
    }

    /// Fires a window that is a pane, the first that is not done.
    fn fire_pane(&mut self, start: Wide) {
        let at = self.first_undone();
        let window = (self.make)(self.grid.window(start));
        let Some(pane) = self.panes.get_mut(at) else { return };
        pane.done = true;
        if self.lateness > 0 {
            for (key, state) in pane.table.iter() {
                self.next.fire(key, &window, self.contents.value(state), self.times);
            }
            return;
        }
        for (key, state) in pane.table.drain() {
            self.next.fire(&key, &window, self.contents.finish(state), self.times);
            self.next.clear(&key, &window, self.times);
        }
        self.spare = mem::take(&mut pane.table);
        self.panes.remove(at);
    }

    /// Fires a window of several panes.
    fn fire_sliding(&mut self, start: Wide) {
        let window = self.grid.window(start);
        self.slide_panes(start + Wide::from(self.grid.size));
        let begin = window.start().as_millis();
        let window = (self.make)(window);
        let Self { contents, next, sliding, times, .. } = self;
        sliding.retain(|key, slide| {
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
        let first = self.first_undone();
        let Self { contents, sliding, spare, .. } = self;
        for pane in self.panes.range_mut(first..).take_while(|pane| Wide::from(pane.span.start) < end) {
            pane.done = true;
            let start = pane.span.start;
            if self.lateness > 0 {
                for (key, state) in pane.table.iter() {
                    sliding.get_or_default(stable_hash(key), key).add(start, state.clone(), contents);
                }
                continue;
            }
            for (key, state) in pane.table.drain() {
                sliding.get_or_default(stable_hash(&key), &key).add(start, state, contents);
            }
            *spare = mem::take(&mut pane.table);
        }
        if self.lateness == 0 {
            self.panes.retain(|pane| !pane.done);
        }
    }

    /// Drops the panes whose last window takes no more records.
    fn clean_up(&mut self, time: Timestamp) {
        if self.lateness > 0 && self.next.wants_clear {
            self.clear_windows(time);
            // A late record may yet bring back panes of those that had none.
            let over = time.as_millis().saturating_sub(self.lateness);
            self.uncleared = self.uncleared.max(self.grid.first_open_window(over.into()));
        }
        while let Some(pane) = self.panes.front()
            && pane.done
            && self.cleanup_time(self.grid.last_window(pane.span)) <= time.as_millis()
        {
            self.panes.pop_front();
        }
    }

    /// Tells the function which windows are over that could still have taken late records.
    fn clear_windows(&mut self, time: Timestamp) {
        loop {
            let from = self.panes.partition_point(|pane| self.grid.last_window(pane.span) < self.uncleared);
            let Some(pane) = self.panes.get(from).filter(|pane| pane.done) else { return };
            let start = self.uncleared.max(self.grid.first_window(pane.span));
            if self.cleanup_time(start) > time.as_millis() {
                return;
            }
            let end = start + Wide::from(self.grid.size);
            let mut keys = Table::default();
            for pane in self.panes.range(from..).take_while(|pane| Wide::from(pane.span.start) < end) {
                for (key, _) in pane.table.iter() {
                    let hash = stable_hash(key);
                    if keys.get(hash, key).is_none() {
                        keys.insert(hash, key.clone(), ());
                    }
                }
            }
            let window = (self.make)(self.grid.window(start));
            for (key, ()) in keys.iter() {
                self.next.clear(key, &window, self.times);
            }
            self.uncleared = start + Wide::from(self.grid.slide);
        }
    }

    /// In processing time: asks to be called when the next window is over.
    fn wake_for_next(&self) {
        if self.domain == TimeDomain::ProcessingTime
            && let Some(window) = self.next_window()
        {
            self.operator.clock().wake_at(self.grid.max_timestamp(window).into());
        }
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
            if !self.current.contains(time.as_millis()) {
                if time.is_none() {
                    return Err(without_timestamp(&self.operator));
                }
                match self.locate(time.as_millis()) {
                    Place::Current => {}
                    Place::Gap => continue,
                    Place::Late => {
                        self.late.take(record, timestamp, &mut self.next.next);
                        continue;
                    }
                }
            }
            self.add(record);
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
            self.fired = self.fired.max(now);
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

    fn checkpoint(&mut self, event: &mut crate::CheckpointEvent<'_>) -> Result<()> {
        self.next.next.checkpoint(event)
    }
}
