//! Events in any order, also those that can't come.

use flott_core::{ExecutionState, deployment::EnumeratedSplits, restart::RestartStrategy, time::Timestamp};
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

fn attempt() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0_u32), 2 => Just(1), 1 => Just(2)]
}

/// How the job restarts, and whether it has two regions.
fn graphs() -> impl Strategy<Value = JobGraph> {
    let strategy = prop_oneof![
        1 => Just(RestartStrategy::None),
        1 => Just(RestartStrategy::FixedDelay { attempts: 2, delay_ms: 0 }),
        3 => Just(RestartStrategy::FixedDelay { attempts: u32::MAX, delay_ms: 50 }),
        1 => Just(RestartStrategy::EXPONENTIAL),
    ];
    (strategy, any::<bool>()).prop_map(|(strategy, pointwise)| {
        let mut graph = graph(2, 2);
        graph.recovery.restart = Some(strategy);
        if pointwise {
            graph.edges[0].partitioner = Partitioner::Forward;
        }
        graph
    })
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
        8 => (name(), 0..40_u64, 0..5_u32)
            .prop_map(|(name, sequence, host)| host_ready(name, sequence, host)),
        2 => (name(), 0..40_u64, 0..5_u32)
            .prop_map(|(name, sequence, host)| host_ended(name, sequence, host, FailureKind::TaskHostExit, "exited")),
        24 => (name(), 0..40_u64, 0..2_u32, 0..2_u32, attempt(), state())
            .prop_map(|(name, sequence, vertex, subtask, attempt, state)| {
                let subtask = SubtaskId::new(vertex, subtask);
                let report = TaskReport::without_metrics(subtask, AttemptNumber(attempt), state);
                reported(name, sequence, Report::Task(report))
            }),
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
        graph in graphs(),
        skip in any::<bool>(),
        script in prop::collection::vec((0..4_000_u64, event()), 0..80),
    ) {
        let regions = pipelined_regions(&graph);
        let mut job = job(graph);
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
            let before: Vec<_> = job.executions().map(|it| (it.attempt, it.state)).collect();
            let mut effects = drive(&mut job, [(now, event.clone())]);
            if job.next_wakeup().is_some_and(|at| at <= MonoTime::from_millis(now)) {
                effects.extend(drive(&mut job, [(now, Event::TimerFired)]));
                let next = job.next_wakeup();
                prop_assert!(next.is_none_or(|at| at > MonoTime::from_millis(now)), "a timer fires for ever");
            }
            track(&mut held, &event, &effects);
            ended += terminations(&effects);

            if let Some(outcome) = outcome_before {
                prop_assert_eq!(job.outcome(), Some(&outcome), "terminal stays terminal");
                prop_assert_eq!(orders(&effects), vec![]);
            }
            for ((attempt, old), new) in before.into_iter().zip(job.executions()) {
                let stays = !old.is_terminal() || old == new.state;
                prop_assert!(attempt < new.attempt || attempt == new.attempt && stays, "{:?} became {:?}", old, new);
                prop_assert_eq!(new.state_times.last().map(|it| it.0), Some(new.state));
                let past: Vec<_> = job.past_attempts(new.subtask).collect();
                prop_assert!(past.iter().all(|it| it.state.is_terminal() && it.attempt < new.attempt));
            }
            for region in &regions {
                let attempts: std::collections::BTreeSet<_> =
                    job.executions().filter(|it| region.contains(&it.subtask)).map(|it| it.attempt).collect();
                prop_assert_eq!(attempts.len(), 1, "a region is restarted as a whole");
            }
            let waits = job.executions().any(|it| matches!(it.state, ExecutionState::Canceled | ExecutionState::Failed));
            prop_assert!(job.status() != JobStatus::Running || !waits, "what has failed waits to be restarted");
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
