//! Client connections.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Error};

/// How long a TCP connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a connection is probed when nothing else tells that the peer lives.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How long the answer to a probe may take before the connection counts as broken.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A channel to the server at `host:port`. It connects with the first call, and again after a break.
///
/// # Errors
///
/// If `address` is not `host:port`.
pub fn tcp_channel(address: &str) -> Result<Channel, Error> {
    Ok(with_keep_alive(Endpoint::from_shared(format!("http://{address}"))?).connect_lazy())
}

/// A channel to the server that listens on the Unix socket `path`. Connects at once and never again.
///
/// # Errors
///
/// If nobody listens there.
pub async fn unix_channel(path: impl AsRef<Path>) -> Result<Channel, Error> {
    let path: PathBuf = path.as_ref().to_owned();
    // The address is never resolved; a URI must have one.
    with_keep_alive(Endpoint::from_static("http://task-manager"))
        .connect_with_connector(tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }))
        .await
}

fn with_keep_alive(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}
