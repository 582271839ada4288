use std::collections::VecDeque;

use flott_core::time::Timestamp;

use crate::Mark;

/// In which order results go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputOrder {
    /// In that of their records.
    Ordered,
    /// As they come, but only between the same two marks as their records.
    Unordered,
}

/// What stands at the front of the queue and can go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ready<U> {
    /// The results of one record, with its timestamp.
    Results(Vec<U>, Timestamp),
    Mark(Mark),
}

/// Requests and marks in the order in which they came. What is behind a border waits until all before it has gone on;
/// each mark is one and, if results keep the order of their records, each request too.
pub(super) struct OutputQueue<U> {
    order: OutputOrder,
    /// The last one is open for further requests. Never empty.
    segments: VecDeque<Segment<U>>,
    /// Number of the segment at the front.
    first: u64,
    len: usize,
}

/// What stands between two borders.
pub(super) struct Segment<U> {
    /// Requests without results.
    waiting: usize,
    results: VecDeque<(Vec<U>, Timestamp)>,
    /// The mark at its end.
    mark: Option<Mark>,
}

impl<U> Default for Segment<U> {
    fn default() -> Self {
        Self { waiting: 0, results: VecDeque::new(), mark: None }
    }
}

impl<U> Segment<U> {
    /// The results that have not gone on, with the timestamps of their records.
    pub(super) fn results(&self) -> impl Iterator<Item = &(Vec<U>, Timestamp)> {
        self.results.iter()
    }

    /// The mark at its end.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.mark
    }
}

/// Where in the queue a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

impl<U> OutputQueue<U> {
    pub(super) fn new(order: OutputOrder) -> Self {
        Self { order, segments: [Segment::default()].into(), first: 0, len: 0 }
    }

    /// Requests and marks that have not gone on.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn last(&mut self) -> &mut Segment<U> {
        self.segments.back_mut().expect("the last segment stays")
    }

    pub(super) fn push_request(&mut self) -> Place {
        self.len += 1;
        self.last().waiting += 1;
        let place = Place(self.first + self.segments.len() as u64 - 1);
        if self.order == OutputOrder::Ordered {
            self.segments.push_back(Segment::default());
        }
        place
    }

    pub(super) fn push_mark(&mut self, mark: Mark) {
        self.len += 1;
        self.last().mark = Some(mark);
        self.segments.push_back(Segment::default());
    }

    /// Notes the results of a request. They may be none.
    pub(super) fn complete(&mut self, place: Place, results: Vec<U>, timestamp: Timestamp) {
        let segment = &mut self.segments[(place.0 - self.first) as usize];
        segment.waiting -= 1;
        segment.results.push_back((results, timestamp));
    }

    /// The segments from the front on, each with the place of its requests.
    pub(super) fn segments(&self) -> impl Iterator<Item = (Place, &Segment<U>)> {
        (self.first..).map(Place).zip(&self.segments)
    }

    /// Takes what can go on next.
    pub(super) fn pop(&mut self) -> Option<Ready<U>> {
        loop {
            let is_open = self.segments.len() == 1;
            let front = self.segments.front_mut().expect("the last segment stays");
            if let Some((results, timestamp)) = front.results.pop_front() {
                self.len -= 1;
                return Some(Ready::Results(results, timestamp));
            }
            if front.waiting > 0 || is_open {
                return None;
            }
            let mark = front.mark;
            self.segments.pop_front();
            self.first += 1;
            if let Some(mark) = mark {
                self.len -= 1;
                return Some(Ready::Mark(mark));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(queue: &mut OutputQueue<u32>) -> Vec<Ready<u32>> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    fn result(n: u32) -> Ready<u32> {
        Ready::Results(vec![n], Timestamp::MIN)
    }

    /// Completes all requests in this order of their numbers. `None` stands for a mark. Returns what comes out.
    fn play(order: OutputOrder, input: &[bool], completions: &[prop::sample::Index]) -> Vec<Ready<u32>> {
        let mut queue = OutputQueue::new(order);
        let mut waiting = Vec::new();
        for (n, is_mark) in input.iter().enumerate() {
            if *is_mark {
                queue.push_mark(Mark::Watermark(Timestamp::from_millis(n as i64)));
            } else {
                waiting.push((n as u32, queue.push_request()));
            }
        }
        assert_eq!(queue.len(), input.len());
        let mut out = drain(&mut queue);
        for index in completions {
            if !waiting.is_empty() {
                let (n, place) = waiting.remove(index.index(waiting.len()));
                queue.complete(place, vec![n], Timestamp::MIN);
                out.extend(drain(&mut queue));
            }
        }
        for (n, place) in waiting {
            queue.complete(place, vec![n], Timestamp::MIN);
            out.extend(drain(&mut queue));
        }
        assert!(queue.is_empty());
        out
    }

    #[test]
    fn unordered_results_go_on_as_they_come_but_not_past_a_mark() {
        let mut queue = OutputQueue::new(OutputOrder::Unordered);
        let places: Vec<_> = (0..2).map(|_| queue.push_request()).collect();
        queue.push_mark(Mark::Idle);
        let behind = queue.push_request();
        queue.complete(behind, vec![2], Timestamp::MIN);
        assert_eq!(queue.pop(), None);
        queue.complete(places[1], vec![1], Timestamp::MIN);
        assert_eq!(drain(&mut queue), [result(1)]);
        queue.complete(places[0], vec![0], Timestamp::MIN);
        assert_eq!(drain(&mut queue), [result(0), Ready::Mark(Mark::Idle), result(2)]);
    }

    proptest! {
        #[test]
        fn nothing_passes_a_border(input: Vec<bool>, completions: Vec<prop::sample::Index>) {
            let number = |ready: &Ready<u32>| match ready {
                Ready::Results(results, _) => (false, u64::from(results[0])),
                Ready::Mark(Mark::Watermark(time)) => (true, time.as_millis() as u64),
                Ready::Mark(_) => unreachable!("only watermarks were put in"),
            };
            let ordered = play(OutputOrder::Ordered, &input, &completions);
            let ordered: Vec<_> = ordered.iter().map(number).collect();
            let expected: Vec<_> = input.iter().copied().zip(0..).collect();
            prop_assert_eq!(&ordered, &expected);

            let unordered = play(OutputOrder::Unordered, &input, &completions);
            let mut unordered: Vec<_> = unordered.iter().map(number).collect();
            // With what stands between two marks brought into order it is the input.
            unordered.split_mut(|(is_mark, _)| *is_mark).for_each(<[_]>::sort_unstable);
            prop_assert_eq!(unordered, expected);
        }
    }
}
