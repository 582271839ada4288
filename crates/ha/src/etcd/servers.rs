//! The servers of etcd: a client for each, and which of them is asked.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use flott_core::config::{ConfigOption, Configuration, options::high_availability as options};
use tokio::sync::Mutex;

use crate::{
    Error,
    problem::{ProblemKind, Problems},
};

/// A bound for calls that somehow have none of their own.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Servers close connections whose clients ask more often than every 5 s whether they live.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(2));

/// All servers. One is asked until it does not answer; then the next.
pub(crate) struct Servers {
    all: Vec<Server>,
    current: AtomicUsize,
    problems: Arc<Problems>,
}

struct Server {
    url: String,
    options: ConnectOptions,
    /// Made when it is needed, and anew after it did not answer.
    client: Mutex<Option<Client>>,
}

/// Why a call was not carried out as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Nobody knows: it may have been carried out, or will be.
    Unknown(String),
    /// It was not carried out, and will not be.
    Refused(Refusal, String),
}

/// Reasons of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such lease.
    LeaseGone,
    /// There is no space left.
    NoSpace,
    /// The request is too large.
    TooLarge,
    /// This user must not, or is none.
    Denied,
    /// Too much to do just now.
    Busy,
    /// Anything else.
    Other,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(text) | Self::Refused(_, text) => f.write_str(text),
        }
    }
}

impl Servers {
    /// Reads the files of TLS; connects to nobody.
    pub(crate) fn new(config: &Configuration, problems: Arc<Problems>) -> Result<Self, Error> {
        let endpoints = config.get(&options::ETCD_ENDPOINTS);
        if endpoints.is_empty() {
            let problem =
                "is needed with etcd: the addresses of its servers, such as [host1:2379, host2:2379]"
                    .to_owned();
            return Err(Error::Config { key: options::ETCD_ENDPOINTS.key(), problem });
        }
        let tls = tls(config)?;
        let user = config.get(&options::ETCD_USER).zip(config.get(&options::ETCD_PASSWORD));
        let server = |url: String| {
            let mut options = ConnectOptions::new()
                .with_timeout(TIMEOUT)
                .with_connect_timeout(CONNECT_TIMEOUT)
                .with_keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1)
                .with_keep_alive_while_idle(true)
                .with_require_leader(true)
                .with_auto_token_refresh(true);
            if let Some((name, password)) = &user {
                options = options.with_user(name, password);
            }
            if url.starts_with("https://") {
                let system = || TlsOptions::new().with_native_roots();
                options = options.with_tls(tls.clone().unwrap_or_else(system));
            }
            Server { url, options, client: Mutex::new(None) }
        };
        let all = endpoints.iter().map(|endpoint| server(endpoint.url(tls.is_some()))).collect::<Vec<_>>();
        // Processes that begin together don't ask the same one.
        let current = AtomicUsize::new(rand::random_range(0..all.len()));
        Ok(Self { all, current, problems })
    }

    /// Asks the current server.
    pub(crate) async fn call<T, F>(
        &self,
        limit: Duration,
        work: impl FnOnce(Client) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let number = self.current.load(Ordering::Acquire);
        let server = &self.all[number % self.all.len()];
        let asked = async { work(server.client().await?).await };
        let error = match tokio::time::timeout(limit, asked).await {
            Ok(Ok(value)) => {
                self.problems.clear(ProblemKind::Unreachable);
                self.problems.clear(ProblemKind::Denied);
                return Ok(value);
            }
            Ok(Err(error)) => classify(&error),
            Err(_) => CallError::Unknown(format!("no answer within {limit:?}")),
        };
        let text = || format!("etcd at {}: {error}", server.url);
        match &error {
            CallError::Unknown(_) => {
                self.problems.report(ProblemKind::Unreachable, text());
                self.leave(number, server);
            }
            CallError::Refused(Refusal::Denied, _) => {
                self.problems.report(ProblemKind::Denied, text());
                self.leave(number, server);
            }
            CallError::Refused(..) => self.problems.clear(ProblemKind::Unreachable),
        }
        Err(error)
    }

    /// Asks the next one from now on, if nobody else has said so. Calls that are under way keep their client.
    fn leave(&self, number: usize, server: &Server) {
        let next = number.wrapping_add(1);
        let _ = self.current.compare_exchange(number, next, Ordering::AcqRel, Ordering::Acquire);
        // If it is locked somebody is making a new one.
        if let Ok(mut client) = server.client.try_lock() {
            *client = None;
        }
    }
}

