//! The maps behind a map state, and the iterators over them.

use std::{borrow::Borrow, hash::Hash};

use flott_core::time::Timestamp;
use foldhash::fast::FixedState;
use hashbrown::hash_map::{self, Entry};

use super::{Map, Maps};
use crate::{
    Key, MapKey, Namespace, Result, StateTtl, StateValue,
    codec::{self, Reader},
    entries::{Content, Decoding},
    segments::Looked,
    table::Place,
    ttl::{Aging, Forever},
    value_state::Aged,
};

impl<MK: MapKey, MV: StateValue, A: Aging> Content<A> for Map<MK, MV, A> {
    fn look(&self, aging: &A, now: Timestamp) -> Looked {
        let is_due = self.values().any(|aged| aging.is_expired(&aged.stamp, now));
        Looked { is_due, cost: self.len().max(1) }
    }

    fn clean(&mut self, aging: &A, now: Timestamp) -> bool {
        self.retain(|_, aged| !aging.is_expired(&aged.stamp, now));
        !self.is_empty()
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        codec::put_count(self.len(), out);
        for (key, aged) in self {
            codec::put(key, out)?;
            aged.encode(out)?;
        }
        Ok(())
    }

    fn decode(reader: &mut Reader<'_>, how: &Decoding<'_, A>) -> Result<Option<Self>> {
        let Some(plan) = &how.conversion.map_key else {
            return Err(reader.damaged("there is no schema of the keys of its maps"));
        };
        let count = reader.count()?;
        let mut map = Self::with_capacity_and_hasher(reader.reserve(count), FixedState::default());
        for _ in 0..count {
            let key = reader.get_as(plan)?;
            if let Some(aged) = Aged::decode(reader, how)? {
                map.insert(key, aged);
            }
        }
        Ok((!map.is_empty()).then_some(map))
    }
}

impl<K: Key, N: Namespace, MK: MapKey, MV: StateValue, A: Aging> Maps<K, N, MK, MV, A> {
    #[inline]
    pub(super) fn get<Q>(&self, at: &Place<'_, K, N>, now: Timestamp, key: &Q) -> Option<&MV>
    where
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let aged = self.table.get(at)?.get(key)?;
        let (is_visible, is_changed) = aged.read(&self.aging, now);
        if is_changed {
            self.table.note_read(at);
        }
        is_visible.then_some(&aged.value)
    }

    #[inline]
    pub(super) fn get_mut<Q>(&mut self, at: &Place<'_, K, N>, now: Timestamp, key: &Q) -> Option<&mut MV>
    where
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.before_write();
        let aged = self.table.find(at)?.into_mut().value.get_mut(key)?;
        if !self.aging.is_visible(&aged.stamp, now) {
            return None;
        }
        aged.stamp = self.aging.stamp(now);
        Some(&mut aged.value)
    }

    #[inline]
    pub(super) fn get_or_insert_with(
        &mut self,
        at: &Place<'_, K, N>,
        now: Timestamp,
        key: MK,
        create: impl FnOnce() -> MV,
    ) -> &mut MV {
        self.before_write();
        let stamp = self.aging.stamp(now);
        let aged = match self.table.get_or_insert_with(at, Map::default).entry(key) {
            Entry::Vacant(entry) => entry.insert(Aged { value: create(), stamp }),
            Entry::Occupied(entry) => {
                let aged = entry.into_mut();
                if !self.aging.is_visible(&aged.stamp, now) {
                    aged.value = create();
                }
                aged.stamp = stamp;
                aged
            }
        };
        &mut aged.value
    }

    #[inline]
    pub(super) fn insert(&mut self, at: &Place<'_, K, N>, now: Timestamp, key: MK, value: MV) -> Option<MV> {
        self.before_write();
        let aged = Aged { value, stamp: self.aging.stamp(now) };
        let before = self.table.get_or_insert_with(at, Map::default).insert(key, aged)?;
        self.aging.is_visible(&before.stamp, now).then_some(before.value)
    }

    #[inline]
    pub(super) fn remove<Q>(&mut self, at: &Place<'_, K, N>, now: Timestamp, key: &Q) -> Option<MV>
    where
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut entry = self.table.find(at)?;
        let map = &mut entry.get_mut().value;
        let removed = map.remove(key)?;
        if map.is_empty() {
            entry.remove();
        }
        self.aging.is_visible(&removed.stamp, now).then_some(removed.value)
    }

    pub(super) fn retain(
        &mut self,
        at: &Place<'_, K, N>,
        now: Timestamp,
        mut keep: impl FnMut(&MK, &mut MV) -> bool,
    ) {
        if let Some(mut entry) = self.table.find(at) {
            let map = &mut entry.get_mut().value;
            map.retain(|key, aged| self.aging.is_visible(&aged.stamp, now) && keep(key, &mut aged.value));
            if map.is_empty() {
                entry.remove();
            }
        }
    }

    /// The visible entries; they do not count as read.
    pub(super) fn visible(&self, at: &Place<'_, K, N>, now: Timestamp) -> impl Iterator<Item = &MV> {
        let entries = self.table.get(at).into_iter().flatten();
        entries.filter(move |(_, aged)| self.aging.is_visible(&aged.stamp, now)).map(|(_, aged)| &aged.value)
    }
}

/// The entries of a map state, see [`MapState::iter`](super::MapState::iter).
pub struct Iter<'a, MK, MV>(Entries<'a, MK, MV>);

enum Entries<'a, MK, MV> {
    None,
    Plain(hash_map::Iter<'a, MK, Aged<MV, Forever>>),
    Aged(hash_map::Iter<'a, MK, Aged<MV, StateTtl>>, StateTtl, Timestamp),
}

impl<'a, MK, MV> Iter<'a, MK, MV> {
    #[inline]
    pub(super) fn plain(map: Option<&'a Map<MK, MV, Forever>>) -> Self {
        Self(map.map_or(Entries::None, |map| Entries::Plain(map.iter())))
    }

    #[inline]
    pub(super) fn aged(map: Option<&'a Map<MK, MV, StateTtl>>, ttl: StateTtl, now: Timestamp) -> Self {
        Self(map.map_or(Entries::None, |map| Entries::Aged(map.iter(), ttl, now)))
    }
}

impl<'a, MK, MV> Iterator for Iter<'a, MK, MV> {
    type Item = (&'a MK, &'a MV);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Entries::None => None,
            Entries::Plain(entries) => entries.next().map(|(key, aged)| (key, &aged.value)),
            Entries::Aged(entries, ttl, now) => {
                entries.find(|(_, aged)| ttl.read(&aged.stamp, *now)).map(|(key, aged)| (key, &aged.value))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Entries::None => (0, Some(0)),
            Entries::Plain(entries) => entries.size_hint(),
            Entries::Aged(entries, ..) => (0, Some(entries.len())),
        }
    }
}

/// The keys of a map state, see [`MapState::keys`](super::MapState::keys).
pub struct Keys<'a, MK, MV>(pub(super) Iter<'a, MK, MV>);

impl<'a, MK, MV> Iterator for Keys<'a, MK, MV> {
    type Item = &'a MK;

    #[inline]
    fn next(&mut self) -> Option<&'a MK> {
        self.0.next().map(|(key, _)| key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// The values of a map state, see [`MapState::values`](super::MapState::values).
pub struct Values<'a, MK, MV>(pub(super) Iter<'a, MK, MV>);

impl<'a, MK, MV> Iterator for Values<'a, MK, MV> {
    type Item = &'a MV;

    #[inline]
    fn next(&mut self) -> Option<&'a MV> {
        self.0.next().map(|(_, value)| value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
