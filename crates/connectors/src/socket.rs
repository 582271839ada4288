//! Text from and to TCP sockets.

mod connection;
mod error;
mod line_buffer;
mod retries;
mod sink;
mod source;

pub use self::{
    retries::Retries,
    sink::{SocketSink, SocketWriter},
    source::{SocketTextReader, SocketTextSource},
};
