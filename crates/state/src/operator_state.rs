//! State of an operator that does not depend on keys: each subtask has all of it. For now broadcast state.
//!
//! In the broadcast state pattern one input, such as rules, reaches every subtask, which keeps what it says in a
//! [`BroadcastState`]; the records of the other input are judged by it. Only the broadcast side may change it, so that it
//! stays the same everywhere: contexts of the other side implement [`OperatorStateContext`] alone.
//!
//! ```
//! use flott_state::{BroadcastState, OperatorState, OperatorStateContext};
//!
//! let mut state = OperatorState::new();
//! let limits: BroadcastState<String, u32> = state.broadcast("limits")?;
//! limits.insert(&mut state, "Toyota".to_owned(), 65);
//!
//! fn is_too_fast(limits: BroadcastState<String, u32>, ctx: &impl OperatorStateContext, car: &str, speed: u32) -> bool {
//!     limits.get(ctx, car).is_some_and(|limit| speed > *limit)
//! }
//! assert!(is_too_fast(limits, &state, "Toyota", 67));
//! assert!(!is_too_fast(limits, &state, "Porsche", 230));
//! # Ok::<(), flott_state::Error>(())
//! ```

mod stored;
#[cfg(test)]
mod tests;

use std::{
    any::{Any, type_name},
    borrow::Borrow,
    hash::Hash,
    marker::PhantomData,
    sync::Arc,
};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{
    Error, MapKey, Result, StateInfo, StateKind, StateType, StateValue, TableDescription,
    codec::{self, Reader},
    schema::Schema,
    snapshot::Conversion,
};
pub use stored::StoredState;

/// Leads to the operator state of the operator at work, to read it.
pub trait OperatorStateContext {
    /// The state.
    fn operator_state(&self) -> &OperatorState;
}

/// Leads to the operator state of the operator at work, to change it.
pub trait OperatorStateContextMut: OperatorStateContext {
    /// The state.
    fn operator_state_mut(&mut self) -> &mut OperatorState;
}

impl OperatorStateContext for OperatorState {
    #[inline]
    fn operator_state(&self) -> &Self {
        self
    }
}

impl OperatorStateContextMut for OperatorState {
    #[inline]
    fn operator_state_mut(&mut self) -> &mut Self {
        self
    }
}

/// All state of an operator in a subtask that does not depend on keys, by name.
#[derive(Default)]
pub struct OperatorState {
    states: Vec<Registered>,
    /// What was restored of states that are not registered.
    carried: Vec<StoredState>,
}

struct Registered {
    info: StateInfo,
    map: Box<dyn AnyMap>,
    description: TableDescription,
}

impl OperatorState {
    /// No state yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The broadcast state of this name, which is a new one if there is none.
    ///
    /// # Errors
    /// If the name is taken by a state of other types.
    pub fn broadcast<MK: MapKey, MV: StateValue>(
        &mut self,
        name: impl Into<Arc<str>>,
    ) -> Result<BroadcastState<MK, MV>> {
        let name = name.into();
        let values = format!("{} to {}", type_name::<MK>(), type_name::<MV>());
        let state_type = StateType { kind: StateKind::Broadcast, values, namespace: None };
        if let Some(index) = self.states.iter().position(|state| state.info.name == name) {
            let state = &self.states[index];
            if !(&*state.map as &dyn Any).is::<Map<MK, MV>>() {
                return Err(Error::TypeMismatch {
                    name: name.to_string(),
                    registered: Box::new(state.info.state_type.clone()),
                    requested: Box::new(state_type),
                });
            }
            return Ok(BroadcastState::new(index as u32));
        }
        let mut map = Box::<Map<MK, MV>>::default();
        let description = TableDescription {
            name: name.to_string(),
            kind: StateKind::Broadcast,
            key: Schema::of::<MK>(),
            namespace: Schema::of::<()>(),
            map_key: None,
            value: Schema::of::<MV>(),
            ttl: false,
        };
        if let Some(at) = self.carried.iter().position(|carried| *carried.description.name == *name) {
            map.restore(&self.carried[at], &description)?;
            self.carried.remove(at);
        }
        let info = StateInfo { name, state_type, ttl: None };
        self.states.push(Registered { info, map, description });
        Ok(BroadcastState::new(self.states.len() as u32 - 1))
    }

