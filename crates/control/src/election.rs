//! Election of one leader among several JobManagers, over a store with leases (etcd).
//!
//! Who creates the leader key leads, until the key is gone. The key hangs on a lease, which its owner renews; if it can't, the
//! store deletes the key after the lease time, and somebody else may create it anew. The store's revision at which the key
//! was created is the *epoch*: it rises with each leader, and every durable write of a leader is made on condition that the
//! key of its epoch still exists. So safety rests on no clock: the lease decides only how fast a dead leader is replaced
//! (leases: Gray & Cheriton, 1989).
//!
//! A leader stops acting on its own before its lease can have run out: its deadline counts from when the last *answered*
//! renewal was *sent*. Past it, it is suspended; it goes on to lead only when the store has said that the key is still there.
//!
//! The machine has two halves: the observer, which always knows the leader key by reading and then watching it, and the
//! candidate, which tries to create it when it is asked to lead and nobody does. What a call that was not answered has done
//! is unknown; that is found out by reading, and never assumed. No second lease is taken before the first is known to be gone.
//!
//! A shell carries out the effects. It answers each call exactly once, at the latest after its time limit;
//! only a watch goes on until it fails, and ends without an answer when the next one is begun.

use std::time::Duration;

use flott_core::MonoTime;

mod candidate;
mod effect;
mod event;
mod observer;
#[cfg(test)]
mod tests;

pub use candidate::{AcquireStep, Lease, ReleaseStep, Renewal, State, Term};
pub use effect::{Action, Effect};
pub use event::{Answer, Created, Event, Failure, LeaderKey, LeaseId, Observation, Renewed, Revision};
use observer::Observer;

/// What the machine is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionConfig {
    /// After how long a leader that says nothing may be replaced; at least 2 s.
    pub lease_time: Duration,
}

impl ElectionConfig {
    /// How long after a renewal was sent the next one is.
    fn renewal_interval(&self) -> Duration {
        self.lease_time / 3
    }

    /// The time limit of one call while something hangs on it.
    fn call_limit(&self) -> Duration {
        self.lease_time / 6
    }
}

/// How much earlier than the store a leader takes its lease for over: for the way of the answer, and for what is being done
/// at that moment.
fn margin(lease_time: Duration) -> Duration {
    (lease_time / 5).max(Duration::from_secs(1))
}

/// Pause before something that failed is tried again; the jitter of the event is added.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The machine of one candidate. It begins as an observer; [`Event::CampaignRequested`] makes it a candidate.
#[derive(Clone, Debug)]
pub struct Election {
    config: ElectionConfig,
    observer: Observer,
    observed: Option<Observation>,
    state: State,
    /// Whether it is to lead as soon as nobody else does.
    campaigning: bool,
    next_call: u64,
}

impl Election {
    /// One that knows nothing yet and asks for nothing before [`Event::Started`].
    pub fn new(config: ElectionConfig) -> Self {
        Self {
            config,
            observer: Observer::Pausing { until: MonoTime::ZERO },
            observed: None,
            state: State::Standby { attempt_at: None },
            campaigning: false,
            next_call: 0,
        }
    }

    /// Takes in an event and returns what is to be done, in this order.
    pub fn handle(&mut self, event: Event, now: MonoTime) -> Vec<Effect> {
        let mut out = Vec::new();
        // Before everything else: this process may have stood still since it knew that it leads.
        self.check_deadline(now, &mut out);
        match event {
            Event::Started => self.read(&mut out),
            Event::CampaignRequested { jitter } => {
                self.campaigning = true;
                self.consider(jitter, now);
            }
            Event::ResignRequested => self.resign(&mut out),
            Event::WriteRefused { epoch } => {
                if self.term().is_some_and(|term| term.epoch == epoch) {
                    self.demote(&mut out);
                }
            }
            Event::LeaderChanged { call, observation, jitter } => {
                if self.observer.is_watching(call) {
                    self.observe(observation, jitter, now, &mut out);
                }
            }
            Event::Answered { call, answer, jitter } => self.answered(call, answer, jitter, now, &mut out),
            Event::TimerFired => {}
        }
        self.wake_observer(now, &mut out);
        self.wake_candidate(now, &mut out);
        out
    }

    /// When [`Event::TimerFired`] is wanted next.
    pub fn next_wakeup(&self) -> Option<MonoTime> {
        [self.observer.wakeup(), self.state.wakeup()].into_iter().flatten().min()
    }

    /// What it is just now. That it leads holds only until [`leading_until`](Self::leading_until).
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The epoch in which it leads, and until when it may act on it without hearing from the store.
    pub fn leading_until(&self) -> Option<(Revision, MonoTime)> {
        match &self.state {
            State::Leading(term) => Some((term.epoch, term.deadline)),
            _ => None,
        }
    }

    /// Whether it is to lead as soon as nobody else does.
    pub fn is_campaigning(&self) -> bool {
        self.campaigning
    }

    /// What it has last learned of the leader key.
    pub fn observed(&self) -> Option<&Observation> {
        self.observed.as_ref()
    }

    fn answered(
        &mut self,
        call: u64,
        answer: Answer,
        jitter: Duration,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        match answer {
            Answer::Read(result) if self.observer.is_reading(call) => {
                self.read_answered(result, jitter, now, out);
            }
            Answer::WatchEnded => {
                if self.observer.is_watching(call) {
                    self.observer = Observer::Pausing { until: now + RETRY_PAUSE + jitter / 5 };
                }
            }
            answer => self.candidate_answered(call, answer, jitter, now, out),
        }
    }

    /// Begins a call, whose number it returns.
    fn call(&mut self, action: Action, limit: Duration, out: &mut Vec<Effect>) -> u64 {
        let call = self.next_call;
        self.next_call += 1;
        out.push(Effect::Call { call, action, limit });
        call
    }
}
