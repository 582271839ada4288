//! Scripts of `(milliseconds, event)`, and what must come of them.

mod inheritance;
mod random;

use flott_core::{SlotIndex, TaskManagerId};

use super::*;
use crate::{
    job_master::GrantedSlot,
    protocol::{
        CallId, Order, Refusal, RegistrationAnswer, RegistrationRequest, SlotHolder, SlotReport,
        TaskManagerInfo,
    },
};

const JOB: JobId = JobId::from_bytes([1; 16]);
const OTHER: JobId = JobId::from_bytes([2; 16]);

fn manager() -> ResourceManager {
    ResourceManager::new(ResourceManagerConfig {
        epoch: LeaderEpoch(7),
        id_salt: 0,
        heartbeat_interval: Duration::from_secs(1),
        heartbeat_timeout: Duration::from_secs(15),
    })
}

fn drive(manager: &mut ResourceManager, script: impl IntoIterator<Item = (u64, Event)>) -> Vec<Effect> {
    let handled = script.into_iter().map(|(at, event)| manager.handle(event, MonoTime::from_millis(at)));
    handled.flatten().collect()
}

fn tm(name: &str) -> TaskManagerId {
    TaskManagerId::new(name)
}

fn report(version: u64, slots: &[Option<SlotHolder>]) -> SlotReport {
    SlotReport { version, slots: slots.to_vec() }
}

fn register(name: &str, generation: u64, slots: SlotReport) -> Event {
    let info = TaskManagerInfo {
        rpc_address: format!("{name}:6122"),
        slots: slots.slots.len() as u32,
        ..TaskManagerInfo::default()
    };
    let request =
        RegistrationRequest { task_manager_id: tm(name), generation, info, slots, jobs: Vec::new() };
    Event::RegistrationRequested { call: CallId(generation), request }
}

fn registration(manager: &ResourceManager, name: &str) -> RegistrationId {
    manager.task_managers[&tm(name)].registration_id
}

fn requests(effects: &[Effect]) -> Vec<(&str, SlotIndex, SlotHolder)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendOrder { to, order: Order::RequestSlot { slot, holder }, .. } => {
                Some((to.as_str(), *slot, *holder))
            }
            _ => None,
        })
        .collect()
}

fn freed(effects: &[Effect]) -> Vec<SlotHolder> {
    let free = |effect: &Effect| match effect {
        Effect::SendOrder { order: Order::FreeSlot { holder }, .. } => Some(*holder),
        _ => None,
    };
    effects.iter().filter_map(free).collect()
}

fn grants(effects: &[Effect]) -> Vec<&GrantedSlot> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::GrantSlot { slot, .. } => Some(slot),
            _ => None,
        })
        .collect()
}

fn losses(effects: &[Effect]) -> Vec<(JobId, &str)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::TellTaskManagerLost { job_id, cause, .. } => Some((*job_id, cause.message.as_str())),
            _ => None,
        })
        .collect()
}

fn answered(manager: &ResourceManager, name: &str, holder: SlotHolder, answer: OrderAnswer) -> Event {
    Event::OrderAnswered {
        task_manager_id: tm(name),
        registration_id: registration(manager, name),
        allocation_id: holder.allocation_id,
        answer,
    }
}

/// One TaskManager `a` with two slots, of which `JOB` holds the first.
fn one_allocated() -> (ResourceManager, SlotHolder) {
    let mut manager = manager();
    let effects = drive(
        &mut manager,
        [
            (0, register("a", 1, report(1, &[None, None]))),
            (1, Event::SlotsRequired { job_id: JOB, count: 1 }),
        ],
    );
    let holder = requests(&effects)[0].2;
    let accepted = OrderAnswer::Accepted { slots: report(2, &[Some(holder), None]) };
    let event = answered(&manager, "a", holder, accepted);
    let effects = drive(&mut manager, [(2, event)]);
    assert_eq!(grants(&effects).len(), 1);
    (manager, holder)
}

#[test]
fn a_registered_task_manager_is_told_its_fence() {
    let mut manager = manager();
    let effects = drive(&mut manager, [(0, register("a", 1, report(1, &[None])))]);
    let fence = Fence { epoch: LeaderEpoch(7), registration_id: registration(&manager, "a") };
    let answer = RegistrationAnswer::Registered { fence, heartbeat_interval_ms: 1_000 };
    assert_eq!(effects, [Effect::AnswerRegistration { call: CallId(1), answer }]);
    assert_eq!((manager.total_slots(), manager.free_slots()), (1, 1));
}

