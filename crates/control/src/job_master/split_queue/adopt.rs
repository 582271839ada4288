//! The queue of a JobMaster that is gone, from what its readers were told.
//!
//! It had handed out splits since the last checkpoint and taken reports of others. What was handed out and has reached a
//! reader, and what was taken of the enumerator, their TaskManagers know. The rest of what the checkpoint had and of what
//! was reported is what is left.

use std::collections::{BTreeMap, VecDeque};

use flott_core::{
    AttemptNumber, SubtaskIndex,
    checkpoint::EnumerationState,
    deployment::{EnumeratedSplits, SplitAnswer},
};

use super::{CheckpointId, Enumeration, Origin, SplitQueue, SplitRequest};

/// What a subtask was told and has told since the checkpoint.
#[derive(Clone, Debug)]
pub(in super::super) struct Reader {
    pub(in super::super) subtask: SubtaskIndex,
    pub(in super::super) attempt: AttemptNumber,
    pub(in super::super) answers: Vec<(u64, SplitAnswer)>,
    pub(in super::super) reports: Vec<EnumeratedSplits>,
    /// The number of its last report before the checkpoint, if it enumerated then.
    pub(in super::super) enumerating: Option<u64>,
    /// Whether this attempt goes on.
    pub(in super::super) goes_on: bool,
    /// Whether it has ended, and the job does not end with it: what it has not told nobody will tell.
    pub(in super::super) has_ended: bool,
}

impl Reader {
    /// How it came to enumerate the splits, if it did, and its last report before the checkpoint.
    fn origin(&self) -> Option<(Origin, u64)> {
        let request = |request_id| SplitRequest { subtask: self.subtask, attempt: self.attempt, request_id };
        if let Some(last) = self.enumerating {
            // Every checkpoint to come has its answer.
            return Some((Origin { request: request(0), resume: None }, last));
        }
        self.answers.iter().find_map(|(request_id, answer)| match answer {
            SplitAnswer::Enumerate { resume } => {
                Some((Origin { request: request(*request_id), resume: resume.clone() }, 0))
            }
            SplitAnswer::Split(_) | SplitAnswer::NoMoreSplits => None,
        })
    }

    fn has_told_all(&self) -> bool {
        self.reports.last().is_some_and(|report| report.complete)
    }
}

impl SplitQueue {
    /// The queue as those need it who go on. `None` if it can't be told what was handed out: then all subtasks have to start
    /// again. What the others have got counts as theirs until they are restarted.
    pub(in super::super) fn adopt(&self, readers: &[Reader]) -> Option<Self> {
        let mut queue = Self::new(self.base.clone());
        // Of one that has not told all and does not go on, nothing counts.
        let counts = |reader: &&Reader| reader.goes_on || reader.has_told_all();
        let mut enumerators =
            readers.iter().filter(counts).filter_map(|reader| Some((reader, reader.origin()?)));
        if let Some((reader, (origin, last))) = enumerators.next() {
            if enumerators.next().is_some() || queue.base.enumeration == EnumerationState::Complete {
                return None;
            }
            if reader.has_ended && !reader.has_told_all() {
                return None;
            }
            queue.take_reports(reader, origin, last)?;
        }
        let mut left = BTreeMap::<Vec<u8>, VecDeque<usize>>::new();
        for (index, split) in queue.remaining.iter().enumerate() {
            left.entry(split.bytes.clone()).or_default().push_back(index);
        }
        let mut handed = BTreeMap::new();
        let (staying, leaving): (Vec<_>, Vec<_>) = readers.iter().partition(|reader| reader.goes_on);
        for reader in staying.into_iter().chain(leaving) {
            let Reader { subtask, attempt, goes_on, .. } = *reader;
            for (request_id, answer) in &reader.answers {
                let request = SplitRequest { subtask, attempt, request_id: *request_id };
                queue.answered.insert(subtask, (request, answer.clone()));
                let SplitAnswer::Split(bytes) = answer else { continue };
                match left.get_mut(bytes).and_then(VecDeque::pop_front) {
                    Some(index) => drop(handed.insert(index, request)),
                    None if goes_on => return None,
                    None => {}
                }
            }
        }
        for (index, split) in std::mem::take(&mut queue.remaining).into_iter().enumerate() {
            match handed.remove(&index) {
                Some(request) => drop(queue.handed.insert(split.number, (request, split))),
                None => queue.remaining.push_back(split),
            }
        }
        Some(queue)
    }

    /// Takes in what an enumerator has found since. Says no if something is missing.
    fn take_reports(&mut self, reader: &Reader, origin: Origin, mut last: u64) -> Option<()> {
        let born = CheckpointId(0);
        for report in
            reader.reports.iter().filter(|report| report.report_id > last).cloned().collect::<Vec<_>>()
        {
            if report.report_id != last + 1 {
                return None;
            }
            last = report.report_id;
            self.add(report.result.ok()?, last, born);
        }
        self.enumeration = match reader.has_told_all() {
            false => Enumeration::Underway { origin, last_report: last },
            true => {
                let origin = reader.goes_on.then_some(origin);
                Enumeration::Complete { origin, last_report: last, born }
            }
        };
        Some(())
    }
}
