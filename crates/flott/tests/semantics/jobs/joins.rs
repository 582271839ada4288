use std::time::Duration;

use flott::{JoinContext, ProcessJoinFunction, prelude::*, windowing::TimeOffset};
use serde_json::{Value, json};

use super::Job;
use crate::{
    job::{count, flag, millis, number, text},
    scenario::Event,
};

pub(crate) fn build(run: &Job, job: &Value, left: &DataStream<Event>, right: &DataStream<Event>) {
    match text(job, "kind") {
        "interval_join" => interval(run, job, left, right),
        "join" => join(run, job, left, right),
        "co_group" => co_group(run, job, left, right),
        kind => panic!("no such kind of join: {kind}"),
    }
}

/// Sets windows and lateness, and goes on with `$joined`.
macro_rules! windowed {
    ($streams:expr, $job:ident, |$joined:ident| $then:expr) => {{
        let by_key =
            $streams.where_key(|event: &Event| event.key.clone()).equal_to(|event: &Event| event.key.clone());
        let windows = &$job["windows"];
        let offset = TimeOffset::from_millis(number(windows, "offset").unwrap_or_default());
        let lateness = $job.get("lateness").map_or(Duration::ZERO, |_| millis($job, "lateness"));
        match (text(windows, "type"), text(windows, "time") == "processing") {
            ("tumbling", false) => {
                let assigner = TumblingEventTimeWindows::of(millis(windows, "size")).offset(offset);
                let $joined = by_key.window(assigner).allowed_lateness(lateness);
                $then
            }
            ("tumbling", true) => {
                let assigner = TumblingProcessingTimeWindows::of(millis(windows, "size")).offset(offset);
                let $joined = by_key.window(assigner).allowed_lateness(lateness);
                $then
            }
            ("sliding", false) => {
                let (size, slide) = (millis(windows, "size"), millis(windows, "slide"));
                let assigner = SlidingEventTimeWindows::of(size, slide).offset(offset);
                let $joined = by_key.window(assigner).allowed_lateness(lateness);
                $then
            }
            ("session", false) => {
                let assigner = EventTimeSessionWindows::with_gap(millis(windows, "gap"));
                let $joined = by_key.window(assigner).allowed_lateness(lateness);
                $then
            }
            // The only trigger that the scenarios have here.
            ("global", _)
                if $job["trigger"]["type"] == "purging" && $job["trigger"]["of"]["type"] == "count" =>
            {
                let trigger = PurgingTrigger::of(CountTrigger::of(count(&$job["trigger"]["of"], "count")));
                let $joined = by_key.window(GlobalWindows::create()).trigger(trigger);
                $then
            }
            _ => panic!("no such windows: {windows}"),
        }
    }};
}

fn join(run: &Job, job: &Value, left: &DataStream<Event>, right: &DataStream<Event>) {
    let pair = |left: &Event, right: &Event| {
        json!({ "key": left.key, "left": left.id, "right": right.id }).to_string()
    };
    windowed!(left.join(right), job, |joined| run.probe(&*joined.apply(pair), job));
}

fn co_group(run: &Job, job: &Value, left: &DataStream<Event>, right: &DataStream<Event>) {
    windowed!(left.co_group(right), job, |groups| {
        let groups = groups.apply(|left: Vec<Event>, right: Vec<Event>, context| {
            let (left, right) = (sorted_ids(&left), sorted_ids(&right));
            context.emit(json!({ "key": context.key(), "left": left, "right": right }).to_string());
        });
        run.probe(&*groups, job);
    });
}

fn sorted_ids(events: &[Event]) -> Vec<i64> {
    let mut ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    ids
}

fn interval(run: &Job, job: &Value, left: &DataStream<Event>, right: &DataStream<Event>) {
    let (left, right) = (left.key_by(|event| event.key.clone()), right.key_by(|event| event.key.clone()));
    let bound = |name| TimeOffset::from_millis(number(job, name).unwrap());
    let mut join = left.interval_join(&right).between(bound("lower"), bound("upper"));
    if flag(job, "lower_exclusive") {
        join = join.lower_bound_exclusive();
    }
    if flag(job, "upper_exclusive") {
        join = join.upper_bound_exclusive();
    }
    if !flag(job, "late_outputs") {
        return run.probe(&*join.process(Pairs), job);
    }
    let tags = (OutputTag::new("left_late"), OutputTag::new("right_late"));
    let pairs = join.side_output_left_late_data(&tags.0).side_output_right_late_data(&tags.1).process(Pairs);
    run.probe(&*pairs, job);
    run.probe_side(&pairs.side_output(&tags.0), "left_late");
    run.probe_side(&pairs.side_output(&tags.1), "right_late");
}

#[derive(Clone)]
struct Pairs;

impl ProcessJoinFunction<Event, Event> for Pairs {
    type Out = String;

    fn process(
        &mut self,
        left: &Event,
        right: &Event,
        context: &mut JoinContext<'_, String>,
    ) -> Result<(), BoxError> {
        let pair = json!({
            "key": left.key,
            "left": left.id,
            "right": right.id,
            "left_timestamp": context.left_timestamp().as_millis(),
            "right_timestamp": context.right_timestamp().as_millis(),
            "timestamp": context.timestamp().as_millis(),
        });
        context.emit(pair.to_string());
        Ok(())
    }
}