    /// The states, in the order in which they were registered.
    pub fn states(&self) -> impl Iterator<Item = &StateInfo> {
        self.states.iter().map(|state| &state.info)
    }

    /// All that is here now, for a snapshot: an element for each state. Each subtask has all of it, so one subtask's
    /// elements are enough to restore any other's.
    ///
    /// # Errors
    /// If a value cannot be serialized.
    pub fn store(&self) -> Result<Vec<StoredState>> {
        let registered = self.states.iter().map(|state| {
            let mut entries = Vec::new();
            state.map.encode(&mut entries)?;
            Ok(StoredState { description: state.description.clone(), entries })
        });
        // What the job does not know stays as it was.
        registered.chain(self.carried.iter().cloned().map(Ok)).collect()
    }

    /// Takes in a state of an earlier snapshot. One that is not registered yet is kept for when it is.
    ///
    /// # Errors
    /// If the state is another one now, or the bytes are damaged. If it is not registered yet, that shows when it is.
    pub fn restore(&mut self, stored: StoredState) -> Result<()> {
        match self.states.iter_mut().find(|state| *state.info.name == *stored.description.name) {
            Some(state) => state.map.restore(&stored, &state.description),
            None => {
                self.carried.push(stored);
                Ok(())
            }
        }
    }

    #[inline]
    fn map<MK: MapKey, MV: StateValue>(&self, index: u32) -> &Map<MK, MV> {
        let map = self.states.get(index as usize).and_then(|state| (&*state.map as &dyn Any).downcast_ref());
        map.unwrap_or_else(|| wrong_handle())
    }

    #[inline]
    fn map_mut<MK: MapKey, MV: StateValue>(&mut self, index: u32) -> &mut Map<MK, MV> {
        let state = self.states.get_mut(index as usize);
        state
            .and_then(|state| (&mut *state.map as &mut dyn Any).downcast_mut())
            .unwrap_or_else(|| wrong_handle())
    }
}

#[cold]
fn wrong_handle() -> ! {
    panic!(
        "the broadcast state's handle belongs to another operator or to none: each has to register its own, when its \
         function opens"
    );
}

/// The hash is a fixed one, so that the order of the entries is not random.
type Map<MK, MV> = HashMap<MK, MV, FixedState>;

/// A map of any type.
trait AnyMap: Any + Send {
    fn encode(&self, out: &mut Vec<u8>) -> Result<()>;

    fn restore(&mut self, stored: &StoredState, wanted: &TableDescription) -> Result<()>;
}

impl<MK: MapKey, MV: StateValue> AnyMap for Map<MK, MV> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        codec::put_count(self.len(), out);
        for (key, value) in self {
            codec::put(key, out)?;
            codec::put(value, out)?;
        }
        Ok(())
    }

    fn restore(&mut self, stored: &StoredState, wanted: &TableDescription) -> Result<()> {
        let conversion = Conversion::new(&stored.description, wanted, &[])?;
        let mut reader = Reader::of_operator_state(&stored.entries, &wanted.name);
        for _ in 0..reader.count()? {
            let key = reader.get()?;
            self.insert(key, reader.get_as(&conversion.value)?);
        }
        reader.finish()
    }
}

/// A handle of a map that is the same in all subtasks of an operator. It holds no data; see the [module](self) for an
/// example.
///
/// Entries come in no particular order, but always in the same one after the same changes. The default handle leads
/// nowhere: it stands in a function that has not opened yet.
///
/// # Panics
/// All methods panic if the handle belongs to another operator or to none.
pub struct BroadcastState<MK, MV> {
    index: u32,
    types: PhantomData<fn() -> (MK, MV)>,
}

