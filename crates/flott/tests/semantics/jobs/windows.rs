use flott::prelude::*;
use serde_json::{Value, json};

use super::Job;
use crate::{
    assigners::TimeWindows,
    evictors::AnyEvictor,
    job::{count, flag, millis, text},
    scenario::Event,
    triggers::AnyTrigger,
};

/// A window as the scenarios write it.
trait ShownWindow: Window {
    fn shown(&self) -> Value;
}

impl ShownWindow for TimeWindow {
    fn shown(&self) -> Value {
        json!([self.start().as_millis(), self.end().as_millis()])
    }
}

impl ShownWindow for GlobalWindow {
    fn shown(&self) -> Value {
        json!("global")
    }
}

/// A key as the scenarios write it; none on streams without keys.
trait ShownKey: flott::Key {
    fn shown(&self) -> Option<&str>;
}

impl ShownKey for String {
    fn shown(&self) -> Option<&str> {
        Some(self)
    }
}

impl ShownKey for () {
    fn shown(&self) -> Option<&str> {
        None
    }
}

/// What all process functions emit: this and the window; with keys, key and watermark too.
fn emit<K: ShownKey, W: ShownWindow>(mut what: Value, context: &mut WindowContext<'_, K, W, String>) {
    what["window"] = context.window().shown();
    if let Some(key) = context.key().shown() {
        what["key"] = json!(key);
        if what.get("window_firings").is_none() {
            what["watermark"] = json!(context.current_watermark().as_millis());
        }
    }
    context.emit(what.to_string());
}

fn ids(events: &[Event], sorted: bool) -> Vec<i64> {
    let mut ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    if sorted {
        ids.sort_unstable();
    }
    ids
}

/// Count and sum.
#[derive(Clone)]
struct CountAndSum;

impl AggregateFunction<Event> for CountAndSum {
    type Accumulator = (u64, i64);
    type Output = (u64, i64);

    fn create(&self) -> (u64, i64) {
        (0, 0)
    }

    fn add(&self, accumulator: &mut (u64, i64), event: Event) {
        accumulator.0 += 1;
        accumulator.1 += event.value;
    }

    fn result(&self, accumulator: &(u64, i64)) -> (u64, i64) {
        *accumulator
    }

    fn merge(&self, accumulator: &mut (u64, i64), other: (u64, i64)) {
        accumulator.0 += other.0;
        accumulator.1 += other.1;
    }
}

const FIRED: &str = "fired";

/// Counts firings of the window and of the key.
#[derive(Clone)]
struct Firings<W> {
    sorted: bool,
    of_window: ValueState<u64, W>,
    of_key: ValueState<u64>,
}

impl<W> Firings<W> {
    fn new(sorted: bool) -> Self {
        Self { sorted, of_window: ValueState::default(), of_key: ValueState::default() }
    }
}

impl<W: ShownWindow> ProcessWindowFunction<Vec<Event>, String, W> for Firings<W> {
    type Out = String;

    fn open(&mut self, context: &mut WindowOpenContext<'_, String, W>) -> Result<(), BoxError> {
        self.of_key = context.global_state().value("of key")?;
        self.of_window = context.window_state()?.value("of window")?;
        Ok(())
    }

    fn process(
        &mut self,
        events: Vec<Event>,
        context: &mut WindowContext<'_, String, W, String>,
    ) -> Result<(), BoxError> {
        *self.of_window.get_or_default(context) += 1;
        *self.of_key.get_or_default(context) += 1;
        let (of_window, of_key) =
            (*self.of_window.get_or_default(context), *self.of_key.get_or_default(context));
        let ids = ids(&events, self.sorted);
        emit(json!({ "ids": ids, "window_firings": of_window, "key_firings": of_key }), context);
        let fired = json!({ "key": context.key(), "firing": of_key });
        context.output(&OutputTag::new(FIRED), fired.to_string());
        Ok(())
    }

    fn clear(&mut self, context: &mut WindowContext<'_, String, W, String>) -> Result<(), BoxError> {
        self.of_window.clear(context);
        Ok(())
    }
}

fn late() -> OutputTag<Event> {
    OutputTag::new("late")
}

/// Reads the results of windows, or goes on with them as the job says.
fn results(run: &Job, job: &Value, stream: &SingleOutputStream<Event>) {
    match job.get("then") {
        Some(then) => run.run(then, std::slice::from_ref(&**stream)),
        None => run.probe(&**stream, job),
    }
    sides(run, job, stream);
}

fn texts(run: &Job, job: &Value, stream: &SingleOutputStream<String>) {
    run.probe(&**stream, job);
    sides(run, job, stream);
}

fn sides<T: flott::Record>(run: &Job, job: &Value, stream: &SingleOutputStream<T>) {
    if flag(job, "late_output") {
        run.probe_side(&stream.side_output(&late()), "late");
    }
    if text(job, "function") == "process_state" {
        run.probe_side(&stream.side_output(&OutputTag::<String>::new(FIRED)), FIRED);
    }
}

