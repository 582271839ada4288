//! The half that always knows the leader key.

use std::time::Duration;

use flott_core::MonoTime;

use super::{Action, Effect, Election, Failure, Observation, RETRY_PAUSE};

/// How the leader key is known.
///
/// ```text
/// Pausing → Reading → Watching
///    ↑         │          │       (no answer; the watch has ended or is old)
///    └─────────┴──────────┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Observer {
    Pausing { until: MonoTime },
    Reading { call: u64 },
    Watching { call: u64, until: MonoTime },
}

/// For how many lease times a watch is trusted. After that the key is read anew: a watch may have missed something if the store
/// has lost its data, and its revisions have begun anew.
const WATCH_LEASE_TIMES: u32 = 3;

impl Observer {
    pub(super) fn is_reading(&self, number: u64) -> bool {
        matches!(self, Self::Reading { call } if *call == number)
    }

    pub(super) fn is_watching(&self, number: u64) -> bool {
        matches!(self, Self::Watching { call, .. } if *call == number)
    }

    pub(super) fn wakeup(&self) -> Option<MonoTime> {
        match self {
            Self::Pausing { until } | Self::Watching { until, .. } => Some(*until),
            Self::Reading { .. } => None,
        }
    }
}

impl Election {
    pub(super) fn read(&mut self, out: &mut Vec<Effect>) {
        let call = self.call(Action::ReadKey, self.config.call_limit(), out);
        self.observer = Observer::Reading { call };
    }

    pub(super) fn read_answered(
        &mut self,
        result: Result<Observation, Failure>,
        jitter: Duration,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        match result {
            Ok(observation) => {
                let after = observation.revision;
                let call = self.call(Action::WatchKey { after }, self.config.call_limit(), out);
                let until = now + self.config.lease_time * WATCH_LEASE_TIMES;
                self.observer = Observer::Watching { call, until };
                self.observe(observation, jitter, now, out);
            }
            Err(_) => self.observer = Observer::Pausing { until: now + RETRY_PAUSE + jitter },
        }
    }

    pub(super) fn wake_observer(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if self.observer.wakeup().is_some_and(|until| now >= until) {
            self.read(out);
        }
    }

    pub(super) fn observe(
        &mut self,
        observation: Observation,
        jitter: Duration,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        if self.observed.as_ref().is_none_or(|known| known.leader != observation.leader) {
            out.push(Effect::Publish { observation: observation.clone() });
        }
        let deposes = self.term().is_some_and(|term| term.is_deposed_by(&observation));
        self.observed = Some(observation);
        if deposes {
            self.demote(out);
        }
        self.consider(jitter, now);
    }
}
