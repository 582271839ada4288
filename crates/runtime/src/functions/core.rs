use flott_core::{FailureKind, time::Timestamp};

use super::{OpenContext, ProcessContext};
use crate::{BoxError, Mark, Result, RuntimeContext, TaskEnd, output::Downstream, scope};

/// What every operator with a function that emits by itself consists of, beside the function.
pub struct FunctionCore<Out> {
    pub(crate) operator: RuntimeContext,
    pub(crate) output: Downstream<Out>,
    /// The one that has come last.
    pub(crate) watermark: Timestamp,
}

impl<Out> FunctionCore<Out> {
    /// The core of this operator, which emits into `output`.
    pub fn new(operator: RuntimeContext, output: Downstream<Out>) -> Self {
        Self { operator, output, watermark: Timestamp::MIN }
    }

    /// For opening the function.
    pub fn open_context(&self) -> OpenContext<'_> {
        OpenContext::new(&self.operator)
    }

    /// For a record with this timestamp.
    #[inline]
    pub fn context(&mut self, timestamp: Timestamp) -> ProcessContext<'_, Out> {
        ProcessContext::new(self, timestamp)
    }

    /// Marks the operator as the running one, until dropped.
    #[inline]
    pub(crate) fn enter(&self) -> scope::Entered {
        scope::enter(self.operator.position)
    }

    /// The failure of the task whose function has returned this error.
    pub fn failure(&self, error: BoxError) -> TaskEnd {
        function_failure(&self.operator, &error)
    }

    /// Notes a mark and hands it on.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn mark(&mut self, mark: Mark) -> Result<()> {
        if let Mark::Watermark(watermark) = mark {
            self.watermark = watermark;
        }
        self.output.mark(mark)
    }
}

/// The failure of a task one of whose functions has returned an error.
pub(crate) fn function_failure(operator: &RuntimeContext, error: &BoxError) -> TaskEnd {
    match TaskEnd::from_user(FailureKind::UserError, error.as_ref()) {
        TaskEnd::Failed(cause) => cause.in_operator(&*operator.name).into(),
        end @ TaskEnd::Canceled => end,
    }
}
