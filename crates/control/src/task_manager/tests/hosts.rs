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

fn spawned(effects: &[Effect]) -> Vec<u32> {
    let attempt = |effect: &Effect| match effect {
        Effect::SpawnTaskHost { attempt, .. } => Some(attempt.0),
        _ => None,
    };
    effects.iter().filter_map(attempt).collect()
}

fn killed(effects: &[Effect]) -> Vec<u32> {
    let attempt = |effect: &Effect| match effect {
        Effect::KillTaskHost { attempt, .. } => Some(attempt.0),
        _ => None,
    };
    effects.iter().filter_map(attempt).collect()
}

#[test]
fn a_task_host_that_has_ended_is_started_again() {
    let mut task_manager = registered();
    let script = [request(0, holder(JOB, 1)), start(JOB, 0, &[1]), host_ready(JOB), host_exited(JOB)];
    drive(&mut task_manager, script.map(|event| (1, event)));
    assert_eq!(
        spawned(&drive(&mut task_manager, [(2, start(JOB, 0, &[1]))])),
        [0; 0],
        "a copy that came late"
    );
    assert_eq!(spawned(&drive(&mut task_manager, [(3, start(JOB, 4, &[1]))])), [4]);
    assert_eq!(spawned(&drive(&mut task_manager, [(4, start(JOB, 3, &[1]))])), [0; 0], "overtaken");
}

#[test]
fn a_task_host_that_nobody_counts_on_any_more_makes_room_for_the_next() {
    let mut task_manager = registered();
    let script = [request(0, holder(JOB, 1)), start(JOB, 0, &[1]), host_ready(JOB), deploy(JOB, &[(0, 1)])];
    drive(&mut task_manager, script.map(|event| (1, event)));
    let effects = drive(&mut task_manager, [(2, start(JOB, 7, &[1])), (3, start(JOB, 7, &[1]))]);
    assert_eq!((killed(&effects), spawned(&effects)), (vec![0], vec![]), "one at a time");
    let effects = drive(&mut task_manager, [(4, host_exited(JOB))]);
    assert_eq!(spawned(&effects), [7]);
}

#[test]
fn what_is_stopped_while_it_waits_for_its_predecessor_never_starts() {
    let stop = |attempt| order(Order::KillTaskHost { job_id: JOB, attempt: AttemptNumber(attempt) });
    let begun = [request(0, holder(JOB, 1)), start(JOB, 0, &[1]), host_ready(JOB)];
    let rest = [
        vec![start(JOB, 7, &[1]), stop(7), host_exited(JOB)],
        vec![stop(7), start(JOB, 7, &[1]), host_exited(JOB)],
        vec![start(JOB, 7, &[1]), free(holder(JOB, 1)), host_exited(JOB)],
    ];
    for rest in rest {
        let mut task_manager = registered();
        drive(&mut task_manager, begun.clone().map(|event| (1, event)));
        let effects = drive(&mut task_manager, rest.into_iter().map(|event| (2, event)));
        assert_eq!(spawned(&effects), [0; 0], "{effects:?}");
    }
}

#[test]
fn a_deployment_for_a_task_host_that_has_ended_is_not_for_its_successor() {
    let mut task_manager = registered();
    let script = [request(0, holder(JOB, 1)), start(JOB, 0, &[1]), host_ready(JOB), host_exited(JOB)];
    drive(&mut task_manager, script.map(|event| (1, event)));
    let ready =
        Event::HostReady { job_id: JOB, attempt: AttemptNumber(1), data_address: "a:7001".to_owned() };
    drive(&mut task_manager, [(2, start(JOB, 1, &[1])), (3, ready)]);
    let effects = drive(&mut task_manager, [(4, deploy(JOB, &[(0, 1)]))]);
    assert_eq!(refusal(&effects), Some(Refusal::NoTaskHost));
}
