use std::sync::Arc;

use flott_core::time::Timestamp;
use flott_exchange::{GateItem, InputGate};

use super::{Step, TaskInput, WatermarkMerger};
use crate::{Batch, Mark, Record, Result, TaskCounters, output::Flush};

/// An operator with two inputs, and all that is behind it in its chain.
pub trait TwoInputs<A, B>: Send {
    /// Takes the records of the first input out of `batch`.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()>;

    /// Takes the records of the second input out of `batch`.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()>;

    /// As [`Output::mark`](crate::Output::mark); the marks of both inputs are merged.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn mark(&mut self, mark: Mark) -> Result<()>;

    /// As [`Output::on_processing_time`](crate::Output::on_processing_time).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn on_processing_time(&mut self, now: Timestamp) -> Result<()>;

    /// As [`Output::end`](crate::Output::end).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn end(&mut self) -> Result<()>;

    /// As [`Output::flush`](crate::Output::flush).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn flush(&mut self, flush: Flush) -> Result<()>;

    /// As [`Output::close`](crate::Output::close).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn close(&mut self) -> Result<bool>;
}

/// Feeds an operator with two inputs of different types. The inputs take turns batch by batch.
pub struct TwoGatesInput<A, B> {
    left: InputGate<A>,
    right: InputGate<B>,
    merger: WatermarkMerger,
    counters: Arc<TaskCounters>,
    /// Whether the second input is the next to be asked.
    right_is_next: bool,
    head: Box<dyn TwoInputs<A, B>>,
}

impl<A: Record, B: Record> TwoGatesInput<A, B> {
    /// From both gates to `head`.
    pub fn new(
        left: InputGate<A>,
        right: InputGate<B>,
        counters: Arc<TaskCounters>,
        head: Box<dyn TwoInputs<A, B>>,
    ) -> Self {
        let merger = WatermarkMerger::new(left.channels() + right.channels());
        Self { left, right, merger, counters, right_is_next: false, head }
    }

    fn step_left(&mut self) -> Result<Step> {
        match self.left.poll()? {
            GateItem::Batch { channel, mut records, bytes } => {
                self.counters.received(records.len(), bytes);
                self.head.emit_left(&mut records)?;
                self.left.recycle(channel, records);
                Ok(Step::Worked)
            }
            GateItem::Mark { channel, mark } => self.on_mark(channel as usize, mark),
            GateItem::Empty => Ok(Step::Idle(None)),
            GateItem::Ended => Ok(Step::Ended),
        }
    }

    fn step_right(&mut self) -> Result<Step> {
        match self.right.poll()? {
            GateItem::Batch { channel, mut records, bytes } => {
                self.counters.received(records.len(), bytes);
                self.head.emit_right(&mut records)?;
                self.right.recycle(channel, records);
                Ok(Step::Worked)
            }
            GateItem::Mark { channel, mark } => self.on_mark(self.left.channels() + channel as usize, mark),
            GateItem::Empty => Ok(Step::Idle(None)),
            GateItem::Ended => Ok(Step::Ended),
        }
    }

    fn on_mark(&mut self, channel: usize, mark: Mark) -> Result<Step> {
        for mark in self.merger.merge(channel, mark).into_iter().flatten() {
            if let Mark::Watermark(watermark) = mark {
                self.counters.set_input_watermark(watermark);
            }
            self.head.mark(mark)?;
        }
        Ok(Step::Worked)
    }
}

impl<A: Record, B: Record> TaskInput for TwoGatesInput<A, B> {
    fn step(&mut self) -> Result<Step> {
        let right_first = self.right_is_next;
        self.right_is_next = !right_first;
        let first = if right_first { self.step_right()? } else { self.step_left()? };
        if first == Step::Worked {
            return Ok(first);
        }
        let second = if right_first { self.step_left()? } else { self.step_right()? };
        Ok(match (first, second) {
            (Step::Ended, Step::Ended) => Step::Ended,
            (_, Step::Worked) => Step::Worked,
            _ => Step::Idle(None),
        })
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.head.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.head.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.head.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.head.close()
    }
}
