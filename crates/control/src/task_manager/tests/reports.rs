use super::*;

fn answered(up_to: u64, number: u8, answer: ReportAnswer) -> Event {
    let registration_id = fence(1, number).registration_id;
    Event::ReportsAnswered { job_id: JOB, up_to, registration_id, answer }
}

#[test]
fn reports_of_a_job_go_out_in_order_one_message_at_a_time() {
    let mut task_manager = running();
    let effects = drive(
        &mut task_manager,
        [(10, task(JOB, 0, TaskState::Running)), (11, task(JOB, 1, TaskState::Running))],
    );
    assert!(sent(&effects).is_empty(), "that the host is ready has not been acknowledged yet");
    let effects = drive(&mut task_manager, [(12, answered(0, 1, ReportAnswer::Acknowledged))]);
    let numbers: Vec<_> = sent(&effects).iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(sent(&drive(&mut task_manager, [(13, answered(2, 1, ReportAnswer::Acknowledged))])).is_empty());
}

#[test]
fn what_was_not_delivered_is_sent_again_after_a_pause() {
    let mut task_manager = running();
    let registration_id = fence(1, 1).registration_id;
    let failed = Event::ReportsFailed { job_id: JOB, up_to: 0, registration_id };
    assert!(sent(&drive(&mut task_manager, [(10, failed), (209, Event::TimerFired)])).is_empty());
    assert_eq!(task_manager.next_wakeup(), Some(MonoTime::from_millis(210)));
    assert_eq!(sent(&drive(&mut task_manager, [(210, Event::TimerFired)])).len(), 1);
}

#[test]
fn what_an_old_registration_did_not_deliver_the_new_one_sends() {
    let mut task_manager = running();
    let lost = Event::ConnectionLost { registration_id: fence(1, 1).registration_id };
    assert!(sent(&drive(&mut task_manager, [(10, lost)])).is_empty());
    let effects = drive(&mut task_manager, [(11, registered_as(101, fence(1, 2)))]);
    assert_eq!(sent(&effects).len(), 1);
    let effects = drive(&mut task_manager, [(12, answered(0, 1, ReportAnswer::UnknownRegistration))]);
    assert!(effects.is_empty(), "a late answer to what counts no more");
    drive(&mut task_manager, [(13, answered(0, 2, ReportAnswer::Acknowledged))]);
    assert!(task_manager.jobs[&JOB].outbox.is_empty());
}

#[test]
fn what_nobody_wants_to_hear_is_dropped() {
    for answer in [ReportAnswer::UnknownJob, ReportAnswer::UnknownRegistration] {
        let mut task_manager = running();
        drive(&mut task_manager, [(8, free(holder(JOB, 1))), (9, free(holder(JOB, 2)))]);
        drive(&mut task_manager, [(10, answered(0, 1, answer))]);
        assert!(task_manager.jobs[&JOB].outbox.is_empty());
    }
}

#[test]
fn while_it_has_slots_a_job_that_does_not_know_it_yet_is_told_later() {
    let mut task_manager = running();
    drive(&mut task_manager, [(10, answered(0, 1, ReportAnswer::UnknownRegistration))]);
    let effects = drive(&mut task_manager, [(210, Event::TimerFired)]);
    assert_eq!(sent(&effects).len(), 1);
}

#[test]
fn a_job_is_forgotten_when_nothing_of_it_is_left() {
    let mut task_manager = running();
    drive(
        &mut task_manager,
        [(10, free(holder(JOB, 1))), (11, free(holder(JOB, 2))), (12, host_exited(JOB))],
    );
    assert_eq!(held(&task_manager), [None, None]);
    assert_eq!(task_manager.task_hosts().count(), 1, "its end is still to be told");
    drive(&mut task_manager, [(13, answered(0, 1, ReportAnswer::UnknownJob))]);
    assert_eq!(task_manager.task_hosts().count(), 0);
}
