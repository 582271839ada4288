//! The consuming end: one queue for all channels of a subtask's input.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use flott_core::ChannelId;
use tokio::sync::Notify;

use crate::{
    Batch, Buffer, Error, Mark, Record,
    buffer::{Piece, Pieces},
    codec,
    connection::Outgoing,
    sender::LocalChannel,
};

/// What lies in a gate's queue.
pub(crate) enum Queued<T> {
    /// From a producer in this process.
    Buffer(Buffer<T>),
    /// From another process; decoded by the consumer, so that the network thread runs no user code.
    Encoded(Vec<Bytes>),
    /// The producer has sent everything.
    End,
    /// The channel broke.
    Failed(Error),
}

/// The queue of a gate, shared with its producers.
pub(crate) struct GateQueue<T> {
    entries: Mutex<VecDeque<(u32, Queued<T>)>>,
    consumer: Arc<Notify>,
}

impl<T> GateQueue<T> {
    pub(crate) fn push(&self, channel: u32, entry: Queued<T>) {
        let was_empty = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            entries.push_back((channel, entry));
            entries.len() == 1
        };
        // The consumer takes all entries at once, so it can only be waiting if there were none.
        if was_empty {
            self.consumer.notify_one();
        }
    }
}

/// What the network knows of a gate: it neither knows nor decodes the records.
pub(crate) trait RemoteConsumer: Send + Sync {
    fn push_encoded(&self, channel: u32, frames: Vec<Bytes>);
    fn push_end(&self, channel: u32);
    fn push_failure(&self, channel: u32, error: Error);
}

impl<T: Send> RemoteConsumer for GateQueue<T> {
    fn push_encoded(&self, channel: u32, frames: Vec<Bytes>) {
        self.push(channel, Queued::Encoded(frames));
    }

    fn push_end(&self, channel: u32) {
        self.push(channel, Queued::End);
    }

    fn push_failure(&self, channel: u32, error: Error) {
        self.push(channel, Queued::Failed(error));
    }
}

/// Where a channel's credits go back to.
pub(crate) enum CreditReturn<T> {
    Local(Arc<LocalChannel<T>>),
    /// With the credits that the producer has not spent yet, as far as is known here.
    Remote(Arc<Outgoing>, Arc<AtomicU32>),
}

pub(crate) struct InputChannel<T> {
    pub(crate) id: ChannelId,
    pub(crate) credit_return: CreditReturn<T>,
    pub(crate) ended: bool,
}

/// What a gate delivers.
#[derive(Debug, PartialEq, Eq)]
pub enum GateItem<T> {
    /// Records, with the channel to give back to [`InputGate::recycle`].
    Batch {
        /// Position of the channel in the gate.
        channel: u32,
        /// The records.
        records: Batch<T>,
        /// How many bytes they took on the wire; 0 if they were not sent over one.
        bytes: usize,
    },
    /// What stood behind the records before it.
    Mark {
        /// Position of the channel in the gate.
        channel: u32,
        /// The mark.
        mark: Mark,
    },
    /// Nothing is waiting; the gate's signal will be given when there is.
    Empty,
    /// All channels have ended.
    Ended,
}

/// The input of a subtask: all channels over all edges that end in it.
pub struct InputGate<T> {
    queue: Arc<GateQueue<T>>,
    /// Entries taken out of the queue, so that its lock is taken once for many.
    taken: VecDeque<(u32, Queued<T>)>,
    channels: Vec<InputChannel<T>>,
    open: usize,
    /// A buffer with marks that is being handed out, and its channel.
    open_buffer: Option<(u32, Pieces<T>)>,
    /// Memory for its pieces.
    piece: Batch<T>,
    /// Empty buffers for what is decoded from the wire.
    spare: Vec<Buffer<T>>,
}

impl<T: Record> InputGate<T> {
    pub(crate) fn queue(consumer: Arc<Notify>) -> Arc<GateQueue<T>> {
        Arc::new(GateQueue { entries: Mutex::default(), consumer })
    }

