//! Nothing begins before its number is durable.

use flott_core::{CheckpointId, HostId};

use super::*;

/// What is to be made durable.
fn stored(effects: &[Effect]) -> Option<RunRecord> {
    effects.iter().find_map(|effect| match effect {
        Effect::StoreRun { run } => Some(run.clone()),
        _ => None,
    })
}

/// Hands events in and leaves it to the test when what is durable.
fn on(job: &mut JobMaster, event: Event) -> Vec<Effect> {
    job.handle(event, MonoTime::from_millis(10))
}

#[test]
fn hosts_and_attempts_wait_until_their_numbers_are_durable() {
    let mut job = job(graph(2, 1));
    let run = stored(&on(&mut job, Event::Started)).expect("its first numbers");
    let expected = RunRecord {
        attempts: Vec::new(),
        next_host: HostId(2),
        next_checkpoint: CheckpointId(33),
        ..RunRecord::default()
    };
    assert_eq!(run, expected, "a job that waits for slots has no attempts yet");
    on(&mut job, granted("a", 0));
    let effects = on(&mut job, granted("b", 0));
    assert_eq!(count(&effects, "start task host"), 0);
    let effects = on(&mut job, Event::RunStored { run });
    assert_eq!(count(&effects, "start task host"), 2);

    on(&mut job, ready("a", 0));
    let effects = on(&mut job, ready("b", 0));
    assert_eq!(count(&effects, "deploy tasks"), 0);
    let run = stored(&effects).expect("its attempts");
    assert_eq!(run.attempts, [AttemptNumber(0)]);
    let other = RunRecord { attempts: vec![AttemptNumber(7)], ..run.clone() };
    assert_eq!(on(&mut job, Event::RunStored { run: other }), [], "that is not what was wanted");
    assert_eq!(count(&on(&mut job, Event::RunStored { run }), "deploy tasks"), 2);
}

#[test]
fn the_next_attempt_begins_when_it_is_durable() {
    let mut graph = graph(2, 1);
    graph.recovery.restart =
        Some(flott_core::restart::RestartStrategy::FixedDelay { attempts: 9, delay_ms: 0 });
    let mut job = job(graph);
    let beginning = [Event::Started, granted("a", 0), granted("b", 0), ready("a", 0), ready("b", 0)];
    drive(&mut job, beginning.map(|event| (0, event)));
    on(&mut job, task("a", 1, 0, 0, failed(FailureKind::Panic, "boom")));
    on(&mut job, task("b", 1, 0, 1, TaskState::Canceled));
    let effects = on(&mut job, task("a", 2, 1, 0, TaskState::Canceled));
    let run = stored(&effects).expect("the next attempt");
    assert_eq!(
        (run.attempts.as_slice(), count(&effects, "deploy tasks")),
        ([AttemptNumber(1)].as_slice(), 0)
    );
    assert!(job.executions().all(|it| it.attempt == AttemptNumber(0)), "until then it can still be adopted");
    let effects = on(&mut job, Event::RunStored { run });
    assert_eq!(count(&effects, "deploy tasks"), 2);
    assert!(job.executions().all(|it| it.attempt == AttemptNumber(1)));
}

#[test]
fn a_task_host_needs_a_number_beyond_those_that_are_durable() {
    let mut job = deployed();
    assert_eq!(job.numbers.stored.next_host, HostId(2));
    let mut out = Vec::new();
    assert!(!job.secure_hosts(1, &mut out));
    assert!(!job.secure_hosts(1, &mut out));
    assert_eq!(out.len(), 1, "asked for once");
    assert_eq!(stored(&out).map(|run| run.next_host), Some(HostId(3)));
}
