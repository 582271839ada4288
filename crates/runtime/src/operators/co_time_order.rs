//! The order in which keyed operators with two inputs get their records in batch mode.

use std::iter::Peekable;

use flott_core::{job_config::RuntimeMode, time::Timestamp};

use super::time_order::Waiting;
use crate::{BATCH_RECORDS, Batch, Mark, Result, RuntimeContext, input::TwoInputs, output::Flush};

/// Makes an operator on keyed records of two inputs get them, in batch mode, in the order of their timestamps over both
/// inputs. Of those of the same timestamp the first input's come first, each in the order in which they came.
///
/// Records that have timestamps are kept in memory until all are there; others go on at once.
pub fn co_in_time_order<A, B, O>(context: &RuntimeContext, operator: O) -> Box<dyn TwoInputs<A, B>>
where
    A: Send + 'static,
    B: Send + 'static,
    O: TwoInputs<A, B> + 'static,
{
    ordered(context, operator, false)
}

/// As [`co_in_time_order`], but the records of the second input go on at once, before all of the first.
pub fn left_in_time_order<A, B, O>(context: &RuntimeContext, operator: O) -> Box<dyn TwoInputs<A, B>>
where
    A: Send + 'static,
    B: Send + 'static,
    O: TwoInputs<A, B> + 'static,
{
    ordered(context, operator, true)
}

fn ordered<A, B, O>(context: &RuntimeContext, operator: O, right_passes: bool) -> Box<dyn TwoInputs<A, B>>
where
    A: Send + 'static,
    B: Send + 'static,
    O: TwoInputs<A, B> + 'static,
{
    match context.task.runtime_mode {
        RuntimeMode::Batch => Box::new(CoTimeOrder {
            left: Waiting::default(),
            right: Waiting::default(),
            right_passes,
            operator,
        }),
        _ => Box::new(operator),
    }
}

/// Puts records into the order of their timestamps before `operator` gets them.
struct CoTimeOrder<A, B, O> {
    left: Waiting<A>,
    right: Waiting<B>,
    right_passes: bool,
    operator: O,
}

/// The kept records of an input.
type Kept<T> = Peekable<std::vec::IntoIter<(Timestamp, T)>>;

/// Moves records into `batch` as long as their timestamps let them come.
fn take_while<T>(kept: &mut Kept<T>, batch: &mut Batch<T>, comes: impl Fn(Timestamp) -> bool) {
    while batch.len() < BATCH_RECORDS
        && let Some((timestamp, record)) = kept.next_if(|(timestamp, _)| comes(*timestamp))
    {
        batch.push(record, timestamp);
    }
}

impl<A, B, O: TwoInputs<A, B>> CoTimeOrder<A, B, O> {
    fn hand_on(&mut self) -> Result<()> {
        let (mut left, mut right) = (self.left.in_order().peekable(), self.right.in_order().peekable());
        let (mut left_batch, mut right_batch) = (Batch::new(), Batch::new());
        while left.peek().is_some() || right.peek().is_some() {
            let next_right = right.peek().map(|(timestamp, _)| *timestamp);
            take_while(&mut left, &mut left_batch, |left| next_right.is_none_or(|right| left <= right));
            if !left_batch.is_empty() {
                self.operator.emit_left(&mut left_batch)?;
            }
            let next_left = left.peek().map(|(timestamp, _)| *timestamp);
            take_while(&mut right, &mut right_batch, |right| next_left.is_none_or(|left| right < left));
            if !right_batch.is_empty() {
                self.operator.emit_right(&mut right_batch)?;
            }
        }
        Ok(())
    }
}

impl<A: Send, B: Send, O: TwoInputs<A, B>> TwoInputs<A, B> for CoTimeOrder<A, B, O> {
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        // Those without timestamps wait, too, if the other input has to go first.
        if !batch.is_timestamped() && !self.right_passes {
            return self.operator.emit_left(batch);
        }
        self.left.keep(batch);
        Ok(())
    }

    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()> {
        if !batch.is_timestamped() || self.right_passes {
            return self.operator.emit_right(batch);
        }
        self.right.keep(batch);
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

    fn takes_right_first(&self) -> bool {
        // Where that matters the records of the first input wait here.
        !self.right_passes && self.operator.takes_right_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        operators::CoMap,
        output::{Downstream, SideOutputs},
        testing::{Collected, operator},
    };

    fn stamped(records: &[(char, i64)]) -> Batch<char> {
        let mut batch = Batch::new();
        for &(record, millis) in records {
            batch.push(record, Timestamp::from_millis(millis));
        }
        batch
    }

    type Wrap = fn(
        &RuntimeContext,
        CoMap<fn(char) -> char, fn(char) -> char, char>,
    ) -> Box<dyn TwoInputs<char, char>>;

    fn run(mode: RuntimeMode, wrap: Wrap) -> String {
        let mut context = operator("keyed");
        context.task.runtime_mode = mode;
        let output = Collected::default();
        let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
        let same: fn(char) -> char = |record| record;
        let mut operator = wrap(&context, CoMap::new(&context, same, same, next));
        operator.emit_left(&mut stamped(&[('a', 3), ('b', -1), ('c', 5)])).unwrap();
        operator.emit_right(&mut stamped(&[('A', 3), ('B', 4)])).unwrap();
        operator.emit_left(&mut stamped(&[('d', 4), ('e', 4)])).unwrap();
        operator.emit_right(&mut stamped(&[('C', -1), ('D', i64::MAX)])).unwrap();
        operator.emit_right(&mut vec!['E'].into()).unwrap();
        operator.mark(Mark::Watermark(Timestamp::MAX)).unwrap();
        output.records().into_iter().collect()
    }

    #[test]
    fn in_batch_mode_records_come_in_the_order_of_their_timestamps() {
        assert_eq!(run(RuntimeMode::Batch, |context, map| co_in_time_order(context, map)), "EbCaAdeBcD");
        assert_eq!(run(RuntimeMode::Batch, |context, map| left_in_time_order(context, map)), "ABCDEbadec");
    }

    #[test]
    fn in_streaming_mode_they_come_as_they_are() {
        assert_eq!(run(RuntimeMode::Streaming, |context, map| co_in_time_order(context, map)), "abcABdeCDE");
        assert_eq!(
            run(RuntimeMode::Streaming, |context, map| left_in_time_order(context, map)),
            "abcABdeCDE"
        );
    }
}
