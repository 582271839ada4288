//! What can be kept as state: the bounds on keys, namespaces and values.

use std::hash::Hash;

use serde::{Serialize, de::DeserializeOwned};

/// What can be a key: equality in memory, and serde for the hash and for snapshots. Equal keys must be serialized to
/// equal bytes, which those of `HashMap` and `HashSet`, say, are not.
pub trait Key: Eq + Clone + Send + Serialize + DeserializeOwned + 'static {}

impl<K: Eq + Clone + Send + Serialize + DeserializeOwned + 'static> Key for K {}

/// What can be a namespace: a second part of the address of state and timers beside the key, such as a window. It does
/// not decide where state lives: that does the key alone.
///
/// A type without content, such as `()`, costs nothing: neither memory nor hashing.
pub trait Namespace: Key {}

impl<N: Key> Namespace for N {}

/// What can be kept as state.
pub trait StateValue: Send + Serialize + DeserializeOwned + 'static {}

impl<V: Send + Serialize + DeserializeOwned + 'static> StateValue for V {}

/// What can be a key inside a map state.
pub trait MapKey: Key + Hash {}

impl<K: Key + Hash> MapKey for K {}
