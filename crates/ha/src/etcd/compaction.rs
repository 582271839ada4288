//! Keeps etcd from growing for ever.
//!
//! Etcd keeps every value that a key ever had until somebody compacts it, by default nobody; at 2 GiB it accepts no writes any
//! more. So the leader does, now and then. That concerns all users of the same etcd, but only those who want to know what was
//! there some minutes ago. If another one compacts at least as soon (`--auto-compaction-retention`), that suffices.

use std::{sync::Arc, time::Duration};

use etcd_client::GetOptions;
use tracing::{debug, info};

use super::{
    Keys,
    servers::{CallError, Refusal, Servers},
};
use crate::leadership::Standing;

/// Time between two compactions. What was there so long ago is kept.
pub(super) const EVERY: Duration = Duration::from_secs(300);
/// The time limit of a call; nothing hangs on it.
const LIMIT: Duration = Duration::from_secs(5);

/// Compacts now and then.
pub(super) struct Compaction {
    keys: Keys,
    servers: Arc<Servers>,
    /// The revision that was the newest two rounds ago.
    before: Option<i64>,
    /// The revision that was the newest a round ago.
    last: Option<i64>,
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// It is compacted up to this revision.
    Compacted(i64),
    /// There was nothing to do, or another one has done it.
    Nothing,
}

impl Compaction {
    pub(super) fn new(keys: Keys, servers: Arc<Servers>) -> Self {
        Self { keys, servers, before: None, last: None }
    }

    /// Goes on as long as this process leads, unless this user must not.
    pub(super) async fn run(mut self, standing: &Standing, every: Duration) {
        loop {
            tokio::select! {
                () = standing.lost() => return,
                () = tokio::time::sleep(every) => {}
            }
            if !standing.is_leading() {
                continue;
            }
            match self.round().await {
                Ok(Round::Compacted(revision)) => debug!(revision, "etcd forgets what was there before"),
                Ok(Round::Nothing) => {}
                Err(CallError::Refused(Refusal::Denied, error)) => {
                    info!(error, "etcd's user must not compact it: somebody else has to");
                    return;
                }
                Err(error) => debug!(%error, "etcd could not be compacted: trying again later"),
            }
        }
    }

    async fn round(&mut self) -> Result<Round, CallError> {
        let now = self.read(0).await?;
        let (before, last) = (self.before, self.last);
        (self.before, self.last) = (last, Some(now));
        let (Some(before), Some(last)) = (before, last) else { return Ok(Round::Nothing) };
        // Lower: it is another etcd, or was restored.
        if last <= before || now < last {
            return Ok(Round::Nothing);
        }
        // What this one has compacted to can be read.
        match self.read(before).await {
            Ok(_) => {}
            Err(CallError::Refused(Refusal::Other, error)) => {
                debug!(error, "somebody else compacts etcd");
                return Ok(Round::Nothing);
            }
            Err(error) => return Err(error),
        }
        self.servers.call(LIMIT, |mut client| async move { client.compact(last, None).await }).await?;
        Ok(Round::Compacted(last))
    }

    /// Reads as of a revision, and tells the newest one.
    async fn read(&self, revision: i64) -> Result<i64, CallError> {
        let key = self.keys.cluster();
        let options = GetOptions::new().with_revision(revision).with_keys_only();
        let get = self.servers.call(LIMIT, |mut client| async move { client.get(key, Some(options)).await });
        Ok(get.await?.header().map_or(0, |header| header.revision()))
    }
}

#[cfg(test)]
mod tests;