/// Applies one of the functions that all windows have. Whether it was one.
macro_rules! any {
    ($run:ident, $job:ident, $windows:expr) => {{
        let (windows, sorted) = ($windows, is_session($job));
        match text($job, "function") {
            "reduce" => results($run, $job, &windows.reduce(|sum, event| sum.value += event.value)),
            "process" => {
                let ids = windows.apply(move |events, context| emit(json!({ "ids": ids(&events, sorted) }), context));
                texts($run, $job, &ids);
            }
            "reduce_process" => {
                let sums = windows.reduce_with(
                    |sum: &mut Event, event| sum.value += event.value,
                    |sum, context| emit(json!({ "value": sum.value, "id": sum.id }), context),
                );
                texts($run, $job, &sums);
            }
            "aggregate_process" => {
                let sums = windows.aggregate_with(CountAndSum, |(count, sum), context| {
                    emit(json!({ "count": count, "sum": sum }), context);
                });
                texts($run, $job, &sums);
            }
            function => panic!("no such function of these windows: {function}"),
        }
    }};
}

/// Applies a function to windows over all keys.
macro_rules! all {
    ($run:ident, $job:ident, $windows:expr) => {{
        let windows = $windows;
        if text($job, "function") == "aggregate" {
            let sums = windows.aggregate(CountAndSum);
            run_counts($run, $job, &sums, |(count, sum)| json!({ "count": count, "sum": sum }));
        } else {
            any!($run, $job, windows);
        }
    }};
}

/// Applies a function to windows of each key.
macro_rules! keyed {
    ($run:ident, $job:ident, $windows:expr) => {{
        let windows = $windows;
        let last = $job.get("first").is_some() && !flag($job, "first");
        match (text($job, "function"), last) {
            ("aggregate", _) => {
                let sums = windows.aggregate(CountAndSum);
                run_counts($run, $job, &sums, |(key, (count, sum))| {
                    json!({ "key": key, "count": count, "sum": sum })
                });
            }
            ("sum", _) => results($run, $job, &windows.sum(|event| &mut event.value)),
            ("min", _) => results($run, $job, &windows.min(|event| &mut event.value)),
            ("max", _) => results($run, $job, &windows.max(|event| &mut event.value)),
            ("min_by", false) => results($run, $job, &windows.min_by(|event| event.value)),
            ("max_by", false) => results($run, $job, &windows.max_by(|event| event.value)),
            // There is no method of its own for the last of equal ones.
            ("min_by", true) => {
                let least = |least: &mut Event, event: Event| if event.value <= least.value { *least = event };
                results($run, $job, &windows.reduce(least));
            }
            ("max_by", true) => {
                let most = |most: &mut Event, event: Event| if event.value >= most.value { *most = event };
                results($run, $job, &windows.reduce(most));
            }
            ("process_state", _) => texts($run, $job, &windows.process(Firings::new(is_session($job)))),
            _ => any!($run, $job, windows),
        }
    }};
}

/// Sets what the job asks for and goes on with one of the macros above.
macro_rules! set {
    ($run:ident, $job:ident, $windows:expr, $apply:ident) => {{
        let mut windows = $windows;
        if $job.get("lateness").is_some() {
            windows = windows.allowed_lateness(millis($job, "lateness"));
        }
        if flag($job, "late_output") {
            windows = windows.side_output_late_data(&late());
        }
        match ($job.get("trigger").map(AnyTrigger::of), $job.get("evictor").map(AnyEvictor::of)) {
            (None, None) => $apply!($run, $job, windows),
            (Some(trigger), None) => $apply!($run, $job, windows.trigger(trigger)),
            (None, Some(evictor)) => any!($run, $job, windows.evictor(evictor)),
            (Some(trigger), Some(evictor)) => any!($run, $job, windows.trigger(trigger).evictor(evictor)),
        }
    }};
}

pub(crate) fn build(run: &Job, job: &Value, stream: &DataStream<Event>) {
    let windows = &job["windows"];
    let is_count = text(windows, "type") == "count";
    let slide = windows.get("slide").filter(|_| is_count).map(|_| count(windows, "slide"));
    let size = || count(windows, "size");
    let keyed = stream.key_by(|event| event.key.clone());
    match (flag(job, "all"), TimeWindows::of(windows)) {
        (false, Some(assigner)) => set!(run, job, keyed.window(assigner), keyed),
        (true, Some(assigner)) => set!(run, job, stream.window_all(assigner), all),
        (false, None) if is_count => match slide {
            None => set!(run, job, keyed.count_window(size()), any),
            Some(slide) => any!(run, job, keyed.count_window_sliding(size(), slide)),
        },
        (true, None) if is_count => match slide {
            None => any!(run, job, stream.count_window_all(size())),
            Some(slide) => any!(run, job, stream.count_window_all_sliding(size(), slide)),
        },
        (false, None) if flag(windows, "end_of_stream") => {
            any!(run, job, keyed.window(GlobalWindows::create_with_end_of_stream_trigger()));
        }
        (false, None) => set!(run, job, keyed.window(GlobalWindows::create()), keyed),
        (true, None) => set!(run, job, stream.window_all(GlobalWindows::create()), any),
    }
}

fn run_counts<T: flott::Record>(
    run: &Job,
    job: &Value,
    counts: &SingleOutputStream<T>,
    shown: impl Fn(T) -> Value + Clone + Send + Sync + 'static,
) {
    run.probe(&*counts.map(move |count| shown(count).to_string()), job);
    sides(run, job, counts);
}

/// The order of records after a merge is not defined.
fn is_session(job: &Value) -> bool {
    text(&job["windows"], "type").starts_with("session")
}
