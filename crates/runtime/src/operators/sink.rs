use flott_core::FailureKind;

use crate::{OperatorContext, Output, Result, SinkWriter, TaskEnd, output::Flush, scope};

/// The end of a chain that writes to the outside.
pub struct SinkOperator<W> {
    context: OperatorContext,
    writer: W,
}

impl<W> SinkOperator<W> {
    /// Writes with `writer`.
    pub fn new(context: OperatorContext, writer: W) -> Self {
        Self { context, writer }
    }

    fn failed(&self, error: crate::BoxError) -> TaskEnd {
        sink_failure(&self.context, error)
    }
}

/// The failure of a task whose sink returned an error.
pub(crate) fn sink_failure(context: &OperatorContext, error: crate::BoxError) -> TaskEnd {
    match TaskEnd::from_user(FailureKind::External, error.as_ref()) {
        TaskEnd::Failed(cause) => cause.in_operator(&*context.name).into(),
        end @ TaskEnd::Canceled => end,
    }
}

impl<T, W: SinkWriter<T>> Output<T> for SinkOperator<W> {
    fn emit(&mut self, batch: &mut Vec<T>) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.context.task.counters.sent(batch.len());
        self.writer.write(batch).map_err(|error| self.failed(error))?;
        batch.clear();
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.writer.finish().map_err(|error| self.failed(error))
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        if flush == Flush::Held {
            return Ok(());
        }
        let _scope = scope::enter(self.context.position);
        self.writer.flush().map_err(|error| self.failed(error))
    }

    fn close(&mut self) -> Result<bool> {
        Ok(true)
    }
}
