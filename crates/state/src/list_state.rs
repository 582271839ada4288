//! A list of values a key.

mod aged_list;

pub(crate) use aged_list::AgedList;

use flott_core::time::Timestamp;

use crate::{
    Key, Namespace, Result, StateContext, StateValue,
    codec::{self, Reader},
    entries::{Content, Decoding, Entries},
    handle::handle,
    keyed_state::{MaybeTtl, on_entries},
    segments::Looked,
    table::Place,
    ttl::{Aging, Forever, StateTtl},
};

handle! {
    /// A list of values a key. With a [time to live](crate::StateTtl) each element has its own.
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # use flott_state::KeyedState;
    /// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
    /// # state.set_key(stable_hash("key"), &"key".to_owned());
    /// # let ctx = &mut state;
    /// let seen = ctx.list::<u32>("seen")?;
    /// seen.push(ctx, 3);
    /// seen.extend(ctx, [1, 2]);
    /// assert_eq!(seen.get(ctx), [3, 1, 2]);
    /// seen.get_mut(ctx).sort();
    /// seen.retain(ctx, |value| *value != 2);
    /// assert_eq!(seen.get(ctx), [1, 3]);
    /// seen.clear(ctx);
    /// assert!(seen.is_empty(ctx));
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    ListState<V>
}

/// The table of a list state.
pub(crate) type ListTable<K, N, V> = MaybeTtl<Lists<K, N, V, Forever>, Lists<K, N, V, StateTtl>>;

impl<V: StateValue, N: Namespace> ListState<V, N> {
    /// The elements, in the order in which they were added.
    #[inline]
    pub fn get<C: StateContext + ?Sized>(self, ctx: &C) -> &[V] {
        let (table, current) = ctx.state().table::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => lists.get(&current.place(), current.now()))
    }

    /// The elements, to change them. With a time to live, all begin a new life.
    #[inline]
    pub fn get_mut<C: StateContext + ?Sized>(self, ctx: &mut C) -> &mut [V] {
        let (table, current) = ctx.state_mut().table_mut::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => lists.get_mut(&current.place(), current.now()))
    }

    /// Whether there are no elements.
    #[inline]
    pub fn is_empty<C: StateContext + ?Sized>(self, ctx: &C) -> bool {
        self.len(ctx) == 0
    }

    /// Number of elements.
    #[inline]
    pub fn len<C: StateContext + ?Sized>(self, ctx: &C) -> usize {
        let (table, current) = ctx.state().table::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => match lists.table.get(&current.place()) {
            Some(list) => list.visible(&lists.aging, current.now()),
            None => 0,
        })
    }

    /// Adds an element at the end.
    #[inline]
    pub fn push<C: StateContext + ?Sized>(self, ctx: &mut C, value: V) {
        let (table, current) = ctx.state_mut().table_mut::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => lists.push(&current.place(), current.now(), value));
    }

    /// Adds elements at the end.
    #[inline]
    pub fn extend<C: StateContext + ?Sized>(self, ctx: &mut C, values: impl IntoIterator<Item = V>) {
        let (table, current) = ctx.state_mut().table_mut::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => lists.extend(&current.place(), current.now(), values));
    }

    /// Replaces all elements.
    pub fn set<C: StateContext + ?Sized>(self, ctx: &mut C, values: impl IntoIterator<Item = V>) {
        self.clear(ctx);
        self.extend(ctx, values);
    }

    /// Keeps the elements for which `keep` says so, in their order, and removes the others.
    pub fn retain<C: StateContext + ?Sized>(self, ctx: &mut C, keep: impl FnMut(&V) -> bool) {
        let (table, current) = ctx.state_mut().table_mut::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => lists.retain(&current.place(), current.now(), keep));
    }

    /// Removes all elements and returns them.
    pub fn take<C: StateContext + ?Sized>(self, ctx: &mut C) -> Vec<V> {
        let (table, current) = ctx.state_mut().table_mut::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => match lists.table.remove(&current.place()) {
            Some(list) => list.into_values(&lists.aging, current.now()),
            None => Vec::new(),
        })
    }

    /// Removes all elements.
    #[inline]
    pub fn clear<C: StateContext + ?Sized>(self, ctx: &mut C) {
        let (table, current) = ctx.state_mut().table_mut::<ListTable<C::Key, N, V>>(self.index);
        on_entries!(table, lists => {
            lists.table.remove(&current.place());
        });
    }

    /// Moves the elements that the current key has in the namespaces `sources` to the end of the list that it has in
    /// `target`, as when windows merge. `target` may be among the sources.
    pub fn merge_namespaces<C: StateContext + ?Sized>(self, ctx: &mut C, target: &N, sources: &[N]) {
        let (table, current) = ctx.state_mut().table_mut::<ListTable<C::Key, N, V>>(self.index);
        let places = sources.iter().map(|source| current.place_of(source));
        on_entries!(table, lists => lists.merge(places, &current.place_of(target)));
    }
}

/// The elements of a list.
pub(crate) trait ListContent<V, A>: Content<A> + Default {
    /// The visible elements. Reading may prolong their lives, or be the last time.
    fn read(&self, aging: &A, now: Timestamp) -> &[V];

    /// Number of visible elements.
    fn visible(&self, aging: &A, now: Timestamp) -> usize;

