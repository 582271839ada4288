//! A small HTTP server that does nothing but tell the metrics.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use flott_core::config::PortRange;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{CONTENT_TYPE, Exposition, host::HostPolicy};

/// Most connections; more are closed at once. There is one for each Prometheus.
const MAX_CONNECTIONS: usize = 32;

/// How long a client may take for a request, counted from the last answer. Prometheus asks again within a minute, mostly.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a connection may live: one that nobody reads from blocks no place for ever.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// How long a connection may take to end.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// How long to wait before accepting again when the system has no file handles left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Collects what is to be told.
pub type Render = Arc<dyn Fn() -> BoxFuture<'static, Exposition> + Send + Sync>;

/// Listens on the first free one of `ports`.
///
/// # Errors
/// Of the last port, if none is free.
pub async fn bind(host: &str, ports: &PortRange) -> io::Result<TcpListener> {
    let mut refused = io::Error::from(io::ErrorKind::InvalidInput);
    for port in ports.ports() {
        match TcpListener::bind((host, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Answers until `shutdown`: `GET /metrics`, and `GET /`, where Flink's reporter has them too. At a loopback address it answers
/// only to those that call it by a name of this machine's own, or by one of `allowed_hosts`.
pub async fn serve(
    listener: TcpListener,
    allowed_hosts: Vec<String>,
    render: Render,
    shutdown: CancellationToken,
) {
    let hosts = match listener.local_addr() {
        Ok(address) => HostPolicy::new(address.ip(), &allowed_hosts),
        Err(_) => HostPolicy::default(),
    };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Without a place the connection is closed.
                let Ok(place) = places.clone().try_acquire_owned() else { continue };
                let (hosts, render, shutdown) = (hosts.clone(), render.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, hosts, render, shutdown).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, hosts: HostPolicy, render: Render, shutdown: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (hosts, render) = (hosts.clone(), render.clone());
        async move { Ok::<_, Infallible>(answer(&request, &hosts, &render).await) }
    });
    let mut connection = Box::pin(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service),
    );
    let outcome = tokio::select! {
        outcome = timeout(LIFETIME, connection.as_mut()) => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(CLOSE_GRACE, connection).await
        }
    };
    if let Ok(Err(error)) = outcome {
        debug!(%error, "a connection for metrics broke");
    }
}

async fn answer(request: &Request<Incoming>, hosts: &HostPolicy, render: &Render) -> Response<Full<Bytes>> {
    if !hosts.allows(request.uri(), request.headers()) {
        let text = "the Host header names another machine: add its name to security.allowed-hosts\n";
        return plain(StatusCode::FORBIDDEN, text.to_owned());
    }
    if !matches!(request.uri().path(), "/metrics" | "/metrics/" | "/") {
        return plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n".to_owned());
    }
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "metrics can only be read\n".to_owned());
    }
    plain(StatusCode::OK, render().await.text())
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
    response
}

#[cfg(test)]
mod tests {
    use flott_core::metrics::Reading;
    use futures::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::Scope;

    async fn ask(address: std::net::SocketAddr, request: &str) -> String {
        ask_as(address, "localhost:9249", request).await
    }

    async fn ask_as(address: std::net::SocketAddr, host: &str, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn metrics_are_told_and_nothing_else() {
        let listener = bind("127.0.0.1", &PortRange::single(flott_core::config::Port(0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let render: Render = Arc::new(|| {
            let mut exposition = Exposition::default();
            exposition.add(&Scope::job_manager("h"), "numRunningJobs", Reading::Count(1));
            std::future::ready(exposition).boxed()
        });
        let shutdown = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, vec!["proxy.example".to_owned()], render, shutdown.clone()));
        for path in ["/metrics", "/", "/metrics?name[]=x"] {
            let answer = ask(address, &format!("GET {path}")).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
            assert!(answer.ends_with("flink_jobmanager_numRunningJobs{host=\"h\"} 1\n"), "{answer}");
        }
        assert!(ask(address, "GET /nosuch").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST /metrics").await.starts_with("HTTP/1.1 405"));
        assert!(ask_as(address, "proxy.example", "GET /metrics").await.starts_with("HTTP/1.1 200"));
        let refused = ask_as(address, "evil.example", "GET /metrics").await;
        assert!(
            refused.starts_with("HTTP/1.1 403") && refused.contains("security.allowed-hosts"),
            "{refused}"
        );
        shutdown.cancel();
        server.join_next().await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn the_first_free_port_is_taken() {
        let first = bind("127.0.0.1", &PortRange::single(flott_core::config::Port(0))).await.unwrap();
        let taken = first.local_addr().unwrap().port();
        let error = bind("127.0.0.1", &PortRange::single(flott_core::config::Port(taken))).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
