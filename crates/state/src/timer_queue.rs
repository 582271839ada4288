//! Timers of keys, in order of time.
//!
//! The timers themselves are in a hash table by key, namespace and time, where one that is registered again, as happens
//! with each record of a window, is found by one look-up, and which is snapshot as all tables are. In order of time there
//! are only handles of them. Many timers usually stand at the same time: the ends of windows are the same for all keys.
//! So that is an ordered map from time to the handles of that time, in the order of registration. Handles of timers that
//! were deleted stay where they are until they would be handed out or there are too many of them.

mod bucket;
mod snapshot;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map::Entry};

use flott_core::{
    SubtaskIndex,
    hash::{mix, stable_hash},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    Key, Namespace,
    key_groups::KeyGroups,
    segments::{Segments, Stored},
    snapshot::Conversion,
    table::{is_empty_type, place_hash},
};
use bucket::{Bucket, Handle};

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
/// were registered. (After a restore at another parallelism only those of the same key keep that order.)
///
/// Timers coalesce: there is at most one of a key and namespace at a time.
///
/// ```
/// use flott_core::{SubtaskIndex, hash::stable_hash, time::Timestamp};
/// use flott_state::TimerQueue;
///
/// let mut timers = TimerQueue::<String>::of_subtask(SubtaskIndex(0), 1, 128);
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
    timers: Segments<Stands<K, N>>,
    times: BTreeMap<Timestamp, Bucket>,
    len: usize,
    /// Of the next timer that is registered.
    next_number: u64,
    groups: KeyGroups,
    /// How stored timers are read, once it is known.
    conversion: Option<Box<Conversion>>,
}

/// A timer that stands.
struct Stands<K, N> {
    key: K,
    namespace: N,
    time: Timestamp,
    /// Rises in the order of registration; each timer of a key has another one.
    number: u64,
}

/// The hash by which a timer is found.
#[inline]
fn timer_hash<N: Namespace>(time: Timestamp, key_hash: u64, namespace: &N) -> u64 {
    let place = if is_empty_type::<N>() { key_hash } else { place_hash(key_hash, stable_hash(namespace)) };
    mix(place ^ mix(time.as_millis() as u64))
}

impl<K: Key, N: Namespace> Stored for Stands<K, N> {
    fn key_hash(&self) -> u64 {
        stable_hash(&self.key)
    }

    fn hash(&self) -> u64 {
        timer_hash(self.time, self.key_hash(), &self.namespace)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.is(other.time, &other.key, &other.namespace)
    }
}

impl<K: Key, N: Namespace> Stands<K, N> {
    #[inline]
    fn is(&self, time: Timestamp, key: &K, namespace: &N) -> bool {
        self.time == time && self.key == *key && (is_empty_type::<N>() || self.namespace == *namespace)
    }
}

impl<K: Key, N: Namespace> TimerQueue<K, N> {
    /// The queue of a subtask, without timers.
    pub fn of_subtask(subtask: SubtaskIndex, parallelism: u32, max_parallelism: u32) -> Self {
        let groups = KeyGroups::of_subtask(subtask, parallelism, max_parallelism);
        Self {
            timers: Segments::new(groups.owned(), snapshot::encode_timer),
            times: BTreeMap::new(),
            len: 0,
            next_number: 0,
            groups,
            conversion: None,
        }
    }

    /// Adds a timer for a key whose hash is `hash`, if it is not there. Returns whether it was added.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    pub fn register(&mut self, time: Timestamp, hash: u64, key: &K, namespace: &N) -> bool {
        let group = self.groups.index(hash);
        let hash = timer_hash(time, hash, namespace);
        if self.timers.get(group, hash, |timer| timer.is(time, key, namespace)).is_some() {
            return false;
        }
        let number = self.next_number;
        self.next_number += 1;
        let timer = Stands { key: key.clone(), namespace: namespace.clone(), time, number };
        self.timers.insert(group, hash, timer);
        let handle = Handle::new(group, hash, number);
        match self.times.entry(time) {
            Entry::Occupied(entry) => entry.into_mut().push(handle),
            Entry::Vacant(entry) => {
                entry.insert(Bucket::One(handle));
            }
        }
        self.len += 1;
        true
    }

    /// Removes a timer. Returns whether it was there.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    pub fn delete(&mut self, time: Timestamp, hash: u64, key: &K, namespace: &N) -> bool {
        let group = self.groups.index(hash);
        let hash = timer_hash(time, hash, namespace);
        let Some(found) = self.timers.find(group, hash, |timer| timer.is(time, key, namespace)) else {
            return false;
        };
        found.remove();
        self.len -= 1;
        if let Entry::Occupied(mut entry) = self.times.entry(time) {
            let timers = &self.timers;
            entry.get_mut().forget_one(|handle| is_standing(timers, time, handle));
            if entry.get().is_empty() {
                entry.remove();
            }
        }
        true
    }

    /// Takes out the first timer, if it stands at `up_to` or before.
    pub fn pop_due(&mut self, up_to: Timestamp) -> Option<Timer<K, N>> {
        loop {
            let mut first = self.times.first_entry().filter(|entry| *entry.key() <= up_to)?;
            let time = *first.key();
            let handle = first.get_mut().first().expect("a time without timers is not kept");
            let found =
                self.timers.find(handle.group(), handle.hash, |timer| is_of(timer, time, handle.number()));
            let timer = found.map(|found| found.remove());
            first.get_mut().drop_first(timer.is_some());
            if first.get().is_empty() {
                first.remove();
            }
            if let Some(Stands { key, namespace, time, .. }) = timer {
                self.len -= 1;
                return Some(Timer { time, hash: stable_hash(&key), key, namespace });
            }
        }
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
}

/// Whether it is the timer of this number: other timers may have the same hash.
#[inline]
fn is_of<K, N>(timer: &Stands<K, N>, time: Timestamp, number: u64) -> bool {
    timer.number == number && timer.time == time
}

/// Whether the timer of a handle has not been deleted.
fn is_standing<K: Key, N: Namespace>(
    timers: &Segments<Stands<K, N>>,
    time: Timestamp,
    handle: &Handle,
) -> bool {
    timers.get(handle.group(), handle.hash, |timer| is_of(timer, time, handle.number())).is_some()
}
