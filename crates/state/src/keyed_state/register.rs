//! Registration: from names to handles.

use std::{any::type_name, marker::PhantomData, ops::Range, time::Duration};

use super::{KeyedState, MaybeTtl, Registered, StateTable};
use crate::{
    AggregateFunction, AggregatingState, Error, Key, ListState, MapKey, MapState, Namespace, ReducingState,
    Result, StateDescriptor, StateInfo, StateKind, StateType, StateValue, TableDescription, ValueState,
    aggregating_state::{Aggregates, AggregatingTable},
    entries::Entries,
    list_state::ListTable,
    map_state::MapTable,
    reducing_state::{Reduce, ReducingTable},
    schema::{Migration, Schema},
    ttl::Forever,
    value_state::{ValueTable, Values},
};

/// Registers states. The same name always gives the same state, if kind and types are the same too.
impl<K: Key> KeyedState<K> {
    /// A state with one value a key. `descriptor` is a name or a [`StateDescriptor`].
    ///
    /// # Errors
    /// If the name is taken by a state of another kind, type or time to live, or the time to live is too short.
    pub fn value<V: StateValue>(&mut self, descriptor: impl Into<StateDescriptor>) -> Result<ValueState<V>> {
        self.in_namespace().value(descriptor)
    }

    /// A state with a list a key. `descriptor` is a name or a [`StateDescriptor`].
    ///
    /// # Errors
    /// As those of [`value`](Self::value).
    pub fn list<V: StateValue>(&mut self, descriptor: impl Into<StateDescriptor>) -> Result<ListState<V>> {
        self.in_namespace().list(descriptor)
    }

    /// A state with a map a key. `descriptor` is a name or a [`StateDescriptor`].
    ///
    /// # Errors
    /// As those of [`value`](Self::value).
    pub fn map<MK: MapKey, MV: StateValue>(
        &mut self,
        descriptor: impl Into<StateDescriptor>,
    ) -> Result<MapState<MK, MV>> {
        self.in_namespace().map(descriptor)
    }

    /// A state with one value a key, into which further ones are reduced. `descriptor` is a name or a
    /// [`StateDescriptor`]; if the state is registered already, its first function stays.
    ///
    /// # Errors
    /// As those of [`value`](Self::value).
    pub fn reducing<V: StateValue>(
        &mut self,
        descriptor: impl Into<StateDescriptor>,
        reduce: impl Fn(&mut V, V) + Send + 'static,
    ) -> Result<ReducingState<V>> {
        self.in_namespace().reducing(descriptor, reduce)
    }

