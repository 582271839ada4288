use flott_state::ValueState;

use super::*;
use crate::{
    BoxError, OutputTag,
    windowing::{
        Applied, EventTimeSessionWindows, Listed, ProcessWindowFunction, Processed, TimeWindow,
        WindowContext, WindowOpenContext,
    },
};

/// Counts firings by key and by key and window, and clears.
#[derive(Clone, Default)]
struct Firings {
    of_key: ValueState<u64>,
    of_window: ValueState<u64, TimeWindow>,
    cleared: ValueState<u64>,
}

impl ProcessWindowFunction<Vec<Pair>, u8, TimeWindow> for Firings {
    /// Number of records, firings of the key, of the window, and windows cleared before.
    type Out = (usize, u64, u64, u64);

    fn open(&mut self, context: &mut WindowOpenContext<'_, u8, TimeWindow>) -> Result<(), BoxError> {
        self.of_key = context.global_state().value("of key")?;
        self.cleared = context.global_state().value("cleared")?;
        self.of_window = context.window_state()?.value("of window")?;
        Ok(())
    }

    fn process(
        &mut self,
        records: Vec<Pair>,
        context: &mut WindowContext<'_, u8, TimeWindow, Self::Out>,
    ) -> Result<(), BoxError> {
        if records.iter().any(|pair| pair.1 == 666) {
            return Err("a bad number".into());
        }
        *self.of_key.get_or_default(context) += 1;
        *self.of_window.get_or_default(context) += 1;
        let of_key = *self.of_key.get_or_default(context);
        let of_window = *self.of_window.get_or_default(context);
        let cleared = self.cleared.get(context).copied().unwrap_or(0);
        context.emit((records.len(), of_key, of_window, cleared));
        Ok(())
    }

    fn clear(&mut self, context: &mut WindowContext<'_, u8, TimeWindow, Self::Out>) -> Result<(), BoxError> {
        assert!(self.of_window.get(context).is_some(), "it is dropped after this");
        *self.cleared.get_or_default(context) += 1;
        Ok(())
    }
}

fn firings() -> Harness<(usize, u64, u64, u64)> {
    Harness::new(|context, next| {
        let (assigner, trigger) = (TumblingEventTimeWindows::of(ms(10)), EventTimeTrigger::create());
        let (store, function) = (Kept(Listed), Processed(Firings::default()));
        WindowOperator::new(context, by_key(), assigner, trigger, store, function, lateness(100), next)
    })
}

#[test]
fn functions_keep_state_by_key_and_by_window() {
    let mut windows = firings();
    windows.records([(1, 1, 3), (1, 2, 4)]);
    windows.watermark(9);
    assert_eq!(windows.take(), [((2, 1, 1, 0), 9)]);
    windows.record((1, 3), 5);
    assert_eq!(windows.take(), [((3, 2, 2, 0), 9)]);
    windows.record((1, 4), 15);
    windows.watermark(110);
    assert_eq!(windows.take(), [((1, 3, 1, 0), 19)], "each window has its own");
    windows.record((1, 4), 115);
    windows.watermark(119);
    assert_eq!(windows.take(), [((1, 4, 1, 2), 119)], "those before are over");
}

#[test]
fn an_error_of_the_function_names_the_operator() {
    let mut windows = firings();
    windows.record((1, 1), 3);
    windows.watermark(9);
    let Err(TaskEnd::Failed(cause)) = windows.try_record((1, 666), 5) else { panic!("it must fail") };
    assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("a bad number", Some("windows")));
}

#[test]
fn windows_that_merge_have_no_state_of_their_own() {
    let next = Downstream::new(
        Box::new(crate::testing::Collected::<(usize, u64, u64, u64)>::default()),
        Default::default(),
    );
    let (assigner, trigger) = (EventTimeSessionWindows::with_gap(ms(10)), EventTimeTrigger::create());
    let (store, function) = (Kept(Listed), Processed(Firings::default()));
    let context = crate::testing::operator("windows");
    let result =
        WindowOperator::new(context, by_key(), assigner, trigger, store, function, lateness(0), next)
            .map(|_| ());
    let Err(TaskEnd::Failed(cause)) = result else { panic!("it must fail") };
    assert!(cause.message.contains("global_state()"), "{}", cause.message);
}

#[test]
fn functions_see_their_window_and_can_emit_elsewhere() {
    let function = |records: Vec<Pair>, context: &mut WindowContext<'_, u8, TimeWindow, String>| {
        context.output(&OutputTag::new("late"), (*context.key(), records.len() as u64));
        let (watermark, now) = (context.current_watermark(), context.processing_time());
        context.emit(format!("{} {watermark} {now} {records:?}", context.window()));
    };
    let mut windows = Harness::new(|context, next| {
        let (assigner, trigger) = (TumblingEventTimeWindows::of(ms(10)), EventTimeTrigger::create());
        let (store, function) = (Kept(Listed), Applied::new(function));
        WindowOperator::new(context, by_key(), assigner, trigger, store, function, lateness(0), next)
    });
    windows.time(77);
    windows.records([(1, 9, 3), (1, 2, 1)]);
    windows.watermark(12);
    let expected = "TimeWindow{start=0, end=10} 12 77 [(1, 9), (1, 2)]".to_owned();
    assert_eq!(windows.take(), [(expected, 9)]);
    assert_eq!(windows.late(), [(1, 2)]);
}
