//! The broadcast state pattern: one stream, such as rules, reaches all subtasks; records of the other are judged by it.

mod context;

use flott_core::time::Timestamp;
use flott_state::Key;

pub use self::context::{
    BroadcastOnTimerContext, BroadcastOpenContext, BroadcastReadContext, BroadcastWriteContext,
    KeyedBroadcastReadContext, KeyedBroadcastWriteContext,
};
use crate::{BoxError, Record};

/// A function over a stream `A` and a broadcast stream `B`.
///
/// Every subtask sees all broadcast records, but maybe in another order than the others: what `process_broadcast` makes
/// of them should not depend on their order, nor on anything else that differs between subtasks, so that the broadcast
/// state is the same everywhere.
pub trait BroadcastProcessFunction<A, B>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called before the first record, to register broadcast state.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn open(&mut self, context: &mut BroadcastOpenContext<'_>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called for each record of the stream that is not broadcast. It reads the broadcast state.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process(
        &mut self,
        record: A,
        context: &mut BroadcastReadContext<'_, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called for each broadcast record. It changes the broadcast state.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process_broadcast(
        &mut self,
        record: B,
        context: &mut BroadcastWriteContext<'_, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called once at the end.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A function over a stream `A` that is grouped by key, with state and timers of the key, and a broadcast stream `B`.
///
/// Every subtask sees all broadcast records, but maybe in another order than the others: what `process_broadcast` makes
/// of them should not depend on their order, nor on anything else that differs between subtasks, so that the broadcast
/// state is the same everywhere.
pub trait KeyedBroadcastProcessFunction<K: Key, A, B>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called before the first record, to register state.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn open(&mut self, context: &mut BroadcastOpenContext<'_, K>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called for each record of the keyed stream. It reads the broadcast state, and has state and timers of its key.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process(
        &mut self,
        record: A,
        context: &mut KeyedBroadcastReadContext<'_, K, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called for each broadcast record. It changes the broadcast state, and may visit the state of all keys.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process_broadcast(
        &mut self,
        record: B,
        context: &mut KeyedBroadcastWriteContext<'_, K, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called when a timer fires that the function has registered. It reads the broadcast state.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn on_timer(
        &mut self,
        timestamp: Timestamp,
        context: &mut BroadcastOnTimerContext<'_, K, Self::Out>,
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