    /// A state with one accumulator a key, into which values are aggregated. `descriptor` is a name or a
    /// [`StateDescriptor`]; if the state is registered already, its first function stays.
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
        self.in_namespace().aggregating(descriptor, function)
    }

    /// For registering states that are kept by key *and* namespace, such as a window. Their handles speak of the
    /// [current namespace](Self::set_namespace).
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # use flott_state::KeyedState;
    /// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
    /// # state.set_key(stable_hash("key"), &"key".to_owned());
    /// type Window = std::ops::Range<i64>;
    /// let count = state.in_namespace::<Window>().value::<u64>("count")?;
    /// state.set_namespace::<Window>(&(0..10));
    /// count.set(&mut state, 7);
    /// state.set_namespace::<Window>(&(10..20));
    /// assert_eq!(count.get(&state), None);
    ///
    /// state.set_namespace::<Window>(&(0..10));
    /// assert_eq!(count.get(&state), Some(&7));
    /// state.clear_namespace::<Window>();
    /// assert!(state.is_empty());
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    pub fn in_namespace<N: Namespace>(&mut self) -> InNamespace<'_, K, N> {
        InNamespace { state: self, namespace: PhantomData }
    }

    fn register<T: StateTable<K>>(
        &mut self,
        descriptor: StateDescriptor,
        state_type: StateType,
        schemas: impl FnOnce() -> Schemas,
        table: impl FnOnce(Range<u32>) -> T,
    ) -> Result<u32> {
        let StateDescriptor { name, ttl, migrations } = descriptor;
        if ttl.is_some_and(|ttl| ttl.duration() < Duration::from_millis(1)) {
            return Err(Error::TtlTooShort { name: name.to_string() });
        }
        if let Some(index) = self.states.iter().position(|state| state.info.name == name) {
            let state = &self.states[index];
            let same_table = (&*state.table as &dyn std::any::Any).is::<T>();
            if !same_table || state.info.state_type != state_type {
                return Err(Error::TypeMismatch {
                    name: name.to_string(),
                    registered: Box::new(state.info.state_type.clone()),
                    requested: Box::new(state_type),
                });
            }
            if state.info.ttl != ttl {
                return Err(Error::TtlMismatch {
                    name: name.to_string(),
                    registered: state.info.ttl.map(Box::new),
                    requested: ttl.map(Box::new),
                });
            }
            return Ok(index as u32);
        }
        let Schemas { namespace, map_key, value, check } = schemas();
        for migration in &migrations {
            check(migration).map_err(|reason| Error::Incompatible { state: name.to_string(), reason })?;
        }
        let description = TableDescription {
            name: name.to_string(),
            kind: state_type.kind,
            key: Schema::of::<K>(),
            namespace,
            map_key,
            value,
            ttl: ttl.is_some(),
        };
        let mut state = Registered {
            info: StateInfo { name, state_type, ttl },
            table: Box::new(table(self.current.groups())),
            description,
            migrations,
            position: self.next_position,
            conversion: None,
        };
        self.adopt(&mut state)?;
        self.next_position += 1;
        self.states.push(state);
        Ok(self.states.len() as u32 - 1)
    }
}

/// The schemas of a table beside that of its keys.
struct Schemas {
    namespace: Schema,
    map_key: Option<Schema>,
    value: Schema,
    /// Whether a migration makes such values.
    check: fn(&Migration) -> Result<(), String>,
}

impl Schemas {
    fn of<N: Namespace, V: StateValue>() -> Self {
        Self {
            namespace: Schema::of::<N>(),
            map_key: None,
            value: Schema::of::<V>(),
            check: Migration::check::<V>,
        }
    }
}

/// Registers states that are kept by key and namespace; see [`KeyedState::in_namespace`]. Methods and errors are those
/// of [`KeyedState`].
pub struct InNamespace<'a, K, N> {
    state: &'a mut KeyedState<K>,
    namespace: PhantomData<fn() -> N>,
}

