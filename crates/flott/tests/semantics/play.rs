//! Plays scripts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flott::Timestamp;
use flott_core::FailureCause;

use super::{
    compare::difference,
    jobs::{Form, Job},
    scenario::{Emitted, Event, Scenario, Step, scenarios},
};

/// Plays all scenarios of an area and says which came out otherwise than in Flink.
pub(crate) fn area(name: &str) {
    area_with(name, play);
}

/// Plays all scenarios of an area with `play`, which says what is wrong, if anything.
pub(crate) fn area_with(name: &str, play: impl Fn(&Scenario, Form) -> Option<String>) {
    let mut report = String::new();
    let mut count = 0;
    for scenario in scenarios(name) {
        count += 1;
        for form in Form::of(&scenario) {
            let result = catch_unwind(AssertUnwindSafe(|| play(&scenario, form)));
            let problem = match result {
                Ok(problem) => problem,
                Err(panic) => Some(format!("    panicked: {}\n", message(panic.as_ref()))),
            };
            if let Some(problem) = problem {
                report += &format!("{} ({form:?}): {}\n{problem}", scenario.name, scenario.description);
            }
        }
    }
    assert!(report.is_empty(), "of {count} scenarios these came out otherwise than in Flink:\n{report}");
}

fn message(panic: &dyn std::any::Any) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// What is wrong, if anything.
fn play(scenario: &Scenario, form: Form) -> Option<String> {
    let job = Job::build(scenario, form);
    let mut emitted = Vec::new();
    let result = run(scenario, &job, &mut emitted);
    let late = || job.harness.count_of("numLateRecordsDropped");
    judge(scenario, form, result, &emitted, late)
}

/// What is wrong with how a scenario came out, if anything.
pub(crate) fn judge(
    scenario: &Scenario,
    form: Form,
    result: Result<(), FailureCause>,
    emitted: &[Emitted],
    dropped: impl Fn() -> Option<u64>,
) -> Option<String> {
    match (result, &scenario.error) {
        (Ok(()), None) => difference(scenario, form, emitted).or_else(|| late(scenario, dropped())),
        (Err(_), Some(_)) => None,
        (Ok(()), Some(error)) => Some(format!("    should have failed, as in Flink with: {error}\n")),
        (Err(cause), None) => Some(format!("    failed: {cause}\n")),
    }
}

fn run(scenario: &Scenario, job: &Job, emitted: &mut Vec<Emitted>) -> Result<(), FailureCause> {
    let mut note = |after: usize| {
        // In batch mode all that comes out is noted for the end of the input.
        let after = if scenario.is_batch() { scenario.script.len() } else { after };
        emitted.extend(job.emitted().into_iter().map(|one| Emitted { after, ..one }));
    };
    job.harness.try_run()?;
    for (index, step) in scenario.script.iter().enumerate() {
        perform(step, job)?;
        note(index);
    }
    if scenario.job.get("canceled").is_none() {
        for (_, input) in &job.inputs {
            input.try_end()?;
        }
        note(scenario.script.len());
    }
    Ok(())
}

pub(crate) fn perform(step: &Step, job: &Job) -> Result<(), FailureCause> {
    if let Some(clock) = step.clock {
        return job.harness.try_set_processing_time(clock);
    }
    let (_, input) = job.inputs.iter().find(|(name, _)| *name == step.input).unwrap();
    if let Some(record) = &step.record {
        let timestamp = step.timestamp.map_or(Timestamp::MIN, Timestamp::from_millis);
        return input.try_push(Event::of(record), timestamp);
    }
    if let Some(watermark) = step.watermark {
        return input.try_watermark(watermark);
    }
    assert!(step.idle || step.active, "an empty step");
    input.set_idle(step.idle);
    Ok(())
}

/// What is wrong with the number of late records.
fn late(scenario: &Scenario, found: Option<u64>) -> Option<String> {
    let expected = scenario.late_records_dropped?;
    (found != Some(expected))
        .then(|| format!("    numLateRecordsDropped is {found:?} instead of {expected}\n"))
}
