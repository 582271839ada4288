//! Reads frames and hands them to the channels.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use flott_core::{AttemptNumber, checkpoint::Barrier};
use tokio::{
    io::{AsyncReadExt, BufReader},
    net::tcp::OwnedReadHalf,
    time::timeout,
};

use super::{ConnectionKey, SILENCE_LIMIT, Way};
use crate::{
    CREDITS_PER_CHANNEL, MAX_BATCH_BYTES,
    frame::{FrameKind, HEADER_LEN, Header, MAX_PAYLOAD, MORE},
    plane::{Lookup, RemoteInput, Routes},
};

const BUFFER: usize = 128 << 10;

/// The receiving state of the newest attempt of one channel.
struct Incoming {
    attempt: AttemptNumber,
    input: RemoteInput,
    /// Sequence number of the next data frame.
    sequence: u32,
    /// The frames of a batch that goes on.
    partial: Vec<Bytes>,
    partial_bytes: usize,
}

/// Reads until the connection breaks; returns why.
pub(super) async fn run(stream: OwnedReadHalf, connection: ConnectionKey, routes: &Arc<Routes>) -> String {
    let mut stream = BufReader::with_capacity(BUFFER, stream);
    let mut channels = HashMap::new();
    loop {
        match timeout(SILENCE_LIMIT, read_frame(&mut stream)).await {
            Ok(Ok((header, payload))) => {
                if let Err(reason) = receive(&header, payload, connection, routes, &mut channels) {
                    return reason;
                }
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return "it closed the connection".to_owned();
            }
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return format!("it was silent for {} s", SILENCE_LIMIT.as_secs()),
        }
    }
}

async fn read_frame(stream: &mut BufReader<OwnedReadHalf>) -> io::Result<(Header, Bytes)> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut bytes = [0; HEADER_LEN];
    stream.read_exact(&mut bytes).await?;
    let header = Header::parse(&bytes).map_err(invalid)?;
    let mut payload = vec![0; header.length as usize];
    stream.read_exact(&mut payload).await?;
    header.verify(&bytes, &payload).map_err(invalid)?;
    Ok((header, payload.into()))
}

fn receive(
    header: &Header,
    payload: Bytes,
    connection: ConnectionKey,
    routes: &Routes,
    channels: &mut HashMap<Way, Incoming>,
) -> Result<(), String> {
    match header.kind {
        FrameKind::Ping => return Ok(()),
        FrameKind::Credit => {
            // A channel never has more credits than it was made with.
            if header.sequence > CREDITS_PER_CHANNEL {
                return Err(format!("it granted {} credits at once for {}", header.sequence, header.channel));
            }
            return routes.grant(header.channel, connection, header.sequence);
        }
        FrameKind::Data | FrameKind::Barrier | FrameKind::EndOfPartition => {}
    }
    // What comes for those who have gone was underway when they went.
    let Some(incoming) = incoming(header, connection, routes, channels)? else { return Ok(()) };
    match header.kind {
        FrameKind::Barrier => incoming.barrier(header, &payload),
        FrameKind::EndOfPartition => {
            incoming.end(header)?;
            channels.remove(&Way::of(header.channel));
            routes.consumer_ended(header.channel);
            Ok(())
        }
        _ => incoming.data(header, payload),
    }
}

/// The receiving state of the frame's channel; `None` if its consumer has gone.
fn incoming<'a>(
    header: &Header,
    connection: ConnectionKey,
    routes: &Routes,
    channels: &'a mut HashMap<Way, Incoming>,
) -> Result<Option<&'a mut Incoming>, String> {
    use std::collections::hash_map::Entry;
    let (channel, attempt) = (header.channel, header.channel.attempt);
    let find = || match routes.consumer(channel, connection) {
        Lookup::Found(input) => Ok(Some(Incoming::new(attempt, input))),
        Lookup::Gone => Ok(None),
        Lookup::Unknown => Err(format!("it sent data for {channel}, which nobody waits for")),
    };
    match channels.entry(Way::of(channel)) {
        Entry::Occupied(entry) if entry.get().attempt == attempt => Ok(Some(entry.into_mut())),
        Entry::Occupied(mut entry) => {
            let Some(found) = find()? else { return Ok(None) };
            entry.insert(found);
            Ok(Some(entry.into_mut()))
        }
        Entry::Vacant(entry) => Ok(find()?.map(|found| entry.insert(found))),
    }
}

