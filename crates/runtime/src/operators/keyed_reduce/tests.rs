use flott_state::AggregateFunction;

use super::*;
use crate::{
    operators::ByValue,
    testing::{Collected, Event, operator},
};

type Reading = (u32, f64);

#[derive(Clone)]
struct Average;

impl AggregateFunction<Reading> for Average {
    type Accumulator = (f64, u64);
    type Output = f64;

    fn create(&self) -> (f64, u64) {
        (0.0, 0)
    }

    fn add(&self, (sum, count): &mut (f64, u64), (_, value): Reading) {
        *sum += value;
        *count += 1;
    }

    fn result(&self, (sum, count): &(f64, u64)) -> f64 {
        sum / *count as f64
    }

    fn merge(&self, (sum, count): &mut (f64, u64), other: (f64, u64)) {
        *sum += other.0;
        *count += other.1;
    }
}

/// What an aggregation makes of some readings.
fn run<A, E>(mode: RuntimeMode, aggregation: A, emission: E) -> Vec<Event<E::Record>>
where
    A: Aggregation<Reading>,
    E: Emission<u32, A::Result>,
{
    let mut context = operator("Keyed Aggregation");
    context.task.runtime_mode = mode;
    let output = Collected::default();
    let selector = ByValue::new(|(sensor, _): &Reading| *sensor);
    let mut reduce =
        KeyedReduce::new(context, selector, aggregation, emission, Box::new(output.clone())).unwrap();
    let mut batch = Batch::new();
    for (sensor, value, time) in [(7, 20.0, 1), (8, 19.0, 2), (7, 22.0, 3)] {
        batch.push((sensor, value), Timestamp::from_millis(time));
    }
    reduce.emit(&mut batch).unwrap();
    reduce.mark(Mark::Watermark(Timestamp::MAX)).unwrap();
    output.events()
}

fn batch<T: Clone>(records: &[(T, i64)]) -> Event<T> {
    let mut batch = Batch::new();
    for (record, time) in records {
        batch.push(record.clone(), Timestamp::from_millis(*time));
    }
    Event::Batch(batch)
}

const END: i64 = i64::MAX;

#[test]
fn in_streaming_mode_each_record_updates_the_result_of_its_key() {
    let end = Event::Mark(Mark::Watermark(Timestamp::MAX));
    let averages = run(RuntimeMode::Streaming, Aggregate(Average), KeyAndValue);
    assert_eq!(averages, [batch(&[((7, 20.0), 1), ((8, 19.0), 2), ((7, 21.0), 3)]), end]);

    let end = Event::Mark(Mark::Watermark(Timestamp::MAX));
    let counts = run(RuntimeMode::Streaming, Count, KeyAndValue);
    assert_eq!(counts, [batch(&[((7, 1), 1), ((8, 1), 2), ((7, 2), 3)]), end]);
}

#[test]
fn in_batch_mode_each_key_has_one_result_with_the_last_timestamp() {
    let fold = Fold {
        initial: String::from("|"),
        function: |line: &mut String, (_, value): Reading| line.push_str(&format!("{value}|")),
    };
    let mut events = run(RuntimeMode::Batch, fold, KeyAndValue);
    assert_eq!(events.pop(), Some(Event::Mark(Mark::Watermark(Timestamp::MAX))));
    let Some(Event::Batch(mut lines)) = events.pop() else { panic!("there must be results") };
    let mut lines: Vec<_> = lines.drain().collect();
    lines.sort();
    assert_eq!(lines, [((7, "|20|22|".to_owned()), END.into()), ((8, "|19|".to_owned()), END.into())]);

    let sums = run(RuntimeMode::Batch, Reduce(|sum: &mut Reading, (_, value)| sum.1 += value), ValueOnly);
    let (one, other) =
        (batch(&[((7, 42.0), END), ((8, 19.0), END)]), batch(&[((8, 19.0), END), ((7, 42.0), END)]));
    assert!(sums[0] == one || sums[0] == other, "{sums:?}");
}
