//! The shell around one machine, and what must hold of the machine alone.

use std::collections::{BTreeMap, BTreeSet};

use flott_core::MonoTime;

use super::super::super::{
    Action, Answer, Created, Effect, Election, ElectionConfig, Event, LeaseId, Observation, Revision, State,
};

/// Whether it may decide anything, as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Standby,
    Leading(Revision),
    Suspended(Revision),
}

pub(super) struct Candidate {
    pub(super) election: Election,
    /// Which process it is: answers to earlier ones are not for this one.
    pub(super) process: u64,
    pub(super) told: Told,
    pub(super) published: Option<Observation>,
    pub(super) frozen_until: u64,
    /// Calls that it has not answered yet.
    pub(super) calls: BTreeMap<u64, Action>,
    /// Leases that the machine knows of and that were not said to be gone.
    held: BTreeSet<LeaseId>,
    pub(super) calls_made: u64,
}

impl Candidate {
    pub(super) fn new(config: ElectionConfig, process: u64) -> Self {
        Self {
            election: Election::new(config),
            process,
            told: Told::Standby,
            published: None,
            frozen_until: 0,
            calls: BTreeMap::new(),
            held: BTreeSet::new(),
            calls_made: 0,
        }
    }

    /// Whether it may act just now, and on which key.
    pub(super) fn permit(&self, now: u64) -> Option<(Revision, LeaseId)> {
        let State::Leading(term) = self.election.state() else { return None };
        (MonoTime::from_millis(now) < term.deadline).then_some((term.epoch, term.lease))
    }

    /// Hands in an event and gives back the calls to make.
    pub(super) fn handle(&mut self, event: Event, now: u64) -> (Vec<(u64, Action, u64)>, Vec<&'static str>) {
        if let Event::Answered { call, answer, .. } = &event {
            let action = self.calls.remove(call).expect("calls are answered once");
            match (answer, action) {
                (Answer::Granted(Ok((lease, _))), _) => drop(self.held.insert(*lease)),
                (Answer::Revoked(Ok(())), Action::RevokeLease { lease })
                | (Answer::Created(Ok(Created::LeaseGone)), Action::CreateKey { lease }) => {
                    self.held.remove(&lease);
                }
                _ => {}
            }
        }
        let (mut calls, mut happened) = (Vec::new(), Vec::new());
        for effect in self.election.handle(event, MonoTime::from_millis(now)) {
            match effect {
                Effect::Call { call, action, limit } => {
                    if action == Action::GrantLease {
                        assert!(self.held.is_empty(), "a lease beside {:?}", self.held);
                    }
                    self.calls_made += 1;
                    if matches!(action, Action::WatchKey { .. }) {
                        self.calls.retain(|_, other| !matches!(other, Action::WatchKey { .. }));
                    }
                    self.calls.insert(call, action.clone());
                    calls.push((call, action, limit.as_millis() as u64));
                }
                Effect::Publish { observation } => self.published = Some(observation),
                Effect::Lead { epoch } => {
                    assert_eq!(self.told, Told::Standby);
                    self.told = Told::Leading(epoch);
                    happened.push("led");
                }
                Effect::Suspend { epoch } => {
                    assert_eq!(self.told, Told::Leading(epoch));
                    self.told = Told::Suspended(epoch);
                    happened.push("suspended");
                }
                Effect::Resume { epoch } => {
                    assert_eq!(self.told, Told::Suspended(epoch));
                    self.told = Told::Leading(epoch);
                    happened.push("resumed");
                }
                Effect::Demote { epoch } => {
                    assert!(matches!(self.told, Told::Leading(own) | Told::Suspended(own) if own == epoch));
                    self.told = Told::Standby;
                    happened.push("demoted");
                }
            }
        }
        let is_leading = matches!(self.election.state(), State::Leading(_));
        assert_eq!(is_leading, matches!(self.told, Told::Leading(_)));
        (calls, happened)
    }
}
