//! Where task hosts find their TaskManager: gRPC over a Unix socket that only this user can reach.

use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flott_core::{FailureCause, FailureKind, sdk};
use flott_rpc::{TaskHostMessage, pb, pb::task_host_server::TaskHost, server_builder, task_host_server};
use tokio::{
    net::UnixListener,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::Error;

/// How long a task host may take to introduce itself after it has connected.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Most commands to a task host that it has not read.
const COMMANDS: usize = 1024;

/// Bytes of a token. It is a secret: whoever knows it is the task host.
const TOKEN_BYTES: usize = 32;

/// A task host that has introduced itself.
pub(crate) struct Connection {
    pub(crate) messages: Streaming<pb::TaskHostMessage>,
    pub(crate) commands: mpsc::Sender<Result<pb::TaskHostCommand, Status>>,
}

/// How an introduction ends.
pub(crate) type Introduction = Result<Connection, FailureCause>;

/// The task hosts that are expected.
#[derive(Clone, Default)]
pub(crate) struct Introductions(Arc<Mutex<HashMap<String, oneshot::Sender<Introduction>>>>);

/// Expects a task host until it is dropped.
pub(crate) struct Expected {
    pub(crate) token: String,
    introductions: Introductions,
}

impl Introductions {
    /// Expects a task host with a new token. It can introduce itself once.
    pub(crate) fn expect(&self) -> (Expected, oneshot::Receiver<Introduction>) {
        let (sender, introduction) = oneshot::channel();
        let token = hex::encode(rand::random::<[u8; TOKEN_BYTES]>());
        self.lock().insert(token.clone(), sender);
        (Expected { token, introductions: self.clone() }, introduction)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Introduction>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.introductions.lock().remove(&self.token);
    }
}

/// Serves task hosts at `socket` until `stopped`.
pub(crate) fn serve(
    socket: &PathBuf,
    introductions: Introductions,
    stopped: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + use<>, Error> {
    let failed = |source| Error::ListenForTaskHosts { path: socket.clone(), source };
    let listener = UnixListener::bind(socket).map_err(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let server = server_builder().add_service(task_host_server(Service { introductions }));
    Ok(async move {
        let served =
            server.serve_with_incoming_shutdown(UnixListenerStream::new(listener), stopped.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the server for task hosts has ended");
        }
    })
}

struct Service {
    introductions: Introductions,
}

#[tonic::async_trait]
impl TaskHost for Service {
    type ConnectStream = ReceiverStream<Result<pb::TaskHostCommand, Status>>;

    async fn connect(
        &self,
        request: Request<Streaming<pb::TaskHostMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (commands, outbox) = mpsc::channel(COMMANDS);
        let introductions = self.introductions.clone();
        // The answer must not wait for the hello: a client may not send before it has the answer's beginning.
        #[expect(clippy::disallowed_methods, reason = "ends within the time for the hello")]
        tokio::spawn(async move {
            if let Err(status) = introductions.introduce(request.into_inner(), commands.clone()).await {
                tracing::warn!(error = status.message(), "refused a task host");
                let _ = commands.send(Err(status)).await; // it may be gone
            }
        });
        Ok(Response::new(ReceiverStream::new(outbox)))
    }
}

impl Introductions {
    /// Reads the hello and hands the connection to whoever expects it.
    async fn introduce(
        &self,
        mut messages: Streaming<pb::TaskHostMessage>,
        commands: mpsc::Sender<Result<pb::TaskHostCommand, Status>>,
    ) -> Result<(), Status> {
        let first = timeout(HELLO_TIMEOUT, messages.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no hello in time"))??
            .ok_or_else(|| Status::invalid_argument("the stream ended before the hello"))?;
        let TaskHostMessage::Hello(hello) = TaskHostMessage::try_from(first)? else {
            return Err(Status::invalid_argument("the first message must be the hello"));
        };
        let Some(expected) = self.lock().remove(&hello.token) else {
            return Err(Status::unauthenticated("no task host with this token is expected"));
        };
        if hello.protocol != sdk::PROTOCOL_VERSION {
            let message = format!(
                "the program speaks version {} of the task-host protocol, this TaskManager version {}: build it with \
                 the cluster's version of Flott",
                hello.protocol,
                sdk::PROTOCOL_VERSION
            );
            let cause = FailureCause::new(FailureKind::TaskHostStart, message.clone());
            let _ = expected.send(Err(cause)); // its supervisor may have given up
            return Err(Status::failed_precondition(message));
        }
        expected
            .send(Ok(Connection { messages, commands }))
            .map_err(|_| Status::unavailable("the task host is not wanted any more"))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
mod tests {
    use flott_rpc::{TaskHostHello, task_host_client, unix_channel};
    use tonic::Code;

    use super::*;

    struct Served {
        introductions: Introductions,
        socket: PathBuf,
        _dir: tempfile::TempDir,
    }

    fn served() -> Served {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let introductions = Introductions::default();
        tokio::spawn(serve(&socket, introductions.clone(), CancellationToken::new()).unwrap());
        Served { introductions, socket, _dir: dir }
    }

    type Messages = mpsc::Sender<pb::TaskHostMessage>;

    /// Connects, and says something only when the call is under way, as task hosts do.
    async fn connect(
        served: &Served,
        message: TaskHostMessage,
    ) -> (Messages, Streaming<pb::TaskHostCommand>) {
        let mut client = task_host_client(unix_channel(&served.socket).await.unwrap());
        let (sender, messages) = mpsc::channel(1);
        let commands = client.connect(ReceiverStream::new(messages)).await.unwrap().into_inner();
        sender.send(pb::TaskHostMessage::from(message)).await.unwrap();
        (sender, commands)
    }

    /// With which code the caller is refused.
    async fn refusal(served: &Served, message: TaskHostMessage) -> Code {
        let (_messages, mut commands) = connect(served, message).await;
        commands.message().await.unwrap_err().code()
    }

    fn hello(token: &str, protocol: u32) -> TaskHostMessage {
        TaskHostMessage::Hello(TaskHostHello { protocol, token: token.to_owned(), pid: 1 })
    }

    #[tokio::test]
    async fn an_expected_task_host_is_let_in_once() {
        let served = served();
        let (expected, introduction) = served.introductions.expect();
        let _first = connect(&served, hello(&expected.token, sdk::PROTOCOL_VERSION)).await;
        assert!(introduction.await.unwrap().is_ok());
        let again = refusal(&served, hello(&expected.token, sdk::PROTOCOL_VERSION)).await;
        assert_eq!(again, Code::Unauthenticated);
    }

    #[tokio::test]
    async fn strangers_are_refused() {
        let served = served();
        let (expected, _introduction) = served.introductions.expect();
        let token = expected.token.clone();
        for wrong in ["", "guess", &token[1..]] {
            let refused = refusal(&served, hello(wrong, sdk::PROTOCOL_VERSION)).await;
            assert_eq!(refused, Code::Unauthenticated);
        }
        drop(expected);
        let late = refusal(&served, hello(&token, sdk::PROTOCOL_VERSION)).await;
        assert_eq!(late, Code::Unauthenticated);
        let rude = refusal(&served, TaskHostMessage::Listening { data_port: 5 }).await;
        assert_eq!(rude, Code::InvalidArgument);
    }

    #[tokio::test]
    async fn another_protocol_is_refused_with_both_versions() {
        let served = served();
        let (expected, introduction) = served.introductions.expect();
        let refused = refusal(&served, hello(&expected.token, 99)).await;
        assert_eq!(refused, Code::FailedPrecondition);
        let cause = introduction.await.unwrap().err().unwrap();
        assert_eq!(cause.kind, FailureKind::TaskHostStart);
        assert!(
            cause.message.contains("version 99")
                && cause.message.contains(&format!("version {}", sdk::PROTOCOL_VERSION)),
            "{cause}"
        );
    }

    #[tokio::test]
    async fn only_this_user_can_reach_the_socket() {
        let served = served();
        let mode = std::fs::metadata(&served.socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
