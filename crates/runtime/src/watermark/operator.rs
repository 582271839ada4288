use std::{collections::BTreeMap, time::Duration};

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{job_config::RuntimeMode, time::Timestamp};

use super::lags::Lags;
use super::{Alignment, TimestampAssigner, WatermarkGenerator, WatermarkOutput, WatermarkStrategy};
use crate::{
    Batch, BoxOutput, CheckpointEvent, Mark, Output, Redistribution, Result, RuntimeContext, TaskContext,
    alignment::WatermarkAlignment, operators::pass_on, scope,
};

/// Gives records timestamps and makes watermarks, as Flink's `TimestampsAndWatermarksOperator`.
///
/// Watermarks from before are ignored, but for the last one of a bounded input. In batch mode that is the only one.
pub struct TimestampsAndWatermarks<T, G, A> {
    context: RuntimeContext,
    generator: G,
    /// The generators of splits that are read at the same time, if there are several; `generator` is new then.
    lanes: BTreeMap<u32, Lane<G>>,
    assigner: A,
    emits: bool,
    /// Set if it emits any.
    lags: Option<Lags>,
    interval: Duration,
    /// When the generator is asked next.
    next_emit: Option<Timestamp>,
    idleness: Option<Idleness>,
    output: WatermarkOutput,
    watermark: Timestamp,
    /// The watermark of a checkpoint, until it is handed on.
    restored: Option<Timestamp>,
    idle: bool,
    /// Whom the source in the same subtask waits for.
    alignment: Option<WatermarkAlignment>,
    buffer: Batch<T>,
    next: BoxOutput<T>,
}

/// The watermark of one of several splits that are read at the same time.
struct Lane<G> {
    generator: G,
    watermark: Timestamp,
}

/// Whether records come.
struct Idleness {
    timeout: Duration,
    /// Whether a record has come since the last look.
    seen: bool,
    /// The first look that found none.
    since: Option<Timestamp>,
}

impl<T, G: WatermarkGenerator<T> + Clone, A: TimestampAssigner<T>> TimestampsAndWatermarks<T, G, A> {
    /// Follows `strategy` and hands on to `next`.
    ///
    /// # Errors
    /// If the watermark of a checkpoint can't be read.
    pub fn new(
        context: RuntimeContext,
        strategy: WatermarkStrategy<G, A>,
        next: BoxOutput<T>,
    ) -> Result<Self> {
        // Splits may now be read elsewhere than then, so nobody may be further than the one that was furthest behind.
        let restored = context.restored().list::<Timestamp>("watermarks")?.into_iter().min();
        #[cfg(feature = "sabotage")]
        let restored = restored.filter(|_| !is(Sabotage::ForgetWatermarks));
        let now = context.clock().now();
        let emits = context.task.runtime_mode != RuntimeMode::Batch;
        // Without watermarks nobody could catch up.
        let alignment = strategy.alignment.filter(|_| emits).map(|alignment| {
            let Alignment { group, max_drift, update_interval } = alignment;
            let TaskContext { counters, signals, .. } = &context.task;
            WatermarkAlignment::join(counters, signals.wake.clone(), &group, max_drift, update_interval)
        });
        let lags = emits.then(|| Lags::new(&context, alignment.as_ref()));
        let mut operator = Self {
            lags,
            emits,
            next_emit: None,
            alignment,
            interval: context.task.auto_watermark_interval,
            idleness: strategy.idleness.map(|timeout| Idleness { timeout, seen: false, since: None }),
            generator: strategy.generator,
            lanes: BTreeMap::new(),
            assigner: strategy.assigner,
            output: WatermarkOutput::default(),
            watermark: restored.unwrap_or(Timestamp::MIN),
            restored,
            idle: false,
            buffer: Batch::new(),
            next,
            context,
        };
        operator.schedule(now);
        Ok(operator)
    }

    /// Hands on the watermark of the checkpoint, if that is still to be done: before anything else.
    fn resume(&mut self) -> Result<()> {
        match self.restored.take() {
            Some(watermark) => self.next.mark(Mark::Watermark(watermark)),
            None => Ok(()),
        }
    }

    fn schedule(&mut self, now: Timestamp) {
        if self.emits && !self.interval.is_zero() {
            let next = now + self.interval;
            self.next_emit = Some(next);
            self.context.clock().wake_at(next);
        }
    }

