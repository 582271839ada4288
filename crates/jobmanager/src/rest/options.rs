//! What an operator can set about the REST server.

use std::{net::IpAddr, time::Duration};

use axum::http::HeaderValue;
use flott_core::config::{
    Configuration,
    options::{profiling, rest, security, web},
};

use super::guard::HostPolicy;

/// Settings of the REST server.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// How often the dashboard asks for news.
    pub(crate) refresh_interval: Duration,
    /// Whether artifacts can be uploaded and run.
    pub(crate) submit_enabled: bool,
    /// Whether jobs can be canceled from the dashboard.
    pub(crate) cancel_enabled: bool,
    /// Whether flame graphs of vertices can be had.
    pub(crate) flame_graphs_enabled: bool,
    /// Longest that a profile may be taken; `None`: none can be had.
    pub(crate) longest_profile: Option<Duration>,
    /// Whether jobs can be rescaled from the dashboard.
    pub(crate) rescale_enabled: bool,
    /// Largest body of a request, in bytes: an artifact or, up to its own limit, JSON.
    pub(crate) content_limit: u64,
    /// By which names clients may call this server.
    pub(crate) hosts: HostPolicy,
    /// Whose pages may read the answers.
    pub(crate) readable_from: Option<HeaderValue>,
    /// Where clients reach this server, such as `http://host:8081`.
    pub(crate) address: String,
}

impl RestOptions {
    /// The options in a configuration, for a server that listens at `port` on a machine that calls itself
    /// `own_host_name`.
    pub fn from_config(config: &Configuration, port: u16, own_host_name: Option<&str>) -> Self {
        let client_host = rest::client_host(config);
        let bind_address = config.get(&rest::BIND_ADDRESS);
        let listens_everywhere = bind_address.as_str().parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
        let mut names = config.get(&security::ALLOWED_HOSTS);
        names.push(client_host.as_str().to_owned());
        names.push(bind_address.as_str().to_owned());
        names.extend(own_host_name.map(str::to_owned));
        let readable_from = config.get(&web::ACCESS_CONTROL_ALLOW_ORIGIN);
        Self {
            refresh_interval: config.get(&web::REFRESH_INTERVAL),
            submit_enabled: config.get(&web::SUBMIT_ENABLE),
            cancel_enabled: config.get(&web::CANCEL_ENABLE),
            flame_graphs_enabled: config.get(&profiling::FLAMEGRAPH_ENABLED),
            longest_profile: config
                .get(&profiling::PROFILING_ENABLED)
                .then(|| config.get(&profiling::PROFILING_DURATION_MAX)),
            rescale_enabled: config.get(&web::RESCALE_ENABLE),
            content_limit: config.get(&rest::MAX_CONTENT_LENGTH).bytes(),
            hosts: HostPolicy::new(names, listens_everywhere),
            readable_from: readable_from.and_then(|origin| HeaderValue::try_from(origin).ok()),
            address: format!("http://{}", client_host.with_port(port)),
        }
    }
}

impl Default for RestOptions {
    /// The options of an empty configuration, for a server on this machine alone.
    fn default() -> Self {
        Self::from_config(&Configuration::default(), 8081, None)
    }
}
