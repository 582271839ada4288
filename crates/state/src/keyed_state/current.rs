//! What an access to keyed state depends on beside the handle: key, namespace and time.

use std::{
    any::{Any, type_name},
    ops::Range,
};

use flott_core::{hash::stable_hash, time::Timestamp};

use crate::{
    Key, Namespace,
    key_groups::KeyGroups,
    table::{Place, is_empty_type, place_hash},
};

pub(crate) struct Current<K> {
    key: Option<K>,
    hash: u64,
    /// The key's group, counted from the first.
    group: usize,
    namespace: Box<dyn Any + Send>,
    namespace_type: &'static str,
    namespace_hash: u64,
    now: Timestamp,
    groups: KeyGroups,
}

impl<K: Key> Current<K> {
    pub(super) fn new(groups: KeyGroups) -> Self {
        Self {
            key: None,
            hash: 0,
            group: 0,
            namespace: Box::new(()),
            namespace_type: "()",
            namespace_hash: 0,
            now: Timestamp::EPOCH,
            groups,
        }
    }

    #[inline]
    pub(super) fn set_key(&mut self, hash: u64, key: &K) {
        match &mut self.key {
            Some(current) if self.hash == hash && *current == *key => return,
            // Reuses the memory of a key that has any.
            Some(current) => current.clone_from(key),
            none => *none = Some(key.clone()),
        }
        self.hash = hash;
        self.group = self.groups.index(hash);
    }

    #[inline]
    pub(super) fn key(&self) -> &K {
        match &self.key {
            Some(key) => key,
            None => no_key(),
        }
    }

    #[inline]
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Takes the key away, for a while.
    pub(super) fn take_key(&mut self) -> Option<(u64, K)> {
        self.key.take().map(|key| (self.hash, key))
    }

    pub(super) fn restore_key(&mut self, key: Option<(u64, K)>) {
        self.key = None;
        if let Some((hash, key)) = key {
            self.set_key(hash, &key);
        }
    }

    #[inline]
    pub(super) fn set_namespace<N: Namespace>(&mut self, namespace: &N) {
        match self.namespace.downcast_mut::<N>() {
            Some(current) if is_empty_type::<N>() || *current == *namespace => return,
            Some(current) => current.clone_from(namespace),
            None => {
                self.namespace = Box::new(namespace.clone());
                self.namespace_type = type_name::<N>();
            }
        }
        self.namespace_hash = stable_hash(namespace);
    }

    #[inline]
    pub(super) fn namespace<N: Namespace>(&self) -> Option<&N> {
        self.namespace.downcast_ref()
    }

    pub(super) fn set_time(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn max_parallelism(&self) -> u32 {
        self.groups.max_parallelism()
    }

    pub(super) fn groups(&self) -> Range<u32> {
        self.groups.owned()
    }

    /// Where the state of the current key and namespace is.
    #[inline]
    pub(crate) fn place<N: Namespace>(&self) -> Place<'_, K, N> {
        // Known at compile time: without a namespace nothing of it is touched.
        let unit: &dyn Any = &();
        let namespace = match unit.downcast_ref::<N>() {
            Some(unit) => unit,
            None => self.namespace.downcast_ref().unwrap_or_else(|| self.no_namespace::<N>()),
        };
        self.place_in(namespace, self.namespace_hash)
    }

    /// Where the state of the current key in another namespace is.
    pub(crate) fn place_of<'a, N: Namespace>(&'a self, namespace: &'a N) -> Place<'a, K, N> {
        self.place_in(namespace, stable_hash(namespace))
    }

    #[inline]
    fn place_in<'a, N: Namespace>(&'a self, namespace: &'a N, namespace_hash: u64) -> Place<'a, K, N> {
        let hash = if is_empty_type::<N>() { self.hash } else { place_hash(self.hash, namespace_hash) };
        Place { group: self.group, hash, key: self.key(), namespace }
    }

    #[cold]
    fn no_namespace<N>(&self) -> ! {
        let (wanted, current) = (type_name::<N>(), self.namespace_type);
        panic!(
            "state by {wanted} is used while the current namespace is a {current}: set the namespace first"
        );
    }
}

#[cold]
fn no_key() -> ! {
    panic!("there is no current key: keyed state can be used only while a record or a timer is processed");
}
