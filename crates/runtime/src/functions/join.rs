//! Functions over pairs of records.

use flott_core::time::Timestamp;
use flott_state::{OperatorListContext, OperatorLists};

use super::{FunctionCore, OpenContext};
use crate::{BoxError, OutputTag, Record, RuntimeContext};

/// What becomes of each pair that an interval join has found.
///
/// Each subtask works on a clone.
pub trait ProcessJoinFunction<A, B>: Clone + Send + Sync + 'static {
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

    /// Called for each pair.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn process(
        &mut self,
        left: &A,
        right: &B,
        context: &mut JoinContext<'_, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called once at the end.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What a [`ProcessJoinFunction`] knows of the pair, and what it emits into.
pub struct JoinContext<'a, U> {
    core: &'a mut FunctionCore<U>,
    left: Timestamp,
    right: Timestamp,
}

impl<'a, U> JoinContext<'a, U> {
    /// For a pair with these timestamps.
    #[inline]
    pub fn new(core: &'a mut FunctionCore<U>, left: Timestamp, right: Timestamp) -> Self {
        Self { core, left, right }
    }

    /// The timestamp of the left record.
    pub fn left_timestamp(&self) -> Timestamp {
        self.left
    }

    /// The timestamp of the right record.
    pub fn right_timestamp(&self) -> Timestamp {
        self.right
    }

    /// The timestamp of what is emitted: the later of both.
    #[inline]
    pub fn timestamp(&self) -> Timestamp {
        self.left.max(self.right)
    }

    /// Emits a record.
    #[inline]
    pub fn emit(&mut self, record: U) {
        self.core.output.emit(record, self.timestamp());
    }

    /// Emits a record into a side output; it is dropped if nobody reads that.
    ///
    /// # Panics
    /// If the side output is read with another type.
    pub fn output<X: Record>(&mut self, tag: &OutputTag<X>, record: X) {
        self.core.output.emit_to(tag, record, self.left.max(self.right));
    }

    /// The watermark that has come last, [`Timestamp::MIN`] before the first.
    pub fn current_watermark(&self) -> Timestamp {
        self.core.watermark
    }

    /// What the operator knows of itself and of its surroundings.
    pub fn runtime(&self) -> &RuntimeContext {
        &self.core.operator
    }
}

impl<U> OperatorListContext for JoinContext<'_, U> {
    fn operator_lists(&self) -> &OperatorLists {
        &self.core.lists
    }

    fn operator_lists_mut(&mut self) -> &mut OperatorLists {
        &mut self.core.lists
    }
}
