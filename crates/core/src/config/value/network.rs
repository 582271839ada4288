use std::{fmt, net::IpAddr, ops::RangeInclusive};

use super::{ConfigValue, Mismatch, RawValue, parse_scalar};

/// A TCP port. 0 lets the system choose a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ConfigValue for Port {
    fn allowed() -> String {
        "a port from 0 to 65535".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| digits(text).map(Self))
    }
}

/// Ports to try in turn, first to last: `8081-8090`, or one port alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange(RangeInclusive<u16>);

impl PortRange {
    /// The range of `port` alone.
    pub fn single(port: Port) -> Self {
        Self(port.0..=port.0)
    }

    /// Returns the ports in the order in which to try them.
    pub fn ports(&self) -> impl Iterator<Item = u16> + use<> {
        self.0.clone()
    }

    fn from_text(text: &str) -> Option<Self> {
        let Some((first, last)) = text.split_once('-') else {
            return digits(text).map(|port| Self(port..=port));
        };
        let (first, last) = (digits(first.trim())?, digits(last.trim())?);
        // A range that begins with "any free port" would never come to its second one.
        (0 < first && first <= last).then_some(Self(first..=last))
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.start() == self.0.end() {
            write!(f, "{}", self.0.start())
        } else {
            write!(f, "{}-{}", self.0.start(), self.0.end())
        }
    }
}

impl ConfigValue for PortRange {
    fn allowed() -> String {
        "a port from 0 to 65535 or a range of ports such as 8081-8090".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, Self::from_text)
    }
}

/// Parses a port of digits alone: `str::parse` would take a sign too.
fn digits(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A host name or an IP address, without scheme and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// Returns the name or address; an IPv6 address comes without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether only this machine can reach the host. A name other than `localhost` counts as reachable from
    /// elsewhere, since what it resolves to may change.
    pub fn is_loopback(&self) -> bool {
        self.0.eq_ignore_ascii_case("localhost") || self.0.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Returns `host:port` as in a URL, an IPv6 address in brackets.
    pub fn with_port(&self, port: u16) -> String {
        if self.0.contains(':') { format!("[{}]:{port}", self.0) } else { format!("{}:{port}", self.0) }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let is_name = !bare.is_empty()
            && bare.len() <= 253
            && !bare.starts_with(['-', '.'])
            && bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
        (is_name || bare.parse::<IpAddr>().is_ok()).then(|| Self(bare.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ConfigValue for Host {
    fn allowed() -> String {
        "a host name or an IP address, without scheme and port".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, Self::from_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_range_is_tried_first_to_last() {
        assert_eq!(
            PortRange::from_text("8081-8083").unwrap().ports().collect::<Vec<_>>(),
            [8081, 8082, 8083]
        );
        assert_eq!(PortRange::from_text("65535").unwrap().ports().collect::<Vec<_>>(), [65535]);
        for text in ["", "-", "8081-", "8090-8081", "0-10", "8081-99999", "+5", "1-2-3", "8081,8082"] {
            assert_eq!(PortRange::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses_alone() {
        for text in ["localhost", "127.0.0.1", "host-1.example.com", "::1", "[fe80::1]", "my_host"] {
            assert!(Host::from_text(text).is_some(), "{text}");
        }
        for text in ["", "http://host", "host:8081", "two hosts", "-o", "[::1", "a/b", "*"] {
            assert_eq!(Host::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn only_certain_hosts_are_loopback() {
        let loopback = |text| Host::from_text(text).unwrap().is_loopback();
        assert!(loopback("localhost") && loopback("127.3.2.1") && loopback("[::1]"));
        assert!(
            !loopback("0.0.0.0")
                && !loopback("::")
                && !loopback("localhost.example.com")
                && !loopback("10.0.0.1")
        );
    }

    #[test]
    fn an_ipv6_address_gets_brackets_before_a_port() {
        assert_eq!(Host::from_text("::1").unwrap().with_port(80), "[::1]:80");
        assert_eq!(Host::from_text("a.b").unwrap().with_port(80), "a.b:80");
    }
}
