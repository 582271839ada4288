//! What a leader has, and when it ends.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flott_core::{LeaderEpoch, MonoTime};
use tokio::sync::{mpsc, watch};

use crate::{clock, store::Store};

/// For how long it is waited until the store knows that a leadership was given up. Otherwise it runs out by itself.
const RESIGN_LIMIT: Duration = Duration::from_secs(3);

/// Whether a leader still is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderState {
    /// It leads.
    Leading,
    /// The store has not answered for too long to be sure. Nothing may be decided; what runs goes on.
    Suspended,
    /// It is one no more, for good: what belongs to this leadership must be dropped.
    Lost,
}

/// The leadership of this process, from when it was won. Dropped, it is given up.
#[derive(Debug)]
pub struct Leadership {
    standing: Arc<Standing>,
    store: Store,
    resign: mpsc::Sender<Resign>,
}

/// The wish to lead no more; what is held of it is dropped when that has happened.
#[derive(Debug)]
pub(crate) struct Resign {
    pub(crate) epoch: LeaderEpoch,
    pub(crate) done: Option<mpsc::Sender<()>>,
}

impl Leadership {
    pub(crate) fn new(standing: Arc<Standing>, store: Store, resign: mpsc::Sender<Resign>) -> Self {
        Self { standing, store, resign }
    }

    /// Its number: higher than that of every earlier one.
    pub fn epoch(&self) -> LeaderEpoch {
        self.standing.epoch
    }

    /// What outlives it.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Whether it still holds, with each change.
    pub fn state(&self) -> watch::Receiver<LeaderState> {
        self.standing.state.subscribe()
    }

    /// For those who must ask before they act.
    pub fn permit(&self) -> LeaderPermit {
        LeaderPermit { standing: self.standing.clone() }
    }

    /// Gives it up, so that another one can lead at once. Returns when the store knows, or can't be told in time.
    pub async fn resign(self) {
        let (done, mut is_done) = mpsc::channel(1);
        let resign = Resign { epoch: self.epoch(), done: Some(done) };
        if self.resign.send(resign).await.is_ok() {
            // Nothing is ever sent: it ends.
            let _ = tokio::time::timeout(RESIGN_LIMIT, is_done.recv()).await;
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        // Full or closed: then it is being given up already, or the process ends.
        let _ = self.resign.try_send(Resign { epoch: self.epoch(), done: None });
    }
}

/// Tells whether this process may act as the leader at this very moment. Ask right before acting: a state that was read before
/// may be old, as the process or the machine may have stood still in between.
#[derive(Clone)]
pub struct LeaderPermit {
    standing: Arc<Standing>,
}

impl LeaderPermit {
    /// Whether it leads, by its state and by the clock.
    pub fn is_leading(&self) -> bool {
        self.standing.is_leading()
    }

    /// In which epoch.
    pub fn epoch(&self) -> LeaderEpoch {
        self.standing.epoch
    }
}

impl fmt::Debug for LeaderPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.standing.fmt(f)
    }
}

/// How a leadership stands. Only who runs the election changes it.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) epoch: LeaderEpoch,
    pub(crate) state: watch::Sender<LeaderState>,
    /// Until when it leads without hearing from the store, in microseconds.
    until: AtomicU64,
}

impl Standing {
    pub(crate) fn new(epoch: LeaderEpoch, until: Option<MonoTime>) -> Arc<Self> {
        let standing =
            Self { epoch, state: watch::channel(LeaderState::Leading).0, until: AtomicU64::new(u64::MAX) };
        standing.lead_until(until.unwrap_or(MonoTime::from_micros(u64::MAX)));
        Arc::new(standing)
    }

    pub(crate) fn lead_until(&self, until: MonoTime) {
        self.until.store(until.as_micros(), Ordering::Release);
    }

    pub(crate) fn is_leading(&self) -> bool {
        *self.state.borrow() == LeaderState::Leading
            && clock::now().as_micros() < self.until.load(Ordering::Acquire)
    }

    pub(crate) fn is_lost(&self) -> bool {
        *self.state.borrow() == LeaderState::Lost
    }

    pub(crate) fn set(&self, state: LeaderState) {
        self.state.send_if_modified(|current| {
            // Lost is lost.
            let changes = *current != state && *current != LeaderState::Lost;
            if changes {
                *current = state;
            }
            changes
        });
    }

    /// Waits until the leadership is lost.
    pub(crate) async fn lost(&self) {
        // An error would mean that the sender is gone, which is here.
        let _ = self.state.subscribe().wait_for(|state| *state == LeaderState::Lost).await;
    }
}
