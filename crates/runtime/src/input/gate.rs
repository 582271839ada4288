use std::sync::Arc;

use flott_core::time::Timestamp;
use flott_exchange::{GateItem, InputGate};

use super::{Step, TaskInput, WatermarkMerger, drive_head};
use crate::{BoxOutput, Mark, Record, Result, TaskCounters};

/// Feeds a chain with what other subtasks send.
pub struct GateInput<T> {
    gate: InputGate<T>,
    merger: WatermarkMerger,
    counters: Arc<TaskCounters>,
    head: BoxOutput<T>,
}

impl<T: Record> GateInput<T> {
    /// From `gate` to `head`.
    pub fn new(gate: InputGate<T>, counters: Arc<TaskCounters>, head: BoxOutput<T>) -> Self {
        Self { merger: WatermarkMerger::new(gate.channels()), gate, counters, head }
    }
}

impl<T: Record> TaskInput for GateInput<T> {
    fn step(&mut self) -> Result<Step> {
        match self.gate.poll()? {
            GateItem::Batch { channel, mut records, bytes } => {
                self.counters.received(records.len(), bytes);
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
            GateItem::Empty => Ok(Step::Idle(None)),
            GateItem::Ended => Ok(Step::Ended),
        }
    }

    drive_head!();
}
