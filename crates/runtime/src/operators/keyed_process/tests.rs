use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use flott_core::{FailureKind, job_config::RuntimeMode};
use flott_state::{StateDescriptor, StateTtl, ValueState};

use super::*;
use crate::{
    BoxError, OutputTag, TaskEnd,
    functions::{KeyedContext, OnTimerContext, OpenContext, TimeDomain},
    operators::ByValue,
    output::{Side, SideOutputs},
    scope,
    testing::{Collected, Event, operator, task},
};

type Ctx<'a> = KeyedContext<'a, u64, String>;
type TimerCtx<'a> = OnTimerContext<'a, u64, String>;

/// The key of a record is its last digit.
#[derive(Clone)]
struct Test {
    process: fn(u64, &mut Ctx<'_>),
    on_timer: fn(i64, &mut TimerCtx<'_>),
}

impl KeyedProcessFunction<u64, u64> for Test {
    type Out = String;

    fn process(&mut self, record: u64, ctx: &mut Ctx<'_>) -> Result<(), BoxError> {
        (self.process)(record, ctx);
        Ok(())
    }

    fn on_timer(&mut self, time: Timestamp, ctx: &mut TimerCtx<'_>) -> Result<(), BoxError> {
        (self.on_timer)(time.as_millis(), ctx);
        Ok(())
    }
}

fn late() -> OutputTag<i64> {
    OutputTag::new("late")
}

struct Bed {
    operator: Box<dyn Output<u64>>,
    context: RuntimeContext,
    output: Collected<String>,
    side: Collected<i64>,
}

impl Bed {
    fn new(mode: RuntimeMode, process: fn(u64, &mut Ctx<'_>), on_timer: fn(i64, &mut TimerCtx<'_>)) -> Self {
        let mut context = operator("process");
        context.task.runtime_mode = mode;
        let (output, side) = (Collected::default(), Collected::default());
        let sides = SideOutputs::new(vec![(late().id().into(), Box::new(Side::new(Box::new(side.clone()))))]);
        let next = Downstream::new(Box::new(output.clone()), sides);
        let selector = ByValue::new(|record: &u64| record % 10);
        let function = Test { process, on_timer };
        let operator = Box::new(KeyedProcess::new(context.clone(), selector, function, next).unwrap());
        Self { operator, context, output, side }
    }

    fn streaming(process: fn(u64, &mut Ctx<'_>), on_timer: fn(i64, &mut TimerCtx<'_>)) -> Self {
        Self::new(RuntimeMode::Streaming, process, on_timer)
    }

    fn record(&mut self, record: u64, timestamp: i64) {
        let mut batch = Batch::new();
        batch.push(record, timestamp.into());
        self.operator.emit(&mut batch).unwrap();
    }

    fn watermark(&mut self, time: i64) {
        self.operator.mark(Mark::Watermark(time.into())).unwrap();
    }

    /// Moves the clock, as the loop of a subtask does.
    fn time(&mut self, time: i64) {
        self.context.clock().set(time.into());
        if let Some(now) = self.context.clock().take_due() {
            self.operator.on_processing_time(now).unwrap();
        }
    }

    /// What has come out: records with their timestamps, and watermarks.
    fn trace(&self) -> Vec<String> {
        let mut trace = Vec::new();
        for event in self.output.events() {
            match event {
                Event::Batch(mut batch) => {
                    trace.extend(batch.drain().map(|(record, time)| {
                        if time.is_none() { record } else { format!("{record}@{time}") }
                    }))
                }
                Event::Mark(Mark::Watermark(watermark)) => trace.push(format!("watermark {watermark}")),
                _ => {}
            }
        }
        trace
    }
}

#[test]
fn timers_coalesce_and_fire_in_order_before_the_watermark_goes_on() {
    let mut bed = Bed::streaming(
        |record, ctx| {
            ctx.emit(format!("record {record} after {}", ctx.current_watermark().as_millis()));
            let time = ctx.timestamp().unwrap();
            for delay in [20, 10, 20] {
                ctx.register_event_time_timer(time + Duration::from_millis(delay));
            }
        },
        |time, ctx| {
            assert_eq!(ctx.time_domain(), TimeDomain::EventTime);
            assert_eq!(ctx.timestamp(), Some(time.into()));
            ctx.emit(format!("key {} at {}", ctx.key(), ctx.current_watermark()));
        },
    );
    bed.watermark(3);
    bed.record(11, 5);
    bed.record(2, 4);
    bed.record(21, 5);
    bed.watermark(14);
    bed.watermark(24);
    bed.watermark(25);
    let expected = [
        "watermark 3",
        "record 11 after 3@5",
        "record 2 after 3@4",
        "record 21 after 3@5",
        "key 2 at 14@14",
        "watermark 14",
        "key 1 at 24@15",
        "key 2 at 24@24",
        "watermark 24",
        "key 1 at 25@25",
        "watermark 25",
    ];
    assert_eq!(bed.trace(), expected);
}

#[test]
fn deleted_timers_do_not_fire_and_registered_ones_do_at_once_if_they_are_reached() {
    let mut bed = Bed::streaming(
        |record, ctx| match record {
            1 => [10, 11, 12].into_iter().for_each(|time| ctx.register_event_time_timer(time)),
            11 => ctx.delete_event_time_timer(11),
            // Those of other keys, and of times without timers, are left alone.
            2 => [10, 99].into_iter().for_each(|time| ctx.delete_event_time_timer(time)),
            // In the past.
            _ => ctx.register_event_time_timer(1),
        },
        |time, ctx| {
            ctx.emit(time.to_string());
            if time == 10 {
                ctx.delete_event_time_timer(12);
                ctx.register_event_time_timer(5);
                ctx.register_event_time_timer(20);
                ctx.register_event_time_timer(21);
            }
        },
    );
    [1, 11, 2].into_iter().for_each(|record| bed.record(record, 0));
    bed.watermark(20);
    bed.record(3, 0);
    assert_eq!(bed.trace(), ["10@10", "5@5", "20@20", "watermark 20"]);
    bed.watermark(20);
    assert_eq!(bed.trace()[4..], ["1@1", "watermark 20"]);
}

#[test]
fn processing_time_timers_give_no_timestamp_but_to_side_outputs() {
    let mut bed = Bed::streaming(
        |_, ctx| {
            let now = ctx.processing_time();
            ctx.register_processing_time_timer(now + Duration::from_millis(10));
            ctx.register_processing_time_timer(now + Duration::from_millis(30));
            ctx.register_processing_time_timer(now + Duration::from_millis(40));
            ctx.delete_processing_time_timer(now + Duration::from_millis(40));
        },
        |time, ctx| {
            assert_eq!(ctx.time_domain(), TimeDomain::ProcessingTime);
            assert_eq!(ctx.timestamp(), Some(time.into()));
            ctx.emit(format!("{time} at {}", ctx.processing_time()));
            ctx.output(&late(), time);
        },
    );
    bed.time(100);
    bed.record(1, 7);
    assert_eq!(bed.context.clock().next_due(), Some(110.into()));
    bed.time(109);
    assert!(bed.trace().is_empty());
    bed.time(111);
    assert_eq!(bed.context.clock().next_due(), Some(130.into()));
    bed.time(200);
    assert_eq!(bed.trace(), ["110 at 111", "130 at 200"]);
    let sides: Vec<_> = bed
        .side
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Batch(batch) => Some((batch.records, batch.timestamps)),
            _ => None,
        })
        .collect();
    assert_eq!(sides, [(vec![110], vec![110.into()]), (vec![130], vec![130.into()])]);
}