    /// Gives records timestamps that are of one of several splits. Time has come as far as in the one that is furthest
    /// behind.
    #[cold]
    fn assign_in_lane(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let signals = self.context.task.signals.clone();
        let generator = &self.generator;
        let new = || Lane { generator: generator.clone(), watermark: Timestamp::MIN };
        let lane = signals.lanes.current();
        self.lanes.entry(lane).or_insert_with(new);
        let mut last = None;
        for (record, timestamp) in batch.drain() {
            let timestamp = self.assigner.timestamp(&record, timestamp);
            last = Some(timestamp);
            let mut output = WatermarkOutput::default();
            if let Some(lane) = self.lanes.get_mut(&lane) {
                lane.generator.on_event(&record, timestamp, &mut output);
                lane.watermark = lane.watermark.max(output.watermark.unwrap_or(Timestamp::MIN));
            }
            self.buffer.push(record, timestamp);
            if self.emits && output.watermark.is_some() {
                self.merge_lanes();
                if self.output.watermark.is_some() {
                    self.next.emit(&mut self.buffer)?;
                    self.send()?;
                }
            }
        }
        self.note_lag(last);
        if self.buffer.is_empty() { Ok(()) } else { self.next.emit(&mut self.buffer) }
    }

    /// Emits the least watermark of all splits that are being read, if it has risen.
    fn merge_lanes(&mut self) {
        let open = self.context.task.signals.lanes.all();
        let of = |lane| self.lanes.get(lane).map_or(Timestamp::MIN, |lane| lane.watermark);
        let least = open.iter().map(of).min().unwrap_or(Timestamp::MIN);
        if least > self.watermark {
            self.output.emit_watermark(least);
        }
    }

    /// Goes on with the generator of the only split that is left.
    #[cold]
    fn leave_lanes(&mut self) {
        let left = self.context.task.signals.lanes.all();
        if let Some(lane) = left.first().and_then(|lane| self.lanes.remove(lane)) {
            self.generator = lane.generator;
        }
        self.lanes.clear();
    }

    /// Gives all records timestamps; the generator needs none of them sent before the next.
    fn assign(&mut self, batch: &mut Batch<T>) {
        batch.timestamps.resize(batch.records.len(), Timestamp::MIN);
        for (record, timestamp) in batch.records.iter().zip(&mut batch.timestamps) {
            *timestamp = self.assigner.timestamp(record, *timestamp);
            self.generator.on_event(record, *timestamp, &mut self.output);
        }
    }

    /// Hands on the records one run after the other, each up to the record that brings about a watermark.
    fn assign_and_cut(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let mut last = None;
        for (record, timestamp) in batch.drain() {
            let timestamp = self.assigner.timestamp(&record, timestamp);
            last = Some(timestamp);
            self.generator.on_event(&record, timestamp, &mut self.output);
            self.buffer.push(record, timestamp);
            if self.emits && (self.output.watermark.is_some() || self.output.idle.is_some()) {
                self.next.emit(&mut self.buffer)?;
                self.send()?;
            }
        }
        self.note_lag(last);
        if self.buffer.is_empty() { Ok(()) } else { self.next.emit(&mut self.buffer) }
    }

    fn note_lag(&mut self, last: Option<Timestamp>) {
        if let Some(lags) = &mut self.lags {
            lags.emit(last);
        }
    }

    /// Hands on what the generator has emitted.
    fn send(&mut self) -> Result<()> {
        let WatermarkOutput { watermark: emitted, idle } = std::mem::take(&mut self.output);
        let risen = emitted.filter(|emitted| *emitted > self.watermark);
        // As in Flink: a watermark that does not rise does not end idleness either.
        if emitted.is_some() && risen.is_none() && idle == Some(false) {
            return Ok(());
        }
        if let Some(idle) = idle
            && idle != self.idle
        {
            self.idle = idle;
            if let Some(alignment) = &self.alignment {
                alignment.set_idle(idle);
            }
            self.next.mark(if idle { Mark::Idle } else { Mark::Active })?;
        }
        if let Some(risen) = risen {
            self.watermark = risen;
            if let Some(lags) = &self.lags {
                lags.watermark(risen);
            }
            if let Some(alignment) = &self.alignment {
                alignment.report(risen);
            }
            self.next.mark(Mark::Watermark(risen))?;
        }
        Ok(())
    }

    fn is_idle(&mut self, now: Timestamp) -> bool {
        let Some(idleness) = &mut self.idleness else { return false };
        if std::mem::take(&mut idleness.seen) {
            idleness.since = None;
            return false;
        }
        // As in Flink, the time begins with the look that first finds no record.
        now.since(*idleness.since.get_or_insert(now)) > idleness.timeout
    }
}

