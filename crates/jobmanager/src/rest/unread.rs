//! Reads past what handlers leave unread of a request's body.
//!
//! A request is often answered before its body has ended: it is too large, comes from a foreign site or leads nowhere.
//! What is left of the body then stands between that request and the next one on the same connection. If it were left
//! there the connection would have to be closed, and a client that is still sending, or that has put the connection
//! back into its pool, would see it break instead of an answer. So the rest is read before the answer is sent, within
//! bounds; where they don't suffice, the answer says that the connection closes.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use futures::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// How long the rest of a body is read.
const LINGER: Duration = Duration::from_secs(5);

/// Most bytes that are read of the rest of a body: more than any request but the upload of a large program has.
const LINGER_BYTES: usize = 64 << 20;

/// Lets the request be answered, then reads the rest of its body, or makes the answer say that the connection closes.
pub(crate) async fn read_past(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // As hyper reads the header.
    let waits = request
        .headers()
        .get_all(header::EXPECT)
        .iter()
        .any(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let (give_back, mut given_back) = oneshot::channel();
    let lend = |body| Body::new(Lent { rest: Some(Rest { body, waits }), give_back: Some(give_back) });
    let mut response = next.run(request.map(lend)).await;
    let at_end = match given_back.try_recv() {
        // To read on would only ask the client for what nobody wants.
        Ok(Rest { waits: true, .. }) => false,
        Ok(rest) => reaches_end(rest.body).await,
        // The body broke off; or somebody still reads it, so that nobody knows where it will end.
        Err(_) => false,
    };
    if !at_end {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads `body` and returns whether its end came within the bounds.
async fn reaches_end(body: Body) -> bool {
    // Whoever knows the length of a body has no reason to ask for more at its end.
    if body.is_end_stream() {
        return true;
    }
    let mut chunks = body.into_data_stream();
    let mut bytes = 0_usize;
    let read = async {
        loop {
            match chunks.next().await {
                None => return true,
                Some(Ok(chunk)) if bytes + chunk.len() <= LINGER_BYTES => bytes += chunk.len(),
                Some(Ok(_) | Err(_)) => return false,
            }
        }
    };
    tokio::time::timeout(LINGER, read).await.unwrap_or(false)
}

/// A body of which a part may still come.
struct Rest {
    body: Body,
    /// Whether the client has been told nothing yet and waits until somebody wants the body: `Expect: 100-continue`.
    waits: bool,
}

/// A request's body in the hands of a handler, which is given back when it is dropped; not if it broke off.
struct Lent {
    rest: Option<Rest>,
    give_back: Option<oneshot::Sender<Rest>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        rest.waits = false;
        let polled = Pin::new(&mut rest.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Err(_))) => self.rest = None,
            Poll::Ready(None) => rest.body = Body::empty(), // not every stream may be asked again after its end
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or_else(SizeHint::default, |rest| rest.body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(rest), Some(give_back)) = (self.rest.take(), self.give_back.take()) {
            // Nobody takes it if the client has gone: then there is nothing to read either.
            let _ = give_back.send(rest);
        }
    }
}
