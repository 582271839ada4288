#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc, time::Instant};

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{checkpoint::Barrier, time::Timestamp};
use flott_exchange::{Delivered, GateItem, InputGate, UrgentItem};

use super::{
    Step, TaskInput, WatermarkMerger,
    barrier_alignment::Decision,
    barriers::{Barriers, Due},
    combined_watermark::CombinedWatermark,
};
use crate::{Batch, CheckpointEvent, EventKind, Mark, Record, Result, TaskCounters, output::Flush};

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

    /// As [`Output::checkpoint`](crate::Output::checkpoint).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()>;

    /// Whether the second input is to be processed to its end before the first.
    fn takes_right_first(&self) -> bool {
        false
    }
}

/// Feeds an operator with two inputs of different types. The inputs take turns batch by batch.
///
/// If the operator [asks for its second input first](TwoInputs::takes_right_first), records of the first are held in
/// memory until the second has ended. They are not left in their channels: if both inputs come from one producer, it would
/// wait for credit of the first and never end the second. That is so in batch mode only, in which no checkpoints are taken:
/// barriers that come in it are ignored, as what is held is in nobody's state.
pub struct TwoGatesInput<A, B> {
    left: InputGate<A>,
    right: InputGate<B>,
    left_marks: WatermarkMerger,
    right_marks: WatermarkMerger,
    combined: CombinedWatermark,
    /// Over the channels of both gates, those of the first input before those of the second.
    barriers: Barriers,
    counters: Arc<TaskCounters>,
    /// Whether the second input is the next to be asked.
    right_is_next: bool,
    /// Set while the first input has to wait for the second, and then until what was held is processed.
    held: Option<Held<A>>,
    head: Box<dyn TwoInputs<A, B>>,
}

