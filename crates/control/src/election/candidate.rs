//! The half that creates the leader key and keeps it.

use std::time::Duration;

use flott_core::MonoTime;

use super::{
    Action, Answer, Created, Effect, Election, Failure, LeaseId, Observation, RETRY_PAUSE, Renewed, Revision,
    margin,
};

/// Life of a candidate.
///
/// ```text
///    nobody leads                lease                  the key is ours         answered in time
/// Standby ──────────→ Granting ────────→ Acquiring ────────────────────→ Leading ⇄ Suspended
///    ↑                    │                  │                              │          │
///    ├────────────────────┘                  │ somebody else was faster     │ resigned; the key
///    │       lease is gone                   ▼                              ▼ or lease is gone
///    └────────────────────────────────── Releasing ←────────────────────────┴──────────┘
/// ```
/// `Releasing` lasts until the store has said that the lease is gone: whatever still is on its way with this lease can't
/// create a key any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Without lease.
    Standby {
        /// When to try to lead; `None`: somebody leads, or it is not to.
        attempt_at: Option<MonoTime>,
    },
    /// Waiting for a lease. If there is no answer, a lease may be left behind: nothing hangs on it, and it runs out.
    Granting {
        /// The call.
        call: u64,
        /// When it was made.
        sent: MonoTime,
    },
    /// Creating the leader key, or finding out whether that has happened.
    Acquiring {
        /// The lease that it hangs on.
        lease: Lease,
        /// How far it is.
        step: AcquireStep,
    },
    /// It leads.
    Leading(Term),
    /// It may still lead, but must not act on it.
    Suspended(Term),
    /// Giving back a lease.
    Releasing {
        /// Which.
        lease: LeaseId,
        /// How far it is.
        step: ReleaseStep,
    },
}

/// How far the creation of the leader key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireStep {
    /// The request is under way.
    Creating {
        /// Which call.
        call: u64,
    },
    /// It was not answered: reading what has become of it.
    Reading {
        /// Which call.
        call: u64,
    },
    /// That was not answered either.
    Pausing {
        /// When to read again.
        until: MonoTime,
    },
}

/// How far giving back a lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseStep {
    /// The request is under way.
    Revoking {
        /// Which call.
        call: u64,
    },
    /// It was not answered.
    Pausing {
        /// When to try again.
        until: MonoTime,
    },
}

/// A lease that has no leader key yet, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its number.
    pub id: LeaseId,
    /// When it was asked for.
    pub sent: MonoTime,
    /// Until when it certainly lives, with some margin.
    pub deadline: MonoTime,
}

/// A leadership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The lease that the leader key hangs on.
    pub lease: LeaseId,
    /// The revision at which the key was created.
    pub epoch: Revision,
    /// Until when nobody else can lead, with some margin, as far as is known.
    pub deadline: MonoTime,
    /// How far the next renewal of the lease is.
    pub renewal: Renewal,
    /// The call that finds out whether the key is still there, before a suspended leader goes on.
    pub verification: Option<u64>,
}

/// How far the next renewal of a lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// To be sent.
    Due {
        /// When.
        at: MonoTime,
    },
    /// Waiting for the answer.
    Sent {
        /// To which call.
        call: u64,
        /// When it was sent.
        at: MonoTime,
    },
}

impl Term {
    /// Whether this is seen after the key of this term was created, and shows that it is gone.
    pub(super) fn is_deposed_by(&self, observation: &Observation) -> bool {
        observation.revision >= self.epoch && !self.is_of(observation)
    }

    fn is_of(&self, observation: &Observation) -> bool {
        let key = observation.leader.as_ref();
        key.is_some_and(|key| key.created == self.epoch && key.lease == self.lease)
    }

    fn wakeup(&self) -> Option<MonoTime> {
        match self.renewal {
            Renewal::Due { at } => Some(at),
            Renewal::Sent { .. } => None,
        }
    }
}

impl State {
    pub(super) fn wakeup(&self) -> Option<MonoTime> {
        match self {
            Self::Standby { attempt_at } => *attempt_at,
            Self::Acquiring { step: AcquireStep::Pausing { until }, .. }
            | Self::Releasing { step: ReleaseStep::Pausing { until }, .. } => Some(*until),
            Self::Leading(term) => term.wakeup().into_iter().chain([term.deadline]).min(),
            Self::Suspended(term) => term.wakeup(),
            Self::Granting { .. } | Self::Acquiring { .. } | Self::Releasing { .. } => None,
        }
    }
}

impl Election {
    pub(super) fn term(&self) -> Option<&Term> {
        match &self.state {
            State::Leading(term) | State::Suspended(term) => Some(term),
            _ => None,
        }
    }

