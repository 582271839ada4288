//! A map a key.

mod maps;

pub use maps::{Iter, Keys, Values};

use std::{borrow::Borrow, hash::Hash};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{
    MapKey, Namespace, StateContext, StateValue,
    entries::Entries,
    handle::handle,
    keyed_state::{MaybeTtl, on_entries},
    ttl::{Aging, Forever, StateTtl},
    value_state::Aged,
};

handle! {
    /// A map a key. With a [time to live](crate::StateTtl) each entry has its own.
    ///
    /// Entries come in no particular order, but always in the same one after the same changes: nothing in it is random.
    /// (It may be another one after a restore.)
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # use flott_state::KeyedState;
    /// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
    /// # state.set_key(stable_hash("key"), &"key".to_owned());
    /// # let ctx = &mut state;
    /// let visits = ctx.map::<String, u32>("visits")?;
    /// visits.insert(ctx, "home".to_owned(), 1);
    /// *visits.get_or_default(ctx, "home".to_owned()) += 1;
    /// assert_eq!(visits.get(ctx, "home"), Some(&2));
    /// assert!(!visits.contains(ctx, "about"));
    /// assert_eq!(visits.values(ctx).sum::<u32>(), 2);
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    MapState<MK, MV>
}

/// The map of a key. Its hash is a fixed one, so that the order of the entries is not random.
pub(crate) type Map<MK, MV, A> = HashMap<MK, Aged<MV, A>, FixedState>;

pub(crate) type Maps<K, N, MK, MV, A> = Entries<K, N, Map<MK, MV, A>, A>;

/// The table of a map state.
pub(crate) type MapTable<K, N, MK, MV> = MaybeTtl<Maps<K, N, MK, MV, Forever>, Maps<K, N, MK, MV, StateTtl>>;

impl<MK: MapKey, MV: StateValue, N: Namespace> MapState<MK, MV, N> {
    /// The value of a key of the map, if it is in there.
    #[inline]
    pub fn get<'c, C, Q>(self, ctx: &'c C, key: &Q) -> Option<&'c MV>
    where
        C: StateContext + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (table, current) = ctx.state().table::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => maps.get(&current.place(), current.now(), key))
    }

    /// The value of a key of the map, if it is in there, to change it.
    #[inline]
    pub fn get_mut<'c, C, Q>(self, ctx: &'c mut C, key: &Q) -> Option<&'c mut MV>
    where
        C: StateContext + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (table, current) = ctx.state_mut().table_mut::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => maps.get_mut(&current.place(), current.now(), key))
    }

    /// The value of a key of the map, made by `create` first if it is not in there.
    #[inline]
    pub fn get_or_insert_with<C: StateContext + ?Sized>(
        self,
        ctx: &mut C,
        key: MK,
        create: impl FnOnce() -> MV,
    ) -> &mut MV {
        let (table, current) = ctx.state_mut().table_mut::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => maps.get_or_insert_with(&current.place(), current.now(), key, create))
    }

    /// The value of a key of the map, at first the default one.
    #[inline]
    pub fn get_or_default<C: StateContext + ?Sized>(self, ctx: &mut C, key: MK) -> &mut MV
    where
        MV: Default,
    {
        self.get_or_insert_with(ctx, key, MV::default)
    }

    /// Sets the value of a key of the map. Returns the one before.
    #[inline]
    pub fn insert<C: StateContext + ?Sized>(self, ctx: &mut C, key: MK, value: MV) -> Option<MV> {
        let (table, current) = ctx.state_mut().table_mut::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => maps.insert(&current.place(), current.now(), key, value))
    }

    /// Sets the values of keys of the map.
    pub fn extend<C: StateContext + ?Sized>(self, ctx: &mut C, entries: impl IntoIterator<Item = (MK, MV)>) {
        for (key, value) in entries {
            self.insert(ctx, key, value);
        }
    }

    /// Removes a key of the map and returns its value.
    #[inline]
    pub fn remove<C, Q>(self, ctx: &mut C, key: &Q) -> Option<MV>
    where
        C: StateContext + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (table, current) = ctx.state_mut().table_mut::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => maps.remove(&current.place(), current.now(), key))
    }

    /// Whether a key is in the map. Counts as reading its entry.
    #[inline]
    pub fn contains<C, Q>(self, ctx: &C, key: &Q) -> bool
    where
        C: StateContext + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(ctx, key).is_some()
    }

    /// The entries, in no particular order.
    #[inline]
    pub fn iter<C: StateContext + ?Sized>(self, ctx: &C) -> Iter<'_, MK, MV> {
        let (table, current) = ctx.state().table::<MapTable<C::Key, N, MK, MV>>(self.index);
        match table {
            MaybeTtl::Plain(maps) => Iter::plain(maps.table.get(&current.place())),
            MaybeTtl::Ttl(maps) => {
                if maps.aging.is_changed_by_reading() {
                    maps.table.note_read(&current.place());
                }
                Iter::aged(maps.table.get(&current.place()), maps.aging, current.now())
            }
        }
    }

    /// The keys of the map, in the order of [`iter`](Self::iter).
    #[inline]
    pub fn keys<C: StateContext + ?Sized>(self, ctx: &C) -> Keys<'_, MK, MV> {
        Keys(self.iter(ctx))
    }

    /// The values of the map, in the order of [`iter`](Self::iter).
    #[inline]
    pub fn values<C: StateContext + ?Sized>(self, ctx: &C) -> Values<'_, MK, MV> {
        Values(self.iter(ctx))
    }

    /// Keeps the entries for which `keep` says so, and removes the others. `keep` may change the values; with a time
    /// to live that does not begin a new life.
    pub fn retain<C: StateContext + ?Sized>(self, ctx: &mut C, keep: impl FnMut(&MK, &mut MV) -> bool) {
        let (table, current) = ctx.state_mut().table_mut::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => maps.retain(&current.place(), current.now(), keep));
    }

    /// Number of entries. With a time to live it looks at all.
    #[inline]
    pub fn len<C: StateContext + ?Sized>(self, ctx: &C) -> usize {
        let (table, current) = ctx.state().table::<MapTable<C::Key, N, MK, MV>>(self.index);
        match table {
            MaybeTtl::Plain(maps) => maps.table.get(&current.place()).map_or(0, HashMap::len),
            MaybeTtl::Ttl(maps) => maps.visible(&current.place(), current.now()).count(),
        }
    }

    /// Whether there are no entries.
    #[inline]
    pub fn is_empty<C: StateContext + ?Sized>(self, ctx: &C) -> bool {
        let (table, current) = ctx.state().table::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => maps.visible(&current.place(), current.now()).next().is_none())
    }

    /// Removes all entries.
    #[inline]
    pub fn clear<C: StateContext + ?Sized>(self, ctx: &mut C) {
        let (table, current) = ctx.state_mut().table_mut::<MapTable<C::Key, N, MK, MV>>(self.index);
        on_entries!(table, maps => {
            maps.table.remove(&current.place());
        });
    }
}
