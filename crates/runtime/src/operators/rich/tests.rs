use flott_state::ValueState;

use super::*;
use crate::{
    Batch, Output, Timestamp,
    operators::{ByValue, KeyedProcess, Process},
    output::{Downstream, SideOutputs},
    testing::{Collected, operator},
};

/// Numbers the records of each key, or of each subtask, and lets only the first two through as a filter.
#[derive(Clone, Default)]
struct Numbered {
    by_subtask: u64,
    by_key: ValueState<u64>,
    closed: bool,
}

/// On a stream without keys.
impl RichMapFunction<u64> for Numbered {
    type Out = String;

    fn map(&mut self, record: u64, ctx: &mut RichContext<'_>) -> Result<String, BoxError> {
        self.by_subtask += 1;
        Ok(format!("{record}: {} {:?}", self.by_subtask, ctx.timestamp().map(Timestamp::as_millis)))
    }
}

/// On one with.
impl RichMapFunction<u64, u64> for Numbered {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, u64>) -> Result<(), BoxError> {
        self.by_key = context.value("number")?;
        Ok(())
    }

    fn map(&mut self, record: u64, ctx: &mut RichContext<'_, u64>) -> Result<String, BoxError> {
        let number = self.by_key.get_or_default(ctx);
        *number += 1;
        let number = *number;
        Ok(format!("{record}: {number} of {}", ctx.key()))
    }
}

impl<K: Key> RichFilterFunction<u64, K> for Numbered {
    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        self.by_key = context.value("number")?;
        Ok(())
    }

    fn filter(&mut self, _: &u64, ctx: &mut RichContext<'_, K>) -> Result<bool, BoxError> {
        let number = self.by_key.get_or_default(ctx);
        *number += 1;
        Ok(*number <= 2)
    }
}

/// On all streams.
impl<K: 'static> RichFlatMapFunction<u64, K> for Numbered {
    type Out = u64;

    fn flat_map(
        &mut self,
        record: u64,
        _: &mut RichContext<'_, K>,
        out: &mut Collector<'_, u64>,
    ) -> Result<(), BoxError> {
        out.extend(0..record);
        if record > 3 { Err(format!("{record} is too much").into()) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), BoxError> {
        assert!(!std::mem::replace(&mut self.closed, true));
        Ok(())
    }
}

fn downstream<U: Clone + Send + 'static>(output: &Collected<U>) -> Downstream<U> {
    Downstream::new(Box::new(output.clone()), SideOutputs::default())
}

fn batch(records: &[u64]) -> Batch<u64> {
    let mut batch = Batch::new();
    records.iter().for_each(|&record| batch.push(record, 7.into()));
    batch
}

/// The outputs of a rich function on records whose key is their last digit.
fn keyed<F: KeyedProcessFunction<u64, u64>>(function: F) -> (impl Output<u64>, Collected<F::Out>) {
    let output = Collected::default();
    let selector = ByValue::new(|record: &u64| record % 10);
    (KeyedProcess::new(operator("keyed"), selector, function, downstream(&output)).unwrap(), output)
}

#[test]
fn a_rich_map_knows_the_time_and_on_keyed_streams_the_state_of_the_key() {
    let output = Collected::default();
    let function = AsProcess(RichMap(Numbered::default()));
    let mut map = Process::new(operator("map"), function, downstream(&output)).unwrap();
    map.emit(&mut batch(&[1, 11])).unwrap();
    assert_eq!(output.records(), ["1: 1 Some(7)", "11: 2 Some(7)"]);

    let (mut map, output) = keyed(AsProcess(RichMap(Numbered::default())));
    map.emit(&mut batch(&[1, 2, 11])).unwrap();
    assert_eq!(output.records(), ["1: 1 of 1", "2: 1 of 2", "11: 2 of 1"]);
}

#[test]
fn a_rich_filter_keeps_timestamps() {
    let (mut filter, output) = keyed(AsProcess(RichFilter(Numbered::default())));
    let mut records = batch(&[1, 2, 11, 21, 12]);
    filter.emit(&mut records).unwrap();
    assert_eq!(output.events(), [crate::testing::Event::Batch(batch(&[1, 2, 11, 12]))]);
}

#[test]
fn a_rich_flat_map_works_with_and_without_keys_and_may_fail() {
    let (mut with_keys, output) = keyed(AsProcess(RichFlatMap(Numbered::default())));
    with_keys.emit(&mut batch(&[2, 3])).unwrap();
    assert_eq!(output.records(), [0, 1, 0, 1, 2]);
    with_keys.end().unwrap();

    let output = Collected::default();
    let function = AsProcess(RichFlatMap(Numbered::default()));
    let mut without: Process<u64, _> =
        Process::new(operator("numbers"), function, downstream(&output)).unwrap();
    let Err(crate::TaskEnd::Failed(cause)) = without.emit(&mut batch(&[4])) else { panic!("it must fail") };
    assert_eq!(cause.message, "4 is too much");
    assert_eq!(cause.operator.as_deref(), Some("numbers"));
}
