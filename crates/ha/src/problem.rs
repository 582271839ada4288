//! What is wrong just now, for health checks and logs.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use flott_core::MonoTime;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::clock;

/// How often the same problem is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Something is wrong with the store. It is tried again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub kind: ProblemKind,
    /// In words.
    pub text: String,
}

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// It does not answer.
    Unreachable,
    /// It does not accept this user.
    Denied,
    /// It has no space left.
    NoSpace,
    /// Its data is not this cluster's: nobody leads before somebody has looked.
    UnknownData,
    /// Files can't be read or written.
    Files,
}

impl ProblemKind {
    /// Its name, as health checks show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "STORE_UNREACHABLE",
            Self::Denied => "STORE_DENIED",
            Self::NoSpace => "STORE_NOSPACE",
            Self::UnknownData => "STORE_UNKNOWN_DATA",
            Self::Files => "STORE_FILES",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text)
    }
}

/// One kind of problem, since it was there for the first time.
#[derive(Debug, Default)]
struct State {
    /// `None`: it is over.
    text: Option<String>,
    logged_at: Option<MonoTime>,
    /// Whether its end is to be logged too.
    is_logged: bool,
}

/// Collects what is wrong, and logs it now and then.
#[derive(Debug)]
pub(crate) struct Problems {
    current: Mutex<BTreeMap<ProblemKind, State>>,
    published: watch::Sender<Vec<Problem>>,
}

impl Problems {
    pub(crate) fn new() -> Self {
        Self { current: Mutex::default(), published: watch::channel(Vec::new()).0 }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Vec<Problem>> {
        self.published.subscribe()
    }

    pub(crate) fn report(&self, kind: ProblemKind, text: impl fmt::Display) {
        let (text, now) = (text.to_string(), clock::now());
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let state = current.entry(kind).or_default();
        // Also if it has been over in between: it may come and go many times a second.
        if state.logged_at.is_none_or(|at| now >= at + LOG_INTERVAL) {
            warn!(problem = kind.name(), error = %text, "the store of high availability has a problem");
            (state.logged_at, state.is_logged) = (Some(now), true);
        }
        state.text = Some(text);
        self.publish(&current);
    }

    pub(crate) fn clear(&self, kind: ProblemKind) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = current.get_mut(&kind).filter(|state| state.text.is_some()) else { return };
        state.text = None;
        if std::mem::take(&mut state.is_logged) {
            info!(problem = kind.name(), "a problem of the store of high availability is over");
        }
        self.publish(&current);
    }

    fn publish(&self, current: &BTreeMap<ProblemKind, State>) {
        let problem =
            |(kind, state): (&ProblemKind, &State)| Some(Problem { kind: *kind, text: state.text.clone()? });
        self.published.send_replace(current.iter().filter_map(problem).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_come_and_go() {
        let problems = Problems::new();
        let current = problems.subscribe();
        problems.report(ProblemKind::NoSpace, "full");
        problems.report(ProblemKind::Unreachable, "silent");
        problems.report(ProblemKind::Unreachable, "still silent");
        let texts: Vec<_> = current.borrow().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["STORE_UNREACHABLE: still silent", "STORE_NOSPACE: full"]);
        problems.clear(ProblemKind::NoSpace);
        problems.clear(ProblemKind::Denied);
        assert_eq!(current.borrow().len(), 1);
        problems.clear(ProblemKind::Unreachable);
        assert!(current.borrow().is_empty());
    }
}
