//! Events in any order, also those that can't come.

use flott_core::{ExecutionState, deployment::EnumeratedSplits, time::Timestamp};
use proptest::{prelude::*, test_runner::RngSeed};

use super::*;
use crate::protocol::{AlignedWatermark, Refusal};

const NAMES: [&str; 3] = ["a", "b", "c"];

fn name() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(NAMES.as_slice())
}

fn state() -> impl Strategy<Value = TaskState> {
    prop_oneof![
        3 => Just(TaskState::Initializing),
        3 => Just(TaskState::Running),
        9 => Just(TaskState::Finished),
        3 => Just(TaskState::Canceled),
        1 => Just(failed(FailureKind::Panic, "boom")),
        1 => Just(failed(FailureKind::ConnectionLost, "echo")),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let subtask = (0..3_u32, 0..3_u32).prop_map(|(vertex, subtask)| SubtaskId::new(vertex, subtask));
    prop_oneof![
        2 => Just(Event::Started),
        1 => Just(Event::CancelRequested),
        3 => Just(Event::TimerFired),
        6 => (name(), 0..2_u32).prop_map(|(name, slot)| granted(name, slot)),
        1 => name().prop_map(lost),
        1 => name().prop_map(|name| Event::TaskManagerReregistered {
            task_manager_id: tm(name),
            fence: fence(name),
        }),
        6 => (name(), 0..40_u64).prop_map(|(name, sequence)| ready(name, sequence)),
        1 => (name(), 0..40_u64)
            .prop_map(|(name, sequence)| ended(name, sequence, FailureKind::TaskHostExit, "exited")),
        24 => (name(), 0..40_u64, 0..2_u32, 0..2_u32, state())
            .prop_map(|(name, sequence, vertex, subtask, state)| task(name, sequence, vertex, subtask, state)),
        1 => name().prop_map(|name| Event::OrderRefused {
            task_manager_id: tm(name),
            registration_id: registration(name),
            order: "deploy tasks",
            reason: Refusal::NoTaskHost,
        }),
        4 => (subtask.clone(), 0..2_u32, 0..4_u64).prop_map(|(subtask, attempt, request_id)| {
            Event::SplitRequested { subtask, attempt: AttemptNumber(attempt), request_id }
        }),
        1 => (subtask.clone(), 0..2_u32, any::<Option<i64>>()).prop_map(|(subtask, attempt, watermark)| {
            let (attempt, group) = (AttemptNumber(attempt), "group".into());
            let watermark = watermark.map(Timestamp::from_millis);
            let report = AlignedWatermark { subtask, attempt, group, watermark };
            Event::WatermarksReported { watermarks: vec![report] }
        }),
        2 => (subtask, 1..3_u64, any::<bool>()).prop_map(|(subtask, report_id, complete)| Event::SplitsEnumerated {
            subtask,
            attempt: AttemptNumber(0),
            splits: EnumeratedSplits { report_id, result: Ok(vec![vec![1], vec![2]]), complete },
        }),
    ]
}

/// Slots that the job has been given and that are neither lost nor returned, as the ResourceManager would count.
fn track(held: &mut std::collections::BTreeSet<AllocationId>, event: &Event, effects: &[Effect]) {
    match event {
        Event::SlotGranted(slot) => {
            held.insert(slot.allocation_id);
        }
        Event::TaskManagerLost { task_manager_id, .. } => {
            let name = task_manager_id.as_str();
            held.retain(|it| (0..2).all(|slot| *it != allocation(name, slot)));
        }
        _ => {}
    }
    for effect in effects {
        match effect {
            Effect::ReleaseSlot { allocation_id } => {
                held.remove(allocation_id);
            }
            Effect::RequireSlots { count: 0 } => held.clear(),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        // The same cases in each run; another seed here tries others.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_job_keeps_its_promises(
        skip in any::<bool>(),
        script in prop::collection::vec((0..4_000_u64, event()), 0..80),
    ) {
        let mut job = job(graph(2, 2));
        // Left to chance, few jobs come as far as to run.
        let beginning = [Event::Started, granted("a", 0), granted("b", 0), ready("a", 0), ready("b", 0)];
        let beginning = beginning.into_iter().filter(|_| skip).map(|event| (0, event));
        let mut now = 0;
        let mut held = std::collections::BTreeSet::new();
        let mut ended = 0;
        for (wait, event) in beginning.chain(script) {
            // Mostly close together, so that not every job dies of old age.
            now += wait / 100;
            let outcome_before = job.outcome().cloned();
            let states_before: Vec<_> = job.executions().map(|it| it.state).collect();
            let effects = drive(&mut job, [(now, event.clone())]);
            track(&mut held, &event, &effects);
            ended += terminations(&effects);

            if let Some(outcome) = outcome_before {
                prop_assert_eq!(job.outcome(), Some(&outcome), "terminal stays terminal");
                prop_assert_eq!(orders(&effects), vec![]);
            }
            for (old, new) in states_before.into_iter().zip(job.executions()) {
                prop_assert!(!old.is_terminal() || old == new.state, "{:?} became {:?}", old, new);
                prop_assert_eq!(new.state_times.last().map(|it| it.0), Some(new.state));
            }
            match job.outcome() {
                Some(Outcome::Finished) => {
                    prop_assert!(job.executions().all(|it| it.state == ExecutionState::Finished));
                }
                Some(_) => prop_assert!(job.executions().all(|it| it.state.is_terminal())),
                None => {}
            }
            if job.outcome().is_some() {
                prop_assert!(held.is_empty(), "all slots are returned: {:?}", held);
                prop_assert_eq!(job.next_wakeup(), None);
                prop_assert_eq!(job.group_watermark("group"), None, "nobody waits for those that have ended");
            }
            prop_assert!(job.failures().len() <= FailureGroup::MAX);
            let shown = job.status_times().iter().filter(|(status, _)| status.is_terminal()).count();
            prop_assert_eq!(shown, usize::from(job.outcome().is_some()));
        }
        for execution in job.executions() {
            let deployed = execution.state_times.iter().filter(|(state, _)| *state == ExecutionState::Deploying);
            prop_assert!(deployed.count() <= 1, "an attempt is deployed once");
        }
        prop_assert_eq!(ended, usize::from(job.outcome().is_some()));
    }
}
