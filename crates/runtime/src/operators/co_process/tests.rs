use flott_core::{FailureKind, job_config::RuntimeMode, time::Timestamp};
use flott_state::{ListState, ValueState};

use super::*;
use crate::{
    BoxError, Mark, ProcessingClock, TaskContext, TaskEnd,
    functions::{
        KeyedCoProcessFunction, KeyedContext, OnTimerContext, OpenContext, ProcessContext, TimeDomain,
    },
    operators::ByValue,
    output::SideOutputs,
    testing::{Collected, Event, operator, task},
};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn one<T>(record: T, millis: i64) -> Batch<T> {
    Batch { records: vec![record], timestamps: vec![at(millis)] }
}

/// Lets pass what is above the limit that the other stream has told.
#[derive(Clone, Default)]
struct AboveLimit {
    limit: u64,
    is_open: bool,
}

impl CoProcessFunction<u64, u64> for AboveLimit {
    type Out = u64;

    fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
        assert_eq!(context.runtime().subtask_index(), 0);
        self.is_open = true;
        Ok(())
    }

    fn process_left(&mut self, record: u64, context: &mut ProcessContext<'_, u64>) -> Result<(), BoxError> {
        assert!(self.is_open);
        if record > self.limit {
            context.emit(record);
        }
        Ok(())
    }

    fn process_right(&mut self, limit: u64, context: &mut ProcessContext<'_, u64>) -> Result<(), BoxError> {
        if limit < self.limit {
            return Err(format!("the limit falls to {limit} at {:?}", context.timestamp()).into());
        }
        self.limit = limit;
        Ok(())
    }
}

#[test]
fn both_inputs_share_the_function() {
    let output = Collected::default();
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    let mut process = CoProcess::new(operator("Co-Process"), AboveLimit::default(), next).unwrap();
    process.emit_left(&mut vec![1, 2].into()).unwrap();
    process.emit_right(&mut vec![5].into()).unwrap();
    process.emit_left(&mut vec![5, 6].into()).unwrap();
    assert_eq!(output.records(), [1, 2, 6]);

    let Err(TaskEnd::Failed(cause)) = process.emit_right(&mut vec![4].into()) else { panic!("it must fail") };
    assert_eq!((cause.kind, cause.operator.as_deref()), (FailureKind::UserError, Some("Co-Process")));
    assert_eq!(cause.message, "the limit falls to 4 at None");
}

/// Joins all records of a key; a timer tells how many there were.
#[derive(Clone, Default)]
struct InnerJoin {
    left: ListState<String>,
    right: ListState<u64>,
    seen: ValueState<u32>,
}

impl KeyedCoProcessFunction<u8, (u8, String), (u8, u64)> for InnerJoin {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, u8>) -> Result<(), BoxError> {
        self.left = context.list("left")?;
        self.right = context.list("right")?;
        self.seen = context.value("seen")?;
        Ok(())
    }

    fn process_left(
        &mut self,
        (_, name): (u8, String),
        context: &mut KeyedContext<'_, u8, String>,
    ) -> Result<(), BoxError> {
        *self.seen.get_or_default(context) += 1;
        context.register_event_time_timer(100);
        let rights: Vec<_> = self.right.get(context).iter().map(|right| format!("{name} {right}")).collect();
        rights.into_iter().for_each(|pair| context.emit(pair));
        self.left.push(context, name);
        Ok(())
    }

    fn process_right(
        &mut self,
        (_, number): (u8, u64),
        context: &mut KeyedContext<'_, u8, String>,
    ) -> Result<(), BoxError> {
        *self.seen.get_or_default(context) += 1;
        context.register_processing_time_timer(50);
        let lefts: Vec<_> = self.left.get(context).iter().map(|left| format!("{left} {number}")).collect();
        lefts.into_iter().for_each(|pair| context.emit(pair));
        self.right.push(context, number);
        Ok(())
    }

    fn on_timer(
        &mut self,
        timestamp: Timestamp,
        context: &mut OnTimerContext<'_, u8, String>,
    ) -> Result<(), BoxError> {
        let kind = if context.time_domain() == TimeDomain::EventTime { "event" } else { "processing" };
        let seen = self.seen.get(context).copied().unwrap_or_default();
        let text = format!("{kind} time {timestamp} of {}: {seen}", context.key());
        context.emit(text);
        Ok(())
    }
}

type ByKey<T> = ByValue<fn(&T) -> u8, u8>;

fn inner_join(task: TaskContext) -> (impl TwoInputs<(u8, String), (u8, u64)>, Collected<String>) {
    let output = Collected::default();
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    let left: ByKey<(u8, String)> = ByValue::new(|record| record.0);
    let right: ByKey<(u8, u64)> = ByValue::new(|record| record.0);
    let context = RuntimeContext::new(task, "Co-Process", "co-process", 0);
    (KeyedCoProcess::new(context, (left, right), InnerJoin::default(), next).unwrap(), output)
}

#[test]
fn state_and_timers_of_a_key_are_shared_by_both_inputs() {
    let task = task(0, 1);
    let clock = task.clock.clone();
    let (mut join, output) = inner_join(task);
    join.emit_left(&mut one((1, "a".to_owned()), 10)).unwrap();
    join.emit_right(&mut one((1, 7), 20)).unwrap();
    join.emit_right(&mut one((2, 8), 20)).unwrap();
    join.emit_left(&mut one((1, "b".to_owned()), 30)).unwrap();
    assert_eq!(clock.next_due(), Some(at(50)));
    join.on_processing_time(at(60)).unwrap();
    join.mark(Mark::Watermark(at(100))).unwrap();
    assert_eq!(
        output.records(),
        ["a 7", "b 7", "processing time 50 of 1: 3", "processing time 50 of 2: 1", "event time 100 of 1: 3"]
    );
    let times: Vec<_> = output
        .events()
        .into_iter()
        .flat_map(|event| match event {
            Event::Batch(batch) => (0..batch.len()).map(|i| batch.timestamp(i)).collect(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(times, [at(20), at(30), Timestamp::MIN, Timestamp::MIN, at(100)]);
}

#[test]
fn in_batch_mode_timers_fire_at_the_last_watermark() {
    let mut task = task(0, 1);
    task.runtime_mode = RuntimeMode::Batch;
    task.clock = ProcessingClock::manual(at(0));
    let (mut join, output) = inner_join(task);
    join.emit_left(&mut one((1, "a".to_owned()), 10)).unwrap();
    join.emit_right(&mut one((1, 7), 20)).unwrap();
    join.mark(Mark::Watermark(Timestamp::MAX)).unwrap();
    assert_eq!(output.records(), ["a 7", "event time 100 of 1: 2", "processing time 50 of 1: 2"]);
    assert_eq!(output.events().last(), Some(&Event::Mark(Mark::Watermark(Timestamp::MAX))));
}
