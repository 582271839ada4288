//! One TCP connection between two task hosts of a job, shared by all their channels.
//!
//! ```text
//! Connecting → Open → Failed      (dial or accept; then reset, silence, or a bad frame)
//! ```
//! A connection that has failed is not mended: whoever needs one to that peer later gets another.
//!
//! What is to be sent waits in [`Outgoing`] while the connection is being made, and is thrown away once it has failed.
//! The volume that can wait is bounded by the credits of the channels.

mod outgoing;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::{sync::Arc, time::Duration};

use tokio::net::TcpStream;

pub(crate) use outgoing::{ConnectionKey, Outgoing, Way};

use crate::{Error, plane::Routes};

/// Something is sent at least this often.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// A peer that is silent for this long is taken for dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// Moves frames both ways until the connection ends, then fails what still depends on it.
pub(crate) async fn run(stream: TcpStream, outgoing: Arc<Outgoing>, routes: Arc<Routes>) {
    // Batches are large and sent when they are due: waiting for more to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let reason = tokio::select! {
        reason = reader::run(read, outgoing.key(), &routes) => reason,
        reason = writer::run(write, &outgoing) => reason,
    };
    fail(&outgoing, &routes, &reason);
}

/// Marks the connection as broken and tells the channels that use it.
pub(crate) fn fail(outgoing: &Outgoing, routes: &Routes, reason: &str) {
    let error = Error::ConnectionLost { peer: outgoing.peer_name(), reason: reason.into() };
    outgoing.close(&error);
    routes.fail(outgoing.key(), &error);
}
