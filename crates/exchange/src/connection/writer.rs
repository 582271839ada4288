//! Writes what waits in [`Outgoing`].

use std::{collections::VecDeque, io};

use bytes::{Bytes, BytesMut};
use flott_core::{AttemptNumber, ChannelId, EdgeIndex, SubtaskIndex};
use tokio::{io::AsyncWriteExt, net::tcp::OwnedWriteHalf, time::timeout};

use super::{Outgoing, PING_INTERVAL, SILENCE_LIMIT};
use crate::frame::{self, FrameKind};

/// Bytes that are taken out of the queue at a time.
const TAKE: usize = 256 << 10;
/// Frames smaller than this are copied together to save system calls.
const SMALL: usize = 16 << 10;

/// Writes until the connection breaks; returns why.
pub(super) async fn run(mut stream: OwnedWriteHalf, outgoing: &Outgoing) -> String {
    let mut batch = VecDeque::new();
    loop {
        outgoing.take(&mut batch, TAKE);
        if batch.is_empty() && outgoing.is_closed() {
            return "it was given up".to_owned();
        }
        if batch.is_empty() && timeout(PING_INTERVAL, outgoing.ready()).await.is_err() {
            batch.push_back(ping());
        }
        match timeout(SILENCE_LIMIT, write_all(&mut stream, &mut batch)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return format!("it has accepted no data for {} s", SILENCE_LIMIT.as_secs()),
        }
    }
}

async fn write_all(stream: &mut OwnedWriteHalf, batch: &mut VecDeque<Bytes>) -> io::Result<()> {
    let mut small = BytesMut::new();
    while let Some(frame) = batch.pop_front() {
        if frame.len() < SMALL && small.len() < TAKE {
            small.extend_from_slice(&frame);
            continue;
        }
        stream.write_all(&small).await?;
        small.clear();
        stream.write_all(&frame).await?;
    }
    stream.write_all(&small).await
}

fn ping() -> Bytes {
    let channel = ChannelId {
        edge: EdgeIndex(0),
        producer: SubtaskIndex(0),
        consumer: SubtaskIndex(0),
        attempt: AttemptNumber(0),
    };
    frame::control(channel, FrameKind::Ping, 0)
}
