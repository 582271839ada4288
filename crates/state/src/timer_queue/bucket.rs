//! The timers of one time: a set in the order in which it was filled.

use std::mem;

use flott_core::hash::{mix, stable_hash};
use hashbrown::HashTable;

use crate::{
    Key, Namespace,
    table::{is_empty_type, place_hash},
};

/// Whom a timer is for.
pub(super) struct Owner<K, N> {
    pub(super) hash: u64,
    pub(super) key: K,
    pub(super) namespace: N,
}

/// Few timers are searched one by one: then an index would cost more than it helps.
const INDEX_FROM: usize = 9;

/// The timers of one time.
pub(super) enum Bucket<K, N> {
    /// A single one, as nearly always when times are those of records. Needs no memory of its own.
    One(Owner<K, N>),
    Many(Box<Many<K, N>>),
    /// None; dropped by the queue at once.
    Empty,
}

pub(super) struct Many<K, N> {
    /// In the order of registration; `None` for those that were removed.
    owners: Vec<Option<Owner<K, N>>>,
    /// Before this all are `None`.
    first: usize,
    /// How many are not.
    len: usize,
    /// Where in `owners` a timer stands, found by its hash, if there are enough. Points to those that were removed too.
    index: Option<HashTable<u32>>,
}

impl<K: Key, N: Namespace> Owner<K, N> {
    fn new(hash: u64, key: &K, namespace: &N) -> Self {
        Self { hash, key: key.clone(), namespace: namespace.clone() }
    }

    #[inline]
    fn is(&self, hash: u64, key: &K, namespace: &N) -> bool {
        self.hash == hash && self.key == *key && (is_empty_type::<N>() || self.namespace == *namespace)
    }
}

/// The hash by which the index finds a timer.
#[inline]
fn index_hash<N: Namespace>(hash: u64, namespace: &N) -> u64 {
    if is_empty_type::<N>() { hash } else { place_hash(hash, stable_hash(namespace)) }
}

impl<K: Key, N: Namespace> Bucket<K, N> {
    pub(super) fn new(hash: u64, key: &K, namespace: &N) -> Self {
        Self::One(Owner::new(hash, key, namespace))
    }

    /// Returns whether it was not there.
    pub(super) fn insert(&mut self, hash: u64, key: &K, namespace: &N) -> bool {
        match self {
            Self::One(owner) if owner.is(hash, key, namespace) => return false,
            Self::Many(many) => return many.insert(hash, key, namespace),
            Self::One(_) | Self::Empty => {}
        }
        *self = match mem::replace(self, Self::Empty) {
            Self::One(owner) => {
                let owners = vec![Some(owner), Some(Owner::new(hash, key, namespace))];
                Self::Many(Box::new(Many { owners, first: 0, len: 2, index: None }))
            }
            _ => Self::new(hash, key, namespace),
        };
        true
    }

    /// Returns whether it was there.
    pub(super) fn remove(&mut self, hash: u64, key: &K, namespace: &N) -> bool {
        match self {
            Self::One(owner) if owner.is(hash, key, namespace) => {
                *self = Self::Empty;
                true
            }
            Self::Many(many) => many.remove(hash, key, namespace),
            Self::One(_) | Self::Empty => false,
        }
    }

    pub(super) fn pop_first(&mut self) -> Option<Owner<K, N>> {
        match self {
            Self::Many(many) => many.pop_first(),
            Self::One(_) | Self::Empty => match mem::replace(self, Self::Empty) {
                Self::One(owner) => Some(owner),
                _ => None,
            },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Many(many) => many.len == 0,
            Self::Empty => true,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Owner<K, N>> {
        let (one, many) = match self {
            Self::One(owner) => (Some(owner), &[][..]),
            Self::Many(many) => (None, &many.owners[many.first..]),
            Self::Empty => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().flatten())
    }
}

impl<K: Key, N: Namespace> Many<K, N> {
    fn contains(&self, hash: u64, key: &K, namespace: &N) -> bool {
        let is_it =
            |owner: &Option<Owner<K, N>>| owner.as_ref().is_some_and(|owner| owner.is(hash, key, namespace));
        match &self.index {
            Some(index) => {
                index.find(index_hash(hash, namespace), |&at| is_it(&self.owners[at as usize])).is_some()
            }
            None => self.owners[self.first..].iter().any(is_it),
        }
    }

    fn insert(&mut self, hash: u64, key: &K, namespace: &N) -> bool {
        if self.contains(hash, key, namespace) {
            return false;
        }
        // Holes are closed when most are holes, so that registering and deleting in turn does not fill the memory. The
        // limit of positions is beyond what fits into memory.
        if self.owners.len() == self.owners.capacity() && self.len <= self.owners.len() / 2 {
            self.close_holes();
        }
        let at = self.owners.len();
        self.owners.push(Some(Owner::new(hash, key, namespace)));
        self.len += 1;
        match &mut self.index {
            Some(index) => {
                index.insert_unique(index_hash(hash, namespace), at as u32, rehash(&self.owners));
            }
            None if self.owners.len() >= INDEX_FROM => self.build_index(),
            None => {}
        }
        true
    }

    fn remove(&mut self, hash: u64, key: &K, namespace: &N) -> bool {
        let is_it =
            |owner: &Option<Owner<K, N>>| owner.as_ref().is_some_and(|owner| owner.is(hash, key, namespace));
        let at = match &mut self.index {
            Some(index) => index
                .find_entry(index_hash(hash, namespace), |&at| is_it(&self.owners[at as usize]))
                .ok()
                .map(|entry| entry.remove().0 as usize),
            None => self.owners.iter().position(is_it),
        };
        let Some(at) = at else { return false };
        self.owners[at] = None;
        self.len -= 1;
        true
    }

    fn pop_first(&mut self) -> Option<Owner<K, N>> {
        while self.first < self.owners.len() {
            let owner = self.owners[self.first].take();
            self.first += 1;
            if owner.is_some() {
                self.len -= 1;
                return owner;
            }
        }
        None
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.owners.capacity().max(self.index.as_ref().map_or(0, HashTable::capacity))
    }

    fn close_holes(&mut self) {
        self.owners.retain(Option::is_some);
        self.first = 0;
        self.index = None;
        if self.owners.len() >= INDEX_FROM {
            self.build_index();
        }
    }

    fn build_index(&mut self) {
        let mut index = HashTable::with_capacity(self.owners.capacity());
        for (at, owner) in self.owners.iter().enumerate() {
            if let Some(owner) = owner {
                let hash = index_hash(owner.hash, &owner.namespace);
                index.insert_unique(hash, at as u32, rehash(&self.owners));
            }
        }
        self.index = Some(index);
    }
}

/// For growing the index. Positions whose timers were handed out need to be found no more, so any hash will do that
/// does not heap them up.
fn rehash<K, N: Namespace>(owners: &[Option<Owner<K, N>>]) -> impl Fn(&u32) -> u64 {
    |&at| match &owners[at as usize] {
        Some(owner) => index_hash(owner.hash, &owner.namespace),
        None => mix(u64::from(at)),
    }
}
