//! Sending a call and reading its answer.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url, header};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::sleep;

use crate::{Error, RetryAdvice, RetryPolicy};

/// The longest answer that is read: a job of the largest allowed size has less.
const BODY_LIMIT_BYTES: usize = 64 << 20;
/// How much of an unexpected answer is quoted.
const QUOTE_CHARS: usize = 80;

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long to wait for the answer to one attempt of a call. Uploads are not bounded by it.
    pub timeout: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// What to do if there is no connection, or the server has no leader.
    pub retry: RetryPolicy,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            retry: RetryPolicy::SHORT,
        }
    }
}

/// A client of one JobManager's REST API. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    options: ClientOptions,
}

/// Whether a call may be sent again when nobody knows if it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is as good as once.
    Safe,
    /// Only if it surely did not arrive.
    Unsafe,
}

/// What a call is about, for error texts.
pub(crate) struct Call {
    method: Method,
    url: Url,
    repeat: Repeat,
    timeout: Option<Duration>,
}

impl Call {
    fn describe(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }

    pub(crate) fn query(mut self, key: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(key, value);
        self
    }

    /// Does not bound the time for the whole call.
    pub(crate) fn unbounded(mut self) -> Self {
        self.timeout = None;
        self
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<String>,
}

impl Client {
    /// A client of the JobManager at `address`, which is `host:port` or `http://host:port`. Does not connect yet.
    ///
    /// # Errors
    ///
    /// When the address is not of this form.
    pub fn new(address: &str, options: ClientOptions) -> Result<Self, Error> {
        let base = parse_address(address)?;
        let http = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| Error::Address { address: address.to_owned(), reason: error.to_string() })?;
        Ok(Self { http, base, options })
    }

    /// The JobManager's address, as `http://host:port`.
    pub fn address(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// A call of `method` to the path made of these segments.
    pub(crate) fn call(&self, method: Method, segments: &[&str], repeat: Repeat) -> Call {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http address has a path").clear().push("v1").extend(segments);
        Call { method, url, repeat, timeout: Some(self.options.timeout) }
    }

    /// Sends a call, again if that may help, and reads the answer. `prepare` adds the body, for each attempt anew.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        call: Call,
        prepare: impl AsyncFn(RequestBuilder) -> Result<RequestBuilder, Error>,
    ) -> Result<T, Error> {
        let mut attempt = 1;
        loop {
            let error = match self.send_once(&call, &prepare).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let may_repeat = call.repeat == Repeat::Safe || error.is_before_arrival();
            match self.options.retry.delay_after(attempt) {
                Some(delay) if may_repeat && error.retry() == RetryAdvice::WithBackoff => sleep(delay).await,
                _ => return Err(error),
            }
            attempt += 1;
        }
    }

    /// Sends a call without a body.
    pub(crate) async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Error> {
        self.send(self.call(Method::GET, segments, Repeat::Safe), async |request| Ok(request)).await
    }

    async fn send_once<T: DeserializeOwned>(
        &self,
        call: &Call,
        prepare: &impl AsyncFn(RequestBuilder) -> Result<RequestBuilder, Error>,
    ) -> Result<T, Error> {
        let mut request = self.http.request(call.method.clone(), call.url.clone());
        if let Some(timeout) = call.timeout {
            request = request.timeout(timeout);
        }
        let request = prepare(request).await?;
        let response = request.send().await.map_err(|error| self.network(call, error))?;
        let status = response.status();
        let body = self.read(call, response).await?;
        if !status.is_success() {
            let errors = serde_json::from_slice::<ErrorBody>(&body).map(|body| body.errors);
            return Err(Error::Refused { status: status.as_u16(), errors: errors.unwrap_or_default() });
        }
        serde_json::from_slice(&body).map_err(|source| Error::UnexpectedBody {
            address: self.address(),
            call: call.describe(),
            start: quote(&body),
            source,
        })
    }

    async fn read(&self, call: &Call, mut response: Response) -> Result<Vec<u8>, Error> {
        let announced = response.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok()).unwrap_or(0);
        let mut body = Vec::with_capacity(announced.min(BODY_LIMIT_BYTES));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.network(call, error))? {
            if body.len() + chunk.len() > BODY_LIMIT_BYTES {
                return Err(Error::TooLong { call: call.describe(), limit_bytes: BODY_LIMIT_BYTES });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn network(&self, call: &Call, error: reqwest::Error) -> Error {
        let (address, described) = (self.address(), call.describe());
        // The address stands in our own text already.
        let source = error.without_url();
        if source.is_connect() {
            Error::Unreachable { address, source }
        } else if source.is_timeout() {
            Error::Timeout { address, call: described, timeout: self.options.timeout }
        } else {
            Error::Broken { address, call: described, source }
        }
    }
}

fn parse_address(address: &str) -> Result<Url, Error> {
    let wrong = |reason: &str| Error::Address { address: address.to_owned(), reason: reason.to_owned() };
    if address.starts_with("https://") {
        return Err(wrong("this client does not speak https"));
    }
    let with_scheme =
        if address.starts_with("http://") { address.to_owned() } else { format!("http://{address}") };
    let url = Url::parse(&with_scheme).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user name"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it holds a path"));
    }
    Ok(url)
}

fn quote(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(QUOTE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_and_ports() {
        let address = |text| Client::new(text, ClientOptions::default()).map(|client| client.address());
        assert_eq!(address("localhost:8081").unwrap(), "http://localhost:8081");
        assert_eq!(address("http://10.0.0.1:8081/").unwrap(), "http://10.0.0.1:8081");
        assert_eq!(address("[::1]:8081").unwrap(), "http://[::1]:8081");
        for wrong in ["", "https://a:1", "a:b", "a:99999", "a:1/path", "user@a:1", "http://"] {
            let error = address(wrong).unwrap_err();
            assert!(error.to_string().contains("expected host:port"), "{error}");
        }
    }

    #[test]
    fn path_segments_cannot_lead_elsewhere() {
        let client = Client::new("localhost:8081", ClientOptions::default()).unwrap();
        let call = client.call(Method::GET, &["jars", "../jobs?x#y", "plan"], Repeat::Safe);
        assert_eq!(call.url.as_str(), "http://localhost:8081/v1/jars/..%2Fjobs%3Fx%23y/plan");
    }
}
