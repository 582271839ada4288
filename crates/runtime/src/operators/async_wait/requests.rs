use std::collections::BTreeSet;

use flott_core::time::Timestamp;
use hashbrown::HashMap;

use super::{attempts::Running, queue::Place};

/// A record whose results are not there yet.
pub(super) struct Request<T> {
    pub(super) record: T,
    pub(super) timestamp: Timestamp,
    pub(super) place: Place,
    timeout_at: Option<Timestamp>,
    /// When to try again, if no attempt is under way.
    retry_at: Option<Timestamp>,
    /// Number of the current or last attempt, from 1.
    pub(super) attempt: u32,
    pub(super) running: Option<Running>,
}

/// What is to be done with a request at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Timeout,
    Retry,
}

/// All requests without results, and what is to be done when.
pub(super) struct Requests<T> {
    next_id: u64,
    by_id: HashMap<u64, Request<T>>,
    timeouts: BTreeSet<(Timestamp, u64)>,
    retries: BTreeSet<(Timestamp, u64)>,
}

impl<T> Default for Requests<T> {
    fn default() -> Self {
        Self { next_id: 0, by_id: HashMap::new(), timeouts: BTreeSet::new(), retries: BTreeSet::new() }
    }
}

impl<T> Requests<T> {
    /// Adds a request that has made no attempt yet. Its number is never used again.
    pub(super) fn add(
        &mut self,
        record: T,
        timestamp: Timestamp,
        place: Place,
        timeout_at: Option<Timestamp>,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let request =
            Request { record, timestamp, place, timeout_at, retry_at: None, attempt: 0, running: None };
        self.by_id.insert(id, request);
        self.timeouts.extend(timeout_at.map(|time| (time, id)));
        id
    }

    /// The request if this attempt of it is under way.
    pub(super) fn running(&mut self, id: u64, attempt: u32) -> Option<&mut Request<T>> {
        self.by_id.get_mut(&id).filter(|request| request.attempt == attempt)
    }

    /// Counts another attempt of a request.
    pub(super) fn next_attempt(&mut self, id: u64) -> Option<&mut Request<T>> {
        let request = self.by_id.get_mut(&id)?;
        request.attempt = request.attempt.saturating_add(1);
        Some(request)
    }

    /// All of them in the order in which they came.
    pub(super) fn in_order(&self) -> Vec<&Request<T>> {
        let mut requests: Vec<_> = self.by_id.iter().collect();
        requests.sort_unstable_by_key(|(id, _)| **id);
        requests.into_iter().map(|(_, request)| request).collect()
    }

    /// Notes when to try again.
    pub(super) fn retry_at(&mut self, id: u64, time: Timestamp) {
        if let Some(request) = self.by_id.get_mut(&id) {
            request.retry_at = Some(time);
            self.retries.insert((time, id));
        }
    }

    /// Removes a request; an attempt under way ends when it is dropped.
    pub(super) fn remove(&mut self, id: u64) -> Option<Request<T>> {
        let request = self.by_id.remove(&id)?;
        if let Some(time) = request.timeout_at {
            self.timeouts.remove(&(time, id));
        }
        if let Some(time) = request.retry_at {
            self.retries.remove(&(time, id));
        }
        Some(request)
    }

    /// When something is to be done next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let times = [self.timeouts.first(), self.retries.first()];
        times.into_iter().flatten().map(|(time, _)| *time).min()
    }

    /// Takes what is to be done by now. Of two things at the same time, a timeout comes first.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(u64, Due)> {
        let timeout = self.timeouts.first().map(|&(time, id)| (time, Due::Timeout, id));
        let retry = self.retries.first().map(|&(time, id)| (time, Due::Retry, id));
        let (time, due, id) = timeout.into_iter().chain(retry).min()?;
        if time > now {
            return None;
        }
        match due {
            Due::Timeout => drop(self.timeouts.pop_first()),
            Due::Retry => drop(self.pop_waiting()),
        }
        Some((id, due))
    }

    /// Takes one that waits for another attempt, also if its time has not come.
    pub(super) fn pop_waiting(&mut self) -> Option<u64> {
        let (_, id) = self.retries.pop_first()?;
        if let Some(request) = self.by_id.get_mut(&id) {
            request.retry_at = None;
        }
        Some(id)
    }
}
