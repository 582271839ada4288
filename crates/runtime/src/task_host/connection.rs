//! The conversation with the TaskManager.

use std::{path::Path, time::Duration};

use flott_rpc::{TaskHostCommand, TaskHostHello, TaskHostMessage, pb, task_host_client, unix_channel};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tonic::Streaming;

use super::Error;

/// How long the TaskManager may take to end its side.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Where subtasks put what the TaskManager is to know.
pub(super) type MessageSender = mpsc::UnboundedSender<TaskHostMessage>;

pub(super) struct Connection {
    messages: MessageSender,
    commands: Streaming<pb::TaskHostCommand>,
}

impl Connection {
    /// Connects and introduces this task host. The hello is queued first, since the TaskManager answers nothing before
    /// it has read it.
    pub(super) async fn open(socket: &Path, hello: TaskHostHello) -> Result<Self, Error> {
        let orphaned = |reason: String| Error::Orphaned(reason);
        let channel = unix_channel(socket)
            .await
            .map_err(|error| orphaned(format!("cannot connect to {}: {error}", socket.display())))?;
        let (messages, outgoing) = message_queue();
        let _ = messages.send(TaskHostMessage::Hello(hello));
        let outgoing = UnboundedReceiverStream::new(outgoing).map(pb::TaskHostMessage::from);
        let commands = task_host_client(channel)
            .connect(outgoing)
            .await
            .map_err(|status| orphaned(status.message().to_owned()))?
            .into_inner();
        Ok(Self { messages, commands })
    }

    /// Queues a message. If the TaskManager is gone it is lost, and so is soon this process.
    pub(super) fn send(&self, message: TaskHostMessage) {
        let _ = self.messages.send(message);
    }

    pub(super) fn sender(&self) -> MessageSender {
        self.messages.clone()
    }

    /// Waits for the next command.
    pub(super) async fn receive(&mut self) -> Result<TaskHostCommand, Error> {
        let command = self
            .commands
            .message()
            .await
            .map_err(|status| Error::Orphaned(status.message().to_owned()))?
            .ok_or_else(|| Error::Orphaned("it closed the connection".to_owned()))?;
        command.try_into().map_err(|error| Error::Orphaned(format!("it sent an invalid command: {error}")))
    }

    /// Ends this side, and waits until the TaskManager has read everything and ended its own; not for ever, though.
    pub(super) async fn close(self) {
        let Self { messages, mut commands } = self;
        drop(messages);
        let _ = timeout(CLOSE_LIMIT, async { while let Ok(Some(_)) = commands.message().await {} }).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "bounded by what is sent: a few state changes, and one split request at a time, a subtask, and the splits \
              of its source; sending must not block a slot's thread"
)]
pub(super) fn message_queue() -> (MessageSender, mpsc::UnboundedReceiver<TaskHostMessage>) {
    mpsc::unbounded_channel()
}
