//! Closures with a value of state for each key, run as process functions.

use std::marker::PhantomData;

use flott_state::{Key, KeyedState, StateValue, ValueState};

use super::Collector;
use crate::{
    BoxError, Record,
    functions::{KeyedContext, KeyedProcessFunction, OpenContext},
};

/// Calls a closure with the state of the record's key and with where to emit.
pub struct WithState<F, S, U> {
    function: F,
    /// `None` only while the function runs: then the key has no entry.
    state: ValueState<Option<S>>,
    emitted: PhantomData<fn() -> U>,
}

impl<F, S, U> WithState<F, S, U> {
    /// Calls `function`.
    pub fn new(function: F) -> Self {
        Self { function, state: ValueState::default(), emitted: PhantomData }
    }
}

impl<F: Clone, S, U> Clone for WithState<F, S, U> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), state: self.state, emitted: PhantomData }
    }
}

impl<K, T, S, U, F> KeyedProcessFunction<K, T> for WithState<F, S, U>
where
    K: Key,
    S: StateValue,
    U: Record,
    F: FnMut(&mut Option<S>, T, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
{
    type Out = U;

    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        self.state = context.value("state")?;
        Ok(())
    }

    #[inline]
    fn process(&mut self, record: T, ctx: &mut KeyedContext<'_, K, U>) -> Result<(), BoxError> {
        let (keyed, mut out): (&mut KeyedState<K>, _) = ctx.state_and_output();
        let state = self.state.get_or_default(keyed);
        (self.function)(state, record, &mut out);
        if state.is_none() {
            self.state.clear(keyed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