#[test]
fn a_doubled_registration_is_one_and_an_overtaken_one_is_refused() {
    let mut manager = manager();
    drive(&mut manager, [(0, register("a", 5, report(1, &[None])))]);
    let first = registration(&manager, "a");
    drive(&mut manager, [(1, register("a", 5, report(1, &[None])))]);
    assert_eq!(registration(&manager, "a"), first);
    let effects = drive(&mut manager, [(2, register("a", 4, report(1, &[None])))]);
    assert_eq!(registration(&manager, "a"), first);
    let [Effect::AnswerRegistration { answer: RegistrationAnswer::Refused { reason }, .. }] =
        effects.as_slice()
    else {
        panic!("{effects:?}");
    };
    assert!(reason.contains("TaskManager a"), "{reason}");
}

#[test]
fn a_registration_that_contradicts_itself_is_refused() {
    let mut manager = manager();
    let Event::RegistrationRequested { call, mut request } = register("a", 1, report(1, &[None, None]))
    else {
        unreachable!();
    };
    request.info.slots = 3;
    let effects = drive(&mut manager, [(0, Event::RegistrationRequested { call, request })]);
    assert!(matches!(
        effects.as_slice(),
        [Effect::AnswerRegistration { answer: RegistrationAnswer::Refused { .. }, .. }]
    ));
    assert_eq!(manager.total_slots(), 0);
}

