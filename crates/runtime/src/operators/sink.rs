use flott_core::{FailureKind, time::Timestamp};

use crate::{Batch, Mark, Output, Result, RuntimeContext, SinkWriter, TaskEnd, output::Flush, scope};

/// The end of a chain that writes to the outside.
pub struct SinkOperator<W> {
    context: RuntimeContext,
    writer: W,
    finished: bool,
}

impl<W> SinkOperator<W> {
    /// Writes with `writer`.
    pub fn new(context: RuntimeContext, writer: W) -> Self {
        Self { context, writer, finished: false }
    }

    fn failed(&self, error: crate::BoxError) -> TaskEnd {
        author_failure(&self.context, error)
    }
}

/// The failure of a task whose source, sink or function returned an error. One of a canceled task is mostly the echo of
/// that.
pub(crate) fn author_failure(context: &RuntimeContext, error: crate::BoxError) -> TaskEnd {
    if context.task.signals.is_canceled() {
        return TaskEnd::Canceled;
    }
    match TaskEnd::from_user(FailureKind::External, error.as_ref()) {
        TaskEnd::Failed(cause) => cause.in_operator(&*context.name).into(),
        end @ TaskEnd::Canceled => end,
    }
}

impl<T, W: SinkWriter<T>> Output<T> for SinkOperator<W> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.context.task.counters.sent(batch.len());
        self.writer.write(batch).map_err(|error| self.failed(error))?;
        batch.clear();
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        let Mark::Watermark(watermark) = mark else { return Ok(()) };
        let _scope = scope::enter(self.context.position);
        self.writer.on_watermark(watermark).map_err(|error| self.failed(error))
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.writer.on_processing_time(now).map_err(|error| self.failed(error))
    }

    fn end(&mut self) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.finished = true;
        self.writer.finish().map_err(|error| self.failed(error))
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        if flush == Flush::Held || self.finished {
            return Ok(());
        }
        let _scope = scope::enter(self.context.position);
        self.writer.flush().map_err(|error| self.failed(error))
    }

    fn close(&mut self) -> Result<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::operator;

    struct Strict {
        finished: bool,
    }

    impl SinkWriter<u64> for Strict {
        fn write(&mut self, _: &mut Batch<u64>) -> std::result::Result<(), crate::BoxError> {
            Err("disk full".into())
        }

        fn flush(&mut self) -> std::result::Result<(), crate::BoxError> {
            assert!(!self.finished, "nothing comes after the end");
            Ok(())
        }

        fn finish(&mut self) -> std::result::Result<(), crate::BoxError> {
            self.finished = true;
            Ok(())
        }
    }

    fn sink() -> impl Output<u64> {
        SinkOperator::new(operator("Sink: strict"), Strict { finished: false })
    }

    #[test]
    fn nothing_is_called_after_finish() {
        let mut sink = sink();
        sink.flush(Flush::All).unwrap();
        sink.end().unwrap();
        sink.flush(Flush::All).unwrap();
        assert!(sink.close().unwrap());
    }

    #[test]
    fn an_error_names_the_sink() {
        let Err(TaskEnd::Failed(cause)) = sink().emit(&mut vec![1].into()) else { panic!("it must fail") };
        assert_eq!(cause.message, "disk full");
        assert_eq!(cause.operator.as_deref(), Some("Sink: strict"));
    }
}
