use flott_core::time::Timestamp;

use super::super::{TimeWindow, window::since_period_start};

/// Times between which there may be more than an `i64` can count.
pub(super) type Wide = i128;

/// Where windows and panes begin and end, in milliseconds.
///
/// A pane is a longest time that no window begins or ends within. If the slide divides the size that is a slide, else the
/// ends of windows cut each slide in two ("paired windows", Krishnamurthy, Wu & Franklin, "On-the-Fly Sharing for Streamed
/// Aggregation", SIGMOD 2006): panes of the greatest common divisor could be a thousand times as many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) size: i64,
    pub(super) slide: i64,
    pub(super) offset: i64,
    /// Length of the first pane of each slide; the second is the rest of it.
    first: i64,
}

/// The times of a pane; both are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) last: i64,
}

impl Span {
    #[inline]
    pub(super) fn contains(&self, timestamp: i64) -> bool {
        self.start <= timestamp && timestamp <= self.last
    }
}

impl Grid {
    pub(super) fn new(size: i64, slide: i64, offset: i64) -> Self {
        let first = if slide >= size { size } else { size % slide };
        Self { size, slide, offset, first: if first == 0 { slide } else { first } }
    }

    /// Whether each pane is a window of its own.
    pub(super) fn is_tumbling(&self) -> bool {
        self.slide >= self.size
    }

    /// The pane of a timestamp; `None` in the gap between two windows.
    pub(super) fn pane(&self, timestamp: i64) -> Option<Span> {
        let since = since_period_start(timestamp.into(), self.offset, self.slide);
        let (begin, end) = if since < self.first {
            (0, self.first)
        } else if self.is_tumbling() {
            return None;
        } else {
            (self.first, self.slide)
        };
        Some(Span {
            // The least of all is no time but stands for none.
            start: timestamp.saturating_sub(since - begin).max(i64::MIN + 1),
            last: timestamp.saturating_add(end - since - 1),
        })
    }

    /// Start of the last window that contains a pane.
    pub(super) fn last_window(&self, pane: Span) -> Wide {
        // Not the start, which may have been cut off at the beginning of time.
        let since = since_period_start(pane.last.into(), self.offset, self.slide);
        Wide::from(pane.last) - Wide::from(since)
    }

    /// Start of the first window that contains a pane.
    pub(super) fn first_window(&self, pane: Span) -> Wide {
        let (size, slide) = (Wide::from(self.size), Wide::from(self.slide));
        let last = self.last_window(pane);
        // The first one that ends after the pane's last time.
        let before = (last + size - 1 - Wide::from(pane.last)).div_euclid(slide).max(0);
        last - before * slide
    }

    /// The greatest timestamp of a window.
    pub(super) fn max_timestamp(&self, window: Wide) -> i64 {
        self.window(window).end().as_millis().saturating_sub(1)
    }

    /// Start of the first window that is not over at `watermark`.
    pub(super) fn first_open_window(&self, watermark: Timestamp) -> Wide {
        let (size, slide, offset) = (Wide::from(self.size), Wide::from(self.slide), Wide::from(self.offset));
        if watermark == Timestamp::MAX {
            // The last windows of all end there too, if they would not go on.
            return Wide::from(i64::MAX) + 1;
        }
        let earliest = Wide::from(watermark.as_millis()) - size + 2;
        earliest + (offset - earliest).rem_euclid(slide)
    }

    /// The times of the window that begins at `start`.
    pub(super) fn window(&self, start: Wide) -> TimeWindow {
        let clamp = |time: Wide| {
            let time = time.clamp(Wide::from(i64::MIN), Wide::from(i64::MAX));
            Timestamp::from_millis(i64::try_from(time).expect("it was clamped"))
        };
        TimeWindow::new(clamp(start), clamp(start + Wide::from(self.size)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn panes_are_as_long_as_no_window_begins_or_ends() {
        let span = |start, last| Some(Span { start, last });
        let grid = Grid::new(10, 5, 0);
        assert_eq!([grid.pane(4), grid.pane(5), grid.pane(-1)], [span(0, 4), span(5, 9), span(-5, -1)]);
        let grid = Grid::new(10, 4, 1);
        assert_eq!([grid.pane(2), grid.pane(3), grid.pane(4)], [span(1, 2), span(3, 4), span(3, 4)]);
        let grid = Grid::new(3, 10, 0);
        assert_eq!([grid.pane(12), grid.pane(13)], [span(10, 12), None]);
    }

    proptest! {
        #[test]
        fn the_windows_of_a_pane_are_those_of_each_of_its_times(
            timestamp in prop_oneof![any::<i64>(), -1_000i64..1_000, Just(i64::MAX), Just(i64::MIN + 1)],
            size in 1i64..50,
            slide in 1i64..50,
            shift: i64,
        ) {
            let offset = shift % slide;
            let grid = Grid::new(size, slide, offset);
            let contains = |start: Wide, time: i64| start <= Wide::from(time) && Wide::from(time) < start + Wide::from(size);
            let Some(pane) = grid.pane(timestamp) else {
                let since = since_period_start(timestamp.into(), offset, slide);
                prop_assert!(since >= size);
                return Ok(());
            };
            prop_assert!(pane.contains(timestamp));
            let (first, last) = (grid.first_window(pane), grid.last_window(pane));
            let step = Wide::from(slide);
            for window in [first, last] {
                prop_assert_eq!((window - Wide::from(offset)).rem_euclid(step), 0);
                prop_assert!([pane.start, timestamp, pane.last].iter().all(|time| contains(window, *time)));
            }
            prop_assert!(![pane.start, timestamp, pane.last].iter().any(|time| contains(first - step, *time)));
            prop_assert!(![pane.start, timestamp, pane.last].iter().any(|time| contains(last + step, *time)));
            if timestamp < i64::MAX {
                let open = grid.first_open_window(timestamp.into());
                prop_assert!(open + Wide::from(size) - 1 > Wide::from(timestamp));
                prop_assert!(open - step + Wide::from(size) - 1 <= Wide::from(timestamp));
            }
        }
    }
}
