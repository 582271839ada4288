//! The order in which keyed operators get their records in batch mode.

use flott_core::{job_config::RuntimeMode, time::Timestamp};

use crate::{BATCH_RECORDS, Batch, BoxOutput, Mark, Output, Result, RuntimeContext, output::Flush};

/// Makes an operator on keyed records get them, in batch mode, in the order of their timestamps, and those of the same
/// one in the order in which they come. So Flink does it there: what is first for a key does not depend on who was faster.
///
/// Records that have timestamps are kept in memory until all are there; others go on at once.
pub fn in_time_order<T, O>(context: &RuntimeContext, operator: O) -> BoxOutput<T>
where
    T: Send + 'static,
    O: Output<T> + 'static,
{
    match context.task.runtime_mode {
        RuntimeMode::Batch => Box::new(TimeOrder { waiting: Waiting::default(), operator }),
        _ => Box::new(operator),
    }
}

/// Records that wait for others with earlier timestamps.
pub(super) struct Waiting<T>(Vec<(Timestamp, T)>);

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Waiting<T> {
    /// Takes the records out of `batch`.
    pub(super) fn keep(&mut self, batch: &mut Batch<T>) {
        self.0.extend(batch.drain().map(|(record, timestamp)| (timestamp, record)));
    }

    /// Gives all records in the order of their timestamps, and those of the same one as they came.
    pub(super) fn in_order(&mut self) -> std::vec::IntoIter<(Timestamp, T)> {
        let mut records = std::mem::take(&mut self.0);
        records.sort_by_key(|(timestamp, _)| *timestamp); // stable
        records.into_iter()
    }
}

/// Puts records into the order of their timestamps before `operator` gets them.
struct TimeOrder<T, O> {
    waiting: Waiting<T>,
    operator: O,
}

impl<T, O: Output<T>> TimeOrder<T, O> {
    fn hand_on(&mut self) -> Result<()> {
        let mut batch = Batch::new();
        for (timestamp, record) in self.waiting.in_order() {
            batch.push(record, timestamp);
            if batch.len() >= BATCH_RECORDS {
                self.operator.emit(&mut batch)?;
            }
        }
        if batch.is_empty() { Ok(()) } else { self.operator.emit(&mut batch) }
    }
}

impl<T: Send, O: Output<T>> Output<T> for TimeOrder<T, O> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        if !batch.is_timestamped() {
            return self.operator.emit(batch);
        }
        self.waiting.keep(batch);
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        if mark == Mark::Watermark(Timestamp::MAX) {
            self.hand_on()?;
        }
        self.operator.mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.operator.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.operator.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.operator.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.operator.close()
    }

    /// Records that wait are not part of it: batch jobs take no checkpoints.
    fn checkpoint(&mut self, event: &mut crate::CheckpointEvent<'_>) -> Result<()> {
        self.operator.checkpoint(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Collected, operator};

    fn run(mode: RuntimeMode) -> Vec<(char, i64)> {
        let mut context = operator("keyed");
        context.task.runtime_mode = mode;
        let output = Collected::default();
        let mut operator = in_time_order(&context, output.clone());
        for records in
            [&[('a', 3), ('b', 1)][..], &[('c', 3), ('d', i64::MIN)], &[('e', i64::MAX), ('f', -1)]]
        {
            let mut batch = Batch::new();
            for &(record, time) in records {
                batch.push((record, time), Timestamp::from_millis(time));
            }
            operator.emit(&mut batch).unwrap();
        }
        operator.emit(&mut vec![('g', i64::MIN)].into()).unwrap();
        operator.mark(Mark::Watermark(Timestamp::MAX)).unwrap();
        output.records()
    }

    #[test]
    fn in_batch_mode_records_come_in_the_order_of_their_timestamps() {
        let order: String = run(RuntimeMode::Batch).into_iter().map(|(record, _)| record).collect();
        assert_eq!(order, "gdfbace");
    }

    #[test]
    fn in_streaming_mode_they_come_as_they_are() {
        let order: String = run(RuntimeMode::Streaming).into_iter().map(|(record, _)| record).collect();
        assert_eq!(order, "abcdefg");
    }
}
