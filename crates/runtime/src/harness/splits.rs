//! The split queue of one source.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use flott_core::{FailureCause, deployment::SplitAnswer};

use crate::input::SplitProvider;

#[derive(Clone, Default)]
struct Queue {
    splits: VecDeque<Vec<u8>>,
    enumerating: bool,
    complete: bool,
    /// From where the enumerator goes on that is still to begin.
    resume: Option<Vec<u8>>,
}

/// Hands splits from the subtask that finds them to those that read them.
#[derive(Clone, Default)]
pub(super) struct LocalSplits {
    queue: Arc<Mutex<Queue>>,
    asked: bool,
}

impl LocalSplits {
    /// Another queue with the same splits.
    pub(super) fn copy(&self) -> Self {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { queue: Arc::new(Mutex::new(queue)), asked: false }
    }

    /// The queue when the subtasks are made anew: if not all splits are known yet, an enumerator goes on from `resume`.
    pub(super) fn resuming(self, resume: Option<Vec<u8>>) -> Self {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.enumerating = queue.complete;
            queue.resume = resume;
        }
        self
    }
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
            SplitAnswer::Enumerate { resume: queue.resume.take() }
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
