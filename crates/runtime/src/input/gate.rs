#[cfg(test)]
pub(in crate::input) mod tests;

use std::{sync::Arc, time::Instant};

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{checkpoint::Barrier, time::Timestamp};
use flott_exchange::{GateItem, InputGate, UrgentItem};

use super::{
    Step, TaskInput, WatermarkMerger,
    barrier_alignment::Decision,
    barriers::{Barriers, Due},
};
use crate::{BoxOutput, CheckpointEvent, EventKind, Mark, Record, Result, TaskCounters, output::Flush};

/// Feeds a chain with what other subtasks send.
pub struct GateInput<T> {
    gate: InputGate<T>,
    merger: WatermarkMerger,
    barriers: Barriers,
    counters: Arc<TaskCounters>,
    head: BoxOutput<T>,
}

impl<T: Record> GateInput<T> {
    /// From `gate` to `head`.
    pub fn new(gate: InputGate<T>, counters: Arc<TaskCounters>, head: BoxOutput<T>) -> Self {
        counters.add_inputs(gate.credit_usage());
        let channels = gate.channels();
        let (merger, barriers) = (WatermarkMerger::new(channels), Barriers::new(channels));
        Self { merger, barriers, gate, counters, head }
    }

    /// Does what an event in a channel has brought about.
    fn follow(&mut self, channel: u32, decision: Decision) -> Result<Option<Due>> {
        #[cfg(feature = "sabotage")]
        let decision = Decision { block: decision.block && !is(Sabotage::SkipAlignment), ..decision };
        if decision.stop_capture {
            self.gate.stop_capture();
            self.barriers.capture(None);
        }
        if decision.unblock {
            self.gate.unblock_all();
        }
        if decision.block {
            self.gate.block(channel);
        }
        let due = self.barriers.measure(decision);
        if let Some((barrier, stats)) = &due
            && stats.unaligned
        {
            self.barriers.capture(Some(barrier.id));
            let barriers = &self.barriers;
            self.gate.begin_capture(barrier.id, |channel| !barriers.is_passed(channel as usize))?;
        }
        Ok(due)
    }

    /// As [`follow`](Self::follow), in a step.
    fn step_by(&mut self, channel: u32, decision: Decision) -> Result<Step> {
        Ok(match self.follow(channel, decision)? {
            Some((barrier, stats)) => Step::Barrier(barrier, stats),
            None => Step::Worked,
        })
    }
}

impl<T: Record> TaskInput for GateInput<T> {
    fn step(&mut self) -> Result<Step> {
        if let Some(decision) = self.barriers.on_step() {
            return self.step_by(0, decision);
        }
        match self.gate.poll()? {
            GateItem::Batch { channel, mut records, bytes } => {
                self.counters.received(records.len(), bytes);
                self.counters.delivered(self.gate.delivered());
                self.barriers.processed(bytes);
                self.head.emit(&mut records)?;
                self.gate.recycle(channel, records);
                Ok(Step::Worked)
            }
            GateItem::Mark { channel, mark } => {
                for mark in self.merger.merge(channel as usize, mark).into_iter().flatten() {
                    if let Mark::Watermark(watermark) = mark {
                        self.counters.set_input_watermark(watermark);
                    }
                    self.head.mark(mark)?;
                }
                Ok(Step::Worked)
            }
            GateItem::Barrier { channel, barrier } => {
                let decision = self.barriers.on_barrier(channel as usize, &barrier);
                self.step_by(channel, decision)
            }
            GateItem::Announcement { barrier } => {
                self.barriers.on_announcement(&barrier);
                Ok(Step::Worked)
            }
            GateItem::ChannelEnded { channel } => {
                let decision = self.barriers.on_end(channel as usize);
                self.step_by(channel, decision)
            }
            GateItem::Empty => Ok(Step::Idle(self.barriers.due())),
            GateItem::Ended => Ok(Step::Ended),
        }
    }

    fn trigger(&mut self, barrier: Arc<Barrier>) {
        self.barriers.trigger(barrier);
    }

    fn urgent_barrier(&mut self) -> Result<Option<Step>> {
        while let Some(item) = self.gate.poll_urgent()? {
            match item {
                UrgentItem::Announcement { barrier } => self.barriers.on_announcement(&barrier),
                UrgentItem::Barrier { channel, barrier } => {
                    let decision = self.barriers.on_barrier(channel as usize, &barrier);
                    if let Some((barrier, stats)) = self.follow(channel, decision)? {
                        return Ok(Some(Step::Barrier(barrier, stats)));
                    }
                }
            }
        }
        let Some(decision) = self.barriers.on_urgent_step() else { return Ok(None) };
        let due = self.follow(0, decision)?;
        Ok(due.map(|(barrier, stats)| Step::Barrier(barrier, stats)))
    }

    fn alignment_due(&self) -> Option<Instant> {
        self.barriers.due()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        match event.kind() {
            EventKind::Barrier(_) | EventKind::Continue => {
                event.input_watermark(self.merger.watermark());
                let Self { barriers, gate, .. } = self;
                barriers.hand_over(event, || {
                    Ok((gate.take_capture()?.unwrap_or_default(), !gate.is_capturing()))
                })?;
            }
            EventKind::Aborted(id) => {
                let decision = self.barriers.on_abort(id);
                self.follow(0, decision)?;
            }
            EventKind::Completed(_) => {}
        }
        self.head.checkpoint(event)
    }

    fn restore_watermark(&mut self, watermark: Timestamp) -> Result<()> {
        self.merger.restore(watermark);
        self.counters.set_input_watermark(watermark);
        self.head.mark(Mark::Watermark(watermark))
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