    /// Plans to lead if nobody does, or gives up the plan if somebody does.
    pub(super) fn consider(&mut self, jitter: Duration, now: MonoTime) {
        let is_free = self.observed.as_ref().is_some_and(|known| known.leader.is_none());
        if let State::Standby { attempt_at } = &mut self.state {
            *attempt_at = match *attempt_at {
                _ if !self.campaigning || !is_free => None,
                None => Some(now + jitter),
                planned => planned,
            };
        }
    }

    pub(super) fn check_deadline(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if let State::Leading(term) = &self.state
            && now >= term.deadline
        {
            out.push(Effect::Suspend { epoch: term.epoch });
            self.state = State::Suspended(term.clone());
        }
    }

    pub(super) fn resign(&mut self, out: &mut Vec<Effect>) {
        self.campaigning = false;
        match &self.state {
            State::Standby { .. } => self.state = State::Standby { attempt_at: None },
            State::Acquiring { lease, .. } => self.release(lease.id, out),
            State::Leading(_) | State::Suspended(_) => self.demote(out),
            // What is granted is given back.
            State::Granting { .. } | State::Releasing { .. } => {}
        }
    }

    pub(super) fn demote(&mut self, out: &mut Vec<Effect>) {
        if let Some(term) = self.term() {
            let lease = term.lease;
            out.push(Effect::Demote { epoch: term.epoch });
            self.campaigning = false;
            self.release(lease, out);
        }
    }

    pub(super) fn wake_candidate(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if self.state.wakeup().is_none_or(|at| now < at) {
            return;
        }
        match self.state.clone() {
            State::Standby { .. } => {
                let call = self.call(Action::GrantLease, self.config.call_limit(), out);
                self.state = State::Granting { call, sent: now };
            }
            State::Acquiring { lease, .. } if now >= lease.deadline => self.release(lease.id, out),
            State::Acquiring { lease, .. } => self.find_out(lease, out),
            State::Leading(mut term) => {
                self.renew(&mut term, now, out);
                self.state = State::Leading(term);
            }
            State::Suspended(mut term) => {
                self.renew(&mut term, now, out);
                self.state = State::Suspended(term);
            }
            State::Releasing { lease, .. } => self.release(lease, out),
            State::Granting { .. } => {}
        }
    }

    pub(super) fn candidate_answered(
        &mut self,
        call: u64,
        answer: Answer,
        jitter: Duration,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        match (self.state.clone(), answer) {
            (State::Granting { call: own, sent }, Answer::Granted(result)) if own == call => match result {
                Ok((id, time)) => {
                    let deadline = sent + time.saturating_sub(margin(time));
                    self.create(Lease { id, sent, deadline }, now, out);
                }
                Err(_) => self.stand_by(jitter, now),
            },
            (
                State::Acquiring { lease, step: AcquireStep::Creating { call: own } },
                Answer::Created(result),
            ) if own == call => match result {
                Ok(Created::Won(epoch)) => self.lead(lease, epoch, now, out),
                Ok(Created::Lost(observation)) => self.created(lease, &observation, now, out),
                Ok(Created::LeaseGone) => self.stand_by(jitter, now),
                Err(Failure::Refused) => self.release(lease.id, out),
                Err(Failure::Unknown) => self.find_out(lease, out),
            },
            (State::Acquiring { lease, step: AcquireStep::Reading { call: own } }, Answer::Read(result))
                if own == call =>
            {
                match result {
                    Ok(observation) => self.created(lease, &observation, now, out),
                    Err(_) => {
                        let step = AcquireStep::Pausing { until: now + RETRY_PAUSE + jitter };
                        self.state = State::Acquiring { lease, step };
                    }
                }
            }
            (
                State::Releasing { lease, step: ReleaseStep::Revoking { call: own } },
                Answer::Revoked(result),
            ) if own == call => match result {
                Ok(()) => self.stand_by(jitter, now),
                Err(_) => {
                    let step = ReleaseStep::Pausing { until: now + RETRY_PAUSE + jitter };
                    self.state = State::Releasing { lease, step };
                }
            },
            (State::Leading(term), Answer::Renewed(result)) => {
                if let Some((term, _)) = self.renewed(term, call, result, jitter, now, out) {
                    self.state = State::Leading(term);
                    self.check_deadline(now, out);
                }
            }
            (State::Suspended(term), Answer::Renewed(result)) => {
                if let Some((mut term, is_renewed)) = self.renewed(term, call, result, jitter, now, out) {
                    if is_renewed && term.verification.is_none() && now < term.deadline {
                        term.verification = Some(self.call(Action::ReadKey, self.config.call_limit(), out));
                    }
                    self.state = State::Suspended(term);
                }
            }
            (State::Suspended(term), Answer::Read(result)) if term.verification == Some(call) => {
                self.verified(term, result, jitter, now, out);
            }
            // To a call that nobody waits for any more.
            _ => {}
        }
    }