    pub(crate) fn new(queue: Arc<GateQueue<T>>, channels: Vec<InputChannel<T>>) -> Self {
        let open = channels.len();
        Self {
            queue,
            taken: VecDeque::new(),
            channels,
            open,
            open_buffer: None,
            piece: Batch::new(),
            spare: Vec::new(),
        }
    }

    /// Number of channels, those that have ended included.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Takes the next item, without waiting.
    ///
    /// # Errors
    /// If a channel broke or a batch can't be decoded. The gate must not be used after that.
    pub fn poll(&mut self) -> Result<GateItem<T>, Error> {
        loop {
            if let Some(item) = self.next_piece() {
                return Ok(item);
            }
            if self.taken.is_empty() {
                let mut entries = self.queue.entries.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::swap(&mut *entries, &mut self.taken);
            }
            let Some((channel, entry)) = self.taken.pop_front() else {
                return Ok(if self.open == 0 { GateItem::Ended } else { GateItem::Empty });
            };
            let input = &mut self.channels[channel as usize];
            let (buffer, bytes) = match entry {
                Queued::Buffer(buffer) => (buffer, 0),
                Queued::Encoded(frames) => {
                    let mut buffer = self.spare.pop().unwrap_or_default();
                    let bytes = decode_frames(&frames, input.id, &mut buffer)?;
                    (buffer, bytes)
                }
                Queued::End if !input.ended => {
                    input.ended = true;
                    self.open -= 1;
                    continue;
                }
                // A connection may break after its channels have ended: that harms nobody.
                Queued::Failed(error) if !input.ended => return Err(error),
                Queued::End | Queued::Failed(_) => continue,
            };
            if buffer.marks.is_empty() {
                return Ok(GateItem::Batch { channel, records: buffer.batch, bytes });
            }
            self.open_buffer = Some((channel, Pieces::new(buffer)));
            if bytes > 0 {
                return Ok(self.next_piece_of(bytes));
            }
        }
    }

    /// The first piece of a buffer from the wire carries the bytes of all.
    fn next_piece_of(&mut self, size: usize) -> GateItem<T> {
        match self.next_piece() {
            Some(GateItem::Batch { channel, records, .. }) => {
                GateItem::Batch { channel, records, bytes: size }
            }
            Some(item) => item,
            None => GateItem::Empty,
        }
    }

    fn next_piece(&mut self) -> Option<GateItem<T>> {
        let (channel, pieces) = self.open_buffer.as_mut()?;
        let channel = *channel;
        match pieces.next(&mut self.piece) {
            Some(Piece::Records(records)) => Some(GateItem::Batch { channel, records, bytes: 0 }),
            Some(Piece::Mark(mark)) => Some(GateItem::Mark { channel, mark }),
            None => {
                if let Some((channel, pieces)) = self.open_buffer.take() {
                    self.give_back(channel, pieces.into_buffer());
                }
                None
            }
        }
    }

    /// Takes back a processed batch: its credit goes to its producer, its memory to whoever can use it.
    pub fn recycle(&mut self, channel: u32, mut records: Batch<T>) {
        records.clear();
        if self.open_buffer.is_some() {
            self.piece = records;
        } else {
            self.give_back(channel, Buffer { batch: records, marks: Vec::new() });
        }
    }

    fn give_back(&mut self, channel: u32, buffer: Buffer<T>) {
        let input = &self.channels[channel as usize];
        match &input.credit_return {
            CreditReturn::Local(local) => local.take_back(buffer),
            CreditReturn::Remote(outgoing, unspent) => {
                unspent.fetch_add(1, Ordering::AcqRel);
                outgoing.grant(input.id, 1);
                self.spare.push(buffer);
            }
        }
    }
}

fn decode_frames<T: Record>(
    frames: &[Bytes],
    channel: ChannelId,
    buffer: &mut Buffer<T>,
) -> Result<usize, Error> {
    let bytes = frames.iter().map(Bytes::len).sum();
    match frames {
        [frame] => codec::decode(frame, channel, buffer)?,
        frames => codec::decode(&frames.concat(), channel, buffer)?,
    }
    Ok(bytes)
}
