//! Sending a call and reading its answer.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder, Response, Url, header};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::{Sleep, sleep};

use crate::{Error, RetryAdvice, RetryPolicy};

/// The longest answer that is read: a job of the largest allowed size has less.
const BODY_LIMIT_BYTES: usize = 64 << 20;
/// How much of an unexpected answer is quoted.
const QUOTE_CHARS: usize = 80;
/// The pauses while no JobManager leads: long enough to ask for an election's time, short enough for a person who waits.
const ELECTION_PAUSES: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    first_delay: Duration::from_millis(100),
    max_delay: Duration::from_secs(1),
};
/// How long one of several servers may take to answer before the next is asked, where that does no harm.
const NEXT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a connection to one of several servers.
const NEXT_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long to wait for the answer to one attempt of a call. Uploads are not bounded by it.
    pub timeout: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// What to do if there is no connection, or the only server is unavailable.
    pub retry: RetryPolicy,
    /// How long to wait for a JobManager that leads: while one says that there is none, and, of several, while none can be
    /// reached.
    pub await_leader: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            retry: RetryPolicy::SHORT,
            await_leader: Duration::from_secs(30),
        }
    }
}

/// A client of a cluster's REST API, at one or several JobManagers. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// At least one.
    servers: Arc<[Url]>,
    /// The one that answered last, which is asked first.
    preferred: Arc<AtomicUsize>,
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
    /// A client of the JobManagers at `addresses`: `host:port` or `http://host:port`, several with commas between them. It
    /// asks any of them, and another one if that can't be reached or knows no leader. Does not connect yet.
    ///
    /// # Errors
    ///
    /// When an address is not of this form.
    pub fn new(addresses: &str, options: ClientOptions) -> Result<Self, Error> {
        let servers: Arc<[Url]> =
            addresses.split(',').map(|address| parse_address(address.trim())).collect::<Result<_, _>>()?;
        let connect_timeout = match &*servers {
            [_] => options.connect_timeout,
            _ => options.connect_timeout.min(NEXT_CONNECT_TIMEOUT),
        };
        let http =
            reqwest::Client::builder().connect_timeout(connect_timeout).tcp_nodelay(true).build().map_err(
                |error| Error::Address { address: addresses.to_owned(), reason: error.to_string() },
            )?;
        Ok(Self { http, servers, preferred: Arc::default(), options })
    }

    /// The address of the JobManager that answered last, as `http://host:port`.
    pub fn address(&self) -> String {
        address_of(&self.servers[self.preferred.load(Ordering::Relaxed)])
    }

    /// A call of `method` to the path made of these segments.
    pub(crate) fn call(&self, method: Method, segments: &[&str], repeat: Repeat) -> Call {
        let mut url = self.servers[0].clone();
        url.path_segments_mut().expect("an http address has a path").clear().push("v1").extend(segments);
        Call { method, url, repeat, timeout: Some(self.options.timeout) }
    }

    /// Sends a call, again or to another server if that may help, and reads the answer. `prepare` adds the body, for each
    /// attempt anew.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        call: Call,
        prepare: impl AsyncFn(RequestBuilder) -> Result<RequestBuilder, Error>,
    ) -> Result<T, Error> {
        let mut patience = None;
        let mut round = 1;
        loop {
            let failures = match self.send_to_any(&call, &prepare).await? {
                Ok(answer) => return Ok(answer),
                Err(failures) => failures,
            };
            self.pause_after(round, failures, &mut patience).await?;
            round += 1;
        }
    }

    /// Sends a call to one server after the other until one answers. The inner error: none has, and that may pass.
    async fn send_to_any<T: DeserializeOwned>(
        &self,
        call: &Call,
        prepare: &impl AsyncFn(RequestBuilder) -> Result<RequestBuilder, Error>,
    ) -> Result<Result<T, Vec<(String, Error)>>, Error> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failures = Vec::new();
        for offset in 0..self.servers.len() {
            let index = (first + offset) % self.servers.len();
            let server = &self.servers[index];
            let error = match self.send_once(server, call, prepare).await {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(Ok(answer));
                }
                Err(error) => error,
            };
            let may_repeat = call.repeat == Repeat::Safe || error.is_before_arrival();
            let hangs = self.servers.len() > 1 && matches!(error, Error::Timeout { .. });
            if !may_repeat || (error.retry() == RetryAdvice::Never && !hangs) {
                return Err(error);
            }
            failures.push((address_of(server), error));
        }
        Ok(Err(failures))
    }

    /// Pauses before all are asked again. An error if that is not to be done any more. `patience` begins with the first pause.
    async fn pause_after(
        &self,
        round: u32,
        mut failures: Vec<(String, Error)>,
        patience: &mut Option<Pin<Box<Sleep>>>,
    ) -> Result<(), Error> {
        let waited = self.options.await_leader;
        let is_election = failures.iter().any(|(_, error)| error.is_election());
        let awaits_leader = !waited.is_zero() && (is_election || self.servers.len() > 1);
        let policy = if awaits_leader { ELECTION_PAUSES } else { self.options.retry };
        if let Some(delay) = policy.delay_after(round) {
            let patience = patience.get_or_insert_with(|| Box::pin(sleep(waited)));
            let mut pause = pin!(sleep(delay));
            tokio::select! {
                () = patience, if awaits_leader => {}
                () = &mut pause => return Ok(()),
            }
        }
        match failures.pop() {
            Some((_, error)) if self.servers.len() == 1 => Err(error),
            last => Err(Error::NoLeader { waited, failures: failures.into_iter().chain(last).collect() }),
        }
    }

    /// Sends a call without a body.
    pub(crate) async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Error> {
        self.send(self.call(Method::GET, segments, Repeat::Safe), async |request| Ok(request)).await
    }

    async fn send_once<T: DeserializeOwned>(
        &self,
        server: &Url,
        call: &Call,
        prepare: &impl AsyncFn(RequestBuilder) -> Result<RequestBuilder, Error>,
    ) -> Result<T, Error> {
        let mut url = server.clone();
        url.set_path(call.url.path());
        url.set_query(call.url.query());
        let mut request = self.http.request(call.method.clone(), url);
        let timeout = self.timeout(call);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let request = prepare(request).await?;
        let network = |error| network(server, call, timeout, error);
        let response = request.send().await.map_err(network)?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = read(call, response, network).await?;
        if !status.is_success() {
            let errors = serde_json::from_slice::<ErrorBody>(&body).map(|body| body.errors);
            let errors = errors.unwrap_or_default();
            return Err(Error::Refused { status: status.as_u16(), errors, retry_after });
        }
        serde_json::from_slice(&body).map_err(|source| Error::UnexpectedBody {
            address: address_of(server),
            call: call.describe(),
            start: quote(&body),
            source,
        })
    }

    /// For one attempt.
    fn timeout(&self, call: &Call) -> Option<Duration> {
        let is_short = self.servers.len() > 1 && call.method == Method::GET;
        call.timeout.map(|timeout| if is_short { timeout.min(NEXT_TIMEOUT) } else { timeout })
    }
}