/// A channel, by its position in the gate of its input.
#[derive(Clone, Copy)]
enum Side {
    Left(u32),
    Right(u32),
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
        counters.add_inputs(left.credit_usage().chain(right.credit_usage()));
        let held = head.takes_right_first().then(|| Held {
            batches: VecDeque::new(),
            marks: Vec::new(),
            right_has_ended: false,
        });
        Self {
            left_marks: WatermarkMerger::new(left.channels()),
            right_marks: WatermarkMerger::new(right.channels()),
            combined: CombinedWatermark::new(),
            barriers: Barriers::new(left.channels() + right.channels()),
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
                self.count_batches();
                self.barriers.processed(bytes);
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
            GateItem::Barrier { channel, barrier } => self.on_barrier(Side::Left(channel), &barrier),
            GateItem::Announcement { barrier } => Ok(self.on_announcement(&barrier)),
            GateItem::ChannelEnded { channel } => self.on_channel_end(Side::Left(channel)),
            GateItem::Empty => Ok(Step::Idle(None)),
            GateItem::Ended => Ok(Step::Ended),
        }
    }

    fn step_right(&mut self) -> Result<Step> {
        match self.right.poll()? {
            GateItem::Batch { channel, mut records, bytes } => {
                self.counters.received(records.len(), bytes);
                self.count_batches();
                self.barriers.processed(bytes);
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
            GateItem::Barrier { channel, barrier } => self.on_barrier(Side::Right(channel), &barrier),
            GateItem::Announcement { barrier } => Ok(self.on_announcement(&barrier)),
            GateItem::ChannelEnded { channel } => self.on_channel_end(Side::Right(channel)),
            GateItem::Empty => Ok(Step::Idle(None)),
            GateItem::Ended => Ok(Step::Ended),
        }
    }

    fn count_batches(&self) {
        let [left, right] = [self.left.delivered(), self.right.delivered()];
        self.counters.delivered(Delivered {
            local: left.local + right.local,
            local_bytes: left.local_bytes + right.local_bytes,
            remote: left.remote + right.remote,
        });
    }

    /// Position of a channel among those of both gates.
    fn position(&self, side: Side) -> usize {
        match side {
            Side::Left(channel) => channel as usize,
            Side::Right(channel) => self.left.channels() + channel as usize,
        }
    }

    fn on_barrier(&mut self, side: Side, barrier: &Arc<Barrier>) -> Result<Step> {
        if self.held.is_some() {
            return Ok(Step::Worked);
        }
        let decision = self.barriers.on_barrier(self.position(side), barrier);
        self.step_by(side, decision)
    }

    /// The next barrier of either input that does not wait for its turn.
    fn next_urgent(&mut self) -> Result<Option<(Side, Arc<Barrier>)>> {
        loop {
            let (item, is_left) = match self.left.poll_urgent()? {
                Some(item) => (item, true),
                None => match self.right.poll_urgent()? {
                    Some(item) => (item, false),
                    None => return Ok(None),
                },
            };
            match item {
                UrgentItem::Announcement { barrier } => self.barriers.on_announcement(&barrier),
                UrgentItem::Barrier { channel, barrier } => {
                    let side = if is_left { Side::Left(channel) } else { Side::Right(channel) };
                    return Ok(Some((side, barrier)));
                }
            }
        }
    }

    fn on_announcement(&mut self, barrier: &Arc<Barrier>) -> Step {
        if self.held.is_none() {
            self.barriers.on_announcement(barrier);
        }
        Step::Worked
    }

    fn on_channel_end(&mut self, side: Side) -> Result<Step> {
        let decision = self.barriers.on_end(self.position(side));
        self.step_by(side, decision)
    }

    /// Does what an event in a channel has brought about.
    fn follow(&mut self, side: Side, decision: Decision) -> Result<Option<Due>> {
        #[cfg(feature = "sabotage")]
        let decision = Decision { block: decision.block && !is(Sabotage::SkipAlignment), ..decision };
        if decision.stop_capture {
            self.left.stop_capture();
            self.right.stop_capture();
            self.barriers.capture(None);
        }
        if decision.unblock {
            self.left.unblock_all();
            self.right.unblock_all();
        }
        if decision.block {
            match side {
                Side::Left(channel) => self.left.block(channel),
                Side::Right(channel) => self.right.block(channel),
            }
        }
        let due = self.barriers.measure(decision);
        if let Some((barrier, stats)) = &due
            && stats.unaligned
        {
            self.barriers.capture(Some(barrier.id));
            let (barriers, lefts) = (&self.barriers, self.left.channels());
            self.left.begin_capture(barrier.id, |channel| !barriers.is_passed(channel as usize))?;
            self.right.begin_capture(barrier.id, |channel| !barriers.is_passed(lefts + channel as usize))?;
        }
        Ok(due)
    }

    /// As [`follow`](Self::follow), in a step.
    fn step_by(&mut self, side: Side, decision: Decision) -> Result<Step> {
        Ok(match self.follow(side, decision)? {
            Some((barrier, stats)) => Step::Barrier(barrier, stats),
            None => Step::Worked,
        })
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
            Step::Idle(_) if self.step_left()? == Step::Worked => Ok(Step::Worked),
            Step::Idle(_) => Ok(Step::Idle(None)),
            step @ (Step::Worked | Step::Barrier(..)) => Ok(step),
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
        if self.held.is_none()
            && let Some(decision) = self.barriers.on_step()
        {
            return self.step_by(Side::Left(0), decision);
        }
        if let Some(held) = self.held.take_if(|held| held.right_has_ended) {
            return self.step_held(held);
        }
        if self.held.is_some() {
            return self.step_right_first();
        }
        let right_first = self.right_is_next;
        self.right_is_next = !right_first;
        let first = if right_first { self.step_right()? } else { self.step_left()? };
        if matches!(first, Step::Worked | Step::Barrier(..)) {
            return Ok(first);
        }
        let second = if right_first { self.step_left()? } else { self.step_right()? };
        Ok(match (first, second) {
            (Step::Ended, Step::Ended) => Step::Ended,
            (_, step @ (Step::Worked | Step::Barrier(..))) => step,
            _ => Step::Idle(self.barriers.due()),
        })
    }

    fn trigger(&mut self, barrier: Arc<Barrier>) {
        self.barriers.trigger(barrier);
    }

    fn urgent_barrier(&mut self) -> Result<Option<Step>> {
        if self.held.is_some() {
            return Ok(None);
        }
        while let Some((side, barrier)) = self.next_urgent()? {
            let decision = self.barriers.on_barrier(self.position(side), &barrier);
            if let Some((barrier, stats)) = self.follow(side, decision)? {
                return Ok(Some(Step::Barrier(barrier, stats)));
            }
        }
        let Some(decision) = self.barriers.on_urgent_step() else { return Ok(None) };
        let due = self.follow(Side::Left(0), decision)?;
        Ok(due.map(|(barrier, stats)| Step::Barrier(barrier, stats)))
    }

    fn alignment_due(&self) -> Option<Instant> {
        self.barriers.due()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        match event.kind() {
            EventKind::Barrier(_) | EventKind::Continue => {
                event.input_watermark(self.combined.watermark());
                let Self { barriers, left, right, .. } = self;
                barriers.hand_over(event, || {
                    let captured = [left.take_capture()?, right.take_capture()?];
                    let complete = !left.is_capturing() && !right.is_capturing();
                    Ok((captured.into_iter().flatten().flatten().collect(), complete))
                })?;
            }
            EventKind::Aborted(id) => {
                let decision = self.barriers.on_abort(id);
                self.follow(Side::Left(0), decision)?;
            }
            EventKind::Completed(_) => {}
        }
        self.head.checkpoint(event)
    }

    fn restore_watermark(&mut self, watermark: Timestamp) -> Result<()> {
        self.left_marks.restore(watermark);
        self.right_marks.restore(watermark);
        self.combined.restore(watermark);
        self.pass_on(Mark::Watermark(watermark))
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