impl Server {
    async fn client(&self) -> Result<Client, etcd_client::Error> {
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref() {
            return Ok(client.clone());
        }
        // Waits for nobody, except that users log in.
        let made = Client::connect([&self.url], Some(self.options.clone())).await?;
        Ok(client.insert(made).clone())
    }
}

fn tls(config: &Configuration) -> Result<Option<TlsOptions>, Error> {
    let read = |option: &ConfigOption<Option<String>>| {
        let path = config.get(option);
        path.map(|path| {
            let bytes = std::fs::read(Path::new(&path));
            let bytes = bytes.map_err(|error| Error::Config {
                key: option.key(),
                problem: format!("cannot read {path}: {error}"),
            })?;
            let is_pem = bytes.windows(11).any(|part| part == b"-----BEGIN ");
            let problem = || format!("{path} holds no PEM");
            if is_pem { Ok(bytes) } else { Err(Error::Config { key: option.key(), problem: problem() }) }
        })
        .transpose()
    };
    let (ca, cert, key) =
        (read(&options::ETCD_TLS_CA)?, read(&options::ETCD_TLS_CERT)?, read(&options::ETCD_TLS_KEY)?);
    if ca.is_none() && cert.is_none() {
        return Ok(None);
    }
    let mut tls = match ca {
        Some(ca) => TlsOptions::new().ca_certificate(Certificate::from_pem(ca)),
        None => TlsOptions::new().with_native_roots(),
    };
    if let Some((cert, key)) = cert.zip(key) {
        tls = tls.identity(Identity::from_pem(cert, key));
    }
    Ok(Some(tls))
}

/// What an error says of whether the call was carried out.
fn classify(error: &etcd_client::Error) -> CallError {
    let refused = |refusal: Refusal| CallError::Refused(refusal, error.to_string());
    match error {
        etcd_client::Error::GRpcStatus(status) => {
            let says = |words: &str| status.message().contains(words);
            // By number: the type of the code is not handed on by the client.
            match i32::from(status.code()) {
                // InvalidArgument
                3 if says("too large") || says("too many operations") => refused(Refusal::TooLarge),
                3 | 9 if says("auth") || says("user name is empty") => refused(Refusal::Denied),
                // NotFound
                5 if says("lease not found") => refused(Refusal::LeaseGone),
                // PermissionDenied, Unauthenticated
                7 | 16 => refused(Refusal::Denied),
                // ResourceExhausted
                8 if says("database space exceeded") => refused(Refusal::NoSpace),
                8 if says("larger than max") || says("too large") => refused(Refusal::TooLarge),
                8 => refused(Refusal::Busy),
                // InvalidArgument, NotFound, AlreadyExists, FailedPrecondition, OutOfRange, Unimplemented
                3 | 5 | 6 | 9 | 11 | 12 => refused(Refusal::Other),
                // Cancelled, Unknown, DeadlineExceeded, Aborted, Internal, Unavailable, DataLoss
                _ => CallError::Unknown(format!("{:?}: {}", status.code(), status.message())),
            }
        }
        etcd_client::Error::LeaseKeepAliveError(text) if text == LEASE_NOT_FOUND => {
            refused(Refusal::LeaseGone)
        }
        etcd_client::Error::InvalidArgs(_)
        | etcd_client::Error::InvalidUri(_)
        | etcd_client::Error::InvalidMetadataValue(_) => refused(Refusal::Other),
        _ => CallError::Unknown(chain(error)),
    }
}

/// What the client says when the first answer on a stream of renewals has no time.
const LEASE_NOT_FOUND: &str = "lease not found";

/// An error with what it comes from: of a broken connection the first says next to nothing. The client's own errors name no
/// source, but those in them do.
fn chain(error: &etcd_client::Error) -> String {
    let mut text = error.to_string();
    let mut source = match error {
        etcd_client::Error::TransportError(error) => std::error::Error::source(error),
        error => std::error::Error::source(error),
    };
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
