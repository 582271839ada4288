//! Keeps foreign web sites out of a server that only this machine is to reach.
//!
//! A site that lets its own name resolve to our address (DNS rebinding) still sends that name in `Host`. At a loopback address all
//! honest clients are on this machine, and call it by a name for that. Elsewhere nobody can know by which names a Prometheus calls
//! us, so there nothing is refused: what it could read are numbers, and it can't change anything.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use hyper::{
    HeaderMap, Uri,
    header::{HOST, HeaderValue},
    http::uri::Authority,
};

/// The names by which clients may call a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostPolicy(Option<Arc<BTreeSet<String>>>);

impl HostPolicy {
    /// For a server at this address. At a loopback one only loopback names and `names` are allowed.
    pub(crate) fn new(address: IpAddr, names: &[String]) -> Self {
        Self(address.is_loopback().then(|| Arc::new(names.iter().map(|name| normal(name)).collect())))
    }

    /// Whether a request may be answered. One without a host is of HTTP/1.0, which no browser speaks.
    pub(crate) fn allows(&self, uri: &Uri, headers: &HeaderMap<HeaderValue>) -> bool {
        let Some(names) = &self.0 else { return true };
        let given = headers.get_all(HOST).iter().map(|host| host.to_str().ok()?.parse::<Authority>().ok());
        given
            .chain(uri.authority().cloned().map(Some))
            .all(|authority| authority.is_some_and(|authority| is_allowed(names, authority.host())))
    }
}

fn is_allowed(names: &BTreeSet<String>, host: &str) -> bool {
    let host = normal(host);
    host == "localhost"
        || host.ends_with(".localhost")
        || names.contains(&host)
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A host name in lower case without brackets and trailing dot.
fn normal(host: &str) -> String {
    host.trim().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &HostPolicy, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        policy.allows(&Uri::from_static("/metrics"), &headers)
    }

    #[test]
    fn on_this_machine_only_its_own_names_are_known() {
        let policy = HostPolicy::new([127, 0, 0, 1].into(), &["Proxy.example.".to_owned()]);
        for host in
            ["localhost:9249", "127.0.0.1:9249", "127.0.1.1", "[::1]:9249", "a.localhost", "proxy.example:80"]
        {
            assert!(allows(&policy, &[host]), "{host}");
        }
        for host in ["evil.example:9249", "localhost.evil.example", "192.168.0.1:9249", "", "a b"] {
            assert!(!allows(&policy, &[host]), "{host}");
        }
        assert!(allows(&policy, &[]), "HTTP/1.0");
        assert!(!allows(&policy, &["localhost", "evil.example"]));
        let uri = Uri::from_static("http://evil.example/metrics");
        assert!(!policy.allows(&uri, &HeaderMap::new()));
    }

    #[test]
    fn elsewhere_nothing_is_refused() {
        let policy = HostPolicy::new([0, 0, 0, 0].into(), &[]);
        assert!(allows(&policy, &["taskmanager-3.flott:9249"]));
    }
}
