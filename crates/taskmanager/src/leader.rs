//! Finds out which JobManager leads.

#[cfg(test)]
mod tests;

use std::{error::Error, fmt, future, time::Duration};

use flott_core::LeaderEpoch;
use flott_rpc::{LeaderView, leader_client, pb, tcp_channel};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};

use crate::clock::{now, sleep_until_deadline};

/// How long a JobManager may take to say who leads.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for further answers once one has named a leader: another JobManager may know of a newer one. One that
/// hangs must not hold up those that answer.
const SETTLE_TIME: Duration = Duration::from_millis(200);

/// How often to ask whether another JobManager leads, while the one that did says nothing.
pub(crate) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How often to ask the same while one is registered. It may be frozen, or not know that it leads no more; how often
/// heartbeats are sent does not matter for that.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_secs(3);

/// What became of asking JobManagers, each with its address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked(Vec<(String, String)>);

impl Asked {
    pub(crate) fn add(&mut self, address: &str, outcome: impl Into<String>) {
        self.0.push((address.to_owned(), outcome.into()));
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, outcome)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {outcome}")?;
        }
        Ok(())
    }
}

/// The JobManager to register at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    /// `host:port` of its RPC server.
    pub(crate) address: String,
    /// Its epoch; the lowest that there is if nobody could tell.
    pub(crate) epoch: LeaderEpoch,
}

/// Asks all JobManagers at the same time who leads, and returns the one with the highest epoch. One whose epoch is below
/// `seen` leads no more. A JobManager that knows no such question is taken for a leader if nobody names one; of several such
/// it is their turn one after the other, by `turn`.
pub(crate) async fn find(addresses: &[String], seen: LeaderEpoch, turn: u64) -> Result<Leader, Asked> {
    let Answers { leader, unversed, asked } = ask_all(addresses, seen).await;
    if let Some(leader) = leader {
        return Ok(leader);
    }
    let count = unversed.len().max(1);
    let next = usize::try_from(turn % count as u64).ok().and_then(|turn| unversed.get(turn));
    next.map(|address| Leader { address: address.clone(), epoch: LeaderEpoch(0) }).ok_or(asked)
}

/// Waits until another JobManager leads than the one of `epoch`, and returns what others say of it. Never, if there is only
/// one. They are asked each time after `interval`.
pub(crate) async fn succeeded(addresses: &[String], epoch: LeaderEpoch, interval: Duration) -> Leader {
    if addresses.len() < 2 {
        return future::pending().await;
    }
    loop {
        sleep(interval).await;
        let answers = ask_all(addresses, LeaderEpoch(epoch.0.saturating_add(1))).await;
        if let Some(leader) = answers.leader {
            return leader;
        }
    }
}

/// What came of asking all JobManagers who leads.
struct Answers {
    leader: Option<Leader>,
    /// Those that do not know the question.
    unversed: Vec<String>,
    asked: Asked,
}

async fn ask_all(addresses: &[String], seen: LeaderEpoch) -> Answers {
    let mut answers: FuturesUnordered<_> =
        addresses.iter().map(|address| async move { (address, ask(address).await) }).collect();
    let mut asked = Asked::default();
    let mut best: Option<Leader> = None;
    let mut unversed = Vec::new();
    let mut settled_at: Option<Instant> = None;
    loop {
        let (address, answer) = tokio::select! {
            biased;
            answer = answers.next() => match answer {
                Some(answer) => answer,
                None => break,
            },
            () = sleep_until_deadline(settled_at) => break,
        };
        match answer {
            Ok(LeaderView { leader: None, .. }) => asked.add(address, "knows no leader"),
            Ok(LeaderView { leader: Some(leader), .. }) if leader.epoch < seen => {
                asked.add(address, format!("names {}, which leads no more", leader.rpc_address));
            }
            Ok(LeaderView { leader: Some(leader), instance_id }) => {
                settled_at.get_or_insert_with(|| now() + SETTLE_TIME);
                // The leader itself is reached where it was asked, whatever name it has for itself.
                let is_itself = leader.instance_id == instance_id;
                let epoch = leader.epoch;
                let named = if is_itself { address.clone() } else { leader.rpc_address };
                if best.as_ref().is_none_or(|best| epoch > best.epoch || is_itself && epoch == best.epoch) {
                    best = Some(Leader { address: named, epoch });
                }
            }
            Err(status) if status.code() == Code::Unimplemented => unversed.push(address.clone()),
            Err(status) => asked.add(address, reason(&status)),
        }
    }
    unversed.sort();
    Answers { leader: best, unversed, asked }
}

/// What is at the bottom of a failed call, such as a refused connection.
pub(crate) fn reason(status: &Status) -> String {
    let mut cause: &dyn Error = status;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if status.source().is_some() { cause.to_string() } else { status.message().to_owned() }
}

async fn ask(address: &str) -> Result<LeaderView, Status> {
    let channel = tcp_channel(address).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let mut client = leader_client(channel);
    let response = timeout(ANSWER_TIMEOUT, client.get_leader(pb::GetLeaderRequest {}))
        .await
        .map_err(|_| Status::deadline_exceeded("no answer in time"))??;
    Ok(LeaderView::try_from(response.into_inner())?)
}
