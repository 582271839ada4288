//! A window operator under test.

use flott_core::{job_config::RuntimeMode, time::Timestamp};

use super::WindowSettings;
use crate::{
    BoxOutput, Mark, Output, OutputTag, ProcessingClock, Record, Result, RuntimeContext,
    operators::ByValue,
    output::{Downstream, Side, SideOutputs},
    testing::{Collected, Event, operator},
};

/// Of key and value.
pub(super) type Pair = (u8, u64);

/// Groups pairs by their first part.
pub(super) fn by_key() -> ByValue<fn(&Pair) -> u8, u8> {
    ByValue::new(|pair: &Pair| pair.0)
}

pub(super) fn late_tag() -> OutputTag<Pair> {
    OutputTag::new("late")
}

/// Windows that take records for so many milliseconds after their end, and give away those that come even later.
pub(super) fn lateness(millis: i64) -> WindowSettings<Pair> {
    WindowSettings { lateness: millis, late: Some(late_tag()) }
}

pub(super) struct Harness<U> {
    operator: BoxOutput<Pair>,
    pub(super) context: RuntimeContext,
    out: Collected<U>,
    seen: usize,
    late: Collected<Pair>,
}

impl<U: Record> Harness<U> {
    pub(super) fn new<O: Output<Pair> + 'static>(
        build: impl FnOnce(RuntimeContext, Downstream<U>) -> Result<O>,
    ) -> Self {
        Self::in_mode(RuntimeMode::Streaming, build)
    }

    pub(super) fn in_mode<O: Output<Pair> + 'static>(
        mode: RuntimeMode,
        build: impl FnOnce(RuntimeContext, Downstream<U>) -> Result<O>,
    ) -> Self {
        let (out, late) = (Collected::default(), Collected::default());
        let side = Side::new(Box::new(late.clone()) as BoxOutput<Pair>);
        let next = Downstream::new(
            Box::new(out.clone()),
            SideOutputs::new(vec![("late".into(), Box::new(side) as Box<_>)]),
        );
        let mut context = operator("windows");
        context.task.runtime_mode = mode;
        context.task.clock = ProcessingClock::manual(Timestamp::EPOCH);
        let operator = Box::new(build(context.clone(), next).unwrap());
        Self { operator, context, out, seen: 0, late }
    }

    pub(super) fn try_record(&mut self, record: Pair, timestamp: i64) -> Result<()> {
        let mut batch = crate::Batch::new();
        batch.push(record, timestamp.into());
        self.operator.emit(&mut batch)
    }

    pub(super) fn record(&mut self, record: Pair, timestamp: i64) {
        self.try_record(record, timestamp).unwrap();
    }

    pub(super) fn records<const N: usize>(&mut self, records: [(u8, u64, i64); N]) {
        for (key, value, timestamp) in records {
            self.record((key, value), timestamp);
        }
    }

    pub(super) fn watermark(&mut self, time: i64) {
        self.operator.mark(Mark::Watermark(time.into())).unwrap();
    }

    /// Sets the clock and has what is due done.
    pub(super) fn time(&mut self, now: i64) {
        self.context.clock().set(now.into());
        if let Some(now) = self.context.clock().take_due() {
            self.operator.on_processing_time(now).unwrap();
        }
    }

    /// The end of the input.
    pub(super) fn end(&mut self) {
        self.watermark(i64::MAX);
        if self.context.task.runtime_mode == RuntimeMode::Batch {
            self.operator.on_processing_time(Timestamp::MAX).unwrap();
        }
        self.operator.end().unwrap();
    }

    /// What has come out since the last call, with its timestamps, in order within equal timestamps.
    pub(super) fn take(&mut self) -> Vec<(U, i64)>
    where
        U: Ord,
    {
        let events = self.out.events();
        let mut records: Vec<(U, i64)> = events[self.seen..]
            .iter()
            .flat_map(|event| match event {
                Event::Batch(batch) => {
                    batch.clone().drain().map(|(record, time)| (record, time.as_millis())).collect()
                }
                _ => Vec::new(),
            })
            .collect();
        self.seen = events.len();
        // Which key comes first is nobody's business; which window is.
        records.chunk_by_mut(|one, other| one.1 == other.1).for_each(<[_]>::sort);
        records
    }

    /// All that came too late.
    pub(super) fn late(&self) -> Vec<Pair> {
        self.late.records()
    }
}
