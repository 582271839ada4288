//! Registers at the JobManager, and keeps the heartbeat stream of a registration.

use std::{pin::pin, time::Duration};

use flott_control::{
    protocol::{Fence, RegistrationAnswer, RegistrationRequest, SlotReport},
    task_manager::Event,
};
use flott_core::{LeaderEpoch, RegistrationId, TaskManagerId};
use flott_rpc::{
    Heartbeat, Sender, TaskHostMetrics, pb, resource_manager_client, send_registration, tcp_channel,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Status, transport::Channel};

use crate::{
    leader::{self, Asked, Leader},
    process_metrics,
    task_manager::Input,
};

/// Most heartbeats that wait to be sent: more are of no use to anybody.
const HEARTBEATS: usize = 4;

/// How long the JobManager may take to accept the heartbeat stream.
const STREAM_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one request to register may take, once it is known whom to ask.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a try to register may take in all.
pub(crate) const REGISTRATION_TIMEOUT: Duration = leader::ANSWER_TIMEOUT.saturating_add(CALL_TIMEOUT);

/// A leader's answer to a request to register.
#[derive(Debug)]
pub(crate) struct Registered {
    /// Who has answered.
    pub(crate) address: String,
    pub(crate) answer: RegistrationAnswer,
    /// The connection over which it came.
    pub(crate) channel: Channel,
}

/// Asks for the JobManager that leads, and asks that one once, on a new connection. `seen` is the highest epoch that is known.
pub(crate) async fn register(
    job_managers: &[String],
    seen: LeaderEpoch,
    request: RegistrationRequest,
) -> Result<Registered, Asked> {
    let Leader { address, epoch } = leader::find(job_managers, seen, request.generation).await?;
    let failed = |status: Status| {
        let mut asked = Asked::default();
        asked.add(&address, leader::reason(&status));
        asked
    };
    let channel =
        tcp_channel(&address).map_err(|error| failed(Status::invalid_argument(error.to_string())))?;
    // One that is frozen must not keep us from the next.
    let succeeded = leader::succeeded(job_managers, epoch, leader::CHECK_INTERVAL);
    let call = timeout(CALL_TIMEOUT, send_registration(channel.clone(), request, CALL_TIMEOUT));
    let answer = tokio::select! {
        answer = call => match answer {
            Ok(answer) => answer.map_err(failed)?,
            Err(_) => return Err(failed(Status::deadline_exceeded("no answer in time"))),
        },
        next = succeeded => {
            return Err(failed(Status::aborted(format!("did not answer before {} led", next.address))));
        }
    };
    Ok(Registered { address, answer, channel })
}

/// What a heartbeat tells.
#[derive(Debug)]
pub(crate) struct Pulse {
    pub(crate) slots: SlotReport,
    /// Without what the operating system says of them, which is read when the heartbeat is sent.
    pub(crate) task_hosts: Vec<TaskHostMetrics>,
}

/// Sends heartbeats for as long as the registration lasts, and nobody else leads.
#[derive(Debug)]
pub(crate) struct HeartbeatStream {
    registration_id: RegistrationId,
    pulses: mpsc::Sender<Pulse>,
}

impl HeartbeatStream {
    /// Makes the stream and the work that carries it, which ends with the stream. Whatever happens to it is told as
    /// events. `job_managers` are all that may lead.
    pub(crate) fn new(
        task_manager_id: TaskManagerId,
        fence: Fence,
        channel: Channel,
        job_managers: Vec<String>,
        inputs: mpsc::Sender<Input>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let registration_id = fence.registration_id;
        let (pulses, outbox) = mpsc::channel(HEARTBEATS);
        let sender = Sender { task_manager_id, fence };
        let work = async move {
            let outcome = carry(sender, outbox, channel, &job_managers, &inputs).await;
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
    job_managers: &[String],
    inputs: &mpsc::Sender<Input>,
) -> Result<(), Status> {
    let Fence { registration_id, epoch } = sender.fence;
    let heartbeats = ReceiverStream::new(pulses).map(move |pulse| heartbeat(sender.clone(), pulse));
    let mut client = resource_manager_client(channel);
    let mut answers = timeout(STREAM_TIMEOUT, client.heartbeat(heartbeats))
        .await
        .map_err(|_| Status::deadline_exceeded("the heartbeat stream was not accepted in time"))??
        .into_inner();
    // That it answers does not mean that it leads: it may be cut off from what decides who does.
    let mut succeeded = pin!(leader::succeeded(job_managers, epoch, leader::WATCH_INTERVAL));
    loop {
        let answer = tokio::select! {
            answer = answers.message() => answer?,
            next = &mut succeeded => {
                return Err(Status::aborted(format!("succeeded by {}", next.address)));
            }
        };
        let Some(answer) = answer else { return Ok(()) };
        let event = Event::HeartbeatAnswered { registration_id, known: answer.known };
        if inputs.send(Input::Event(event)).await.is_err() {
            return Ok(());
        }
    }
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
