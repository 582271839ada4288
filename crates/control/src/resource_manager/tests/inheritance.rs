//! Slots that jobs have from an earlier leader.

use super::*;
use crate::{job_master::ReturnedTaskManager, protocol::LocalJobReport};

fn inherited(job_id: JobId, number: u8) -> SlotHolder {
    SlotHolder { allocation_id: AllocationId::from_bytes([number; 16]), job_id }
}

fn local(job_id: JobId) -> LocalJobReport {
    LocalJobReport {
        job_id,
        host: None,
        tasks: Vec::new(),
        splits: Vec::new(),
        last_checkpoint: None,
        next_sequence: 3,
    }
}

fn register_with(generation: u64, slots: SlotReport) -> Event {
    let Event::RegistrationRequested { call, mut request } = register("a", generation, slots) else {
        unreachable!()
    };
    let jobs: std::collections::BTreeSet<_> =
        request.slots.slots.iter().flatten().map(|holder| holder.job_id).collect();
    request.jobs = jobs.into_iter().map(local).collect();
    Event::RegistrationRequested { call, request }
}

/// The TaskManager has taken its registration up.
fn confirmed(manager: &mut ResourceManager, slots: SlotReport) -> Vec<Effect> {
    let registration_id = registration(manager, "a");
    drive(manager, [(5, Event::HeartbeatReceived { task_manager_id: tm("a"), registration_id, slots })])
}

fn returned(effects: &[Effect]) -> Vec<(JobId, ReturnedTaskManager)> {
    let returned = |effect: &Effect| match effect {
        Effect::ReturnTaskManager { job_id, returned } => Some((*job_id, returned.clone())),
        _ => None,
    };
    effects.iter().filter_map(returned).collect()
}

#[test]
fn a_job_that_goes_on_keeps_its_slots_and_others_are_freed() {
    let mut manager = manager();
    let (own, other) = (inherited(JOB, 9), inherited(OTHER, 8));
    drive(&mut manager, [(0, Event::JobRecovering { job_id: JOB })]);
    let slots = report(5, &[Some(other), Some(own), None]);
    let effects = drive(&mut manager, [(1, register_with(1, slots.clone()))]);
    assert_eq!((freed(&effects), returned(&effects)), (vec![other], Vec::new()));
    let returned = returned(&confirmed(&mut manager, slots));
    assert_eq!(returned.len(), 1);
    let (job_id, returned) = &returned[0];
    assert_eq!((*job_id, &returned.slots), (JOB, &vec![(SlotIndex(1), own.allocation_id)]));
    assert_eq!(returned.report, local(JOB));

    let effects = drive(&mut manager, [(2, Event::SlotsRequired { job_id: JOB, count: 2 })]);
    assert_eq!(requests(&effects).len(), 1, "it has one of them");
}

#[test]
fn what_the_job_does_not_want_is_freed_and_does_not_come_back() {
    let mut manager = manager();
    let own = inherited(JOB, 9);
    let slots = report(5, &[Some(own)]);
    drive(&mut manager, [(0, Event::JobRecovering { job_id: JOB }), (1, register_with(1, slots.clone()))]);
    confirmed(&mut manager, slots.clone());
    let release = Event::SlotReleased { job_id: JOB, allocation_id: own.allocation_id };
    assert_eq!(freed(&drive(&mut manager, [(2, release)])), [own]);
    let effects = drive(&mut manager, [(3, register_with(2, slots))]);
    assert_eq!((returned(&effects), freed(&effects)), (Vec::new(), vec![own]));
}

#[test]
fn a_task_manager_that_registers_again_keeps_what_was_returned() {
    let mut manager = manager();
    let own = inherited(JOB, 9);
    let slots = report(5, &[Some(own)]);
    drive(&mut manager, [(0, Event::JobRecovering { job_id: JOB }), (1, register_with(1, slots.clone()))]);
    confirmed(&mut manager, slots.clone());
    let effects = drive(&mut manager, [(6, register_with(2, slots))]);
    assert!(effects.iter().any(|it| matches!(it, Effect::TellTaskManagerReregistered { job_id: JOB, .. })));
    assert_eq!((returned(&effects), freed(&effects)), (Vec::new(), Vec::new()));
}

#[test]
fn slots_of_a_job_that_has_ended_or_of_this_leader_are_freed() {
    let mut manager = manager();
    let own = inherited(JOB, 9);
    let slots = report(5, &[Some(own)]);
    let ended = Event::SlotsRequired { job_id: JOB, count: 0 };
    drive(&mut manager, [(0, Event::JobRecovering { job_id: JOB }), (0, ended)]);
    assert_eq!(freed(&drive(&mut manager, [(1, register_with(1, slots))])), [own]);

    let (mut manager, holder) = one_allocated();
    let registration_id = registration(&manager, "a");
    drive(&mut manager, [(10, Event::ConnectionLost { task_manager_id: tm("a"), registration_id })]);
    let slots = manager_slots(holder);
    let effects = drive(&mut manager, [(11, register_with(9, slots))]);
    assert_eq!((returned(&effects), freed(&effects)), (Vec::new(), vec![holder]));
}

#[test]
fn what_is_returned_is_not_granted_too() {
    let mut manager = manager();
    let own = inherited(JOB, 9);
    drive(&mut manager, [(0, Event::SlotsRequired { job_id: JOB, count: 1 })]);
    let effects = drive(&mut manager, [(1, register("a", 1, report(1, &[None])))]);
    assert_eq!(requests(&effects).len(), 1, "it said that the slot was free");
    let slots = report(5, &[Some(own)]);
    let effects = drive(&mut manager, [(2, register_with(2, slots.clone()))]);
    assert_eq!(returned(&confirmed(&mut manager, slots)).len(), 1);
    assert!(!effects.iter().any(|it| matches!(it, Effect::GrantSlot { .. })), "{effects:?}");
}

#[test]
fn what_a_request_has_told_that_was_long_on_its_way_counts_for_nothing() {
    let mut manager = manager();
    let own = inherited(JOB, 9);
    let slots = report(5, &[Some(own)]);
    drive(&mut manager, [(0, Event::JobRecovering { job_id: JOB }), (1, register_with(1, slots.clone()))]);
    let Event::RegistrationRequested { call, mut request } = register_with(2, slots.clone()) else {
        unreachable!()
    };
    request.jobs[0].next_sequence = 8;
    let effects = drive(&mut manager, [(2, Event::RegistrationRequested { call, request })]);
    assert!(!effects.iter().any(|it| matches!(it, Effect::TellTaskManagerReregistered { .. })));
    let returned = returned(&confirmed(&mut manager, slots.clone()));
    assert_eq!(returned.iter().map(|(_, it)| it.report.next_sequence).collect::<Vec<_>>(), [8]);
    assert_eq!(self::returned(&confirmed(&mut manager, slots)), [], "once");
}

#[test]
fn a_slot_that_is_gone_before_its_job_has_heard_of_it_is_not_returned() {
    let mut manager = manager();
    let (one, two) = (inherited(JOB, 9), inherited(JOB, 8));
    let slots = report(5, &[Some(one), Some(two)]);
    drive(&mut manager, [(0, Event::JobRecovering { job_id: JOB }), (1, register_with(1, slots))]);
    let effects = confirmed(&mut manager, report(6, &[Some(one), None]));
    assert_eq!((returned(&effects), freed(&effects)), (Vec::new(), vec![one, one]));
}

fn manager_slots(holder: SlotHolder) -> SlotReport {
    report(9, &[Some(holder)])
}
