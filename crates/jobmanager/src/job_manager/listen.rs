//! Opening our ports.

use std::net::SocketAddr;

use flott_core::config::{
    Configuration,
    options::{jobmanager, metrics, rest},
};
use tokio::net::TcpListener;
use tracing::{error, info};

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

/// The port of metrics alone, if there is to be one: the first free one of those that are configured. That there is none is no
/// reason not to work.
pub(super) async fn for_metrics(config: &Configuration) -> Option<(SocketAddr, TcpListener)> {
    let ports = metrics::prometheus_ports(config)?;
    let host = config.get(&jobmanager::BIND_HOST);
    let bound = flott_reporter::bind(host.as_str(), &ports).await;
    match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => {
            info!(%address, "metrics are served");
            Some((address, listener))
        }
        Err(error) => {
            error!(%host, %ports, %error, "cannot serve metrics");
            None
        }
    }
}

/// Where a listener listens.
pub(super) fn address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|reason| Error::Bind {
        address: "an open port".to_owned(),
        key: jobmanager::RPC_PORT.key(),
        reason,
    })
}
