use super::*;

#[test]
fn cancel_before_anything_runs_ends_the_job_at_once() {
    for granted_slots in 0..=2 {
        let mut job = job(graph(2, 1));
        drive(&mut job, [(0, Event::Started)]);
        drive(&mut job, (0..granted_slots).map(|slot| (1, granted("a", slot))));
        let effects = drive(&mut job, [(10, Event::CancelRequested)]);
        assert_eq!(job.outcome(), Some(&Outcome::Canceled));
        assert!(effects.contains(&Effect::RequireSlots { count: 0 }));
        assert_eq!(count(&effects, "release task host"), usize::from(granted_slots == 2));
    }
}

#[test]
fn cancel_before_the_start_never_starts() {
    let mut job = job(graph(1, 1));
    let effects = drive(&mut job, [(0, Event::CancelRequested), (1, Event::Started)]);
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));
    assert!(effects.contains(&Effect::Terminated { outcome: Outcome::Canceled }));
    assert!(!effects.contains(&Effect::RequireSlots { count: 1 }));
}

#[test]
fn cancel_waits_until_every_subtask_has_stopped() {
    let mut job = deployed();
    let effects = drive(&mut job, [(50, Event::CancelRequested), (51, Event::CancelRequested)]);
    assert_eq!(job.status(), JobStatus::Cancelling);
    assert_eq!(
        orders(&effects),
        [("a", "cancel tasks"), ("b", "cancel tasks")],
        "asking twice is asking once"
    );
    let effects = drive(
        &mut job,
        [
            (60, task("a", 1, 0, 0, TaskState::Running)),
            (70, task("a", 2, 0, 0, TaskState::Canceled)),
            (80, task("b", 1, 0, 1, TaskState::Finished)),
        ],
    );
    assert!(effects.is_empty());
    let effects = drive(&mut job, [(90, task("a", 3, 1, 0, TaskState::Canceled))]);
    assert_eq!(terminations(&effects), 1);
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));
}

#[test]
fn what_fails_during_cancel_does_not_turn_it_into_a_failure() {
    let mut job = deployed();
    drive(
        &mut job,
        [
            (50, Event::CancelRequested),
            (60, task("b", 1, 0, 1, failed(FailureKind::Panic, "in close()"))),
            (70, lost("a")),
        ],
    );
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));
    assert!(job.failures().is_empty());
}

#[test]
fn cancel_of_a_failing_job_makes_it_canceled() {
    let mut job = deployed();
    drive(
        &mut job,
        [(50, task("b", 1, 0, 1, failed(FailureKind::Panic, "boom"))), (60, Event::CancelRequested)],
    );
    assert_eq!(job.status(), JobStatus::Cancelling);
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(3_050)), "without more time than before");
    drive(&mut job, [(70, lost("a"))]);
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));
    assert_eq!(job.failures()[0].cause.message, "boom");
}

#[test]
fn a_terminal_job_stays_so_and_returns_slots_that_come_late() {
    let mut job = job(graph(1, 1));
    drive(&mut job, [(0, Event::Started), (10, Event::CancelRequested)]);
    let effects = drive(
        &mut job,
        [(20, granted("a", 0)), (30, Event::CancelRequested), (40, lost("a")), (50, Event::TimerFired)],
    );
    assert_eq!(effects, [Effect::ReleaseSlot { allocation_id: allocation("a", 0) }]);
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));
}