impl<MK: MapKey, MV: StateValue> BroadcastState<MK, MV> {
    /// The value of a key, if it is in the map.
    #[inline]
    pub fn get<'c, C, Q>(self, ctx: &'c C, key: &Q) -> Option<&'c MV>
    where
        C: OperatorStateContext + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        ctx.operator_state().map::<MK, MV>(self.index).get(key)
    }

    /// Whether a key is in the map.
    #[inline]
    pub fn contains<C, Q>(self, ctx: &C, key: &Q) -> bool
    where
        C: OperatorStateContext + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(ctx, key).is_some()
    }

    /// The entries, in no particular order.
    #[inline]
    pub fn iter<C: OperatorStateContext + ?Sized>(self, ctx: &C) -> impl Iterator<Item = (&MK, &MV)> {
        ctx.operator_state().map::<MK, MV>(self.index).iter()
    }

    /// The keys, in the order of [`iter`](Self::iter).
    #[inline]
    pub fn keys<C: OperatorStateContext + ?Sized>(self, ctx: &C) -> impl Iterator<Item = &MK> {
        ctx.operator_state().map::<MK, MV>(self.index).keys()
    }

    /// The values, in the order of [`iter`](Self::iter).
    #[inline]
    pub fn values<C: OperatorStateContext + ?Sized>(self, ctx: &C) -> impl Iterator<Item = &MV> {
        ctx.operator_state().map::<MK, MV>(self.index).values()
    }

    /// Number of entries.
    #[inline]
    pub fn len<C: OperatorStateContext + ?Sized>(self, ctx: &C) -> usize {
        ctx.operator_state().map::<MK, MV>(self.index).len()
    }

    /// Whether there are no entries.
    #[inline]
    pub fn is_empty<C: OperatorStateContext + ?Sized>(self, ctx: &C) -> bool {
        self.len(ctx) == 0
    }

    /// The value of a key, if it is in the map, to change it.
    #[inline]
    pub fn get_mut<'c, C, Q>(self, ctx: &'c mut C, key: &Q) -> Option<&'c mut MV>
    where
        C: OperatorStateContextMut + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        ctx.operator_state_mut().map_mut::<MK, MV>(self.index).get_mut(key)
    }

    /// The value of a key, made by `create` first if it is not in the map.
    #[inline]
    pub fn get_or_insert_with<C: OperatorStateContextMut + ?Sized>(
        self,
        ctx: &mut C,
        key: MK,
        create: impl FnOnce() -> MV,
    ) -> &mut MV {
        ctx.operator_state_mut().map_mut::<MK, MV>(self.index).entry(key).or_insert_with(create)
    }

    /// Sets the value of a key. Returns the one before.
    #[inline]
    pub fn insert<C: OperatorStateContextMut + ?Sized>(self, ctx: &mut C, key: MK, value: MV) -> Option<MV> {
        ctx.operator_state_mut().map_mut::<MK, MV>(self.index).insert(key, value)
    }

    /// Sets the values of keys.
    pub fn extend<C: OperatorStateContextMut + ?Sized>(
        self,
        ctx: &mut C,
        entries: impl IntoIterator<Item = (MK, MV)>,
    ) {
        ctx.operator_state_mut().map_mut::<MK, MV>(self.index).extend(entries);
    }

    /// Removes a key and returns its value.
    #[inline]
    pub fn remove<C, Q>(self, ctx: &mut C, key: &Q) -> Option<MV>
    where
        C: OperatorStateContextMut + ?Sized,
        MK: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        ctx.operator_state_mut().map_mut::<MK, MV>(self.index).remove(key)
    }

    /// Keeps the entries for which `keep` says so, and removes the others.
    pub fn retain<C: OperatorStateContextMut + ?Sized>(
        self,
        ctx: &mut C,
        keep: impl FnMut(&MK, &mut MV) -> bool,
    ) {
        ctx.operator_state_mut().map_mut::<MK, MV>(self.index).retain(keep);
    }

    /// Removes all entries.
    #[inline]
    pub fn clear<C: OperatorStateContextMut + ?Sized>(self, ctx: &mut C) {
        ctx.operator_state_mut().map_mut::<MK, MV>(self.index).clear();
    }
}

impl<MK, MV> BroadcastState<MK, MV> {
    fn new(index: u32) -> Self {
        Self { index, types: PhantomData }
    }
}

impl<MK, MV> Clone for BroadcastState<MK, MV> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<MK, MV> Copy for BroadcastState<MK, MV> {}

impl<MK, MV> Default for BroadcastState<MK, MV> {
    fn default() -> Self {
        Self::new(u32::MAX)
    }
}

impl<MK, MV> std::fmt::Debug for BroadcastState<MK, MV> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BroadcastState").field(&self.index).finish()
    }
}
