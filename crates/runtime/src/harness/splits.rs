//! The split queue of one source.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use flott_core::{FailureCause, deployment::SplitAnswer};

use crate::input::SplitProvider;

#[derive(Default)]
struct Queue {
    splits: VecDeque<Vec<u8>>,
    enumerating: bool,
    complete: bool,
}

/// Hands splits from the subtask that finds them to those that read them.
#[derive(Clone, Default)]
pub(super) struct LocalSplits {
    queue: Arc<Mutex<Queue>>,
    asked: bool,
}

impl SplitProvider for LocalSplits {
    fn request(&mut self) {
        self.asked = true;
    }

    fn take_answer(&mut self) -> Option<SplitAnswer> {
        if !self.asked {
            return None;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if !queue.enumerating {
            queue.enumerating = true;
            SplitAnswer::Enumerate { resume: None }
        } else if let Some(split) = queue.splits.pop_front() {
            SplitAnswer::Split(split)
        } else if queue.complete {
            SplitAnswer::NoMoreSplits
        } else {
            return None;
        };
        self.asked = false;
        Some(answer)
    }

    fn last_answered(&self) -> u64 {
        0
    }

    fn last_report(&self) -> u64 {
        0
    }

    fn report(&mut self, splits: Result<Vec<Vec<u8>>, FailureCause>, complete: bool) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // That there are none fails the subtask that looked for them.
        queue.splits.extend(splits.unwrap_or_default());
        queue.complete |= complete;
    }
}
