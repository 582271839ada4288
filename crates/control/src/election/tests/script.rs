//! Scripts of events, each with what has to come of it.

use std::{sync::Arc, time::Duration};

use flott_core::MonoTime;

use super::super::{
    Action, Answer, Created, Effect, Election, ElectionConfig, Event, Failure, LeaderKey, LeaseId,
    Observation, Renewed, Revision, State,
};

const NO_JITTER: Duration = Duration::ZERO;
const LEASE_TIME: Duration = Duration::from_secs(10);
const OURS: LeaseId = LeaseId(77);

/// A machine with the calls that it has made.
struct Script {
    election: Election,
    calls: Vec<(u64, Action)>,
}

impl Script {
    fn new() -> Self {
        Self { election: Election::new(ElectionConfig { lease_time: LEASE_TIME }), calls: Vec::new() }
    }

    /// One that leads since 0 ms, in epoch 5, until 8 s.
    fn leading() -> Self {
        let mut script = Self::new();
        script.handle(0, Event::Started);
        script.handle(0, Event::CampaignRequested { jitter: NO_JITTER });
        script.answer(0, &Action::ReadKey, Answer::Read(Ok(nobody(4))));
        script.answer(0, &Action::GrantLease, Answer::Granted(Ok((OURS, LEASE_TIME))));
        let effects = script.answer(0, &create(), Answer::Created(Ok(Created::Won(Revision(5)))));
        assert_eq!(effects, [Effect::Lead { epoch: Revision(5) }]);
        script
    }

    /// Hands in an event; calls are kept, the other effects returned.
    fn handle(&mut self, at: u64, event: Event) -> Vec<Effect> {
        let mut others = Vec::new();
        for effect in self.election.handle(event, MonoTime::from_millis(at)) {
            match effect {
                Effect::Call { call, action, .. } => self.calls.push((call, action)),
                Effect::Publish { .. } => {}
                effect => others.push(effect),
            }
        }
        others
    }

    fn tick(&mut self, at: u64) -> Vec<Effect> {
        self.handle(at, Event::TimerFired)
    }

    /// Answers the oldest call of this kind.
    fn answer(&mut self, at: u64, action: &Action, answer: Answer) -> Vec<Effect> {
        let call = self.take(action);
        self.handle(at, Event::Answered { call, answer, jitter: NO_JITTER })
    }

    fn take(&mut self, action: &Action) -> u64 {
        let position = self.calls.iter().position(|(_, own)| own == action);
        let position = position.unwrap_or_else(|| panic!("no {action:?} in {:?}", self.calls));
        self.calls.remove(position).0
    }

    fn has(&self, action: &Action) -> bool {
        self.calls.iter().any(|(_, own)| own == action)
    }

    fn watch(&mut self, at: u64, observation: Observation) -> Vec<Effect> {
        let watch = self.calls.iter().find(|(_, action)| matches!(action, Action::WatchKey { .. }));
        let call = watch.unwrap().0;
        self.handle(at, Event::LeaderChanged { call, observation, jitter: NO_JITTER })
    }
}

fn nobody(revision: i64) -> Observation {
    Observation { leader: None, revision: Revision(revision) }
}

fn leader(lease: LeaseId, created: i64, revision: i64) -> Observation {
    let key = LeaderKey { created: Revision(created), lease, value: Arc::from(&b"x"[..]) };
    Observation { leader: Some(key), revision: Revision(revision) }
}

fn create() -> Action {
    Action::CreateKey { lease: OURS }
}

fn renew() -> Action {
    Action::RenewLease { lease: OURS }
}

fn revoke() -> Action {
    Action::RevokeLease { lease: OURS }
}

fn lives() -> Answer {
    Answer::Renewed(Ok(Renewed::Lives(LEASE_TIME)))
}

#[test]
fn nobody_campaigns_who_was_not_asked_to() {
    let mut script = Script::new();
    script.handle(0, Event::Started);
    script.answer(0, &Action::ReadKey, Answer::Read(Ok(nobody(4))));
    script.tick(29_999);
    assert_eq!(script.calls, [(1, Action::WatchKey { after: Revision(4) })]);
}

