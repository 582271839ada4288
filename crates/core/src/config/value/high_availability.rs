//! What several JobManagers, or the next one, have to find each other by.

use std::fmt;

use super::{ConfigValue, Host, Mismatch, RawValue, parse_scalar};

/// Where jobs outlive their JobManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HighAvailability {
    /// Nowhere: one JobManager, whose jobs end with it.
    None,
    /// In a directory of this machine: the JobManager can be started again.
    File,
    /// In etcd: several JobManagers, one of which leads.
    Etcd,
}

impl ConfigValue for HighAvailability {
    fn allowed() -> String {
        "none, file, or etcd (which is used instead of zookeeper and kubernetes)".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        let choices = [("none", Self::None), ("file", Self::File), ("etcd", Self::Etcd)];
        parse_scalar(raw, |text| {
            choices.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, choice)| choice)
        })
    }
}

impl fmt::Display for HighAvailability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::File => "file",
            Self::Etcd => "etcd",
        })
    }
}

/// Name of a cluster: what tells it from others that use the same etcd or directory. Flink writes a slash before it, which is
/// no part of it here; slashes within are.
///
/// ```
/// use flott_core::config::ClusterId;
///
/// assert_eq!(ClusterId::new("/default/").unwrap().as_str(), "default");
/// assert!(ClusterId::new("../other").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(String);

impl ClusterId {
    /// Longest name, so that it fits into a file name.
    const LONGEST: usize = 128;

    /// Takes a name of letters, digits, `.`, `_`, `-` and slashes.
    pub fn new(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let is_good = |part: &&str| {
            !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let name = parts.join("/");
        (!name.is_empty() && name.len() <= Self::LONGEST && parts.iter().all(is_good)).then_some(Self(name))
    }

    /// The name, without slashes at its ends.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ConfigValue for ClusterId {
    fn allowed() -> String {
        format!(
            "at most {} letters, digits, `.`, `_`, `-` and slashes, no part beginning with a dot",
            Self::LONGEST
        )
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, Self::new)
    }
}

/// A host and a TCP port there, written `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port; not 0.
    pub port: u16,
}

impl HostPort {
    fn from_text(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        // An IPv6 address without brackets would lose its last part.
        let host = Host::from_text(host).filter(|_| !host.contains(':') || host.starts_with('['))?;
        let port = port.parse().ok().filter(|number| *number > 0 && !port.starts_with('+'))?;
        Some(Self { host, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host.with_port(self.port))
    }
}

impl ConfigValue for Vec<HostPort> {
    fn allowed() -> String {
        "a list of host:port, as in [host1:6123, host2:6123] or host1:6123;host2:6123".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_list(raw, HostPort::from_text)
    }
}

/// Address of a server of etcd: `http://host:port`, `https://host:port`, or `host:port`, which is https if options of TLS are
/// set and http otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EtcdEndpoint {
    is_tls: Option<bool>,
    address: HostPort,
}

impl EtcdEndpoint {
    /// Whether it says by itself that it is (not) to be reached by TLS.
    pub const fn is_tls(&self) -> Option<bool> {
        self.is_tls
    }

    /// The URL, with https if it is, or, for one that does not say, if `is_tls`.
    pub fn url(&self, is_tls: bool) -> String {
        let scheme = if self.is_tls.unwrap_or(is_tls) { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (is_tls, address) = match text.split_once("://") {
            Some(("http", address)) => (Some(false), address),
            Some(("https", address)) => (Some(true), address),
            Some(_) => return None,
            None => (None, text),
        };
        let address = HostPort::from_text(address.strip_suffix('/').unwrap_or(address))?;
        Some(Self { is_tls, address })
    }
}

impl ConfigValue for Vec<EtcdEndpoint> {
    fn allowed() -> String {
        "a list of addresses like http://host:2379, https://host:2379 or host:2379, without user name and password"
            .to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_list(raw, EtcdEndpoint::from_text)
    }
}

fn parse_list<T>(raw: &RawValue, convert: fn(&str) -> Option<T>) -> Result<Vec<T>, Mismatch>
where
    Vec<T>: ConfigValue,
{
    let items: Option<Vec<T>> = Vec::<String>::parse(raw)?.iter().map(|item| convert(item)).collect();
    items.ok_or_else(|| Mismatch { allowed: Vec::<T>::allowed() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str) -> RawValue {
        RawValue::Scalar(text.to_owned())
    }

    #[test]
    fn names_of_clusters_lose_the_slashes_at_their_ends() {
        for (text, name) in
            [("/default", "default"), ("default", "default"), ("/a//b/", "a/b"), ("A.b_c-1", "A.b_c-1")]
        {
            assert_eq!(ClusterId::new(text).unwrap().as_str(), name);
        }
        for wrong in ["", "/", "..", "a/../b", "a b", "ä", ".hidden", "a\nb"] {
            assert_eq!(ClusterId::new(wrong), None, "{wrong}");
        }
        assert_eq!(ClusterId::new(&"x".repeat(129)), None);
    }

    #[test]
    fn endpoints_are_urls_or_addresses() {
        let raw = scalar("a:2379, http://b:1; https://[::1]:2/");
        let endpoints = Vec::<EtcdEndpoint>::parse(&raw).unwrap();
        let urls = |is_tls| endpoints.iter().map(|endpoint| endpoint.url(is_tls)).collect::<Vec<_>>();
        assert_eq!(urls(false), ["http://a:2379", "http://b:1", "https://[::1]:2"]);
        assert_eq!(urls(true), ["https://a:2379", "http://b:1", "https://[::1]:2"]);
        for wrong in [
            "a",
            "a:0",
            "a:+1",
            "a:65536",
            "ftp://a:1",
            "http://user:secret@a:1",
            "::1:80",
            "a:1/path",
            "a:1,b",
        ] {
            assert!(Vec::<EtcdEndpoint>::parse(&scalar(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn job_managers_are_hosts_with_ports() {
        let raw = RawValue::List(vec!["a:6123".into(), "[::1]:6124".into()]);
        let texts: Vec<_> = Vec::<HostPort>::parse(&raw).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a:6123", "[::1]:6124"]);
        assert!(Vec::<HostPort>::parse(&scalar("a")).is_err());
    }
}
