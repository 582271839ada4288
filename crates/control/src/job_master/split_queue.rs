//! Hands the splits of one source out to its subtasks.
//!
//! The first subtask that asks is told to enumerate the splits, for only task hosts run user code; the others wait.
//! Then each split goes to whoever asks next, once. The same request always gets the same answer, so that a subtask
//! may repeat it when the answer was lost.

use std::collections::{BTreeMap, VecDeque};

use flott_core::{AttemptNumber, SubtaskIndex, deployment::SplitAnswer};

/// Who asked what. The parts of a request that tell it from any other of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SplitRequest {
    pub(super) subtask: SubtaskIndex,
    pub(super) attempt: AttemptNumber,
    pub(super) request_id: u64,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Answer(SplitAnswer),
    /// The answer follows when the splits are known.
    Wait,
    /// The subtask has asked again since.
    Stale,
}

/// ```text
/// Unenumerated → Enumerating → Ready
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Unenumerated,
    Enumerating { by: (SubtaskIndex, AttemptNumber), waiting: BTreeMap<SubtaskIndex, SplitRequest> },
    Ready { remaining: VecDeque<Vec<u8>> },
}

#[derive(Clone, Debug)]
pub(super) struct SplitQueue {
    phase: Phase,
    /// The last answer that each subtask got.
    answered: BTreeMap<SubtaskIndex, (SplitRequest, SplitAnswer)>,
}

impl SplitQueue {
    pub(super) fn new() -> Self {
        Self { phase: Phase::Unenumerated, answered: BTreeMap::new() }
    }

    pub(super) fn request(&mut self, request: SplitRequest) -> Decision {
        if let Some((last, answer)) = self.answered.get(&request.subtask) {
            if *last == request {
                return Decision::Answer(answer.clone());
            }
            if (last.attempt, last.request_id) > (request.attempt, request.request_id) {
                return Decision::Stale;
            }
        }
        let answer = match &mut self.phase {
            Phase::Unenumerated => {
                let by = (request.subtask, request.attempt);
                self.phase = Phase::Enumerating { by, waiting: BTreeMap::new() };
                SplitAnswer::Enumerate
            }
            Phase::Enumerating { waiting, .. } => {
                let last = waiting.entry(request.subtask).or_insert(request);
                if *last > request {
                    return Decision::Stale;
                }
                *last = request;
                return Decision::Wait;
            }
            Phase::Ready { remaining } => next(remaining),
        };
        self.answered.insert(request.subtask, (request, answer.clone()));
        Decision::Answer(answer)
    }

    /// Whether this attempt is the one that was told to enumerate and has not done so yet.
    pub(super) fn is_enumerating(&self, subtask: SubtaskIndex, attempt: AttemptNumber) -> bool {
        matches!(&self.phase, Phase::Enumerating { by, .. } if *by == (subtask, attempt))
    }

    /// The splits are known: returns what those that wait get.
    pub(super) fn enumerated(&mut self, splits: Vec<Vec<u8>>) -> Vec<(SplitRequest, SplitAnswer)> {
        let mut remaining = VecDeque::from(splits);
        let waiting = match &mut self.phase {
            Phase::Enumerating { waiting, .. } => std::mem::take(waiting),
            Phase::Unenumerated | Phase::Ready { .. } => return Vec::new(),
        };
        let answers: Vec<_> = waiting.into_values().map(|request| (request, next(&mut remaining))).collect();
        for (request, answer) in &answers {
            self.answered.insert(request.subtask, (*request, answer.clone()));
        }
        self.phase = Phase::Ready { remaining };
        answers
    }

    /// Returns the requests that wait, which will not be answered.
    pub(super) fn stop_waiting(&mut self) -> Vec<SplitRequest> {
        match &mut self.phase {
            Phase::Enumerating { waiting, .. } => std::mem::take(waiting).into_values().collect(),
            Phase::Unenumerated | Phase::Ready { .. } => Vec::new(),
        }
    }
}

fn next(remaining: &mut VecDeque<Vec<u8>>) -> SplitAnswer {
    remaining.pop_front().map_or(SplitAnswer::NoMoreSplits, SplitAnswer::Split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(subtask: u32, request_id: u64) -> SplitRequest {
        SplitRequest { subtask: SubtaskIndex(subtask), attempt: AttemptNumber(0), request_id }
    }

    fn split(byte: u8) -> SplitAnswer {
        SplitAnswer::Split(vec![byte])
    }

    fn ready(splits: &[u8]) -> SplitQueue {
        let mut queue = SplitQueue::new();
        assert_eq!(queue.request(request(0, 0)), Decision::Answer(SplitAnswer::Enumerate));
        assert!(queue.enumerated(splits.iter().map(|split| vec![*split]).collect()).is_empty());
        queue
    }

    #[test]
    fn one_enumerates_while_others_wait() {
        let mut queue = SplitQueue::new();
        assert_eq!(queue.request(request(1, 0)), Decision::Answer(SplitAnswer::Enumerate));
        assert_eq!(queue.request(request(0, 0)), Decision::Wait);
        assert_eq!(queue.request(request(2, 0)), Decision::Wait);
        assert!(queue.is_enumerating(SubtaskIndex(1), AttemptNumber(0)));
        assert_eq!(
            queue.enumerated(vec![vec![7]]),
            [(request(0, 0), split(7)), (request(2, 0), SplitAnswer::NoMoreSplits)]
        );
        assert!(!queue.is_enumerating(SubtaskIndex(1), AttemptNumber(0)));
    }

    #[test]
    fn a_repeated_request_gets_the_same_answer_and_takes_no_other_split() {
        let mut queue = ready(&[1, 2]);
        assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
        assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
        assert_eq!(queue.request(request(1, 0)), Decision::Answer(split(2)));
        assert_eq!(queue.request(request(0, 2)), Decision::Answer(SplitAnswer::NoMoreSplits));
    }

    #[test]
    fn a_repeated_request_of_the_enumerator_is_told_to_enumerate_again() {
        let mut queue = SplitQueue::new();
        queue.request(request(0, 0));
        assert_eq!(queue.request(request(0, 0)), Decision::Answer(SplitAnswer::Enumerate));
        assert_eq!(queue.request(request(0, 1)), Decision::Wait);
    }

    #[test]
    fn an_overtaken_request_gets_nothing() {
        let mut queue = ready(&[1, 2]);
        assert_eq!(queue.request(request(1, 5)), Decision::Answer(split(1)));
        assert_eq!(queue.request(request(1, 4)), Decision::Stale);

        let mut queue = SplitQueue::new();
        queue.request(request(0, 0));
        assert_eq!(queue.request(request(1, 5)), Decision::Wait);
        assert_eq!(queue.request(request(1, 4)), Decision::Stale);
        assert_eq!(queue.enumerated(vec![vec![1]]), [(request(1, 5), split(1))]);
    }

    #[test]
    fn splits_that_are_reported_twice_are_taken_once() {
        let mut queue = ready(&[1]);
        assert_eq!(queue.request(request(0, 1)), Decision::Answer(split(1)));
        assert!(queue.enumerated(vec![vec![1]]).is_empty());
        assert_eq!(queue.request(request(0, 2)), Decision::Answer(SplitAnswer::NoMoreSplits));
    }
}