impl<T: Send, G: WatermarkGenerator<T> + Clone, A: TimestampAssigner<T>> Output<T>
    for TimestampsAndWatermarks<T, G, A>
{
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.resume()?;
        if let Some(idleness) = &mut self.idleness {
            idleness.seen = true;
        }
        if self.context.task.signals.lanes.are_several() {
            return self.assign_in_lane(batch);
        }
        if !self.lanes.is_empty() {
            self.leave_lanes();
        }
        if G::PUNCTUATED {
            return self.assign_and_cut(batch);
        }
        self.assign(batch);
        self.note_lag(batch.timestamps.last().copied());
        self.next.emit(batch)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        if matches!(mark, Mark::Latency(_)) {
            return self.next.mark(mark);
        }
        if mark != Mark::Watermark(Timestamp::MAX) || self.watermark == Timestamp::MAX {
            return Ok(());
        }
        self.resume()?;
        if std::mem::take(&mut self.idle) {
            self.next.mark(Mark::Active)?;
        }
        self.watermark = Timestamp::MAX;
        if let Some(lags) = &self.lags {
            lags.watermark(Timestamp::MAX);
        }
        self.next.mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        {
            let _scope = scope::enter(self.context.position);
            self.resume()?;
            match self.next_emit {
                // The call is for another operator of the chain.
                Some(next) if now < next => self.context.clock().wake_at(next),
                Some(_) => {
                    if self.is_idle(now) {
                        self.output.mark_idle();
                    } else if self.context.task.signals.lanes.are_several() {
                        for lane in self.lanes.values_mut() {
                            let mut output = WatermarkOutput::default();
                            lane.generator.on_periodic_emit(&mut output);
                            lane.watermark = lane.watermark.max(output.watermark.unwrap_or(Timestamp::MIN));
                        }
                        self.merge_lanes();
                    } else {
                        if !self.lanes.is_empty() {
                            self.leave_lanes();
                        }
                        self.generator.on_periodic_emit(&mut self.output);
                    }
                    self.send()?;
                    self.schedule(now);
                }
                None => {}
            }
        }
        self.next.on_processing_time(now)
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        // An idle one holds nobody back.
        let own = (!self.idle).then_some(self.watermark);
        event.operator(&self.context).list("watermarks", Redistribution::Union, || own)?;
        self.next.checkpoint(event)
    }

    pass_on!(end, flush, close);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::checkpoint::RestoredTask;
    use crate::testing::{Collected, Event, operator};

    type Record = (i64, &'static str);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn watermark(millis: i64) -> Event<Record> {
        Event::Mark(Mark::Watermark(at(millis)))
    }

    fn batch(records: &[Record]) -> Event<Record> {
        let mut batch = Batch::new();
        for record in records {
            batch.push(*record, at(record.0));
        }
        Event::Batch(batch)
    }

    /// Each record that says so is a watermark.
    #[derive(Clone)]
    struct Punctuated;

    impl WatermarkGenerator<Record> for Punctuated {
        fn on_event(&mut self, record: &Record, timestamp: Timestamp, output: &mut WatermarkOutput) {
            if record.1 == "mark" {
                output.emit_watermark(timestamp);
            }
        }

        fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
    }

    #[test]
    fn watermarks_follow_the_greatest_timestamp_at_each_interval() {
        let output = Collected::default();
        let context = operator("Timestamps/Watermarks");
        let clock = context.clock().clone();
        let strategy = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(10))
            .with_timestamp_assigner(|record: &Record, _| record.0);
        let mut assigner = TimestampsAndWatermarks::new(context, strategy, Box::new(output.clone())).unwrap();
        clock.set(at(200));
        let now = clock.take_due().unwrap();
        assigner.on_processing_time(now).unwrap();
        assigner.emit(&mut vec![(100, "a"), (50, "b")].into()).unwrap();
        clock.set(at(400));
        let now = clock.take_due().unwrap();
        assigner.on_processing_time(now).unwrap();
        assigner.emit(&mut vec![(90, "c")].into()).unwrap();
        clock.set(at(600));
        let now = clock.take_due().unwrap();
        assigner.on_processing_time(now).unwrap();
        assigner.mark(Mark::Watermark(at(1_000))).unwrap();
        assigner.mark(Mark::Watermark(Timestamp::MAX)).unwrap();
        let expected = [
            Event::Time(at(200)),
            batch(&[(100, "a"), (50, "b")]),
            watermark(89),
            Event::Time(at(400)),
            batch(&[(90, "c")]),
            Event::Time(at(600)),
            Event::Mark(Mark::Watermark(Timestamp::MAX)),
        ];
        assert_eq!(output.events(), expected);
    }

    #[test]
    fn a_punctuated_watermark_comes_right_behind_its_record() {
        let output = Collected::default();
        let strategy = WatermarkStrategy::for_generator(Punctuated)
            .with_timestamp_assigner(|record: &Record, _| record.0);
        let context = operator("Timestamps/Watermarks");
        let mut assigner = TimestampsAndWatermarks::new(context, strategy, Box::new(output.clone())).unwrap();
        let records = vec![(1, "a"), (5, "mark"), (3, "mark"), (7, "b")];
        assigner.emit(&mut records.into()).unwrap();
        let expected =
            [batch(&[(1, "a"), (5, "mark")]), watermark(5), batch(&[(3, "mark")]), batch(&[(7, "b")])];
        assert_eq!(output.events(), expected);
    }

    #[test]
    fn a_stream_without_records_is_idle_until_the_next_one() {
        let output = Collected::default();
        let context = operator("Timestamps/Watermarks");
        let clock = context.clock().clone();
        let strategy = WatermarkStrategy::for_monotonous_timestamps()
            .with_timestamp_assigner(|record: &Record, _| record.0)
            .with_idleness(Duration::from_millis(500));
        let mut assigner = TimestampsAndWatermarks::new(context, strategy, Box::new(output.clone())).unwrap();
        let tick = |time: i64, assigner: &mut dyn Output<Record>| {
            clock.set(at(time));
            let now = clock.take_due().unwrap();
            assigner.on_processing_time(now).unwrap();
        };
        assigner.emit(&mut vec![(10, "a")].into()).unwrap();
        for time in [200, 400, 600, 800, 1_000] {
            tick(time, &mut assigner);
        }
        assigner.emit(&mut vec![(20, "b")].into()).unwrap();
        tick(1_200, &mut assigner);
        let marks: Vec<_> = output
            .events()
            .into_iter()
            .filter_map(|event| if let Event::Mark(mark) = event { Some(mark) } else { None })
            .collect();
        let expected = [Mark::Watermark(at(9)), Mark::Idle, Mark::Active, Mark::Watermark(at(19))];
        assert_eq!(marks, expected);
    }

    #[test]
    fn calls_for_others_of_the_chain_are_no_intervals() {
        let output = Collected::default();
        let context = operator("Timestamps/Watermarks");
        let clock = context.clock().clone();
        let strategy = WatermarkStrategy::for_monotonous_timestamps()
            .with_timestamp_assigner(|record: &Record, _| record.0);
        let mut assigner = TimestampsAndWatermarks::new(context, strategy, Box::new(output.clone())).unwrap();
        assigner.emit(&mut vec![(10, "a")].into()).unwrap();
        clock.wake_at(at(50));
        for time in [50, 200] {
            clock.set(at(time));
            let now = clock.take_due().unwrap();
            assigner.on_processing_time(now).unwrap();
        }
        let expected = [batch(&[(10, "a")]), Event::Time(at(50)), watermark(9), Event::Time(at(200))];
        assert_eq!(output.events(), expected);
    }

    #[test]
    fn time_goes_on_from_the_least_watermark_of_a_checkpoint() {
        let output = Collected::default();
        let mut context = operator("Timestamps/Watermarks");
        context.task.restored =
            Arc::new(RestoredTask::with_list(&context.uid, "watermarks", &[at(80), at(50)]));
        let clock = context.clock().clone();
        let strategy = WatermarkStrategy::for_monotonous_timestamps()
            .with_timestamp_assigner(|record: &Record, _| record.0);
        let mut assigner = TimestampsAndWatermarks::new(context, strategy, Box::new(output.clone())).unwrap();
        for (record, time) in [(40, 200), (70, 400)] {
            assigner.emit(&mut vec![(record, "a")].into()).unwrap();
            clock.set(at(time));
            let now = clock.take_due().unwrap();
            assigner.on_processing_time(now).unwrap();
        }
        let marks = output.events().into_iter().filter(|event| matches!(event, Event::Mark(_)));
        assert_eq!(marks.collect::<Vec<_>>(), [watermark(50), watermark(69)], "39 would be a step back");
    }
}
