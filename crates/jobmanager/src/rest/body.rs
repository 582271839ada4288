//! Reads request bodies from clients that may be slow, huge or gone.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::StatusCode,
};
use futures::StreamExt;

use super::error::ApiError;
use crate::clock::Clock;

/// How long a client may send less than the least rate.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes a second that a client has to send at least, averaged over the patience.
const MIN_BYTES_PER_SECOND: u64 = 1024;

/// A body, read chunk by chunk. A client that sends too little for too long gets 408, so that it cannot hold a
/// request's place for ever. Only the time spent waiting for the client counts, not that of a slow disk of ours.
pub(crate) struct BodyReader {
    chunks: BodyDataStream,
    patience: Duration,
    clock: Clock,
    waited: Duration,
    received: u64,
}

impl BodyReader {
    /// Reads `body`, giving up when less than 1 KiB/s came during `patience`.
    pub(crate) fn new(body: Body, patience: Duration) -> Self {
        Self {
            chunks: body.into_data_stream(),
            patience,
            clock: Clock::start(),
            waited: Duration::ZERO,
            received: 0,
        }
    }

    /// The next chunk, or `None` at the end.
    ///
    /// # Errors
    /// 408 if the client is too slow, 400 if the body breaks off.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let start = self.clock.now();
            match tokio::time::timeout(self.patience.saturating_sub(self.waited), self.chunks.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(chunk))) => {
                    self.waited += self.clock.now().since(start);
                    self.received = self.received.saturating_add(chunk.len() as u64);
                    return Ok(Some(chunk));
                }
                Ok(Some(Err(error))) => {
                    return Err(ApiError::bad_request(format!("The request's body broke off: {error}.")));
                }
                Err(_) if self.received >= self.patience.as_secs().max(1) * MIN_BYTES_PER_SECOND => {
                    self.waited = Duration::ZERO;
                    self.received = 0;
                }
                Err(_) => {
                    return Err(ApiError::new(
                        StatusCode::REQUEST_TIMEOUT,
                        format!(
                            "The request's body came too slowly: less than 1 KiB/s for {:?}.",
                            self.patience
                        ),
                    ));
                }
            }
        }
    }

    /// The chunks as a body again, for the reader of forms. That one takes into memory whatever is ready, however
    /// much that is, so each chunk comes alone: only once it was handled is the next one ready.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(futures::stream::try_unfold(self, |mut reader| async move {
            tokio::task::yield_now().await;
            Ok::<_, ApiError>(reader.next().await?.map(|chunk| (chunk, reader)))
        }))
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`next`](Self::next), and 413 if it has more than `limit` bytes.
    pub(crate) async fn read_all(mut self, limit: usize) -> Result<Bytes, ApiError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await? {
            if all.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }
}

/// 413 for a body that is not a file.
pub(crate) fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "The request's body is larger than the {limit} bytes that are accepted here \
             (rest.server.max-content-length, and at most 1 mb for anything but an artifact)."
        ),
    )
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_times_out() {
        let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
        let error = BodyReader::new(body, Duration::from_secs(10)).read_all(10).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickling_body_times_out() {
        let drops =
            tokio_stream::iter(std::iter::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"x"))))
                .throttle(Duration::from_secs(1));
        let error = BodyReader::new(Body::from_stream(drops), Duration::from_secs(10))
            .read_all(1 << 20)
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_body_may_take_long() {
        let chunks = tokio_stream::iter(std::iter::repeat_n(Bytes::from(vec![0; 4096]), 30))
            .throttle(Duration::from_secs(1));
        let body = Body::from_stream(futures::StreamExt::map(chunks, Ok::<_, std::io::Error>));
        assert_eq!(
            BodyReader::new(body, Duration::from_secs(10)).read_all(1 << 20).await.unwrap().len(),
            30 * 4096
        );
    }

    #[tokio::test]
    async fn a_large_body_is_refused() {
        let error =
            BodyReader::new(Body::from(vec![0; 11]), Duration::from_secs(10)).read_all(10).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
