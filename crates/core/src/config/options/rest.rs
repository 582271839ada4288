//! Options of the REST server, which serves the dashboard too.

use std::time::Duration;

use crate::config::{
    Configuration,
    option::options,
    options::jobmanager,
    value::{ByteSize, Host, Port, PortRange},
};

options! {
    /// Port of REST and dashboard, for clients and (if `rest.bind-port` is unset) for the server.
    PORT: Port = "rest.port", default "8081", older ["web.port", "jobmanager.web.port"];
    /// Port at which the server listens, or a range such as `8081-8090` whose first free port it takes. Unset:
    /// `rest.port`.
    BIND_PORT: Option<PortRange> = "rest.bind-port";
    /// Host at which clients reach the server. Unset: `jobmanager.rpc.address`.
    ADDRESS: Option<Host> = "rest.address";
    /// Address at which the server listens. `0.0.0.0` listens on all interfaces and needs
    /// `security.allow-unauthenticated`.
    BIND_ADDRESS: Host = "rest.bind-address", default "127.0.0.1",
        older ["web.address", "jobmanager.web.address"];
    /// How long clients wait for a JobManager that leads: through an election, or while none can be reached of several.
    AWAIT_LEADER_TIMEOUT: Duration = "rest.await-leader-timeout", default "30 s";
    /// Largest request: an artifact that is uploaded, or JSON, of which never more than 1 mb is taken.
    MAX_CONTENT_LENGTH: ByteSize = "rest.server.max-content-length", default "1 gb",
        limit "a size of at least 16 kb, such as 1 gb" => |size| size.bytes() >= 16 << 10;
}

/// Returns the ports that the server tries in turn.
pub fn bind_ports(config: &Configuration) -> PortRange {
    config.get(&BIND_PORT).unwrap_or_else(|| PortRange::single(config.get(&PORT)))
}

/// Returns the host that clients connect to.
pub fn client_host(config: &Configuration) -> Host {
    config.get(&ADDRESS).unwrap_or_else(|| config.get(&jobmanager::RPC_ADDRESS))
}
