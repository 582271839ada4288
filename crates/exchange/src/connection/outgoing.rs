//! What waits to be sent to a peer.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use flott_core::{AttemptNumber, ChannelId, EdgeIndex, HostId, SubtaskIndex};
use tokio::sync::Notify;

use crate::{
    Error,
    frame::{self, FrameKind},
};

/// The way from one subtask to another, whatever the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way(EdgeIndex, SubtaskIndex, SubtaskIndex);

impl Way {
    pub(crate) const fn of(channel: ChannelId) -> Self {
        Self(channel.edge, channel.producer, channel.consumer)
    }
}

/// One connection, to tell it from earlier and later ones to the same peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionKey {
    pub(crate) peer: HostId,
    pub(crate) number: u64,
}

/// Frames and credits for one peer. Channels take turns frame by frame.
pub(crate) struct Outgoing {
    key: ConnectionKey,
    peer_name: Arc<str>,
    waiting: Mutex<Waiting>,
    writer: Notify,
    connected: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    frames: HashMap<Way, Frames>,
    /// Ways with frames, the next one first.
    turns: VecDeque<Way>,
    credits: BTreeMap<ChannelId, u32>,
    /// Set when the connection has failed.
    closed: Option<Error>,
}

/// Frames of the newest attempt of a channel.
#[derive(Default)]
struct Frames {
    attempt: AttemptNumber,
    queue: VecDeque<Bytes>,
    /// Whether it is among the turns.
    has_turn: bool,
}

impl Outgoing {
    pub(crate) fn new(peer: HostId, number: u64, peer_name: Arc<str>) -> Self {
        Self {
            key: ConnectionKey { peer, number },
            peer_name,
            waiting: Mutex::default(),
            writer: Notify::new(),
            connected: AtomicBool::new(false),
        }
    }

    /// The task host at the other end.
    pub(crate) fn peer(&self) -> HostId {
        self.key.peer
    }

    /// Which connection this is.
    pub(crate) fn key(&self) -> ConnectionKey {
        self.key
    }

    /// Name of the peer, for people.
    pub(crate) fn peer_name(&self) -> Arc<str> {
        self.peer_name.clone()
    }

    /// Notes that the one connection to the peer is made. Returns `false` if there was one already.
    pub(crate) fn set_connected(&self) -> bool {
        !self.connected.swap(true, Ordering::AcqRel)
    }

    /// Whether the connection was made.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues frames of a channel behind its earlier ones; those of an earlier attempt are thrown away.
    pub(crate) fn send(&self, channel: ChannelId, frames: Vec<Bytes>) {
        {
            let mut waiting = self.waiting();
            if waiting.closed.is_some() {
                return;
            }
            let way = Way::of(channel);
            let known = waiting.frames.entry(way).or_default();
            if known.attempt > channel.attempt {
                return;
            }
            if known.attempt < channel.attempt {
                known.attempt = channel.attempt;
                known.queue.clear();
            }
            known.queue.extend(frames);
            if !std::mem::replace(&mut known.has_turn, true) {
                waiting.turns.push_back(way);
            }
        }
        self.writer.notify_one();
    }

    /// Throws away what waits to be sent in a channel.
    pub(crate) fn forget(&self, channel: ChannelId) {
        if let Some(known) = self.waiting().frames.get_mut(&Way::of(channel))
            && known.attempt == channel.attempt
        {
            known.queue = VecDeque::new();
        }
    }

    /// Grants credits to the producer of a channel. Grants that wait are merged.
    pub(crate) fn grant(&self, channel: ChannelId, count: u32) {
        {
            let mut waiting = self.waiting();
            if waiting.closed.is_some() {
                return;
            }
            *waiting.credits.entry(channel).or_default() += count;
        }
        self.writer.notify_one();
    }

    /// Throws away what waits, and what is sent from now on.
    pub(crate) fn close(&self, error: &Error) {
        {
            let mut waiting = self.waiting();
            waiting.closed.get_or_insert_with(|| error.clone());
            waiting.frames = HashMap::new();
            waiting.turns = VecDeque::new();
            waiting.credits.clear();
        }
        self.writer.notify_one();
    }

