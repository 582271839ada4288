//! Keeps foreign web sites out.
//!
//! A browser runs scripts of any site its user opens, and those can send requests to servers that only the user's
//! machine can reach. Two checks stop them. A site that lets its own name resolve to our address (DNS rebinding)
//! still sends that name in `Host`, so only known names are answered. A form or script that sends a request straight
//! to us carries its `Origin` and `Sec-Fetch-Site`, so requests that change something must come from our own pages or
//! from no page at all. What a foreign page may read at most is what an operator has opened to it.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri, Version, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, error::ApiError};

/// The names by which clients may call this server, whichever the port.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostPolicy {
    names: Arc<BTreeSet<String>>,
    any_address: bool,
}

impl HostPolicy {
    /// Allows these names and addresses besides loopback ones; with `any_address` every IP address too. Addresses
    /// are no danger, since no foreign site can make a browser believe that its own name is one.
    pub(crate) fn new(names: impl IntoIterator<Item = String>, any_address: bool) -> Self {
        let names = names.into_iter().map(|name| normal(&name)).filter(|name| !name.is_empty()).collect();
        Self { names: Arc::new(names), any_address }
    }

    fn allows(&self, host: &str) -> bool {
        let host = normal(host);
        if host == "localhost" || host.ends_with(".localhost") || self.names.contains(&host) {
            return true;
        }
        host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || self.any_address)
    }
}

/// A host name in lower case without brackets and trailing dot.
fn normal(host: &str) -> String {
    host.trim().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// Lets only those requests through that no foreign site can have sent.
pub(crate) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    match check(&api.options.hosts, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Tells browsers whose pages may read the answer; those of nobody, unless an operator wants it.
pub(crate) async fn open_to_readers(State(api): State<Api>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(origin) = &api.options.readable_from {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

/// By which browsers tell where the page stands that sends a request.
pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn check<B>(hosts: &HostPolicy, request: &axum::http::Request<B>) -> Result<(), ApiError> {
    let own = check_host(hosts, request.uri(), request.headers(), request.version())?;
    if changes_something(request.method(), request.uri().path()) {
        check_origin(own.as_ref(), request.headers())?;
    }
    Ok(())
}

/// The host that the client called, if it is one of ours. HTTP/1.0 may leave it out, which no browser does.
fn check_host(
    hosts: &HostPolicy,
    uri: &Uri,
    headers: &HeaderMap,
    version: Version,
) -> Result<Option<Authority>, ApiError> {
    let mut given = headers.get_all(header::HOST).iter();
    let header = match (given.next(), given.next()) {
        (Some(host), None) => Some(host),
        (None, _) if version < Version::HTTP_11 => None,
        (None, _) => return Err(ApiError::bad_request("The request has no Host header.")),
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request("The request has more than one Host header."));
        }
    };
    let header = header
        .map(|host| {
            let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
            authority.ok_or_else(|| ApiError::bad_request("The request's Host header is malformed."))
        })
        .transpose()?;
    for authority in [header.as_ref(), uri.authority()].into_iter().flatten() {
        // User information in front of the host has no business here and would confuse the comparison below.
        if authority.as_str().contains('@') || !hosts.allows(authority.host()) {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                format!(
                    "The host \"{}\" is not one of this server's names. If it is, set rest.address to it or add it to \
                     security.allowed-hosts.",
                    authority.host()
                ),
            ));
        }
    }
    Ok(header)
}

/// Whether a request may have an effect. All but reads, and the two reads that Flink's dashboard uses to cancel.
fn changes_something(method: &Method, path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        || matches!(last, "yarn-cancel" | "yarn-stop")
}

