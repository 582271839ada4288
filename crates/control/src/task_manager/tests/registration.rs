use super::*;

#[test]
fn it_registers_and_sends_heartbeats() {
    let mut task_manager = task_manager();
    let effects = drive(&mut task_manager, [(0, Event::Started)]);
    assert_eq!(registrations(&effects)[0].generation, 100);
    let effects = drive(&mut task_manager, [(5, registered_as(100, fence(1, 1)))]);
    let heartbeat = Effect::SendHeartbeat { fence: fence(1, 1), slots: task_manager.slot_report() };
    assert_eq!(effects, std::slice::from_ref(&heartbeat));
    assert_eq!(task_manager.next_wakeup(), Some(MonoTime::from_millis(1_005)));
    assert_eq!(drive(&mut task_manager, [(1_005, Event::TimerFired)]), [heartbeat]);
}

#[test]
fn it_tries_again_ever_more_slowly() {
    let mut task_manager = task_manager();
    drive(&mut task_manager, [(0, Event::Started)]);
    let mut now = 0;
    for (generation, backoff) in [(100, 100), (101, 200), (102, 300), (103, 300)] {
        drive(&mut task_manager, [(now, Event::RegistrationFailed { generation })]);
        assert!(drive(&mut task_manager, [(now + backoff - 1, Event::TimerFired)]).is_empty());
        now += backoff;
        assert_eq!(task_manager.next_wakeup(), Some(MonoTime::from_millis(now)));
        let effects = drive(&mut task_manager, [(now, Event::TimerFired)]);
        assert_eq!(registrations(&effects)[0].generation, generation + 1);
    }
}

#[test]
fn an_answer_that_never_comes_and_one_that_comes_late_do_no_harm() {
    let mut task_manager = task_manager();
    drive(&mut task_manager, [(0, Event::Started), (1_000, Event::TimerFired), (1_100, Event::TimerFired)]);
    drive(&mut task_manager, [(1_200, registered_as(100, fence(1, 1)))]);
    assert_eq!(task_manager.registration().id(), None, "it waits for the answer to a newer request");
    drive(&mut task_manager, [(1_300, registered_as(101, fence(1, 2)))]);
    assert_eq!(task_manager.registration().id(), Some(fence(1, 2).registration_id));
}

#[test]
fn it_registers_again_when_the_connection_is_lost_and_keeps_what_runs() {
    let mut task_manager = running();
    let effects = drive(
        &mut task_manager,
        [(50, Event::ConnectionLost { registration_id: fence(1, 1).registration_id })],
    );
    let [request] = registrations(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(request.slots.slots, [Some(holder(JOB, 1)), Some(holder(JOB, 2))]);
    assert!(kills(&effects).is_empty());
}

#[test]
fn it_registers_again_when_the_leader_does_not_know_it_or_is_silent() {
    let unknown = Event::HeartbeatAnswered { registration_id: fence(1, 1).registration_id, known: false };
    assert_eq!(registrations(&drive(&mut registered(), [(50, unknown)])).len(), 1);
    let stale = Event::HeartbeatAnswered { registration_id: fence(1, 9).registration_id, known: false };
    assert!(drive(&mut registered(), [(50, stale)]).is_empty());

    let mut task_manager = registered();
    let known = Event::HeartbeatAnswered { registration_id: fence(1, 1).registration_id, known: true };
    assert!(
        registrations(&drive(&mut task_manager, [(9_000, known), (15_000, Event::TimerFired)])).is_empty()
    );
    assert_eq!(registrations(&drive(&mut task_manager, [(24_000, Event::TimerFired)])).len(), 1);
}

#[test]
fn orders_of_a_deposed_leader_are_refused() {
    let mut task_manager = running();
    let lost = Event::ConnectionLost { registration_id: fence(1, 1).registration_id };
    drive(&mut task_manager, [(50, lost), (60, registered_as(101, fence(2, 2)))]);
    let effects = drive(&mut task_manager, [(70, free(holder(JOB, 1)))]);
    assert_eq!(answer(&effects), &OrderAnswer::StaleLeader { highest: LeaderEpoch(2) });
    assert!(kills(&effects).is_empty());
}

#[test]
fn a_leader_that_is_none_any_more_cannot_register_it() {
    let mut task_manager = registered();
    let lost = |fence: Fence| Event::ConnectionLost { registration_id: fence.registration_id };
    drive(&mut task_manager, [(1, lost(fence(1, 1))), (2, registered_as(101, fence(3, 2)))]);
    drive(&mut task_manager, [(3, lost(fence(3, 2))), (4, registered_as(102, fence(2, 3)))]);
    assert_eq!(task_manager.registration().id(), None);
    assert_eq!(task_manager.highest_epoch(), LeaderEpoch(3));
}

#[test]
fn an_order_of_a_newer_leader_makes_it_register_and_the_old_one_is_done() {
    let mut task_manager = registered();
    let newer = Event::OrderReceived {
        call: CallId(0),
        fence: fence(2, 2),
        order: Order::FreeSlot { holder: holder(JOB, 1) },
    };
    let effects = drive(&mut task_manager, [(1, newer)]);
    assert_eq!(answer(&effects), &OrderAnswer::UnknownRegistration);
    assert_eq!(registrations(&effects).len(), 1);
    let effects = drive(&mut task_manager, [(2, request(0, holder(JOB, 1)))]);
    assert_eq!(answer(&effects), &OrderAnswer::StaleLeader { highest: LeaderEpoch(2) });
}

#[test]
fn what_a_new_leader_disowns_is_killed_and_freed() {
    let mut task_manager = running();
    let lost = Event::ConnectionLost { registration_id: fence(1, 1).registration_id };
    drive(&mut task_manager, [(50, lost), (60, registered_as(101, fence(2, 2)))]);
    let free = |number| Event::OrderReceived {
        call: CallId(0),
        fence: fence(2, 2),
        order: Order::FreeSlot { holder: holder(JOB, number) },
    };
    let effects = drive(&mut task_manager, [(70, free(1)), (71, free(2))]);
    assert_eq!(kills(&effects), [(JOB, Duration::ZERO)]);
    assert_eq!(
        held(&task_manager),
        [Some(holder(JOB, 1)), Some(holder(JOB, 2))],
        "the process is not reaped"
    );
    let effects = drive(&mut task_manager, [(80, host_exited(JOB))]);
    assert_eq!(held(&task_manager), [None, None]);
    let told = Effect::SendHeartbeat { fence: fence(2, 2), slots: task_manager.slot_report() };
    assert!(effects.contains(&told), "the leader hears of it at once");
}
