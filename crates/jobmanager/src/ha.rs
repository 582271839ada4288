//! Who leads, and what outlives a JobManager: `flott_ha` as this process uses it.
//!
//! Several JobManagers of one process, in tests for one, may share a [`SharedMemory`] instead.

mod memory;
mod store;

use std::{fmt, path::PathBuf, time::Duration};

use flott_core::{
    LeaderEpoch,
    config::{Configuration, HighAvailability as Kind},
};
use flott_storage::StorageUri;
use tokio::sync::watch;

use crate::Error;

pub use flott_ha::LeaderInfo;
pub(crate) use flott_ha::Problem;
pub(crate) use flott_ha::{Candidate, Op};
use flott_ha::{LeaderPermit, LeaderState};
pub use memory::SharedMemory;
pub(crate) use store::{Store, StoreError};

/// This process's part in the election.
pub(crate) struct HighAvailability(Election);

enum Election {
    Configured(Box<flott_ha::HighAvailability>),
    Shared { memory: SharedMemory, candidate: Candidate },
}

impl HighAvailability {
    /// Takes part as is configured.
    ///
    /// # Errors
    /// [`Error::HighAvailability`].
    pub(crate) async fn open(config: &Configuration, candidate: Candidate) -> Result<Self, Error> {
        let configured = flott_ha::HighAvailability::open(config, candidate).await?;
        Ok(Self(Election::Configured(Box::new(configured))))
    }

    /// Takes part among the JobManagers that share `memory`.
    pub(crate) fn join(memory: SharedMemory, candidate: Candidate) -> Self {
        Self(Election::Shared { memory, candidate })
    }

    /// Whether jobs go on when this process ends in good order.
    pub(crate) fn outlives_its_end(&self) -> bool {
        match &self.0 {
            Election::Configured(configured) => configured.is_kept(),
            Election::Shared { memory, .. } => memory.directory().is_some(),
        }
    }

    /// Whether they go on with another leader, or with this process when it leads again.
    pub(crate) fn survives(&self) -> bool {
        self.directory().is_some()
    }

    /// Deletes what is not to outlive this process, which ends in good order.
    pub(crate) async fn discard(self) {
        if let Election::Configured(configured) = self.0 {
            let discarded = tokio::task::spawn_blocking(|| configured.discard()).await;
            if let Ok(Err(error)) = discarded {
                tracing::warn!(%error, "the records of jobs could not be deleted");
            }
        }
    }

    /// Where files lie that are to outlive this process, if anything does.
    pub(crate) fn directory(&self) -> Option<StorageUri> {
        match &self.0 {
            Election::Configured(configured) => configured.directory().cloned(),
            Election::Shared { memory, .. } => memory.directory(),
        }
    }

    /// The same, if no other leader is on another machine.
    pub(crate) fn local_directory(&self) -> Option<PathBuf> {
        let is_spread = match &self.0 {
            Election::Configured(configured) => configured.kind() == Kind::Etcd,
            Election::Shared { memory, .. } => memory.is_spread(),
        };
        if is_spread { None } else { Some(self.directory()?.local_path()?.to_owned()) }
    }

    /// Whether nobody else can lead.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(&self.0, Election::Configured(configured) if configured.kind() != Kind::Etcd)
    }

    /// Who leads, as far as is known.
    pub(crate) fn leader(&self) -> watch::Receiver<Option<LeaderInfo>> {
        match &self.0 {
            Election::Configured(configured) => configured.leader(),
            Election::Shared { memory, .. } => memory.leader(),
        }
    }

    /// What is wrong just now with what keeps the jobs.
    pub(crate) fn problems(&self) -> watch::Receiver<Vec<Problem>> {
        match &self.0 {
            Election::Configured(configured) => configured.problems(),
            Election::Shared { .. } => watch::channel(Vec::new()).1,
        }
    }

    /// The JobManagers that are there, this one among them, as far as is known.
    pub(crate) fn members(&self) -> watch::Receiver<Vec<Candidate>> {
        match &self.0 {
            Election::Configured(configured) => configured.members(),
            Election::Shared { candidate, .. } => watch::channel(vec![candidate.clone()]).1,
        }
    }

    /// Waits until this process leads. To be called again only when nothing is left of what led.
    ///
    /// # Errors
    /// [`Error::HighAvailability`].
    pub(crate) async fn campaign(&self) -> Result<Leadership, Error> {
        Ok(Leadership(match &self.0 {
            Election::Configured(configured) => Reign::Configured(configured.campaign().await?),
            Election::Shared { memory, candidate } => Reign::Shared(memory.campaign(candidate).await),
        }))
    }
}

/// The time for which this process leads. Dropping it gives that up.
pub(crate) struct Leadership(Reign);

enum Reign {
    Configured(flott_ha::Leadership),
    Shared(memory::Reign),
}

impl Leadership {
    /// Its number.
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        match &self.0 {
            Reign::Configured(reign) => reign.epoch(),
            Reign::Shared(reign) => reign.epoch(),
        }
    }

    /// What is kept for the next leader.
    pub(crate) fn store(&self) -> Store {
        match &self.0 {
            Reign::Configured(reign) => Store::configured(reign.store()),
            Reign::Shared(reign) => Store::shared(reign.memory().clone(), reign.epoch()),
        }
    }

    /// What this leader may do.
    pub(crate) fn standing(&self) -> Standing {
        match &self.0 {
            Reign::Configured(reign) => Standing { state: reign.state(), permit: Some(reign.permit()) },
            Reign::Shared(reign) => Standing { state: reign.state(), permit: None },
        }
    }

    /// Lets others lead at once.
    pub(crate) async fn resign(self) {
        if let Reign::Configured(reign) = self.0 {
            reign.resign().await;
        }
    }
}

/// How long to wait for the word of those who should have said by now that this process may lead no more.
const RECHECK: Duration = Duration::from_millis(20);

/// What a leader may do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Standing {
    state: watch::Receiver<LeaderState>,
    /// Looks at the clock, too: this process may have stood still, and nobody has noticed yet.
    permit: Option<LeaderPermit>,
}

impl Standing {
    /// Whether it leads for certain.
    pub(crate) fn is_leading(&self) -> bool {
        *self.state.borrow() == LeaderState::Leading
            && self.permit.as_ref().is_none_or(LeaderPermit::is_leading)
    }

    /// Waits until it leads for certain; forever if it never will again.
    pub(crate) async fn leading(&mut self) {
        loop {
            if self.state.wait_for(|state| *state == LeaderState::Leading).await.is_err() {
                std::future::pending().await
            }
            if self.is_leading() {
                return;
            }
            tokio::time::sleep(RECHECK).await;
        }
    }

    /// Whether it leads no more for certain.
    pub(crate) fn is_lost(&self) -> bool {
        *self.state.borrow() == LeaderState::Lost
    }

    /// Waits until it leads no more.
    pub(crate) async fn lost(&mut self) {
        // An error means that nobody renews this leadership any more.
        let _ = self.state.wait_for(|state| *state == LeaderState::Lost).await;
    }
}

impl fmt::Debug for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leadership").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}
