use flott_core::time::Timestamp;
use flott_state::Key;

use super::{KeyedContext, OnTimerContext, OpenContext, ProcessContext};
use crate::{BoxError, Record};

/// A function over two connected streams, whose records it may combine as it likes.
///
/// Which stream's record comes next is not defined, but each stream keeps its order. What the function keeps in its own
/// fields is shared by both inputs of a subtask; for state by key there is [`KeyedCoProcessFunction`].
pub trait CoProcessFunction<A, B>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called before the first record.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called for each record of the first stream.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process_left(
        &mut self,
        record: A,
        context: &mut ProcessContext<'_, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called for each record of the second stream.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process_right(
        &mut self,
        record: B,
        context: &mut ProcessContext<'_, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called once at the end.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A function over two connected streams that are grouped by the same key: state and timers of a key are shared by the
/// records of both.
///
/// Which stream's record comes next is not defined, but each stream keeps its order.
pub trait KeyedCoProcessFunction<K: Key, A, B>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called before the first record, to register state.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called for each record of the first stream.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process_left(
        &mut self,
        record: A,
        context: &mut KeyedContext<'_, K, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called for each record of the second stream.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process_right(
        &mut self,
        record: B,
        context: &mut KeyedContext<'_, K, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called when a timer fires that the function has registered.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn on_timer(
        &mut self,
        timestamp: Timestamp,
        context: &mut OnTimerContext<'_, K, Self::Out>,
    ) -> Result<(), BoxError> {
        let _ = (timestamp, context);
        Ok(())
    }

    /// Called once at the end.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}