#[test]
fn timers_reach_to_the_ends_of_time() {
    let mut bed = Bed::streaming(
        |_, ctx| {
            for time in [i64::MAX, i64::MAX - 1, i64::MIN, -1] {
                ctx.register_event_time_timer(time);
            }
            ctx.register_processing_time_timer(i64::MAX);
        },
        |time, ctx| ctx.emit(time.to_string()),
    );
    bed.record(1, i64::MIN);
    bed.watermark(-2);
    bed.watermark(i64::MAX - 1);
    bed.watermark(i64::MAX);
    let (least, most) = (i64::MIN, i64::MAX);
    // The least of all stands for no timestamp.
    let expected = [
        format!("{least}"),
        "watermark -2".to_owned(),
        "-1@-1".to_owned(),
        format!("{0}@{0}", most - 1),
        format!("watermark {}", most - 1),
        format!("{most}@{most}"),
        format!("watermark {most}"),
    ];
    assert_eq!(bed.trace(), expected);
}

#[test]
fn in_batch_mode_all_timers_fire_once_at_the_end() {
    let mut bed = Bed::new(
        RuntimeMode::Batch,
        |_, ctx| {
            assert_eq!(ctx.current_watermark(), Timestamp::MIN);
            ctx.register_processing_time_timer(5);
            ctx.register_processing_time_timer(i64::MAX);
            ctx.register_event_time_timer(20);
            ctx.register_event_time_timer(10);
        },
        |time, ctx| {
            // One after the other, for ever.
            ctx.register_event_time_timer(time.saturating_add(1));
            ctx.register_processing_time_timer(time.saturating_add(1));
            ctx.emit(format!("{:?} {time}", ctx.time_domain()));
        },
    );
    bed.record(1, 0);
    bed.time(1_000);
    assert!(bed.trace().is_empty());
    bed.watermark(i64::MAX);
    let last = format!("ProcessingTime {}", i64::MAX);
    let end = format!("watermark {}", i64::MAX);
    assert_eq!(
        bed.trace(),
        ["EventTime 10@10", "EventTime 20@20", "ProcessingTime 5", last.as_str(), end.as_str()]
    );
}

#[test]
fn timers_without_end_stop_when_the_task_is_canceled() {
    let mut bed = Bed::streaming(
        |_, ctx| ctx.register_event_time_timer(1),
        |time, ctx| {
            ctx.register_event_time_timer(time + 1);
            if time == 1_000 {
                ctx.runtime().task.signals.cancel();
            }
        },
    );
    bed.record(1, 0);
    let end = bed.operator.mark(Mark::Watermark(Timestamp::MAX));
    assert!(matches!(end, Err(TaskEnd::Canceled)), "{end:?}");
}

