//! The jobs, built with the public API.

mod broadcast;
mod connect;
mod joins;
mod rolling;
mod timers;
mod ttl;
mod watermarks;
mod windows;

use std::cell::RefCell;

use flott::{
    prelude::*,
    testing::{StreamElement, TestHarness, TestInput, TestOutput},
};
use serde_json::{Value, json};

use super::{
    job::{flag, text},
    scenario::{Emitted, Event, Scenario},
};

/// A dataflow and what is to be read from it.
pub(crate) struct Job {
    pub(crate) harness: TestHarness,
    pub(crate) inputs: Vec<(String, TestInput<Event>)>,
    probes: RefCell<Vec<Probe>>,
}

/// How a dataflow is run. The results must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Chained,
    /// Each operator is a task of its own.
    Unchained,
    /// Operators have several subtasks.
    Parallel,
}

impl Form {
    /// Those in which this scenario can be compared.
    pub(crate) fn of(scenario: &Scenario) -> Vec<Self> {
        let job = &scenario.job;
        // Records without key would be spread, and marks come from each subtask.
        let is_keyed = !matches!(text(job, "kind"), "pass" | "connect");
        let is_parallel = is_keyed && job.get("assign").is_none() && !flag(job, "marks");
        let mut forms = vec![Self::Chained, Self::Unchained];
        forms.extend(is_parallel.then_some(Self::Parallel));
        forms
    }
}

/// Reads what has come out since the last time.
type Probe = Box<dyn Fn() -> Vec<Emitted>>;

/// What can come out of a dataflow.
pub(crate) trait Shown: flott::Record {
    fn shown(self) -> Value;
}

impl Shown for Event {
    fn shown(self) -> Value {
        let mut shown = json!({ "key": self.key, "value": self.value, "id": self.id });
        if !self.actions.is_empty() {
            shown["do"] = serde_json::from_str(&self.actions).unwrap();
        }
        shown
    }
}

/// JSON, as a text: records travel in a format that can't hold what describes itself.
impl Shown for String {
    fn shown(self) -> Value {
        serde_json::from_str(&self).unwrap()
    }
}

impl Job {
    /// The dataflow of a scenario.
    pub(crate) fn build(scenario: &Scenario, form: Form) -> Self {
        Self::within(TestHarness::new(), scenario, form, 3)
    }

    /// The dataflow in a harness of its own, with so many subtasks if they are to be several.
    pub(crate) fn within(harness: TestHarness, scenario: &Scenario, form: Form, parallelism: u32) -> Self {
        match form {
            Form::Chained => {}
            Form::Unchained => _ = harness.env().disable_operator_chaining(),
            Form::Parallel => _ = harness.env().set_parallelism(parallelism),
        }
        if scenario.is_batch() {
            harness.env().set_runtime_mode(RuntimeMode::Batch);
        }
        let inputs: Vec<(String, TestInput<Event>)> =
            scenario.inputs().into_iter().map(|name| (name, harness.input())).collect();
        let job = Self { harness, inputs, probes: RefCell::default() };
        let streams = job.inputs.iter().map(|(name, input)| {
            let stream: DataStream<Event> = (**input.stream()).clone();
            watermarks::assigned(&job, name, stream, &scenario.job["assign"])
        });
        job.run(&scenario.job, &streams.collect::<Vec<_>>());
        job
    }

    fn run(&self, job: &Value, inputs: &[DataStream<Event>]) {
        match text(job, "kind") {
            "pass" => self.probe(&union(inputs).global(), job),
            "window" => windows::build(self, job, &union(inputs)),
            "rolling" => rolling::build(self, job, &union(inputs)),
            "join" | "co_group" | "interval_join" => joins::build(self, job, &inputs[0], &inputs[1]),
            "timers" => timers::build(self, job, &union(inputs)),
            "connect_timers" => timers::build_connected(self, job, &inputs[0], &inputs[1]),
            "connect" => connect::build(self, job, &inputs[0], &inputs[1]),
            "broadcast" => broadcast::build(self, job, &inputs[0], &inputs[1]),
            "ttl" => ttl::build(self, job, &union(inputs)),
            kind => panic!("no such kind of job: {kind}"),
        }
    }

    /// Reads the main output.
    fn probe<T: Shown>(&self, stream: &DataStream<T>, job: &Value) {
        let output = self.harness.output(stream);
        let marks = flag(job, "marks");
        self.probes.borrow_mut().push(Box::new(move || read(&output, None, marks)));
    }

    /// Reads a side output.
    fn probe_side<T: Shown>(&self, stream: &DataStream<T>, tag: &'static str) {
        let output = self.harness.output(stream);
        self.probes.borrow_mut().push(Box::new(move || read(&output, Some(tag), false)));
    }

    /// What has come out since the last time.
    pub(crate) fn emitted(&self) -> Vec<Emitted> {
        self.probes.borrow().iter().flat_map(|probe| probe()).collect()
    }
}

fn union(inputs: &[DataStream<Event>]) -> DataStream<Event> {
    let (first, others) = inputs.split_first().unwrap();
    others.iter().fold(first.clone(), |union, other| union.union(other))
}

fn read<T: Shown>(output: &TestOutput<T>, tag: Option<&str>, marks: bool) -> Vec<Emitted> {
    let nothing = Emitted {
        after: 0,
        tag: tag.map(str::to_owned),
        record: None,
        watermark: None,
        idle: false,
        active: false,
        timestamp: None,
    };
    let elements = output.elements().into_iter().filter_map(|element| match element {
        StreamElement::Record(record, timestamp) => Some(Emitted {
            record: Some(record.shown()),
            timestamp: timestamp.map(Timestamp::as_millis),
            ..nothing.clone()
        }),
        StreamElement::Watermark(watermark) if marks => {
            Some(Emitted { watermark: Some(watermark.as_millis()), ..nothing.clone() })
        }
        StreamElement::Idle(idle) if marks => Some(Emitted { idle, active: !idle, ..nothing.clone() }),
        StreamElement::Watermark(_) | StreamElement::Idle(_) => None,
    });
    elements.collect()
}
