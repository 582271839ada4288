use std::time::Duration;

use flott::{WatermarkGenerator, WatermarkOutput, prelude::*, watermark::TimestampAssigner};
use serde_json::Value;

use super::Job;
use crate::{
    job::{count, flag, millis, number, text},
    scenario::Event,
};

/// The input with the timestamps and watermarks that `assign` asks for, if it does.
pub(crate) fn assigned(
    job: &Job,
    input: &str,
    stream: DataStream<Event>,
    assign: &Value,
) -> DataStream<Event> {
    let only = assign.get("inputs").map(|inputs| inputs.as_array().unwrap());
    if assign.is_null() || only.is_some_and(|names| !names.iter().any(|name| name == input)) {
        return stream;
    }
    if assign.get("interval").is_some() {
        job.harness.env().set_auto_watermark_interval(millis(assign, "interval"));
    }
    match text(assign, "strategy") {
        "monotonous" => timestamped(&stream, WatermarkStrategy::for_monotonous_timestamps(), assign),
        "bounded" => {
            let bound = Duration::from_millis(count(assign, "bound"));
            timestamped(&stream, WatermarkStrategy::for_bounded_out_of_orderness(bound), assign)
        }
        "none" => timestamped(&stream, WatermarkStrategy::no_watermarks(), assign),
        "punctuated" => timestamped(&stream, WatermarkStrategy::for_generator(Punctuated), assign),
        "periodic" => {
            timestamped(&stream, WatermarkStrategy::for_generator(LastSeen(Timestamp::MIN)), assign)
        }
        strategy => panic!("no such strategy: {strategy}"),
    }
}

fn timestamped<G>(
    stream: &DataStream<Event>,
    strategy: WatermarkStrategy<G>,
    assign: &Value,
) -> DataStream<Event>
where
    G: WatermarkGenerator<Event> + Clone + Sync + 'static,
{
    if flag(assign, "timestamp_from_value") {
        return idle(stream, strategy.with_timestamp_assigner(|event: &Event, _| event.value), assign);
    }
    if let Some(by) = number(assign, "timestamp_shift") {
        let shifted =
            strategy.with_timestamp_assigner(move |_: &Event, timestamp| timestamp.as_millis() + by);
        return idle(stream, shifted, assign);
    }
    idle(stream, strategy, assign)
}

fn idle<G, A>(
    stream: &DataStream<Event>,
    strategy: WatermarkStrategy<G, A>,
    assign: &Value,
) -> DataStream<Event>
where
    G: WatermarkGenerator<Event> + Clone + Sync + 'static,
    A: TimestampAssigner<Event> + Clone + Sync + 'static,
{
    let strategy = match assign.get("idleness") {
        Some(_) => strategy.with_idleness(millis(assign, "idleness")),
        None => strategy,
    };
    (*stream.assign_timestamps_and_watermarks(strategy)).clone()
}

/// A watermark at the timestamp of each record with the key "w".
#[derive(Clone)]
struct Punctuated;

impl WatermarkGenerator<Event> for Punctuated {
    fn on_event(&mut self, event: &Event, timestamp: Timestamp, output: &mut WatermarkOutput) {
        if event.key == "w" {
            output.emit_watermark(timestamp);
        }
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

/// Periodically the last timestamp seen, even if it is lower than before.
#[derive(Clone)]
struct LastSeen(Timestamp);

impl WatermarkGenerator<Event> for LastSeen {
    fn on_event(&mut self, _: &Event, timestamp: Timestamp, _: &mut WatermarkOutput) {
        self.0 = timestamp;
    }

    fn on_periodic_emit(&mut self, output: &mut WatermarkOutput) {
        output.emit_watermark(self.0);
    }
}