    /// Why the connection has failed, if it has.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.waiting().closed.clone()
    }

    /// Whether the connection has failed.
    pub(crate) fn is_closed(&self) -> bool {
        self.waiting().closed.is_some()
    }

    /// Moves frames into `batch` until it holds `limit` bytes; credits go first, since they keep the peer busy.
    pub(super) fn take(&self, batch: &mut VecDeque<Bytes>, limit: usize) {
        let mut waiting = self.waiting();
        let credits = std::mem::take(&mut waiting.credits);
        batch.extend(
            credits.into_iter().map(|(channel, count)| frame::control(channel, FrameKind::Credit, count)),
        );
        let mut size: usize = batch.iter().map(Bytes::len).sum();
        while size < limit {
            let Some(way) = waiting.turns.pop_front() else { break };
            let Some(known) = waiting.frames.get_mut(&way) else { continue };
            if let Some(frame) = known.queue.pop_front() {
                size += frame.len();
                batch.push_back(frame);
            }
            known.has_turn = !known.queue.is_empty();
            if known.has_turn {
                waiting.turns.push_back(way);
            }
        }
    }

    /// Waits until something may be there to take.
    pub(super) async fn ready(&self) {
        self.writer.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(consumer: u32) -> ChannelId {
        ChannelId {
            edge: EdgeIndex(0),
            producer: SubtaskIndex(0),
            consumer: SubtaskIndex(consumer),
            attempt: AttemptNumber(1),
        }
    }

    fn outgoing() -> Outgoing {
        Outgoing::new(HostId(1), 0, "peer".into())
    }

    #[test]
    fn channels_take_turns_and_keep_their_order() {
        let outgoing = outgoing();
        outgoing.send(channel(0), vec![Bytes::from("a1"), Bytes::from("a2"), Bytes::from("a3")]);
        outgoing.send(channel(1), vec![Bytes::from("b1")]);
        outgoing.send(channel(0), vec![Bytes::from("a4")]);
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert_eq!(batch, ["a1", "b1", "a2", "a3", "a4"]);
    }

    #[test]
    fn credits_go_first_and_are_merged() {
        let outgoing = outgoing();
        outgoing.send(channel(0), vec![Bytes::from("data")]);
        outgoing.grant(channel(1), 1);
        outgoing.grant(channel(1), 2);
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert_eq!(batch, [frame::control(channel(1), FrameKind::Credit, 3), Bytes::from("data")]);
    }

    #[test]
    fn a_closed_connection_keeps_nothing() {
        let outgoing = outgoing();
        outgoing.send(channel(0), vec![Bytes::from("data")]);
        outgoing.close(&Error::ConnectionLost { peer: "peer".into(), reason: "reset".into() });
        outgoing.send(channel(0), vec![Bytes::from("data")]);
        outgoing.grant(channel(0), 1);
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert!(batch.is_empty());
        assert!(outgoing.failure().unwrap().to_string().contains("reset"));
    }

    #[test]
    fn frames_of_earlier_attempts_are_thrown_away() {
        let outgoing = outgoing();
        let next = ChannelId { attempt: AttemptNumber(2), ..channel(0) };
        outgoing.send(channel(0), vec![Bytes::from("old")]);
        outgoing.send(channel(1), vec![Bytes::from("other")]);
        outgoing.send(next, vec![Bytes::from("new")]);
        outgoing.send(channel(0), vec![Bytes::from("late")]);
        outgoing.forget(channel(0));
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert_eq!(batch, ["new", "other"]);
    }

    #[test]
    fn what_is_forgotten_is_not_sent() {
        let outgoing = outgoing();
        outgoing.send(channel(0), vec![Bytes::from("a1")]);
        outgoing.send(channel(1), vec![Bytes::from("b1")]);
        outgoing.forget(channel(0));
        outgoing.send(channel(0), vec![Bytes::from("a2")]);
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert_eq!(batch, ["a2", "b1"]);
        outgoing.send(channel(0), vec![Bytes::from("a3")]);
        batch.clear();
        outgoing.take(&mut batch, 1_000);
        assert_eq!(batch, ["a3"]);
    }
}