#[test]
fn a_standby_waits_until_the_key_is_gone_and_then_for_its_jitter() {
    let mut script = Script::new();
    script.handle(0, Event::Started);
    script.handle(0, Event::CampaignRequested { jitter: NO_JITTER });
    script.answer(0, &Action::ReadKey, Answer::Read(Ok(leader(LeaseId(1), 3, 9))));
    script.tick(20_000);
    assert!(!script.has(&Action::GrantLease));
    let call = script.calls[0].0;
    let jitter = Duration::from_millis(300);
    script.handle(20_000, Event::LeaderChanged { call, observation: nobody(10), jitter });
    assert_eq!(script.election.next_wakeup(), Some(MonoTime::from_millis(20_300)));
    script.tick(20_299);
    assert!(!script.has(&Action::GrantLease));
    script.tick(20_300);
    assert!(script.has(&Action::GrantLease));
}

#[test]
fn the_deadline_counts_from_when_the_renewal_was_sent() {
    let mut script = Script::leading();
    assert_eq!(script.election.leading_until(), Some((Revision(5), MonoTime::from_millis(8_000))));
    script.tick(3_334);
    script.answer(4_900, &renew(), lives());
    assert_eq!(script.election.leading_until(), Some((Revision(5), MonoTime::from_millis(11_334))));
}

#[test]
fn without_answers_a_leader_is_suspended_and_goes_on_when_its_key_is_still_there() {
    let mut script = Script::leading();
    script.tick(3_334);
    script.answer(5_000, &renew(), Answer::Renewed(Err(Failure::Unknown)));
    assert_eq!(script.tick(7_999), []);
    assert_eq!(script.tick(8_000), [Effect::Suspend { epoch: Revision(5) }]);
    assert_eq!(script.election.leading_until(), None);
    assert_eq!(script.answer(9_000, &renew(), lives()), []);
    let seen = Answer::Read(Ok(leader(OURS, 5, 20)));
    assert_eq!(script.answer(9_100, &Action::ReadKey, seen), [Effect::Resume { epoch: Revision(5) }]);
}

#[test]
fn a_suspended_leader_whose_key_is_gone_is_demoted() {
    let mut script = Script::leading();
    script.tick(3_334);
    script.answer(5_000, &renew(), Answer::Renewed(Err(Failure::Unknown)));
    script.tick(5_100);
    // That renewal was sent too long ago to go on with.
    assert_eq!(script.answer(13_100, &renew(), lives()), [Effect::Suspend { epoch: Revision(5) }]);
    assert!(!script.has(&Action::ReadKey));
    script.answer(13_200, &renew(), lives());
    let effects = script.answer(13_300, &Action::ReadKey, Answer::Read(Ok(leader(LeaseId(1), 8, 20))));
    assert_eq!(effects, [Effect::Demote { epoch: Revision(5) }]);
    assert!(script.has(&revoke()));
}

#[test]
fn failed_verification_waits_for_the_next_renewal() {
    let mut script = Script::leading();
    script.tick(3_334);
    script.answer(5_000, &renew(), Answer::Renewed(Err(Failure::Unknown)));
    script.tick(8_000);
    script.answer(8_100, &renew(), lives());
    script.answer(8_200, &Action::ReadKey, Answer::Read(Err(Failure::Unknown)));
    assert!(!script.has(&Action::ReadKey));
    script.tick(8_300);
    script.answer(8_400, &renew(), lives());
    let seen = Answer::Read(Ok(leader(OURS, 5, 20)));
    assert_eq!(script.answer(8_500, &Action::ReadKey, seen), [Effect::Resume { epoch: Revision(5) }]);
}

#[test]
fn a_process_that_stood_still_is_suspended_before_anything_else() {
    let mut script = Script::leading();
    script.tick(3_334);
    let effects = script.answer(63_000, &renew(), lives());
    assert_eq!(effects, [Effect::Suspend { epoch: Revision(5) }]);
}

#[test]
fn a_dead_lease_a_deleted_key_and_a_refused_write_demote_at_once() {
    let mut script = Script::leading();
    script.tick(3_334);
    let effects = script.answer(3_400, &renew(), Answer::Renewed(Ok(Renewed::Gone)));
    assert_eq!(effects, [Effect::Demote { epoch: Revision(5) }]);

    let mut script = Script::leading();
    assert_eq!(script.watch(10, nobody(6)), [Effect::Demote { epoch: Revision(5) }]);

    let mut script = Script::leading();
    assert_eq!(script.handle(10, Event::WriteRefused { epoch: Revision(4) }), []);
    let effects = script.handle(10, Event::WriteRefused { epoch: Revision(5) });
    assert_eq!(effects, [Effect::Demote { epoch: Revision(5) }]);
}

#[test]
fn what_was_seen_before_the_key_was_created_deposes_nobody() {
    let mut script = Script::leading();
    assert_eq!(script.watch(10, nobody(4)), []);
    assert_eq!(script.watch(10, leader(OURS, 5, 5)), []);
    assert!(matches!(script.election.state(), State::Leading(_)));
}

