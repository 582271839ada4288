//! Functions over pairs of records.

use flott_core::time::Timestamp;

use super::OpenContext;
use crate::{BoxError, OperatorContext, OutputTag, Record, output::Downstream};

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
    fn open(&mut self, context: &OperatorContext) -> Result<(), BoxError> {
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

    /// Called after the last record.
    ///
    /// # Errors
    /// Any error; the job fails with it.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What a [`ProcessJoinFunction`] knows of the pair, and what it emits into.
pub struct JoinContext<'a, U> {
    left: Timestamp,
    right: Timestamp,
    operator: &'a OperatorContext,
    next: &'a mut Downstream<U>,
}

impl<'a, U> JoinContext<'a, U> {
    #[inline]
    pub(crate) fn new(
        left: Timestamp,
        right: Timestamp,
        operator: &'a OperatorContext,
        next: &'a mut Downstream<U>,
    ) -> Self {
        Self { left, right, operator, next }
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
        self.next.emit(record, self.left.max(self.right));
    }

    /// Emits a record into a side output.
    ///
    /// # Panics
    /// If the side output is read with another type.
    pub fn output<X: Record>(&mut self, tag: &OutputTag<X>, record: X) {
        self.next.emit_to(tag, record, self.left.max(self.right));
    }

    /// What the operator knows of itself and its surroundings.
    pub fn runtime(&self) -> &OperatorContext {
        self.operator
    }
}
