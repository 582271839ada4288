//! What a record's key is.

use std::marker::PhantomData;

use flott_core::hash::stable_hash;
use flott_state::Key;

/// Knows the key of a record.
pub trait KeySelector<T>: Clone + Send + Sync + 'static {
    /// What records are grouped by.
    type Key: Key;

    /// Calls `then` with the record's key.
    fn with<R>(&self, record: &T, then: impl FnOnce(&Self::Key) -> R) -> R;

    /// The key's hash.
    #[inline]
    fn hash(&self, record: &T) -> u64 {
        self.with(record, stable_hash)
    }
}

/// Computes the key.
pub struct ByValue<F, K> {
    function: F,
    key: PhantomData<fn() -> K>,
}

/// Finds the key within the record, so that nothing is cloned.
pub struct ByRef<F, K> {
    function: F,
    key: PhantomData<fn() -> K>,
}

impl<F, K> ByValue<F, K> {
    /// The key is what `function` returns.
    pub fn new(function: F) -> Self {
        Self { function, key: PhantomData }
    }
}

impl<F, K> ByRef<F, K> {
    /// The key is what the result of `function` points to.
    pub fn new(function: F) -> Self {
        Self { function, key: PhantomData }
    }
}

impl<F: Clone, K> Clone for ByValue<F, K> {
    fn clone(&self) -> Self {
        Self::new(self.function.clone())
    }
}

impl<F: Clone, K> Clone for ByRef<F, K> {
    fn clone(&self) -> Self {
        Self::new(self.function.clone())
    }
}

impl<T, K: Key, F: Fn(&T) -> K + Clone + Send + Sync + 'static> KeySelector<T> for ByValue<F, K> {
    type Key = K;

    #[inline]
    fn with<R>(&self, record: &T, then: impl FnOnce(&K) -> R) -> R {
        then(&(self.function)(record))
    }
}

impl<T, K: Key, F: Fn(&T) -> &K + Clone + Send + Sync + 'static> KeySelector<T> for ByRef<F, K> {
    type Key = K;

    #[inline]
    fn with<R>(&self, record: &T, then: impl FnOnce(&K) -> R) -> R {
        then((self.function)(record))
    }
}