async fn read(
    call: &Call,
    mut response: Response,
    network: impl Fn(reqwest::Error) -> Error,
) -> Result<Vec<u8>, Error> {
    let announced = response.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok()).unwrap_or(0);
    let mut body = Vec::with_capacity(announced.min(BODY_LIMIT_BYTES));
    while let Some(chunk) = response.chunk().await.map_err(&network)? {
        if body.len() + chunk.len() > BODY_LIMIT_BYTES {
            return Err(Error::TooLong { call: call.describe(), limit_bytes: BODY_LIMIT_BYTES });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// When the server wants to be asked again. It may say that as a date too, which ours do not.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn network(server: &Url, call: &Call, timeout: Option<Duration>, error: reqwest::Error) -> Error {
    let (address, described) = (address_of(server), call.describe());
    // The address stands in our own text already.
    let source = error.without_url();
    if source.is_connect() {
        Error::Unreachable { address, source }
    } else if let Some(timeout) = timeout.filter(|_| source.is_timeout()) {
        Error::Timeout { address, call: described, timeout }
    } else {
        Error::Broken { address, call: described, source }
    }
}

fn address_of(server: &Url) -> String {
    server.as_str().trim_end_matches('/').to_owned()
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
        assert_eq!(address("a:1, b:2").unwrap(), "http://a:1");
        for wrong in
            ["", "https://a:1", "a:b", "a:99999", "a:1/path", "user@a:1", "http://", "a:1,", "a:1,b:x"]
        {
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
