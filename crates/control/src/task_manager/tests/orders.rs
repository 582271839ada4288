use super::*;

#[test]
fn a_slot_goes_to_one_job() {
    let mut task_manager = registered();
    let before = task_manager.slot_report().version;
    let effects = drive(&mut task_manager, [(1, request(0, holder(JOB, 1)))]);
    let OrderAnswer::Accepted { slots } = answer(&effects) else { panic!("{effects:?}") };
    assert_eq!(slots.slots, [Some(holder(JOB, 1)), None]);
    assert!(slots.version > before);
    let effects = drive(&mut task_manager, [(2, request(0, holder(JOB, 1)))]);
    assert_eq!(refusal(&effects), None, "a doubled order is answered alike");
    assert_eq!(
        refusal(&drive(&mut task_manager, [(3, request(0, holder(OTHER, 2)))])),
        Some(Refusal::SlotOccupied)
    );
    assert_eq!(
        refusal(&drive(&mut task_manager, [(4, request(7, holder(OTHER, 2)))])),
        Some(Refusal::UnknownSlot)
    );
}

#[test]
fn an_order_that_was_overtaken_by_the_freeing_of_its_slot_is_refused() {
    let mut task_manager = registered();
    let effects = drive(&mut task_manager, [(1, free(holder(JOB, 1))), (2, request(0, holder(JOB, 1)))]);
    assert_eq!(refusal(&effects), Some(Refusal::AllocationFreed));
    assert_eq!(held(&task_manager), [None, None]);
}

#[test]
fn a_task_host_starts_once() {
    let mut task_manager = registered();
    drive(&mut task_manager, [(1, request(0, holder(JOB, 1)))]);
    let effects = drive(&mut task_manager, [(2, start(JOB, 0, &[1])), (3, start(JOB, 0, &[1]))]);
    let spawned = effects.iter().filter(|effect| matches!(effect, Effect::SpawnTaskHost { .. })).count();
    assert_eq!(spawned, 1);
    drive(&mut task_manager, [(4, host_exited(JOB))]);
    let effects = drive(&mut task_manager, [(5, start(JOB, 0, &[1]))]);
    assert!(matches!(answer(&effects), OrderAnswer::Accepted { .. }));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::SpawnTaskHost { .. })), "it has ended");
    let effects = drive(&mut task_manager, [(6, start(JOB, 1, &[1]))]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::SpawnTaskHost { .. })), "a new start");
}

#[test]
fn a_task_host_starts_only_in_slots_of_its_job() {
    let mut task_manager = registered();
    drive(&mut task_manager, [(1, request(0, holder(JOB, 1))), (2, request(1, holder(OTHER, 2)))]);
    for allocations in [&[][..], &[2], &[1, 2], &[9]] {
        let effects = drive(&mut task_manager, [(3, start(JOB, 0, allocations))]);
        assert_eq!(refusal(&effects), Some(Refusal::UnknownAllocation), "{allocations:?}");
    }
}

#[test]
fn a_release_that_overtakes_the_start_wins() {
    let mut task_manager = registered();
    drive(&mut task_manager, [(1, request(0, holder(JOB, 1)))]);
    let release = order(Order::ReleaseTaskHost { job_id: JOB, attempt: FIRST });
    let effects = drive(&mut task_manager, [(2, release), (3, start(JOB, 0, &[1]))]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::SpawnTaskHost { .. })));
    assert!(matches!(sent(&effects).as_slice(), [(_, Report::HostEnded { .. })]));
}

#[test]
fn a_subtask_is_deployed_once() {
    let mut task_manager = running();
    let effects = drive(&mut task_manager, [(10, deploy(JOB, &[(0, 1), (1, 2)]))]);
    assert!(commands(&effects).is_empty());
    drive(&mut task_manager, [(11, task(JOB, 0, TaskState::Finished))]);
    let effects = drive(&mut task_manager, [(12, deploy(JOB, &[(0, 1)]))]);
    assert!(commands(&effects).is_empty(), "not even after its end");
}

#[test]
fn nothing_is_deployed_without_host_or_slot() {
    let mut task_manager = registered();
    assert_eq!(
        refusal(&drive(&mut task_manager, [(1, deploy(JOB, &[(0, 1)]))])),
        Some(Refusal::UnknownAllocation)
    );
    drive(&mut task_manager, [(2, request(0, holder(JOB, 1))), (3, start(JOB, 0, &[1]))]);
    assert_eq!(refusal(&drive(&mut task_manager, [(4, deploy(JOB, &[(0, 1)]))])), Some(Refusal::NoTaskHost));
    drive(&mut task_manager, [(5, host_ready(JOB))]);
    let effects = drive(&mut task_manager, [(6, deploy(JOB, &[(0, 1), (1, 2)]))]);
    assert_eq!(refusal(&effects), Some(Refusal::UnknownAllocation));
    assert!(commands(&effects).is_empty(), "all or nothing");
}

#[test]
fn a_cancel_that_overtakes_the_deployment_wins() {
    let mut task_manager = registered();
    drive(
        &mut task_manager,
        [(1, request(0, holder(JOB, 1))), (2, start(JOB, 0, &[1])), (3, host_ready(JOB))],
    );
    let effects = drive(&mut task_manager, [(4, cancel(JOB, &[0])), (5, deploy(JOB, &[(0, 1)]))]);
    assert!(commands(&effects).is_empty());
    let up_to = 0;
    let registration_id = fence(1, 1).registration_id;
    let answer = crate::protocol::ReportAnswer::Acknowledged;
    let effects = drive(
        &mut task_manager,
        [(6, Event::ReportsAnswered { job_id: JOB, up_to, registration_id, answer })],
    );
    let [(1, Report::Task(report))] = &sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(report.state, TaskState::Canceled);
}

#[test]
fn only_what_runs_is_canceled() {
    let mut task_manager = running();
    drive(&mut task_manager, [(10, task(JOB, 0, TaskState::Finished))]);
    let effects = drive(&mut task_manager, [(11, cancel(JOB, &[0, 1]))]);
    let [HostCommand::Cancel { tasks }] = commands(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(tasks, &[(SubtaskId::new(0, 1), FIRST)]);
}
