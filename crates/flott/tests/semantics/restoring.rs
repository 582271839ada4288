//! Plays scripts with a failure in the middle, after which the job goes on from a snapshot: what comes out must be the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use flott::testing::{SnapshotOptions, TestHarness};
use flott_core::FailureCause;

use super::{
    jobs::{Form, Job},
    play::{area_with, judge, perform},
    scenario::{Emitted, Scenario},
};

/// How often each scenario is played, with a failure elsewhere each time.
const FAILURES: u64 = 2;

/// Elements that are processed while the snapshot is written, and then lost.
const LOST: usize = 4;

pub(crate) fn area(name: &str) {
    area_with(name, |scenario, form| {
        // Batch jobs take no checkpoints. What a generator of watermarks has seen is not part of them, as in Flink.
        if scenario.is_batch() || scenario.job.get("assign").is_some() {
            return None;
        }
        (0..FAILURES).find_map(|failure| {
            let mut hasher = DefaultHasher::new();
            (&scenario.name, failure).hash(&mut hasher);
            let at = hasher.finish() as usize % (scenario.script.len() + 1);
            // Of an input that was idle nobody knows afterwards how far it lags behind the others.
            let first_idle = scenario.script.iter().position(|step| step.idle);
            let at =
                if scenario.inputs().len() > 1 { first_idle.map_or(at, |idle| at.min(idle)) } else { at };
            let problem = play(scenario, form, at, failure % 2 == 1)?;
            Some(format!(
                "    failing before {at}, {}:\n{problem}",
                if failure % 2 == 1 { "slowly" } else { "at once" }
            ))
        })
    });
}

/// What is wrong, if anything. `slow`: the snapshot is written as slowly as possible.
fn play(scenario: &Scenario, form: Form, at: usize, slow: bool) -> Option<String> {
    let options =
        if slow { SnapshotOptions { in_files: true, piece: Some(1) } } else { SnapshotOptions::default() };
    let (first, second) = if slow { (3, 2) } else { (2, 3) };
    let harness = TestHarness::new().with_snapshot_options(options);
    let mut run = Run { scenario, emitted: Vec::new(), watermark: None, is_restored: false, dropped: None };
    let job = Job::within(harness, scenario, form, first);
    let mut restored = None;
    let result = (|| {
        job.harness.try_run()?;
        run.play(&job, 0..at)?;
        run.dropped = job.harness.count_of("numLateRecordsDropped");
        job.harness.begin_snapshot();
        if scenario.error.is_none() {
            for step in scenario.script[at..].iter().take(LOST) {
                perform(step, &job)?;
            }
        }
        let snapshot = job.harness.finish_snapshot();
        let job = Job::within(TestHarness::restored(&snapshot), scenario, form, second);
        run.is_restored = true;
        job.harness.try_run()?;
        run.resume_idleness(&job, at);
        run.note(&job, at);
        let result = run.play(&job, at..scenario.script.len()).and_then(|()| run.end(&job));
        restored = Some(job);
        result
    })();
    let dropped = || {
        let later = restored.as_ref().and_then(|job| job.harness.count_of("numLateRecordsDropped"));
        run.dropped.map_or(later, |before| Some(before + later.unwrap_or(0)))
    };
    judge(scenario, form, result, &run.emitted, dropped)
}

struct Run<'a> {
    scenario: &'a Scenario,
    emitted: Vec<Emitted>,
    /// The last one that came out.
    watermark: Option<i64>,
    is_restored: bool,
    /// Late records before the failure.
    dropped: Option<u64>,
}

impl Run<'_> {
    fn play(&mut self, job: &Job, steps: std::ops::Range<usize>) -> Result<(), FailureCause> {
        for index in steps {
            perform(&self.scenario.script[index], job)?;
            self.note(job, index);
        }
        Ok(())
    }

    fn end(&mut self, job: &Job) -> Result<(), FailureCause> {
        if self.scenario.job.get("canceled").is_none() {
            for (_, input) in &job.inputs {
                input.try_end()?;
            }
            self.note(job, self.scenario.script.len());
        }
        Ok(())
    }

    /// Sources say again that they are idle.
    fn resume_idleness(&mut self, job: &Job, at: usize) {
        for (name, input) in &job.inputs {
            let mut steps =
                self.scenario.script[..at].iter().filter(|step| step.clock.is_none() && step.input == *name);
            if steps.rfind(|step| step.idle || step.active).is_some_and(|step| step.idle) {
                input.set_idle(true);
            }
        }
        // That was known before.
        let nothing_new = |emitted: &Emitted| emitted.record.is_some();
        self.emitted.extend(job.emitted().into_iter().filter(nothing_new));
    }

    /// Notes what has come out after an element. Watermarks that were known before the failure come once more.
    fn note(&mut self, job: &Job, after: usize) {
        for one in job.emitted() {
            if let Some(watermark) = one.watermark {
                if self.is_restored && self.watermark.is_some_and(|known| watermark <= known) {
                    continue;
                }
                self.watermark = Some(watermark);
            }
            self.emitted.push(Emitted { after, ..one });
        }
    }
}
