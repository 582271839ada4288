use super::*;

#[test]
fn the_last_slot_is_free_when_the_task_host_is_reaped() {
    let mut task_manager = running();
    drive(
        &mut task_manager,
        [(10, task(JOB, 0, TaskState::Finished)), (11, task(JOB, 1, TaskState::Finished))],
    );
    let effects = drive(&mut task_manager, [(12, free(holder(JOB, 1)))]);
    assert!(kills(&effects).is_empty());
    assert_eq!(
        held(&task_manager),
        [None, Some(holder(JOB, 2))],
        "nothing runs in the first, the host has another"
    );
    let effects = drive(&mut task_manager, [(13, free(holder(JOB, 2)))]);
    assert_eq!(kills(&effects), [(JOB, Duration::from_secs(2))], "it may end in peace");
    assert_eq!(held(&task_manager), [None, Some(holder(JOB, 2))]);
    assert_eq!(
        refusal(&drive(&mut task_manager, [(14, request(1, holder(OTHER, 3)))])),
        Some(Refusal::SlotOccupied)
    );
    drive(&mut task_manager, [(15, host_exited(JOB))]);
    assert_eq!(held(&task_manager), [None, None]);
}

#[test]
fn a_slot_that_is_taken_while_something_runs_in_it_costs_the_task_host() {
    let mut task_manager = running();
    let effects = drive(&mut task_manager, [(10, free(holder(JOB, 1)))]);
    assert_eq!(kills(&effects), [(JOB, Duration::ZERO)]);
    assert_eq!(held(&task_manager), [Some(holder(JOB, 1)), Some(holder(JOB, 2))]);
    drive(&mut task_manager, [(11, host_exited(JOB))]);
    assert_eq!(held(&task_manager), [None, Some(holder(JOB, 2))]);
}

#[test]
fn a_task_host_that_ends_by_itself_is_reported_and_keeps_the_slots() {
    let mut task_manager = running();
    let acknowledged = Event::ReportsAnswered {
        job_id: JOB,
        up_to: 0,
        registration_id: fence(1, 1).registration_id,
        answer: ReportAnswer::Acknowledged,
    };
    let effects = drive(&mut task_manager, [(10, acknowledged), (11, host_exited(JOB))]);
    assert!(matches!(sent(&effects)[..], [(1, Report::HostEnded { .. })]), "{effects:?}");
    assert_eq!(held(&task_manager), [Some(holder(JOB, 1)), Some(holder(JOB, 2))]);
    let effects = drive(&mut task_manager, [(12, free(holder(JOB, 1))), (13, free(holder(JOB, 2)))]);
    assert!(kills(&effects).is_empty());
    assert_eq!(held(&task_manager), [None, None]);
}

#[test]
fn a_host_that_becomes_ready_while_it_is_stopped_stays_stopped() {
    let mut task_manager = registered();
    let kill = order(Order::KillTaskHost { job_id: JOB, attempt: FIRST });
    let effects = drive(
        &mut task_manager,
        [(1, request(0, holder(JOB, 1))), (2, start(JOB, 0, &[1])), (3, kill), (4, host_ready(JOB))],
    );
    assert_eq!(kills(&effects), [(JOB, Duration::ZERO)]);
    assert!(sent(&effects).is_empty());
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Violation { .. })));
}

#[test]
fn a_kill_cuts_a_release_short() {
    let mut task_manager = running();
    let release = order(Order::ReleaseTaskHost { job_id: JOB, attempt: FIRST });
    let kill = order(Order::KillTaskHost { job_id: JOB, attempt: FIRST });
    let effects = drive(&mut task_manager, [(10, release.clone()), (11, release), (12, kill)]);
    assert_eq!(kills(&effects), [(JOB, Duration::from_secs(2)), (JOB, Duration::ZERO)]);
}

#[test]
fn a_task_host_cannot_report_for_tasks_it_was_not_given() {
    let mut task_manager = running();
    drive(&mut task_manager, [(10, task(JOB, 0, TaskState::Finished))]);
    let before = task_manager.next_sequence;
    drive(
        &mut task_manager,
        [
            (11, task(JOB, 7, TaskState::Finished)),
            (12, task(JOB, 0, TaskState::Running)),
            (13, task(OTHER, 0, TaskState::Running)),
        ],
    );
    assert_eq!(task_manager.next_sequence, before);
}

#[test]
fn a_host_that_nobody_started_is_a_violation() {
    let effects = drive(&mut registered(), [(1, host_ready(JOB)), (2, host_exited(JOB))]);
    assert_eq!(effects.iter().filter(|effect| matches!(effect, Effect::Violation { .. })).count(), 2);
}