impl Incoming {
    fn new(attempt: AttemptNumber, input: RemoteInput) -> Self {
        Self { attempt, input, sequence: 0, partial: Vec::new(), partial_bytes: 0 }
    }

    fn check_sequence(&self, header: &Header) -> Result<(), String> {
        if header.sequence == self.sequence {
            return Ok(());
        }
        Err(format!("frame {} of {} came when {} was due", header.sequence, header.channel, self.sequence))
    }

    fn data(&mut self, header: &Header, payload: Bytes) -> Result<(), String> {
        self.check_sequence(header)?;
        self.sequence = self.sequence.wrapping_add(1);
        let more = header.flags & MORE != 0;
        // Else a batch could have any number of frames.
        if more && payload.len() != MAX_PAYLOAD {
            return Err(format!("a batch of {} goes on after a frame that is not full", header.channel));
        }
        if self.partial.is_empty() {
            self.spend_credit(header)?;
        }
        self.partial_bytes += payload.len();
        if self.partial_bytes > MAX_BATCH_BYTES {
            return Err(format!("a batch of {} exceeds {MAX_BATCH_BYTES} bytes", header.channel));
        }
        self.partial.push(payload);
        if !more {
            self.partial_bytes = 0;
            self.input.consumer.push_encoded(self.input.position, std::mem::take(&mut self.partial));
        }
        Ok(())
    }

    fn spend_credit(&self, header: &Header) -> Result<(), String> {
        self.input
            .unspent
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |unspent| unspent.checked_sub(1))
            .map(drop)
            .map_err(|_| format!("it sent more batches of {} than it had credit for", header.channel))
    }

    /// Barriers need no credit; as one comes for each checkpoint, and checkpoints are few, they need no other bound.
    fn barrier(&mut self, header: &Header, payload: &[u8]) -> Result<(), String> {
        self.check_sequence(header)?;
        if !self.partial.is_empty() {
            return Err(format!("a barrier of {} came within a batch", header.channel));
        }
        let barrier: Barrier = postcard::from_bytes(payload)
            .map_err(|error| format!("it sent a damaged barrier for {}: {error}", header.channel))?;
        self.input.consumer.push_barrier(self.input.position, barrier);
        Ok(())
    }

    fn end(&mut self, header: &Header) -> Result<(), String> {
        self.check_sequence(header)?;
        if !self.partial.is_empty() {
            return Err(format!("{} ended within a batch", header.channel));
        }
        self.input.consumer.push_end(self.input.position);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use flott_core::{ChannelId, EdgeIndex, SubtaskIndex};

    use super::*;
    use crate::{Error, frame, gate::RemoteConsumer};

    struct Nobody;

    impl RemoteConsumer for Nobody {
        fn push_encoded(&self, _: u32, _: Vec<Bytes>) {}
        fn push_barrier(&self, _: u32, _: Barrier) {}
        fn push_end(&self, _: u32) {}
        fn push_failure(&self, _: u32, _: Error) {}
    }

    #[test]
    fn a_batch_does_not_grow_beyond_its_limit() {
        let channel = ChannelId {
            edge: EdgeIndex(0),
            producer: SubtaskIndex(0),
            consumer: SubtaskIndex(0),
            attempt: AttemptNumber(0),
        };
        let input =
            RemoteInput { consumer: Arc::new(Nobody), position: 0, unspent: Arc::new(AtomicU32::new(1)) };
        let mut incoming = Incoming::new(AttemptNumber(0), input);
        let frame = frame::data_frame(channel, 0, &[0; MAX_PAYLOAD], MORE);
        let (header, payload) = frame.split_first_chunk().unwrap();
        let mut header = Header::parse(header).unwrap();
        let payload = Bytes::copy_from_slice(payload);
        for sequence in 0..(MAX_BATCH_BYTES / MAX_PAYLOAD) as u32 {
            header.sequence = sequence;
            incoming.data(&header, payload.clone()).unwrap();
        }
        header.sequence += 1;
        assert!(incoming.data(&header, payload).unwrap_err().contains("exceeds"));
    }
}