#[test]
fn a_job_gets_all_slots_or_none_and_a_smaller_one_may_overtake() {
    let mut manager = manager();
    let effects = drive(
        &mut manager,
        [
            (0, register("a", 1, report(1, &[None, None]))),
            (1, Event::SlotsRequired { job_id: JOB, count: 3 }),
            (2, Event::SlotsRequired { job_id: OTHER, count: 1 }),
        ],
    );
    let [(_, slot, holder)] = requests(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((slot, holder.job_id), (SlotIndex(0), OTHER));
    let told = |free| Effect::ReportSlots { job_id: JOB, total: 2, free, task_managers: 1 };
    assert!(effects.contains(&told(2)) && effects.contains(&told(1)), "{effects:?}");

    let effects = drive(&mut manager, [(3, register("b", 1, report(1, &[None, None])))]);
    assert_eq!(requests(&effects).iter().filter(|(.., holder)| holder.job_id == JOB).count(), 3);
}

#[test]
fn slots_are_taken_where_most_are_free() {
    let mut manager = manager();
    let effects = drive(
        &mut manager,
        [
            (0, register("a", 1, report(1, &[None]))),
            (1, register("b", 1, report(1, &[None, None, None]))),
            (2, register("c", 1, report(1, &[None, None]))),
            (3, Event::SlotsRequired { job_id: JOB, count: 4 }),
        ],
    );
    let places: Vec<_> = requests(&effects).iter().map(|(to, slot, _)| (*to, slot.0)).collect();
    assert_eq!(places, [("b", 0), ("b", 1), ("b", 2), ("c", 0)]);
}

#[test]
fn a_slot_is_free_only_when_its_task_manager_says_so() {
    let (mut manager, holder) = one_allocated();
    let effects = drive(&mut manager, [(10, Event::SlotsRequired { job_id: JOB, count: 0 })]);
    assert_eq!(freed(&effects), [holder]);
    assert_eq!(manager.free_slots(), 1);
    let still_running = OrderAnswer::Accepted { slots: report(2, &[Some(holder), None]) };
    let event = answered(&manager, "a", holder, still_running);
    drive(&mut manager, [(11, event)]);
    assert_eq!(manager.free_slots(), 1);
    let heartbeat = |manager: &ResourceManager, slots| Event::HeartbeatReceived {
        task_manager_id: tm("a"),
        registration_id: registration(manager, "a"),
        slots,
    };
    let event = heartbeat(&manager, report(2, &[Some(holder), None]));
    assert_eq!(freed(&drive(&mut manager, [(12, event)])), [holder], "the order is repeated");
    let event = heartbeat(&manager, report(3, &[None, None]));
    drive(&mut manager, [(13, event)]);
    assert_eq!(manager.free_slots(), 2);
    let event = heartbeat(&manager, report(2, &[Some(holder), None]));
    drive(&mut manager, [(14, event)]);
    assert_eq!(manager.free_slots(), 2, "an overtaken report changes nothing");
}

#[test]
fn a_slot_whose_job_went_away_is_freed_once_the_task_manager_has_answered() {
    let mut manager = manager();
    let effects = drive(
        &mut manager,
        [(0, register("a", 1, report(1, &[None]))), (1, Event::SlotsRequired { job_id: JOB, count: 1 })],
    );
    let holder = requests(&effects)[0].2;
    let effects = drive(&mut manager, [(2, Event::SlotsRequired { job_id: JOB, count: 0 })]);
    assert!(effects.is_empty(), "an order to free it might arrive before the one to give it");
    let event = answered(&manager, "a", holder, OrderAnswer::Accepted { slots: report(2, &[Some(holder)]) });
    let effects = drive(&mut manager, [(3, event)]);
    assert!(grants(&effects).is_empty());
    assert_eq!(freed(&effects), [holder]);
}

#[test]
fn a_refused_slot_is_looked_for_again() {
    let mut manager = manager();
    let effects = drive(
        &mut manager,
        [
            (0, register("a", 1, report(1, &[None, None]))),
            (1, Event::SlotsRequired { job_id: JOB, count: 1 }),
        ],
    );
    let holder = requests(&effects)[0].2;
    let stranger = SlotHolder { allocation_id: AllocationId::from_bytes([9; 16]), job_id: OTHER };
    let slots = report(2, &[Some(stranger), None]);
    let event =
        answered(&manager, "a", holder, OrderAnswer::Refused { reason: Refusal::SlotOccupied, slots });
    let effects = drive(&mut manager, [(2, event)]);
    assert_eq!(freed(&effects), [stranger], "nobody knows that allocation");
    assert_eq!(requests(&effects)[0].1, SlotIndex(1));
}

#[test]
fn a_broken_connection_is_told_at_once_and_names_the_task_manager() {
    let (mut manager, _) = one_allocated();
    let registration_id = registration(&manager, "a");
    let closed = Event::ConnectionLost { task_manager_id: tm("a"), registration_id };
    let effects = drive(&mut manager, [(10, closed.clone())]);
    assert_eq!(losses(&effects), [(JOB, "connection to TaskManager a (a:6122) was closed")]);
    assert_eq!(manager.total_slots(), 0);
    assert!(drive(&mut manager, [(11, closed)]).is_empty());
    let late = Event::HeartbeatReceived {
        task_manager_id: tm("a"),
        registration_id,
        slots: report(2, &[None, None]),
    };
    let effects = drive(&mut manager, [(12, late)]);
    assert!(matches!(effects.as_slice(), [Effect::AnswerHeartbeat { known: false, .. }]), "{effects:?}");
}

#[test]
fn a_silent_task_manager_is_lost_after_the_timeout() {
    let (mut manager, holder) = one_allocated();
    let heartbeat = Event::HeartbeatReceived {
        task_manager_id: tm("a"),
        registration_id: registration(&manager, "a"),
        slots: report(2, &[Some(holder), None]),
    };
    drive(&mut manager, [(5_000, heartbeat), (15_001, Event::TimerFired)]);
    assert_eq!(manager.total_slots(), 2, "the timer was for an older deadline");
    assert_eq!(manager.next_wakeup(), Some(MonoTime::from_millis(20_000)));
    let effects = drive(&mut manager, [(20_000, Event::TimerFired)]);
    assert_eq!(losses(&effects), [(JOB, "no heartbeat from TaskManager a (a:6122) for 15 s")]);
}

#[test]
fn a_new_registration_that_still_holds_the_slots_loses_nothing() {
    let (mut manager, holder) = one_allocated();
    let effects = drive(&mut manager, [(10, register("a", 2, report(2, &[Some(holder), None])))]);
    assert!(losses(&effects).is_empty());
    let fence = Fence { epoch: LeaderEpoch(7), registration_id: registration(&manager, "a") };
    let told = Effect::TellTaskManagerReregistered { job_id: JOB, task_manager_id: tm("a"), fence };
    assert!(effects.contains(&told), "{effects:?}");
    assert_eq!(manager.free_slots(), 1);
}

#[test]
fn a_new_registration_without_the_slots_tells_their_job() {
    let (mut manager, _) = one_allocated();
    let effects = drive(&mut manager, [(10, register("a", 2, report(1, &[None, None])))]);
    assert_eq!(losses(&effects), [(JOB, "TaskManager a (a:6122) was started anew")]);
    assert_eq!(requests(&effects).len(), 1, "the job still wants one");
}

#[test]
fn a_new_registration_grants_what_was_given_while_the_answer_was_on_its_way() {
    let mut manager = manager();
    let effects = drive(
        &mut manager,
        [(0, register("a", 1, report(1, &[None]))), (1, Event::SlotsRequired { job_id: JOB, count: 1 })],
    );
    let holder = requests(&effects)[0].2;
    let effects = drive(&mut manager, [(2, register("a", 2, report(2, &[Some(holder)])))]);
    let [slot] = grants(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(slot.allocation_id, holder.allocation_id);
    assert_eq!(slot.fence.registration_id, registration(&manager, "a"));
}

#[test]
fn a_new_registration_repeats_orders_that_may_be_lost() {
    let mut manager = manager();
    let effects = drive(
        &mut manager,
        [(0, register("a", 1, report(1, &[None]))), (1, Event::SlotsRequired { job_id: JOB, count: 1 })],
    );
    let holder = requests(&effects)[0].2;
    let effects = drive(&mut manager, [(2, register("a", 2, report(1, &[None])))]);
    assert_eq!(requests(&effects), [("a", SlotIndex(0), holder)]);
}

#[test]
fn allocations_of_an_earlier_leader_are_freed() {
    let mut manager = manager();
    let stranger = SlotHolder { allocation_id: AllocationId::from_bytes([9; 16]), job_id: OTHER };
    let effects = drive(&mut manager, [(0, register("a", 1, report(5, &[Some(stranger), None])))]);
    assert_eq!(freed(&effects), [stranger]);
    assert_eq!(manager.free_slots(), 1);
}

#[test]
fn a_newer_leader_ends_this_one() {
    let (mut manager, holder) = one_allocated();
    let event = answered(&manager, "a", holder, OrderAnswer::StaleLeader { highest: LeaderEpoch(8) });
    assert_eq!(drive(&mut manager, [(10, event)]), [Effect::LeadershipLost { epoch: LeaderEpoch(8) }]);
}

#[test]
fn what_a_job_loses_is_replaced_at_once_if_there_is_something_to_spare() {
    let (mut manager, _) = one_allocated();
    drive(&mut manager, [(10, register("b", 1, report(1, &[None, None, None])))]);
    let effects = drive(&mut manager, [(11, Event::SlotsRequired { job_id: JOB, count: 3 })]);
    let asked: Vec<_> =
        requests(&effects).into_iter().map(|(to, slot, holder)| (to.to_owned(), slot, holder)).collect();
    let on_b = asked.iter().filter(|(to, ..)| to == "b").map(|(_, slot, holder)| (*slot, *holder));
    let on_b: Vec<_> = on_b.collect();
    assert_eq!(
        (asked.len(), on_b.len()),
        (2, 2),
        "it holds one and lacks two, which are where most are free"
    );
    let mut slots = vec![None; 3];
    for (slot, holder) in &on_b {
        slots[slot.0 as usize] = Some(*holder);
        let accepted = OrderAnswer::Accepted { slots: report(2 + u64::from(slot.0), &slots) };
        let event = answered(&manager, "b", *holder, accepted);
        assert_eq!(grants(&drive(&mut manager, [(12, event)])).len(), 1);
    }
    let registration_id = registration(&manager, "a");
    let lost = Event::ConnectionLost { task_manager_id: tm("a"), registration_id };
    let effects = drive(&mut manager, [(20, lost)]);
    assert_eq!(losses(&effects).len(), 1);
    let replaced: Vec<_> = requests(&effects).into_iter().map(|(to, slot, _)| (to, slot)).collect();
    assert_eq!(replaced, [("b", SlotIndex(2))], "in the same step, without a further word of the job");
    let effects = drive(&mut manager, [(21, Event::SlotsRequired { job_id: JOB, count: 3 })]);
    assert!(requests(&effects).is_empty(), "wanting the same again wants no more");
}

#[test]
fn a_job_that_has_lost_slots_gets_them_as_soon_as_a_task_manager_comes() {
    let (mut manager, _) = one_allocated();
    let registration_id = registration(&manager, "a");
    drive(&mut manager, [(10, Event::ConnectionLost { task_manager_id: tm("a"), registration_id })]);
    let effects = drive(&mut manager, [(20, register("c", 1, report(1, &[None])))]);
    assert_eq!(requests(&effects).len(), 1);
}

#[test]
fn who_has_stood_still_itself_gives_nobody_up() {
    let (mut manager, holder) = one_allocated();
    // All heartbeats of a minute wait to be read.
    let effects = drive(&mut manager, [(60_000, Event::TimerFired)]);
    assert!(losses(&effects).is_empty());
    let slots = report(2, &[Some(holder), None]);
    let registration_id = registration(&manager, "a");
    let heartbeat = Event::HeartbeatReceived { task_manager_id: tm("a"), registration_id, slots };
    assert!(losses(&drive(&mut manager, [(60_001, heartbeat)])).is_empty());
    // Silence after that counts.
    assert_eq!(manager.next_wakeup(), Some(MonoTime::from_millis(75_001)));
    let effects = drive(&mut manager, [(75_001, Event::TimerFired)]);
    assert_eq!(losses(&effects).len(), 1);
}
