//! The HTTP client of the S3 stores: hyper alone. `object_store`'s own would bring reqwest with TLS, whose features would
//! then be on in every client of every program.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector as TcpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that were not used for longer are closed; servers and firewalls do it by themselves, without a word.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(super) struct Connector;

struct Service {
    plain: Client<TcpConnector, HttpRequestBody>,
    /// None if this machine trusts nobody, of which only requests with TLS shall hear.
    secure: Result<Client<HttpsConnector<TcpConnector>, HttpRequestBody>, String>,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let secure = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
        let secure = secure.map(|builder| {
            let connector = builder.https_or_http().enable_http1().wrap_connector(tcp.clone());
            client_builder().build(connector)
        });
        let secure = secure.map_err(|error| error.to_string());
        Ok(HttpClient::new(Service { plain: client_builder().build(tcp), secure }))
    }
}

fn client_builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new());
    builder
}

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let server = Server(request.uri().authority().map(|authority| authority.as_str().to_owned()));
        let answer = if request.uri().scheme_str() == Some("https") {
            let secure = self.secure.as_ref().map_err(|problem| {
                let problem = format!("no certificate authorities of this machine can be loaded: {problem}");
                HttpError::new(HttpErrorKind::Unknown, io::Error::other(problem))
            })?;
            secure.request(request).await
        } else {
            self.plain.request(request).await
        };
        let response = answer.map_err(|error| {
            // If the connection broke under way the request may have been carried out.
            let kind = if error.is_connect() { connect_kind(&error) } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, Unreachable { server: server.clone(), cause: root(&error) })
        })?;
        Ok(response.map(|body| {
            HttpResponseBody::new(body.map_err(move |error| {
                HttpError::new(
                    HttpErrorKind::Interrupted,
                    Unreachable { server: server.clone(), cause: root(&error) },
                )
            }))
        }))
    }
}

/// A certificate that is not trusted will not be trusted in a second either.
fn connect_kind(error: &(dyn StdError + 'static)) -> HttpErrorKind {
    match find::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(_)) => HttpErrorKind::Unknown,
        _ => HttpErrorKind::Connect,
    }
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An I/O error names the source of what it wraps, not what it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| find::<T>(wrapped)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn root(error: &(dyn StdError + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// For errors: host and port alone. Paths stand in the error around it, and queries may hold signatures.
#[derive(Clone, Debug)]
struct Server(Option<String>);

/// The innermost error, so that its text says both who did not answer and why.
#[derive(Debug)]
struct Unreachable {
    server: Server,
    cause: String,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server.0 {
            Some(server) => write!(f, "no answer from {server}: {}", self.cause),
            None => write!(f, "no answer: {}", self.cause),
        }
    }
}

impl StdError for Unreachable {}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}
