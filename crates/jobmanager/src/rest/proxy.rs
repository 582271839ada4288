//! Lets the leader answer what a JobManager is asked that does not lead.
//!
//! Clients need not know who leads: each JobManager answers all of them, as in Flink. What is asked is handed on as it comes,
//! and so is the answer, neither of which is ever held as a whole.

use std::{io, pin::Pin, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, task::JoinSet};
use tracing::debug;

use super::{Api, error::ApiError, guard::SEC_FETCH_SITE, path::OriginalPath};
use crate::{
    Error,
    ha::LeaderInfo,
    view::{LeadershipState, LeadershipView},
};

/// Says who has answered, and marks what was handed on.
const LEADER: HeaderName = HeaderName::from_static("x-flott-leader");
/// How long the leader may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long nothing comes over a connection to it before it is asked whether it is there, and how often then. The leader may
/// take its time for an answer: it is the connection that is looked after.
const PROBE_AFTER: Duration = Duration::from_secs(5);
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// How long such a question, or anything else that was sent to it, may stay unconfirmed.
const UNCONFIRMED: Duration = Duration::from_secs(20);

/// Headers that concern one connection, not what is sent over it.
const OF_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Hands a request on if another JobManager leads.
pub(crate) async fn to_leader(State(api): State<Api>, request: Request, next: Next) -> Response {
    let LeadershipView { leader, own, state, .. } = api.backend.leadership();
    let leader = match (state, leader) {
        (LeadershipState::Standby, Some(leader)) if leader.instance_id != own.instance_id => leader,
        _ => return next.run(request).await,
    };
    if leader.rest_address.is_empty() || request.headers().contains_key(&LEADER) {
        // It was handed on already, by somebody who took this one for the leader.
        return ApiError::from(Error::NoLeader).into_response();
    }
    let changed = api.backend.leader_changed(leader.clone());
    let forwarded = async {
        tokio::select! {
            answer = forward(&leader, request) => answer,
            () = changed => Err("another leads meanwhile".to_owned()),
        }
    };
    forwarded.await.unwrap_or_else(|problem| {
        debug!(leader = leader.rest_address, problem, "the leader does not answer REST");
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{} The leader at {} does not answer: {problem}.", Error::NoLeader, leader.rest_address),
        )
        .into_response()
    })
}

async fn forward(leader: &LeaderInfo, request: Request) -> Result<Response, String> {
    let request = as_sent_on(leader, request)?;
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&leader.rest_address));
    let stream = connected
        .await
        .map_err(|_| "no connection in time".to_owned())?
        .map_err(|error| error.to_string())?;
    if let Err(error) = set_options(&stream) {
        debug!(%error, "works without, too");
    }
    let broken = |error: hyper::Error| error.to_string();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with the answer's body, to which it belongs, or with this request.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection.map(drop));
    let response = sender.send_request(request).await.map_err(broken)?;
    let (mut parts, body) = response.into_parts();
    remove_connection_headers(&mut parts.headers);
    parts.headers.insert(LEADER, address_value(leader)?);
    let body = Owned { body: Body::new(body), _connection: tasks };
    Ok(Response::from_parts(parts, Body::new(body)))
}

/// What is small is sent at once, and a leader that the network hides is not waited for.
fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL);
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(UNCONFIRMED))
}

/// The request as the leader gets it.
fn as_sent_on(leader: &LeaderInfo, request: Request) -> Result<Request, String> {
    let (mut parts, body) = request.into_parts();
    // The path as the client wrote it, since that is what errors name.
    let original = parts.extensions.get::<OriginalPath>().map(|OriginalPath(path)| path.clone());
    let path = original.unwrap_or_else(|| parts.uri.path().to_owned());
    let target = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    parts.uri = target.parse::<Uri>().map_err(|error| error.to_string())?;
    remove_connection_headers(&mut parts.headers);
    // Both were checked here, against the name by which the client called this JobManager.
    parts.headers.remove(header::ORIGIN);
    parts.headers.remove(SEC_FETCH_SITE);
    parts.headers.insert(header::HOST, address_value(leader)?);
    parts.headers.insert(LEADER, address_value(leader)?);
    parts.version = hyper::Version::HTTP_11;
    Ok(Request::from_parts(parts, body))
}

fn address_value(leader: &LeaderInfo) -> Result<HeaderValue, String> {
    HeaderValue::from_str(&leader.rest_address).map_err(|error| error.to_string())
}

fn remove_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
}

/// The body of an answer, with the connection that it comes from.
struct Owned {
    body: Body,
    _connection: JoinSet<()>,
}

impl hyper::body::Body for Owned {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
