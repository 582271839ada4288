//! Timers of keys, in order of time.
//!
//! Many timers usually stand at the same time: the ends of windows are the same for all keys. So the queue is an ordered
//! map from time to the timers of that time, a hash set in the order of registration. Registering a timer that is there
//! already, which happens with each record of a window, is one search among the distinct times and one look-up.

mod bucket;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map::Entry};

use flott_core::{key_group::key_group, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Key, Namespace};
use bucket::Bucket;

/// A timer: of a key in a namespace, at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer<K, N = ()> {
    /// When it is due.
    pub time: Timestamp,
    /// The [`stable_hash`](flott_core::hash::stable_hash) of the key.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// The namespace.
    pub namespace: N,
}

/// Timers of keys and namespaces, handed out in order of time, and those of the same time in the order in which they
/// were registered. (After a restore only those of the same key keep that order.)
///
/// Timers coalesce: there is at most one of a key and namespace at a time.
///
/// ```
/// use flott_core::{hash::stable_hash, time::Timestamp};
/// use flott_state::TimerQueue;
///
/// let mut timers = TimerQueue::<String>::new();
/// let [home, about] = ["home", "about"].map(str::to_owned);
/// let time = Timestamp::from_millis;
/// assert!(timers.register(time(20), stable_hash(&home), &home, &()));
/// assert!(timers.register(time(10), stable_hash(&about), &about, &()));
/// assert!(!timers.register(time(20), stable_hash(&home), &home, &()));
///
/// assert_eq!(timers.next(), Some(time(10)));
/// assert_eq!(timers.pop_due(time(15)).map(|timer| timer.key), Some(about));
/// assert_eq!(timers.pop_due(time(15)), None);
/// assert!(timers.delete(time(20), stable_hash(&home), &home, &()));
/// assert!(timers.is_empty());
/// ```
pub struct TimerQueue<K, N = ()> {
    times: BTreeMap<Timestamp, Bucket<K, N>>,
    len: usize,
}

impl<K, N> Default for TimerQueue<K, N> {
    fn default() -> Self {
        Self { times: BTreeMap::new(), len: 0 }
    }
}

impl<K: Key, N: Namespace> TimerQueue<K, N> {
    /// A queue without timers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a timer for a key whose hash is `hash`, if it is not there. Returns whether it was added.
    pub fn register(&mut self, time: Timestamp, hash: u64, key: &K, namespace: &N) -> bool {
        let added = match self.times.entry(time) {
            Entry::Occupied(entry) => entry.into_mut().insert(hash, key, namespace),
            Entry::Vacant(entry) => {
                entry.insert(Bucket::new(hash, key, namespace));
                true
            }
        };
        self.len += usize::from(added);
        added
    }

    /// Removes a timer. Returns whether it was there.
    pub fn delete(&mut self, time: Timestamp, hash: u64, key: &K, namespace: &N) -> bool {
        let Entry::Occupied(mut entry) = self.times.entry(time) else { return false };
        let removed = entry.get_mut().remove(hash, key, namespace);
        if entry.get().is_empty() {
            entry.remove();
        }
        self.len -= usize::from(removed);
        removed
    }

    /// Takes out the first timer, if it stands at `up_to` or before.
    pub fn pop_due(&mut self, up_to: Timestamp) -> Option<Timer<K, N>> {
        let mut first = self.times.first_entry().filter(|entry| *entry.key() <= up_to)?;
        let time = *first.key();
        let owner = first.get_mut().pop_first().expect("a time without timers is not kept");
        if first.get().is_empty() {
            first.remove();
        }
        self.len -= 1;
        Some(Timer { time, hash: owner.hash, key: owner.key, namespace: owner.namespace })
    }

    /// When the first timer is due.
    #[allow(clippy::should_implement_trait)] // a queue is not an iterator, and this takes nothing out
    pub fn next(&self) -> Option<Timestamp> {
        self.times.first_key_value().map(|(time, _)| *time)
    }

    /// Number of timers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no timers.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All timers in the order in which they are handed out.
    pub fn iter(&self) -> impl Iterator<Item = TimerRef<'_, K, N>> {
        self.times.iter().flat_map(|(time, bucket)| {
            bucket.iter().map(|owner| TimerRef {
                time: *time,
                hash: owner.hash,
                key: &owner.key,
                namespace: &owner.namespace,
            })
        })
    }

    /// Shows all timers, one key group after the other, those of a group in the order in which they are handed out.
    pub fn visit_groups(&self, max_parallelism: u32, mut visit: impl FnMut(u32, TimerRef<'_, K, N>)) {
        let mut timers: Vec<_> =
            self.iter().map(|timer| (key_group(timer.hash, max_parallelism), timer)).collect();
        timers.sort_by_key(|(group, _)| *group); // stable
        for (group, timer) in timers {
            visit(group, timer);
        }
    }
}

/// A timer in a queue.
#[derive(Debug, PartialEq, Eq)]
pub struct TimerRef<'a, K, N> {
    /// When it is due.
    pub time: Timestamp,
    /// The [`stable_hash`](flott_core::hash::stable_hash) of the key.
    pub hash: u64,
    /// The key.
    pub key: &'a K,
    /// The namespace.
    pub namespace: &'a N,
}

impl<K, N> Clone for TimerRef<'_, K, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, N> Copy for TimerRef<'_, K, N> {}