    /// The visible elements, which all begin a new life.
    fn renew(&mut self, aging: &A, now: Timestamp) -> &mut [V];

    fn push(&mut self, aging: &A, now: Timestamp, value: V);

    /// Says whether anything is left.
    fn retain(&mut self, aging: &A, now: Timestamp, keep: impl FnMut(&V) -> bool) -> bool;

    /// The visible elements.
    fn into_values(self, aging: &A, now: Timestamp) -> Vec<V>;

    fn append(&mut self, other: Self);
}

impl<V: StateValue> Content<Forever> for Vec<V> {
    fn look(&self, _: &Forever, _: Timestamp) -> Looked {
        Looked { is_due: false, cost: 1 }
    }

    fn clean(&mut self, _: &Forever, _: Timestamp) -> bool {
        true
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        codec::put_count(self.len(), out);
        self.iter().try_for_each(|value| codec::put(value, out))
    }

    fn decode(reader: &mut Reader<'_>, how: &Decoding<'_, Forever>) -> Result<Option<Self>> {
        let count = reader.count()?;
        let mut list = Self::with_capacity(reader.reserve(count));
        for _ in 0..count {
            let since = how.since(reader)?;
            let value = reader.get_as(&how.conversion.value)?;
            if since.is_some() {
                list.push(value);
            }
        }
        Ok((!list.is_empty()).then_some(list))
    }
}

impl<V: StateValue> ListContent<V, Forever> for Vec<V> {
    #[inline]
    fn read(&self, _: &Forever, _: Timestamp) -> &[V] {
        self
    }

    #[inline]
    fn visible(&self, _: &Forever, _: Timestamp) -> usize {
        self.len()
    }

    #[inline]
    fn renew(&mut self, _: &Forever, _: Timestamp) -> &mut [V] {
        self
    }

    #[inline]
    fn push(&mut self, _: &Forever, _: Timestamp, value: V) {
        Vec::push(self, value);
    }

    fn retain(&mut self, _: &Forever, _: Timestamp, keep: impl FnMut(&V) -> bool) -> bool {
        Vec::retain(self, keep);
        !self.is_empty()
    }

    fn into_values(self, _: &Forever, _: Timestamp) -> Vec<V> {
        self
    }

    fn append(&mut self, mut other: Self) {
        Vec::append(self, &mut other);
    }
}

pub(crate) type Lists<K, N, V, A> = Entries<K, N, <A as Aging>::List<V>, A>;

/// The operations on lists that add or remove entries of the table: there is none without elements.
trait ListEntries<K: Key, N: Namespace, V> {
    fn get(&self, at: &Place<'_, K, N>, now: Timestamp) -> &[V];
    fn get_mut(&mut self, at: &Place<'_, K, N>, now: Timestamp) -> &mut [V];
    fn push(&mut self, at: &Place<'_, K, N>, now: Timestamp, value: V);
    fn extend(&mut self, at: &Place<'_, K, N>, now: Timestamp, values: impl IntoIterator<Item = V>);
    fn retain(&mut self, at: &Place<'_, K, N>, now: Timestamp, keep: impl FnMut(&V) -> bool);
    fn merge<'a>(&mut self, sources: impl Iterator<Item = Place<'a, K, N>>, target: &Place<'_, K, N>);
}

impl<K: Key, N: Namespace, V, L: ListContent<V, A>, A: Aging> ListEntries<K, N, V> for Entries<K, N, L, A> {
    #[inline]
    fn get(&self, at: &Place<'_, K, N>, now: Timestamp) -> &[V] {
        let Some(list) = self.table.get(at) else { return &[] };
        if self.aging.is_changed_by_reading() {
            self.table.note_read(at);
        }
        list.read(&self.aging, now)
    }

    #[inline]
    fn get_mut(&mut self, at: &Place<'_, K, N>, now: Timestamp) -> &mut [V] {
        self.before_write();
        match self.table.find(at) {
            Some(entry) => entry.into_mut().value.renew(&self.aging, now),
            None => &mut [],
        }
    }

    #[inline]
    fn push(&mut self, at: &Place<'_, K, N>, now: Timestamp, value: V) {
        self.before_write();
        self.table.get_or_insert_with(at, L::default).push(&self.aging, now, value);
    }

    #[inline]
    fn extend(&mut self, at: &Place<'_, K, N>, now: Timestamp, values: impl IntoIterator<Item = V>) {
        self.before_write();
        let mut values = values.into_iter();
        if let Some(first) = values.next() {
            let list = self.table.get_or_insert_with(at, L::default);
            list.push(&self.aging, now, first);
            values.for_each(|value| list.push(&self.aging, now, value));
        }
    }

    fn retain(&mut self, at: &Place<'_, K, N>, now: Timestamp, keep: impl FnMut(&V) -> bool) {
        if let Some(mut entry) = self.table.find(at)
            && !entry.get_mut().value.retain(&self.aging, now, keep)
        {
            entry.remove();
        }
    }

    fn merge<'a>(&mut self, sources: impl Iterator<Item = Place<'a, K, N>>, target: &Place<'_, K, N>) {
        for source in sources {
            if source.namespace != target.namespace
                && let Some(list) = self.table.remove(&source)
            {
                self.table.get_or_insert_with(target, L::default).append(list);
            }
        }
    }
}