/// Tells how it is treated, and fails at records that are 13.
#[derive(Clone, Default)]
struct Watched {
    opened: Arc<AtomicU32>,
    closed: Arc<AtomicU32>,
    fails_to_open: bool,
    last: ValueState<u64>,
}

impl KeyedProcessFunction<u64, u64> for Watched {
    type Out = u64;

    fn open(&mut self, context: &mut OpenContext<'_, u64>) -> Result<(), BoxError> {
        self.opened.fetch_add(1, Relaxed);
        let ttl = StateTtl::new(Duration::from_millis(10));
        self.last = context.value(StateDescriptor::new("last").ttl(ttl))?;
        if self.fails_to_open { Err("no such file".into()) } else { Ok(()) }
    }

    fn process(&mut self, record: u64, ctx: &mut KeyedContext<'_, u64, u64>) -> Result<(), BoxError> {
        if record == 13 {
            return Err("13 is unlucky".into());
        }
        let last = self.last.get(ctx).copied().unwrap_or(0);
        self.last.set(ctx, record);
        ctx.emit(last);
        Ok(())
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.closed.fetch_add(1, Relaxed);
        Ok(())
    }
}

fn watched(
    context: &RuntimeContext,
    function: &Watched,
    selector: fn(&u64) -> u64,
    output: &Collected<u64>,
) -> Result<impl Output<u64> + use<>> {
    let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
    KeyedProcess::new(context.clone(), ByValue::new(selector), function.clone(), next)
}

#[test]
fn state_belongs_to_a_key_and_ages_by_the_clock() {
    let (context, output) = (operator("process"), Collected::default());
    let mut operator = watched(&context, &Watched::default(), |record| record % 10, &output).unwrap();
    operator.emit(&mut vec![1, 2, 11].into()).unwrap();
    context.clock().set(9.into());
    operator.emit(&mut vec![12].into()).unwrap();
    context.clock().set(18.into());
    operator.emit(&mut vec![22, 21].into()).unwrap();
    assert_eq!(output.records(), [0, 0, 1, 2, 12, 0]);
}

#[test]
fn a_function_is_opened_and_closed_once() {
    let (function, output) = (Watched::default(), Collected::default());
    let mut operator = watched(&operator("process"), &function, |record| *record, &output).unwrap();
    assert_eq!(function.opened.load(Relaxed), 1);
    operator.end().unwrap();
    assert_eq!(function.closed.load(Relaxed), 1);
    drop(operator);
    assert_eq!(function.closed.load(Relaxed), 1);
}

#[test]
fn a_function_is_closed_if_the_task_fails() {
    let (function, output) = (Watched::default(), Collected::default());
    let mut bad = watched(&operator("process"), &function, |record| *record, &output).unwrap();
    let Err(TaskEnd::Failed(cause)) = bad.emit(&mut vec![13].into()) else { panic!("it must fail") };
    assert_eq!((cause.kind, cause.message.as_str()), (FailureKind::UserError, "13 is unlucky"));
    assert_eq!(cause.operator.as_deref(), Some("process"));
    drop(bad);
    assert_eq!(function.closed.load(Relaxed), 1);
}

#[test]
fn a_function_that_fails_to_open_is_closed_and_blamed() {
    let function = Watched { fails_to_open: true, ..Watched::default() };
    let end = watched(&operator("process"), &function, |record| *record, &Collected::default());
    let Err(TaskEnd::Failed(cause)) = end else { panic!("it must fail") };
    assert_eq!(cause.message, "no such file");
    assert_eq!(cause.operator.as_deref(), Some("process"));
    assert_eq!(function.closed.load(Relaxed), 1);
}

/// What is told of a panic in the operator.
fn panic_in(subtask: u32, parallelism: u32, selector: fn(&u64) -> u64) -> (String, Option<String>) {
    let context = RuntimeContext::new(task(subtask, parallelism), "process", "process", 1);
    let mut operator = watched(&context, &Watched::default(), selector, &Collected::default()).unwrap();
    let names = ["source".to_owned(), "process".to_owned()];
    let end = scope::catch(&names, || operator.emit(&mut (0..100).collect()));
    let Err(TaskEnd::Failed(cause)) = end else { panic!("it must fail") };
    (cause.message, cause.operator)
}

#[test]
fn a_key_function_that_panics_is_blamed_on_the_operator() {
    let (message, operator) = panic_in(0, 1, |record| 100 / record);
    assert_eq!(message, "attempt to divide by zero");
    assert_eq!(operator.as_deref(), Some("process"));
}

#[test]
fn a_key_that_is_not_the_same_each_time_is_noticed() {
    let (message, operator) = panic_in(1, 2, |record| *record);
    assert!(message.contains("the key of a record must be the same each time"), "{message}");
    assert_eq!(operator.as_deref(), Some("process"));
}
