use std::cell::Cell;

use flott_core::time::Timestamp;

use super::ListContent;
use crate::{
    Result, StateTtl, StateValue,
    codec::{self, Reader},
    entries::{Content, Decoding},
    segments::Looked,
};

/// A list whose elements expire one by one. They are added at the end and time never goes back, so that those that have
/// expired are always the first ones.
pub(crate) struct AgedList<V> {
    values: Vec<V>,
    /// When the life of each element began; never falls.
    stamps: Vec<Timestamp>,
    /// The first elements, that many, are not there any more.
    gone: Cell<usize>,
    /// When the list was read last, if that prolongs life: the others' lives began then, if not later.
    renewed: Cell<Timestamp>,
}

impl<V> Default for AgedList<V> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            stamps: Vec::new(),
            gone: Cell::new(0),
            renewed: Cell::new(Timestamp::MIN),
        }
    }
}

impl<V> AgedList<V> {
    /// Where the living elements begin.
    fn first_alive(&self, ttl: &StateTtl, now: Timestamp) -> usize {
        let gone = self.gone.get();
        if !ttl.has_ended(self.renewed.get(), now) {
            return gone;
        }
        gone + self.stamps[gone..].partition_point(|stamp| ttl.has_ended(*stamp, now))
    }

    /// Where the visible elements begin.
    fn first_visible(&self, ttl: &StateTtl, now: Timestamp) -> usize {
        if ttl.returns_expired() { self.gone.get() } else { self.first_alive(ttl, now) }
    }

    /// Drops the first `count` elements from memory.
    fn drop_first(&mut self, count: usize) {
        self.values.drain(..count);
        self.stamps.drain(..count);
        self.gone.set(0);
    }
}

impl<V: StateValue> Content<StateTtl> for AgedList<V> {
    fn look(&self, ttl: &StateTtl, now: Timestamp) -> Looked {
        let expired = self.first_alive(ttl, now);
        let left = self.values.len() - expired;
        // What is left is moved.
        Looked { is_due: expired > 0, cost: if expired > 0 { 1 + left } else { 1 } }
    }

    fn clean(&mut self, ttl: &StateTtl, now: Timestamp) -> bool {
        self.drop_first(self.first_alive(ttl, now));
        !self.values.is_empty()
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        let gone = self.gone.get();
        codec::put_count(self.values.len() - gone, out);
        let renewed = self.renewed.get();
        for (value, stamp) in self.values.iter().zip(&self.stamps).skip(gone) {
            codec::put(&renewed.max(*stamp), out)?;
            codec::put(value, out)?;
        }
        Ok(())
    }

    fn decode(reader: &mut Reader<'_>, how: &Decoding<'_, StateTtl>) -> Result<Option<Self>> {
        let count = reader.count()?;
        let mut list = Self::default();
        list.values.reserve(reader.reserve(count));
        list.stamps.reserve(reader.reserve(count));
        let mut latest = Timestamp::MIN;
        for _ in 0..count {
            let since = how.since(reader)?;
            let value = reader.get_as(&how.conversion.value)?;
            if let Some(since) = since {
                latest = latest.max(since);
                list.values.push(value);
                list.stamps.push(latest);
            }
        }
        Ok((!list.values.is_empty()).then_some(list))
    }
}

impl<V: StateValue> ListContent<V, StateTtl> for AgedList<V> {
    fn read(&self, ttl: &StateTtl, now: Timestamp) -> &[V] {
        let visible = self.first_visible(ttl, now);
        let alive = self.first_alive(ttl, now);
        let nobody_lives = alive == self.values.len();
        // Expired elements stay visible while others of the list live, unless reading writes the list anew.
        if nobody_lives || ttl.updates_on_read() || !ttl.returns_expired() {
            self.gone.set(alive);
        }
        if ttl.updates_on_read() {
            self.renewed.set(now);
        }
        &self.values[visible..]
    }

    fn visible(&self, ttl: &StateTtl, now: Timestamp) -> usize {
        self.values.len() - self.first_visible(ttl, now)
    }

    fn renew(&mut self, ttl: &StateTtl, now: Timestamp) -> &mut [V] {
        self.drop_first(self.first_visible(ttl, now));
        self.stamps.fill(now);
        &mut self.values
    }

    fn push(&mut self, ttl: &StateTtl, now: Timestamp, value: V) {
        let gone = self.first_visible(ttl, now);
        // Moving what is left must not cost more than what went.
        if gone * 2 >= self.values.len() {
            self.drop_first(gone);
        }
        let latest = self.stamps.last().copied().unwrap_or(now);
        self.values.push(value);
        self.stamps.push(now.max(latest));
    }

    fn retain(&mut self, ttl: &StateTtl, now: Timestamp, mut keep: impl FnMut(&V) -> bool) -> bool {
        self.drop_first(self.first_visible(ttl, now));
        let mut kept = 0;
        for i in 0..self.values.len() {
            if keep(&self.values[i]) {
                self.values.swap(kept, i);
                self.stamps[kept] = self.stamps[i];
                kept += 1;
            }
        }
        self.values.truncate(kept);
        self.stamps.truncate(kept);
        kept > 0
    }

    fn into_values(mut self, ttl: &StateTtl, now: Timestamp) -> Vec<V> {
        self.drop_first(self.first_visible(ttl, now));
        self.values
    }

    /// Elements of lists that are merged may live longer than by themselves: as long as those before them.
    fn append(&mut self, mut other: Self) {
        self.drop_first(self.gone.get());
        other.drop_first(other.gone.get());
        let mut latest = Timestamp::MIN;
        let renewed = std::iter::repeat_n(self.renewed.get(), self.values.len())
            .chain(std::iter::repeat_n(other.renewed.get(), other.values.len()));
        self.values.append(&mut other.values);
        self.stamps.append(&mut other.stamps);
        for (stamp, renewed) in self.stamps.iter_mut().zip(renewed) {
            latest = latest.max(*stamp).max(renewed);
            *stamp = latest;
        }
        self.renewed.set(Timestamp::MIN);
    }
}
