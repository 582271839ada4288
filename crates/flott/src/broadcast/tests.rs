use crate::{
    BoxError, BroadcastOnTimerContext, BroadcastOpenContext, BroadcastProcessFunction, BroadcastReadContext,
    BroadcastState, BroadcastWriteContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext,
    KeyedBroadcastWriteContext, RuntimeMode, Timestamp, testing::TestHarness,
};

/// Says for each number whether it was broadcast before.
#[derive(Clone, Default)]
struct Known {
    known: BroadcastState<u64, ()>,
}

impl BroadcastProcessFunction<u64, u64> for Known {
    type Out = (u64, bool);

    fn open(&mut self, context: &mut BroadcastOpenContext<'_>) -> Result<(), BoxError> {
        self.known = context.broadcast_state("known")?;
        Ok(())
    }

    fn process(
        &mut self,
        number: u64,
        context: &mut BroadcastReadContext<'_, (u64, bool)>,
    ) -> Result<(), BoxError> {
        let is_known = self.known.contains(context, &number);
        context.emit((number, is_known));
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        number: u64,
        context: &mut BroadcastWriteContext<'_, (u64, bool)>,
    ) -> Result<(), BoxError> {
        self.known.insert(context, number, ());
        Ok(())
    }
}

impl KeyedBroadcastProcessFunction<u64, u64, u64> for Known {
    type Out = (u64, bool);

    fn open(&mut self, context: &mut BroadcastOpenContext<'_, u64>) -> Result<(), BoxError> {
        self.known = context.broadcast_state("known")?;
        Ok(())
    }

    fn process(
        &mut self,
        number: u64,
        context: &mut KeyedBroadcastReadContext<'_, u64, (u64, bool)>,
    ) -> Result<(), BoxError> {
        assert_eq!(*context.key(), number);
        let is_known = self.known.contains(context, &number);
        context.emit((number, is_known));
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        number: u64,
        context: &mut KeyedBroadcastWriteContext<'_, u64, (u64, bool)>,
    ) -> Result<(), BoxError> {
        self.known.insert(context, number, ());
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: Timestamp,
        _: &mut BroadcastOnTimerContext<'_, u64, (u64, bool)>,
    ) -> Result<(), BoxError> {
        unreachable!("no timer is registered")
    }
}

/// Numbers come before those that are broadcast; tells what was known, and how many were told before the end.
fn numbers_first(mode: RuntimeMode, is_keyed: bool) -> (Vec<(u64, bool)>, usize) {
    let harness = TestHarness::new();
    harness.env().set_runtime_mode(mode).set_parallelism(3);
    let (numbers, broadcast) = (harness.input::<u64>(), harness.input::<u64>());
    let known = broadcast.stream().broadcast_state(["known"]);
    let judged = if is_keyed {
        numbers.stream().key_by(|number| *number).connect_broadcast(&known).process(Known::default())
    } else {
        numbers.stream().connect_broadcast(&known).process(Known::default())
    };
    let judged = harness.output(&judged);
    for number in 0..10 {
        numbers.push_at(number, -(number as i64));
    }
    for number in 0..10 {
        broadcast.push(number * 2);
    }
    broadcast.end();
    let mut told = judged.records();
    let before_end = told.len();
    numbers.push_at(10, 5);
    numbers.end();
    told.extend(judged.records());
    told.sort_unstable();
    (told, before_end)
}

#[test]
fn in_batch_mode_the_broadcast_side_comes_first() {
    let even: Vec<_> = (0..=10).map(|number| (number, number % 2 == 0)).collect();
    let (told, before_end) = numbers_first(RuntimeMode::Batch, false);
    assert_eq!(told, even);
    assert_eq!(before_end, 10, "who had to wait goes on when the broadcast side has ended");
    let (told, before_end) = numbers_first(RuntimeMode::Batch, true);
    assert_eq!(told, even);
    assert_eq!(before_end, 0, "keyed records are put into the order of time first");
}

#[test]
fn in_streaming_mode_records_come_as_they_are() {
    let expected: Vec<_> = (0..=10).map(|number| (number, number == 10)).collect();
    for is_keyed in [false, true] {
        let (told, before_end) = numbers_first(RuntimeMode::Streaming, is_keyed);
        assert_eq!((told, before_end), (expected.clone(), 10));
    }
}

#[test]
fn a_state_that_was_not_declared_fails_the_job() {
    let harness = TestHarness::new();
    let (numbers, broadcast) = (harness.input::<u64>(), harness.input::<u64>());
    let known = broadcast.stream().broadcast_state(["other"]);
    let judged: crate::SingleOutputStream<(u64, bool)> =
        numbers.stream().connect_broadcast(&known).process(Known::default());
    let _judged = harness.output(&judged);
    let cause = harness.try_run().unwrap_err();
    assert_eq!(cause.operator.as_deref(), Some("Co-Process-Broadcast"));
    assert!(cause.message.starts_with("broadcast state `known` is none of those"), "{}", cause.message);
}
