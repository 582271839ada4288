use std::sync::Arc;

use flott_state::{
    AggregateFunction, AggregatingState, Key, KeyedState, ListState, MapKey, MapState, OperatorListContext,
    OperatorListState, OperatorLists, ReducingState, Result, StateDescriptor, StateValue, ValueState,
};

use crate::RuntimeContext;

/// Stands for the key of records that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {}

/// What a function sees when it is opened, before its first record. On a keyed stream, with keys of type `K`, it
/// registers its state here; on every stream it may register [operator lists](Self::list_state).
pub struct OpenContext<'a, K = NoKey> {
    runtime: &'a RuntimeContext,
    lists: &'a mut OperatorLists,
    /// Set if there are keys.
    state: Option<&'a mut KeyedState<K>>,
}

impl<'a> OpenContext<'a> {
    /// For a function on records without keys.
    pub fn new(runtime: &'a RuntimeContext, lists: &'a mut OperatorLists) -> Self {
        Self { runtime, lists, state: None }
    }
}

impl<K> OpenContext<'_, K> {
    /// What the operator knows of itself and of its surroundings.
    pub fn runtime(&self) -> &RuntimeContext {
        self.runtime
    }

    /// A list that belongs to this subtask, whatever the key. At a restore with another number of subtasks the elements of all
    /// are spread over them. When the job was restored, the elements are there already. As Flink's
    /// `OperatorStateStore.getListState`.
    ///
    /// ```
    /// use flott_runtime::{
    ///     BoxError,
    ///     functions::{OpenContext, ProcessContext, ProcessFunction},
    /// };
    /// use flott_state::OperatorListState;
    ///
    /// /// Hands records on ten at a time.
    /// #[derive(Clone, Default)]
    /// struct InTens {
    ///     waiting: OperatorListState<String>,
    /// }
    ///
    /// impl ProcessFunction<String> for InTens {
    ///     type Out = Vec<String>;
    ///
    ///     fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
    ///         self.waiting = context.list_state("waiting")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(
    ///         &mut self,
    ///         line: String,
    ///         ctx: &mut ProcessContext<'_, Vec<String>>,
    ///     ) -> Result<(), BoxError> {
    ///         self.waiting.add(ctx, line);
    ///         if self.waiting.len(ctx) == 10 {
    ///             let ten = self.waiting.take(ctx);
    ///             ctx.emit(ten);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If the name is taken by a list of another type, or what was restored of it does not fit.
    pub fn list_state<V: StateValue>(&mut self, name: impl Into<Arc<str>>) -> Result<OperatorListState<V>> {
        self.lists.list(name)
    }

    /// As [`list_state`](Self::list_state), but at a restore each subtask gets the elements of all subtasks, to choose those
    /// that it needs. As Flink's `OperatorStateStore.getUnionListState`.
    ///
    /// # Errors
    /// As those of [`list_state`](Self::list_state).
    pub fn union_list_state<V: StateValue>(
        &mut self,
        name: impl Into<Arc<str>>,
    ) -> Result<OperatorListState<V>> {
        self.lists.union_list(name)
    }
}

impl<K> OperatorListContext for OpenContext<'_, K> {
    fn operator_lists(&self) -> &OperatorLists {
        self.lists
    }

    fn operator_lists_mut(&mut self) -> &mut OperatorLists {
        self.lists
    }
}

impl<'a, K: Key> OpenContext<'a, K> {
    /// For a function on keyed records.
    pub fn keyed(
        runtime: &'a RuntimeContext,
        lists: &'a mut OperatorLists,
        state: &'a mut KeyedState<K>,
    ) -> Self {
        Self { runtime, lists, state: Some(state) }
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