#[test]
fn an_unknown_outcome_is_found_out_with_the_same_lease() {
    let mut script = Script::new();
    script.handle(0, Event::Started);
    script.handle(0, Event::CampaignRequested { jitter: NO_JITTER });
    script.answer(0, &Action::ReadKey, Answer::Read(Ok(nobody(4))));
    script.answer(0, &Action::GrantLease, Answer::Granted(Ok((OURS, LEASE_TIME))));
    script.answer(1_600, &create(), Answer::Created(Err(Failure::Unknown)));
    // Not there yet: it may still arrive, so the second request may find the first one's key.
    script.answer(1_700, &Action::ReadKey, Answer::Read(Ok(nobody(5))));
    let lost = Created::Lost(leader(OURS, 6, 6));
    let effects = script.answer(1_800, &create(), Answer::Created(Ok(lost)));
    assert_eq!(effects, [Effect::Lead { epoch: Revision(6) }]);
    assert_eq!(script.election.leading_until(), Some((Revision(6), MonoTime::from_millis(8_000))));
}

#[test]
fn who_comes_second_gives_its_lease_back_before_it_takes_another() {
    let mut script = Script::new();
    script.handle(0, Event::Started);
    script.handle(0, Event::CampaignRequested { jitter: NO_JITTER });
    script.answer(0, &Action::ReadKey, Answer::Read(Ok(nobody(4))));
    script.answer(0, &Action::GrantLease, Answer::Granted(Ok((OURS, LEASE_TIME))));
    script.answer(10, &create(), Answer::Created(Ok(Created::Lost(leader(LeaseId(1), 5, 5)))));
    script.answer(20, &revoke(), Answer::Revoked(Err(Failure::Unknown)));
    script.watch(30, leader(LeaseId(1), 5, 5));
    script.watch(40, nobody(6));
    script.tick(5_000);
    assert!(!script.has(&Action::GrantLease), "the first lease may still live");
    script.answer(5_010, &revoke(), Answer::Revoked(Ok(())));
    script.tick(6_000);
    assert!(script.has(&Action::GrantLease));
}

#[test]
fn a_key_that_was_created_too_slowly_is_given_back() {
    let mut script = Script::new();
    script.handle(0, Event::Started);
    script.handle(0, Event::CampaignRequested { jitter: NO_JITTER });
    script.answer(0, &Action::ReadKey, Answer::Read(Ok(nobody(4))));
    script.answer(0, &Action::GrantLease, Answer::Granted(Ok((OURS, LEASE_TIME))));
    assert_eq!(script.answer(8_000, &create(), Answer::Created(Ok(Created::Won(Revision(5))))), []);
    assert!(script.has(&revoke()));
}

#[test]
fn who_resigns_revokes_its_lease_and_stays_out() {
    let mut script = Script::leading();
    assert_eq!(script.handle(10, Event::ResignRequested), [Effect::Demote { epoch: Revision(5) }]);
    script.answer(20, &revoke(), Answer::Revoked(Ok(())));
    script.watch(30, nobody(6));
    script.tick(60_000);
    assert!(!script.has(&Action::GrantLease));

    script.handle(60_000, Event::CampaignRequested { jitter: NO_JITTER });
    assert!(script.has(&Action::GrantLease));
}

#[test]
fn a_watch_that_ends_is_begun_anew_after_reading() {
    let mut script = Script::leading();
    let call = script.take(&Action::WatchKey { after: Revision(4) });
    script.handle(10, Event::Answered { call, answer: Answer::WatchEnded, jitter: NO_JITTER });
    script.tick(110);
    script.answer(120, &Action::ReadKey, Answer::Read(Ok(leader(OURS, 5, 30))));
    assert!(script.has(&Action::WatchKey { after: Revision(30) }));
}

#[test]
fn an_old_watch_is_not_trusted() {
    let mut script = Script::leading();
    script.handle(20_000, Event::ResignRequested);
    script.tick(29_999);
    assert!(!script.has(&Action::ReadKey));
    script.tick(30_000);
    // What it may still tell is not heard.
    assert_eq!(script.watch(30_001, leader(LeaseId(1), 9, 9)), []);
    script.answer(30_010, &Action::ReadKey, Answer::Read(Ok(leader(LeaseId(2), 1, 2))));
    assert_eq!(script.election.observed(), Some(&leader(LeaseId(2), 1, 2)));
    assert!(script.has(&Action::WatchKey { after: Revision(2) }));
}