impl<K: Key, N: Namespace> InNamespace<'_, K, N> {
    /// A state with one value a key and namespace.
    ///
    /// # Errors
    /// As those of [`KeyedState::value`].
    pub fn value<V: StateValue>(self, descriptor: impl Into<StateDescriptor>) -> Result<ValueState<V, N>> {
        let descriptor = descriptor.into();
        let ttl = descriptor.ttl;
        let state_type = state_type::<N>(StateKind::Value, type_name::<V>());
        let index = self.state.register::<ValueTable<K, N, V>>(
            descriptor,
            state_type,
            Schemas::of::<N, V>,
            |groups| match ttl {
                None => MaybeTtl::Plain(Entries::new(groups, Forever, ())),
                Some(ttl) => MaybeTtl::Ttl(Entries::new(groups, ttl, ())),
            },
        )?;
        Ok(ValueState::new(index))
    }

    /// A state with a list a key and namespace.
    ///
    /// # Errors
    /// As those of [`KeyedState::value`].
    pub fn list<V: StateValue>(self, descriptor: impl Into<StateDescriptor>) -> Result<ListState<V, N>> {
        let descriptor = descriptor.into();
        let ttl = descriptor.ttl;
        let state_type = state_type::<N>(StateKind::List, type_name::<V>());
        let index = self.state.register::<ListTable<K, N, V>>(
            descriptor,
            state_type,
            Schemas::of::<N, V>,
            |groups| match ttl {
                None => MaybeTtl::Plain(Entries::new(groups, Forever, ())),
                Some(ttl) => MaybeTtl::Ttl(Entries::new(groups, ttl, ())),
            },
        )?;
        Ok(ListState::new(index))
    }

    /// A state with a map a key and namespace.
    ///
    /// # Errors
    /// As those of [`KeyedState::value`].
    pub fn map<MK: MapKey, MV: StateValue>(
        self,
        descriptor: impl Into<StateDescriptor>,
    ) -> Result<MapState<MK, MV, N>> {
        let descriptor = descriptor.into();
        let ttl = descriptor.ttl;
        let values = format!("{} to {}", type_name::<MK>(), type_name::<MV>());
        let state_type = state_type::<N>(StateKind::Map, values);
        let schemas = || Schemas { map_key: Some(Schema::of::<MK>()), ..Schemas::of::<N, MV>() };
        let index = self.state.register::<MapTable<K, N, MK, MV>>(
            descriptor,
            state_type,
            schemas,
            |groups| match ttl {
                None => MaybeTtl::Plain(Entries::new(groups, Forever, ())),
                Some(ttl) => MaybeTtl::Ttl(Entries::new(groups, ttl, ())),
            },
        )?;
        Ok(MapState::new(index))
    }

    /// A state with one value a key and namespace, into which further ones are reduced.
    ///
    /// # Errors
    /// As those of [`KeyedState::value`].
    pub fn reducing<V: StateValue>(
        self,
        descriptor: impl Into<StateDescriptor>,
        reduce: impl Fn(&mut V, V) + Send + 'static,
    ) -> Result<ReducingState<V, N>> {
        let descriptor = descriptor.into();
        let ttl = descriptor.ttl;
        let state_type = state_type::<N>(StateKind::Reducing, type_name::<V>());
        let table = |groups| {
            let reduce: Reduce<V> = Box::new(reduce);
            match ttl {
                None => MaybeTtl::Plain(Entries::new(groups, Forever, reduce)),
                Some(ttl) => MaybeTtl::Ttl(Entries::new(groups, ttl, reduce)),
            }
        };
        let index = self.state.register::<ReducingTable<K, N, V>>(
            descriptor,
            state_type,
            Schemas::of::<N, V>,
            table,
        )?;
        Ok(ReducingState::new(index))
    }

    /// A state with one accumulator a key and namespace, into which values are aggregated.
    ///
    /// # Errors
    /// As those of [`KeyedState::value`].
    pub fn aggregating<In: 'static, F>(
        self,
        descriptor: impl Into<StateDescriptor>,
        function: F,
    ) -> Result<AggregatingState<In, F::Output, N>>
    where
        F: AggregateFunction<In, Output: 'static> + Send + 'static,
    {
        let descriptor = descriptor.into();
        let ttl = descriptor.ttl;
        let [input, output, accumulator] =
            [type_name::<In>(), type_name::<F::Output>(), type_name::<F::Accumulator>()];
        let values = format!("{input} to {output} by {accumulator}");
        let state_type = state_type::<N>(StateKind::Aggregating, values);
        let table = |groups| -> AggregatingTable<K, N, In, F::Output> {
            let entries: Box<dyn Aggregates<K, N, In, F::Output>> = match ttl {
                None => Box::new(Values::<_, _, F::Accumulator, _, _>::new(groups, Forever, function)),
                Some(ttl) => Box::new(Values::<_, _, F::Accumulator, _, _>::new(groups, ttl, function)),
            };
            AggregatingTable(entries)
        };
        let index = self.state.register(descriptor, state_type, Schemas::of::<N, F::Accumulator>, table)?;
        Ok(AggregatingState::new(index))
    }
}

fn state_type<N: Namespace>(kind: StateKind, values: impl Into<String>) -> StateType {
    let without = std::any::TypeId::of::<N>() == std::any::TypeId::of::<()>();
    StateType { kind, values: values.into(), namespace: (!without).then(type_name::<N>) }
}
