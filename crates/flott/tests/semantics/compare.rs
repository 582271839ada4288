//! Whether two runs are the same, as far as it is defined.

use std::fmt::Write;

use serde_json::Value;

use super::{
    jobs::Form,
    scenario::{Emitted, Scenario},
};

/// What is wrong with `actual`, if anything.
pub(crate) fn difference(scenario: &Scenario, form: Form, actual: &[Emitted]) -> Option<String> {
    let is_batch = scenario.is_batch();
    let expected = lines(&scenario.outputs, is_session(scenario));
    let found = lines(actual, is_session(scenario));
    let mut text = String::new();
    for after in 0..=scenario.script.len() {
        let of = |all: &[(Emitted, String)]| -> Vec<String> {
            let mut lines: Vec<String> =
                all.iter().filter(|(one, _)| one.after == after).map(|(_, line)| line.clone()).collect();
            lines.sort();
            lines
        };
        let (mut missing, mut surplus) = (of(&expected), of(&found));
        remove_common(&mut missing, &mut surplus);
        for line in missing {
            _ = writeln!(text, "    after {after}: missing {line}");
        }
        for line in surplus {
            _ = writeln!(text, "    after {after}: surplus {line}");
        }
        // Triggers of one time may fire in any order, whatever their windows' ends.
        let in_order = !is_batch && form != Form::Parallel && scenario.job.get("trigger").is_none();
        if in_order && rises(&scenario.outputs, after) && !rises(actual, after) {
            _ = writeln!(text, "    after {after}: timestamps fall");
        }
        if !is_batch && marks(&scenario.outputs, after) != marks(actual, after) {
            _ = writeln!(
                text,
                "    after {after}: marks are in another order, or stand elsewhere between records"
            );
        }
    }
    (!text.is_empty()).then_some(text)
}

fn remove_common(one: &mut Vec<String>, other: &mut Vec<String>) {
    one.retain(|line| match other.iter().position(|candidate| candidate == line) {
        Some(at) => {
            other.remove(at);
            false
        }
        None => true,
    });
}

/// Each output, and its text for comparison.
fn lines(all: &[Emitted], is_session: bool) -> Vec<(Emitted, String)> {
    let lines = all.iter().map(|one| {
        let mut comparable = one.clone();
        // Of sessions that merge it is not defined which one's record is the first.
        if is_session
            && one.tag.is_none()
            && let Some(record) = comparable.record.as_mut().and_then(Value::as_object_mut)
        {
            record.remove("id");
        }
        (one.clone(), serde_json::to_string(&comparable).unwrap())
    });
    lines.collect()
}

fn is_session(scenario: &Scenario) -> bool {
    scenario.job["windows"]["type"].as_str().is_some_and(|name| name.starts_with("session"))
}

/// Whether timestamps of the records of the main output never fall.
fn rises(all: &[Emitted], after: usize) -> bool {
    let times: Vec<i64> = all
        .iter()
        .filter(|one| one.after == after && one.tag.is_none() && one.record.is_some())
        .filter_map(|one| one.timestamp)
        .collect();
    times.is_sorted()
}

/// Where marks stand between the records.
fn marks(all: &[Emitted], after: usize) -> Vec<(usize, String)> {
    let main = all.iter().filter(|one| one.after == after && one.tag.is_none());
    let marks = main.enumerate().filter(|(_, one)| one.record.is_none());
    marks.map(|(at, one)| (at, serde_json::to_string(one).unwrap())).collect()
}
