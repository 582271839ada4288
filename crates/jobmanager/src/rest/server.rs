//! Accepts connections and keeps them within bounds.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::routes::RestService;

/// Most connections that are held open. Beyond that the one that has been idle longest is closed for a new one, so
/// that clients that only hold connections keep nobody out.
const MAX_CONNECTIONS: usize = 512;

/// How long a client may take for the headers of a request, counted from the last answer: closes idle connections.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// Most bytes of a request's headers; more get 431.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// How long a connection that is to close may take for the request under way.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// How long a connection that we close is read from afterwards. A client that is still sending then would get a reset,
/// which may overtake the answer; one that has got the answer closes the connection itself.
const CLOSE_LINGER: Duration = Duration::from_secs(2);

/// How long to wait before accepting again when the system has no file handles left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// A connection as the accept loop knows it.
struct Open {
    /// Requests under way on it: 0 or 1.
    busy: Arc<AtomicUsize>,
    close: CancellationToken,
}

/// Serves until `shutdown` is cancelled, then finishes what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    service: RestService,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    // By number, so the oldest come first.
    let mut open = BTreeMap::<u64, Open>::new();
    let mut next_number = 0_u64;
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                match ended {
                    Ok(number) => { open.remove(&number); }
                    Err(error) => warn!(%error, "a REST connection's task died"),
                }
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Of one connection, or for want of file handles: both pass.
                warn!(%error, "cannot accept a REST connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        if open.len() >= MAX_CONNECTIONS {
            let idle = open
                .values()
                .find(|open| open.busy.load(Ordering::Relaxed) == 0 && !open.close.is_cancelled());
            match idle {
                Some(idle) => idle.close.cancel(),
                None => continue, // all are busy: drops the new one
            }
        }
        let entry = Open { busy: Arc::default(), close: shutdown.child_token() };
        let (busy, close, service) = (Arc::clone(&entry.busy), entry.close.clone(), service.clone());
        let number = next_number;
        next_number += 1;
        open.insert(number, entry);
        connections.spawn(async move {
            connection(stream, service, busy, close).await;
            number
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Serves one connection until it ends or is told to close.
async fn connection(
    stream: TcpStream,
    service: RestService,
    busy: Arc<AtomicUsize>,
    close: CancellationToken,
) {
    // Answers are small and complete: waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (service, busy) = (service.clone(), Arc::clone(&busy));
        // In a box, so that the stream can be had back in the end.
        Box::pin(async move {
            busy.fetch_add(1, Ordering::Relaxed);
            let request: Request = request.map(Body::new);
            let response = service.oneshot(request).await;
            busy.fetch_sub(1, Ordering::Relaxed);
            response
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(MAX_HEADER_BYTES)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut pinned = Pin::new(&mut connection);
    let result = tokio::select! {
        result = pinned.as_mut() => result,
        () = close.cancelled() => {
            pinned.as_mut().graceful_shutdown();
            match tokio::time::timeout(CLOSE_GRACE, pinned).await {
                Ok(result) => result,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = result {
        debug!(%error, "a REST connection broke");
    }
    tokio::select! {
        () = linger(connection.into_parts().io.into_inner()) => {}
        () = close.cancelled() => {}
    }
}

/// Takes what a client still sends on a connection that will be answered no more.
async fn linger(mut stream: TcpStream) {
    // If this fails the client has gone.
    if stream.shutdown().await.is_ok() {
        let _ =
            tokio::time::timeout(CLOSE_LINGER, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
    }
}
