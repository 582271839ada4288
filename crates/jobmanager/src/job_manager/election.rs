//! Leads whenever this process is elected, and ends what leads when it is not any more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    Error,
    ha::HighAvailability,
    leader_scope::{LeaderScope, RunningScope, ScopeOptions},
};

/// How long others have the first chance when this process was elected and can't lead.
const RETRY: Duration = Duration::from_secs(1);
/// How long at most when what leads breaks again and again.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// What the loop around leadership owns.
pub(super) struct Election {
    pub(super) high_availability: HighAvailability,
    pub(super) options: ScopeOptions,
    pub(super) present: watch::Sender<Option<Arc<LeaderScope>>>,
    /// Told what came of the first leadership.
    pub(super) first: Option<oneshot::Sender<Result<(), Error>>>,
    /// Cancelled to end this process in good order, `shutdown` with it.
    pub(super) told_to_end: CancellationToken,
    /// Cancelled when this process ends, for whatever reason.
    pub(super) shutdown: CancellationToken,
    /// Set if something that led could not be ended.
    pub(super) undrained: Arc<AtomicBool>,
}

/// Why this process leads no more.
enum Over {
    /// Leadership was taken away from it.
    Lost,
    /// What led has broken: it would break again at once.
    Broken,
    /// The process ends.
    End,
}

impl Election {
    /// Runs until this process is told to end, or a part of it has ended that it can't do without.
    pub(super) async fn run(mut self) {
        self.take_part().await;
        // After an accident whoever is started next goes on with the jobs.
        if self.told_to_end.is_cancelled() && !self.undrained.load(Ordering::Acquire) {
            self.high_availability.discard().await;
        }
    }

    async fn take_part(&mut self) {
        let shutdown = self.shutdown.clone();
        let mut pause = RETRY;
        loop {
            let leadership = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                leadership = self.high_availability.campaign() => leadership,
            };
            let leadership = match leadership {
                Ok(leadership) => leadership,
                Err(error) => {
                    self.try_later(error).await;
                    continue;
                }
            };
            info!(leader_epoch = %leadership.epoch(), "this JobManager was elected");
            let opened = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                opened = RunningScope::open(leadership, &self.options) => opened,
            };
            match opened {
                Ok(scope) => {
                    info!("this JobManager leads");
                    self.present.send_replace(Some(scope.handles.clone()));
                    if let Some(first) = self.first.take() {
                        // Who does not wait for it has been told by others that it goes on.
                        let _ = first.send(Ok(()));
                    }
                    let clock = self.options.clock;
                    let began = clock.now();
                    match self.lead(scope).await {
                        Over::Lost => pause = RETRY,
                        Over::Broken => {
                            if clock.now() > began + LAST_RETRY {
                                pause = RETRY;
                            }
                            self.pause(pause).await;
                            pause = (pause * 2).min(LAST_RETRY);
                        }
                        Over::End => return,
                    }
                }
                Err((leadership, error)) => {
                    leadership.resign().await;
                    self.try_later(error).await;
                }
            }
        }
    }

    /// Leads until that is over.
    async fn lead(&self, mut scope: RunningScope) -> Over {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => {}
            () = scope.ended() => {}
        }
        let survives = match self.told_to_end.is_cancelled() {
            true => self.high_availability.outlives_its_end(),
            false => self.high_availability.survives(),
        };
        if !survives {
            // There will be no other leader: what users can ask for stays there until the end.
            self.shutdown.cancel();
            scope.stop_jobs().await;
        } else {
            // First, so that nobody is told by what is going away that there are no jobs.
            self.present.send_replace(None);
        }
        let over = if scope.is_lost() { Over::Lost } else { Over::Broken };
        let (leadership, is_drained) = scope.close().await;
        if !is_drained {
            error!("what led can't be ended: this process ends, lest it does what another leader must do");
            self.undrained.store(true, Ordering::Release);
            self.shutdown.cancel();
        }
        leadership.resign().await;
        if self.shutdown.is_cancelled() {
            return Over::End;
        }
        warn!("this JobManager does not lead any more");
        over
    }

    async fn try_later(&mut self, error: Error) {
        error!(error = &error as &dyn std::error::Error, "this JobManager can't lead");
        if let Some(first) = self.first.take() {
            let _ = first.send(Err(error));
        }
        self.pause(RETRY).await;
    }

    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests;