/// Refuses what another site's page sends. Clients that are no browsers send neither header.
fn check_origin(own: Option<&Authority>, headers: &HeaderMap) -> Result<(), ApiError> {
    let refused =
        || ApiError::forbidden("Requests that change something are not accepted from other web sites.");
    if headers.get_all(SEC_FETCH_SITE).iter().any(|site| site != "same-origin") {
        return Err(refused());
    }
    for origin in headers.get_all(header::ORIGIN) {
        let uri: Uri = origin.to_str().ok().and_then(|origin| origin.parse().ok()).ok_or_else(refused)?;
        let (Some(scheme), Some(theirs), Some(own)) = (uri.scheme_str(), uri.authority(), own) else {
            return Err(refused());
        };
        let default_port = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
        if normal(theirs.host()) != normal(own.host()) || port(theirs) != port(own) {
            return Err(refused());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn status(method: &str, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let policy = HostPolicy::new(["flink.example".to_owned(), "10.1.2.3".to_owned()], false);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&policy, &request.body(()).unwrap()).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_known_hosts_are_answered() {
        for (host, expected) in [
            ("localhost:8081", 200),
            ("LOCALHOST", 200),
            ("127.0.0.1:8081", 200),
            ("127.8.8.8", 200),
            ("[::1]:8081", 200),
            ("flink.example:80", 200),
            ("Flink.Example.", 200),
            ("10.1.2.3:9999", 200),
            ("evil.example", 403),
            ("10.1.2.4", 403),
            ("localhost.evil.example", 403),
            ("evil@localhost", 403),
            ("local host", 400),
            ("", 400),
        ] {
            assert_eq!(status("GET", "/overview", &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status("GET", "/overview", &[]), 400);
        assert_eq!(status("GET", "/overview", &[("host", "localhost"), ("host", "evil.example")]), 400);
        assert_eq!(status("GET", "http://evil.example/overview", &[("host", "localhost")]), 403);
    }

    #[test]
    fn addresses_are_answered_by_a_server_that_listens_everywhere() {
        let policy = HostPolicy::new([], true);
        assert!(
            policy.allows("192.168.7.7") && policy.allows("[2001:db8::1]") && !policy.allows("a.example")
        );
    }

    #[test]
    fn only_own_pages_and_no_pages_may_change_something() {
        let host = ("host", "localhost:8081");
        for (method, path, header, expected) in [
            ("POST", "/jars/x/run", None, 200),
            ("POST", "/jars/x/run", Some(("origin", "http://localhost:8081")), 200),
            ("POST", "/jars/x/run", Some(("origin", "http://localhost:3000")), 403),
            ("POST", "/jars/x/run", Some(("origin", "http://evil.example")), 403),
            ("POST", "/jars/x/run", Some(("origin", "null")), 403),
            ("POST", "/jars/x/run", Some(("origin", "")), 403),
            ("DELETE", "/cluster", Some(("sec-fetch-site", "cross-site")), 403),
            ("DELETE", "/cluster", Some(("sec-fetch-site", "same-site")), 403),
            ("PATCH", "/jobs/x", Some(("sec-fetch-site", "same-origin")), 200),
            ("GET", "/overview", Some(("sec-fetch-site", "cross-site")), 200),
            ("GET", "/overview", Some(("origin", "http://evil.example")), 200),
            ("GET", "/jobs/x/yarn-cancel", Some(("origin", "http://evil.example")), 403),
            ("GET", "/v1/jobs/x/yarn-cancel/", Some(("sec-fetch-site", "cross-site")), 403),
        ] {
            let headers: Vec<_> = [host].into_iter().chain(header).collect();
            assert_eq!(status(method, path, &headers), expected, "{method} {path} {header:?}");
        }
    }

    #[test]
    fn default_ports_of_an_origin_are_its_schemes() {
        let over_proxy = [("host", "flink.example"), ("origin", "https://flink.example")];
        assert_eq!(status("POST", "/jars/x/run", &over_proxy), 200);
        let other_port = [("host", "flink.example"), ("origin", "https://flink.example:8443")];
        assert_eq!(status("POST", "/jars/x/run", &other_port), 403);
    }
}
