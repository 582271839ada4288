use flott::prelude::*;
use serde_json::Value;

use super::Job;
use crate::{
    job::{flag, text},
    scenario::Event,
};

pub(crate) fn build(run: &Job, job: &Value, stream: &DataStream<Event>) {
    let keyed = stream.key_by(|event| event.key.clone());
    let last = job.get("first").is_some() && !flag(job, "first");
    let results = match (text(job, "aggregate"), last) {
        ("sum", _) => keyed.sum(|event| &mut event.value),
        ("min", _) => keyed.min(|event| &mut event.value),
        ("max", _) => keyed.max(|event| &mut event.value),
        ("min_by", false) => keyed.min_by(|event| event.value),
        ("max_by", false) => keyed.max_by(|event| event.value),
        // There is no method of its own for the last of equal ones.
        ("min_by", true) => keyed.reduce(|least, event| {
            if event.value <= least.value {
                *least = event
            }
        }),
        ("max_by", true) => keyed.reduce(|most, event| {
            if event.value >= most.value {
                *most = event
            }
        }),
        ("reduce", _) => keyed.reduce(|sum, event| sum.value += event.value),
        (aggregate, _) => panic!("no such aggregate: {aggregate}"),
    };
    run.probe(&results, job);
}
