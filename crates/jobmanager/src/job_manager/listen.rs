//! Opening our ports.

use std::net::SocketAddr;

use flott_core::config::{
    Configuration,
    options::{jobmanager, rest},
};
use tokio::net::TcpListener;

use crate::Error;

/// The port for TaskManagers.
pub(super) async fn for_task_managers(config: &Configuration) -> Result<TcpListener, Error> {
    let (host, port) = (config.get(&jobmanager::BIND_HOST), config.get(&jobmanager::RPC_PORT));
    let listener = TcpListener::bind((host.as_str(), port.0)).await;
    listener.map_err(|reason| Error::Bind {
        address: host.with_port(port.0),
        key: jobmanager::RPC_PORT.key(),
        reason,
    })
}

/// The port of REST and dashboard: the first free one of those that are configured.
pub(super) async fn for_rest(config: &Configuration) -> Result<TcpListener, Error> {
    let host = config.get(&rest::BIND_ADDRESS);
    let ports = rest::bind_ports(config);
    let key = match config.get(&rest::BIND_PORT) {
        Some(_) => rest::BIND_PORT.key(),
        None => rest::PORT.key(),
    };
    let mut refused = None;
    for port in ports.ports() {
        match TcpListener::bind((host.as_str(), port)).await {
            Ok(listener) => return Ok(listener),
            Err(reason) => refused = Some(Error::Bind { address: host.with_port(port), key, reason }),
        }
    }
    Err(refused.expect("a range of ports is never empty"))
}

/// Where a listener listens.
pub(super) fn address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|reason| Error::Bind {
        address: "an open port".to_owned(),
        key: jobmanager::RPC_PORT.key(),
        reason,
    })
}
