use std::{collections::VecDeque, sync::Arc};

use flott_core::time::Timestamp;
use flott_exchange::{GateItem, InputGate};

use super::{Step, TaskInput, WatermarkMerger, combined_watermark::CombinedWatermark};
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

    /// Whether the second input is to be processed to its end before the first.
    fn takes_right_first(&self) -> bool {
        false
    }
}

/// Feeds an operator with two inputs of different types. The inputs take turns batch by batch.
///
/// If the operator [asks for its second input first](TwoInputs::takes_right_first), records of the first are held in
/// memory until the second has ended. They are not left in their channels: if both inputs come from one producer, it would
/// wait for credit of the first and never end the second.
pub struct TwoGatesInput<A, B> {
    left: InputGate<A>,
    right: InputGate<B>,
    left_marks: WatermarkMerger,
    right_marks: WatermarkMerger,
    combined: CombinedWatermark,
    counters: Arc<TaskCounters>,
    /// Whether the second input is the next to be asked.
    right_is_next: bool,
    /// Set while the first input has to wait for the second, and then until what was held is processed.
    held: Option<Held<A>>,
    head: Box<dyn TwoInputs<A, B>>,
}

/// What waits for the end of the second input.
struct Held<A> {
    batches: VecDeque<Batch<A>>,
    /// Come behind the batches.
    marks: Vec<Mark>,
    right_has_ended: bool,
}

impl<A: Record, B: Record> TwoGatesInput<A, B> {
    /// From both gates to `head`.
    pub fn new(
        left: InputGate<A>,
        right: InputGate<B>,
        counters: Arc<TaskCounters>,
        head: Box<dyn TwoInputs<A, B>>,
    ) -> Self {
        let held = head.takes_right_first().then(|| Held {
            batches: VecDeque::new(),
            marks: Vec::new(),
            right_has_ended: false,
        });
        Self {
            left_marks: WatermarkMerger::new(left.channels()),
            right_marks: WatermarkMerger::new(right.channels()),
            combined: CombinedWatermark::new(),
            left,
            right,
            counters,
            right_is_next: false,
            held,
            head,
        }
    }

    fn step_left(&mut self) -> Result<Step> {
        match self.left.poll()? {
            GateItem::Batch { channel, mut records, bytes } => {
                self.counters.received(records.len(), bytes);
                match &mut self.held {
                    Some(held) => held.batches.push_back(std::mem::take(&mut records)),
                    None => self.head.emit_left(&mut records)?,
                }
                self.left.recycle(channel, records);
                Ok(Step::Worked)
            }
            GateItem::Mark { channel, mark } => {
                for mark in self.left_marks.merge(channel as usize, mark).into_iter().flatten() {
                    self.on_mark(0, mark)?;
                }
                Ok(Step::Worked)
            }
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
            GateItem::Mark { channel, mark } => {
                for mark in self.right_marks.merge(channel as usize, mark).into_iter().flatten() {
                    self.on_mark(1, mark)?;
                }
                Ok(Step::Worked)
            }
            GateItem::Empty => Ok(Step::Idle(None)),
            GateItem::Ended => Ok(Step::Ended),
        }
    }

    /// Takes a mark of an input.
    fn on_mark(&mut self, input: usize, mark: Mark) -> Result<()> {
        for mark in self.combined.merge(input, mark).into_iter().flatten() {
            match &mut self.held {
                Some(held) => held.marks.push(mark),
                None => self.pass_on(mark)?,
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, mark: Mark) -> Result<()> {
        if let Mark::Watermark(watermark) = mark {
            self.counters.set_input_watermark(watermark);
        }
        self.head.mark(mark)
    }

    /// A step while the first input waits for the second.
    fn step_right_first(&mut self) -> Result<Step> {
        match self.step_right()? {
            Step::Worked => Ok(Step::Worked),
            Step::Idle(_) if self.step_left()? == Step::Worked => Ok(Step::Worked),
            Step::Idle(_) => Ok(Step::Idle(None)),
            Step::Ended => {
                if let Some(held) = &mut self.held {
                    held.right_has_ended = true;
                }
                Ok(Step::Worked)
            }
        }
    }

    /// A step when the second input has ended and what was held is processed.
    fn step_held(&mut self, mut held: Held<A>) -> Result<Step> {
        match held.batches.pop_front() {
            Some(mut batch) => {
                self.head.emit_left(&mut batch)?;
                self.held = Some(held);
            }
            None => held.marks.into_iter().try_for_each(|mark| self.pass_on(mark))?,
        }
        Ok(Step::Worked)
    }
}

impl<A: Record, B: Record> TaskInput for TwoGatesInput<A, B> {
    fn step(&mut self) -> Result<Step> {
        if let Some(held) = self.held.take_if(|held| held.right_has_ended) {
            return self.step_held(held);
        }
        if self.held.is_some() {
            return self.step_right_first();
        }
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
