//! Registers at the JobManager, and keeps the heartbeat stream of a registration.

use std::time::Duration;

use flott_control::{
    protocol::{Fence, RegistrationAnswer, RegistrationRequest, SlotReport},
    task_manager::Event,
};
use flott_core::{RegistrationId, TaskManagerId};
use flott_rpc::{Heartbeat, Sender, TaskHostMetrics, pb, resource_manager_client, tcp_channel};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Status, transport::Channel};

use crate::{process_metrics, task_manager::Input};

/// Most heartbeats that wait to be sent: more are of no use to anybody.
const HEARTBEATS: usize = 4;

/// How long the JobManager may take to accept the heartbeat stream.
const STREAM_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the JobManager once, on a new connection.
pub(crate) async fn register(
    address: &str,
    request: RegistrationRequest,
    deadline: Duration,
) -> Result<(RegistrationAnswer, Channel), Status> {
    let channel = tcp_channel(address).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let mut client = resource_manager_client(channel.clone());
    let call = client.register(pb::RegisterRequest::from(request));
    let response =
        timeout(deadline, call).await.map_err(|_| Status::deadline_exceeded("no answer in time"))??;
    Ok((RegistrationAnswer::try_from(response.into_inner())?, channel))
}

/// What a heartbeat tells.
#[derive(Debug)]
pub(crate) struct Pulse {
    pub(crate) slots: SlotReport,
    /// Without what the operating system says of them, which is read when the heartbeat is sent.
    pub(crate) task_hosts: Vec<TaskHostMetrics>,
}

/// Sends heartbeats for as long as the registration lasts.
#[derive(Debug)]
pub(crate) struct HeartbeatStream {
    registration_id: RegistrationId,
    pulses: mpsc::Sender<Pulse>,
}

impl HeartbeatStream {
    /// Makes the stream and the work that carries it, which ends with the stream. Whatever happens to it is told as
    /// events.
    pub(crate) fn new(
        task_manager_id: TaskManagerId,
        fence: Fence,
        channel: Channel,
        inputs: mpsc::Sender<Input>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let registration_id = fence.registration_id;
        let (pulses, outbox) = mpsc::channel(HEARTBEATS);
        let sender = Sender { task_manager_id, fence };
        let work = async move {
            let outcome = carry(sender, outbox, channel, &inputs).await;
            if let Err(error) = outcome {
                tracing::warn!(error = error.message(), "the connection to the JobManager broke");
            }
            // Without its event loop the TaskManager is going down.
            let _ = inputs.send(Input::Event(Event::ConnectionLost { registration_id })).await;
        };
        (Self { registration_id, pulses }, work)
    }

    /// The registration whose stream it is.
    pub(crate) fn registration_id(&self) -> RegistrationId {
        self.registration_id
    }

    /// Sends a heartbeat, unless several wait already.
    pub(crate) fn send(&self, pulse: Pulse) {
        let _ = self.pulses.try_send(pulse);
    }
}

async fn carry(
    sender: Sender,
    pulses: mpsc::Receiver<Pulse>,
    channel: Channel,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), Status> {
    let registration_id = sender.fence.registration_id;
    let heartbeats = ReceiverStream::new(pulses).map(move |pulse| heartbeat(sender.clone(), pulse));
    let mut client = resource_manager_client(channel);
    let mut answers = timeout(STREAM_TIMEOUT, client.heartbeat(heartbeats))
        .await
        .map_err(|_| Status::deadline_exceeded("the heartbeat stream was not accepted in time"))??
        .into_inner();
    while let Some(answer) = answers.message().await? {
        let event = Event::HeartbeatAnswered { registration_id, known: answer.known };
        if inputs.send(Input::Event(event)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn heartbeat(sender: Sender, mut pulse: Pulse) -> pb::HeartbeatRequest {
    for host in &mut pulse.task_hosts {
        // One that runs inside this process has no numbers of its own.
        if host.pid != 0 {
            host.process = process_metrics::read(host.pid).unwrap_or_default();
        }
    }
    let process = process_metrics::read(std::process::id()).unwrap_or_default();
    Heartbeat { sender, slots: pulse.slots, task_hosts: pulse.task_hosts, process }.into()
}
