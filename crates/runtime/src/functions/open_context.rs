use flott_state::{
    AggregateFunction, AggregatingState, Key, KeyedState, ListState, MapKey, MapState, ReducingState, Result,
    StateDescriptor, StateValue, ValueState,
};

use crate::RuntimeContext;

/// Stands for the key of records that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {}

/// What a function sees when it is opened, before its first record. On a keyed stream, with keys of type `K`, it
/// registers its state here.
pub struct OpenContext<'a, K = NoKey> {
    runtime: &'a RuntimeContext,
    /// Set if there are keys.
    state: Option<&'a mut KeyedState<K>>,
}

impl<'a> OpenContext<'a> {
    /// For a function on records without keys.
    pub fn new(runtime: &'a RuntimeContext) -> Self {
        Self { runtime, state: None }
    }
}

impl<K> OpenContext<'_, K> {
    /// What the operator knows of itself and of its surroundings.
    pub fn runtime(&self) -> &RuntimeContext {
        self.runtime
    }
}

impl<'a, K: Key> OpenContext<'a, K> {
    /// For a function on keyed records.
    pub fn keyed(runtime: &'a RuntimeContext, state: &'a mut KeyedState<K>) -> Self {
        Self { runtime, state: Some(state) }
    }

    fn state(&mut self) -> &mut KeyedState<K> {
        self.state.as_mut().expect("the context of a function with keys is made with their state")
    }

    /// A state with one value a key. `descriptor` is a name or a [`StateDescriptor`].
    ///
    /// # Errors
    /// If the name is taken by a state of another kind, type or time to live, or the time to live is too short.
    pub fn value<V: StateValue>(&mut self, descriptor: impl Into<StateDescriptor>) -> Result<ValueState<V>> {
        self.state().value(descriptor)
    }

    /// A state with a list a key. `descriptor` is a name or a [`StateDescriptor`].
    ///
    /// # Errors
    /// As those of [`value`](Self::value).
    pub fn list<V: StateValue>(&mut self, descriptor: impl Into<StateDescriptor>) -> Result<ListState<V>> {
        self.state().list(descriptor)
    }

    /// A state with a map a key. `descriptor` is a name or a [`StateDescriptor`].
    ///
    /// # Errors
    /// As those of [`value`](Self::value).
    pub fn map<MK: MapKey, MV: StateValue>(
        &mut self,
        descriptor: impl Into<StateDescriptor>,
    ) -> Result<MapState<MK, MV>> {
        self.state().map(descriptor)
    }

    /// A state with one value a key, into which further ones are reduced. `descriptor` is a name or a
    /// [`StateDescriptor`].
    ///
    /// # Errors
    /// As those of [`value`](Self::value).
    pub fn reducing<V: StateValue>(
        &mut self,
        descriptor: impl Into<StateDescriptor>,
        reduce: impl Fn(&mut V, V) + Send + 'static,
    ) -> Result<ReducingState<V>> {
        self.state().reducing(descriptor, reduce)
    }

    /// A state with one accumulator a key, into which values are aggregated. `descriptor` is a name or a
    /// [`StateDescriptor`].
    ///
    /// # Errors
    /// As those of [`value`](Self::value).
    pub fn aggregating<In: 'static, F>(
        &mut self,
        descriptor: impl Into<StateDescriptor>,
        function: F,
    ) -> Result<AggregatingState<In, F::Output>>
    where
        F: AggregateFunction<In, Output: 'static> + Send + 'static,
    {
        self.state().aggregating(descriptor, function)
    }
}