    /// Takes in the answer to a renewal: the term after it, and whether it was renewed. `None`: it is over.
    fn renewed(
        &mut self,
        mut term: Term,
        call: u64,
        result: Result<Renewed, Failure>,
        jitter: Duration,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) -> Option<(Term, bool)> {
        let Renewal::Sent { call: own, at } = term.renewal else { return Some((term, false)) };
        if own != call {
            return Some((term, false));
        }
        match result {
            Ok(Renewed::Lives(time)) => {
                term.deadline = term.deadline.max(at + time.saturating_sub(margin(time)));
                term.renewal = Renewal::Due { at: at + self.config.renewal_interval() };
                Some((term, true))
            }
            Ok(Renewed::Gone) => {
                self.demote(out);
                None
            }
            Err(_) => {
                term.renewal = Renewal::Due { at: now + RETRY_PAUSE + jitter / 5 };
                Some((term, false))
            }
        }
    }

    /// A suspended leader has read its key after its lease was renewed.
    fn verified(
        &mut self,
        mut term: Term,
        result: Result<Observation, Failure>,
        jitter: Duration,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        term.verification = None;
        match result {
            Ok(observation) if !term.is_of(&observation) => {
                self.demote(out);
                return;
            }
            Ok(_) if now < term.deadline => {
                out.push(Effect::Resume { epoch: term.epoch });
                self.state = State::Leading(term);
                return;
            }
            Ok(_) => {}
            // The next renewal that is answered leads to the next question.
            Err(_) => {
                if let Renewal::Due { at } = term.renewal {
                    term.renewal = Renewal::Due { at: at.min(now + RETRY_PAUSE + jitter / 5) };
                }
            }
        }
        self.state = State::Suspended(term);
    }

    fn renew(&mut self, term: &mut Term, now: MonoTime, out: &mut Vec<Effect>) {
        if term.wakeup().is_some_and(|at| now >= at) {
            let action = Action::RenewLease { lease: term.lease };
            let call = self.call(action, self.config.call_limit(), out);
            term.renewal = Renewal::Sent { call, at: now };
        }
    }

    fn stand_by(&mut self, jitter: Duration, now: MonoTime) {
        self.state = State::Standby { attempt_at: None };
        // Not at once: what was just lost may not have been observed yet.
        self.consider(RETRY_PAUSE + jitter, now);
    }

    fn create(&mut self, lease: Lease, now: MonoTime, out: &mut Vec<Effect>) {
        if !self.campaigning || now >= lease.deadline {
            self.release(lease.id, out);
            return;
        }
        let call = self.call(Action::CreateKey { lease: lease.id }, self.config.call_limit(), out);
        self.state = State::Acquiring { lease, step: AcquireStep::Creating { call } };
    }

    fn find_out(&mut self, lease: Lease, out: &mut Vec<Effect>) {
        let call = self.call(Action::ReadKey, self.config.call_limit(), out);
        self.state = State::Acquiring { lease, step: AcquireStep::Reading { call } };
    }

    /// The key was read after the request to create it.
    fn created(&mut self, lease: Lease, observation: &Observation, now: MonoTime, out: &mut Vec<Effect>) {
        match &observation.leader {
            Some(key) if key.lease == lease.id => self.lead(lease, key.created, now, out),
            Some(_) => self.release(lease.id, out),
            // The request may still arrive; then this one is refused, and shows our own key.
            None => self.create(lease, now, out),
        }
    }

    fn lead(&mut self, lease: Lease, epoch: Revision, now: MonoTime, out: &mut Vec<Effect>) {
        if !self.campaigning || now >= lease.deadline {
            // Nobody has been told: simpler than to begin as a suspended leader.
            self.release(lease.id, out);
            return;
        }
        self.state = State::Leading(Term {
            lease: lease.id,
            epoch,
            deadline: lease.deadline,
            renewal: Renewal::Due { at: lease.sent + self.config.renewal_interval() },
            verification: None,
        });
        out.push(Effect::Lead { epoch });
    }

    fn release(&mut self, lease: LeaseId, out: &mut Vec<Effect>) {
        let call = self.call(Action::RevokeLease { lease }, self.config.call_limit(), out);
        self.state = State::Releasing { lease, step: ReleaseStep::Revoking { call } };
    }
}
