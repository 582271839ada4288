use flott_core::{FailureKind, time::Timestamp};
use flott_state::{OperatorLists, StoredElement, StoredLists, TableDescription};

use super::{OpenContext, ProcessContext};
use crate::{
    BoxError, CheckpointEvent, EventKind, Mark, Redistribution, Result, RuntimeContext, TaskEnd,
    operators::{restore_failure, state_failure},
    output::Downstream,
    scope,
};

/// The names of what checkpoints have of operator lists: what the lists are, and their elements.
const DESCRIPTIONS: &str = "operator lists";
const ELEMENTS: &str = "operator list elements";
const UNION_ELEMENTS: &str = "operator union list elements";

/// What every operator with a function that emits by itself consists of, beside the function.
pub struct FunctionCore<Out> {
    pub(crate) operator: RuntimeContext,
    pub(crate) output: Downstream<Out>,
    /// The one that has come last.
    pub(crate) watermark: Timestamp,
    /// State that does not depend on keys.
    pub(crate) lists: OperatorLists,
}

impl<Out> FunctionCore<Out> {
    /// The core of this operator, which emits into `output`, with the operator lists of the checkpoint from which the
    /// subtask was restored.
    ///
    /// # Errors
    /// If those are damaged.
    pub fn new(operator: RuntimeContext, output: Downstream<Out>) -> Result<Self> {
        let lists = restore_lists(&operator)?;
        Ok(Self { operator, output, watermark: Timestamp::MIN, lists })
    }

    /// For opening the function.
    pub fn open_context(&mut self) -> OpenContext<'_> {
        OpenContext::new(&self.operator, &mut self.lists)
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

    /// Adds the operator lists to a checkpoint, and hands that on.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        if let EventKind::Barrier(_) = event.kind()
            && !self.lists.is_empty()
        {
            let stored = self.lists.store().map_err(|error| state_failure(&self.operator, &error))?;
            let StoredLists { descriptions, elements, union_elements } = stored;
            let mut part = event.operator(&self.operator);
            part.list::<TableDescription, _>(DESCRIPTIONS, Redistribution::Broadcast, || descriptions)?;
            part.list::<StoredElement, _>(ELEMENTS, Redistribution::Split, || elements)?;
            part.list::<StoredElement, _>(UNION_ELEMENTS, Redistribution::Union, || union_elements)?;
        }
        self.output.checkpoint(event)
    }
}

/// The operator lists of a checkpoint. They are there before the function opens, which may look into them then.
fn restore_lists(operator: &RuntimeContext) -> Result<OperatorLists> {
    let restored = operator.restored();
    let mut lists = OperatorLists::new();
    let stored = StoredLists {
        descriptions: restored.list(DESCRIPTIONS)?,
        elements: restored.list(ELEMENTS)?,
        union_elements: restored.list(UNION_ELEMENTS)?,
    };
    lists.restore(stored).map_err(|error| restore_failure(operator, &error))?;
    Ok(lists)
}

/// The failure of a task one of whose functions has returned an error.
pub(crate) fn function_failure(operator: &RuntimeContext, error: &BoxError) -> TaskEnd {
    match TaskEnd::from_user(FailureKind::UserError, error.as_ref()) {
        TaskEnd::Failed(cause) => cause.in_operator(&*operator.name).into(),
        end @ TaskEnd::Canceled => end,
    }
}
