//! The service `ResourceManager`.

use flott_control::protocol::{Fence, RegistrationRequest};
use flott_core::TaskManagerId;
use flott_rpc::{
    Heartbeat, Sender,
    pb::{self, resource_manager_server::ResourceManager},
};
use futures::{StreamExt, stream::BoxStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, Streaming};
use tracing::debug;

use super::{present, status};
use crate::{
    leader_scope::PresentScope,
    resource_manager::{HeartbeatAnswers, ResourceManagerHandle},
};

/// How many answers may wait for a slow TaskManager.
const ANSWERS_CAPACITY: usize = 4;

pub(super) struct Service {
    scope: PresentScope,
    /// Streams last as long as their TaskManagers; the server could not end gracefully while one is open.
    shutdown: CancellationToken,
    streams: TaskTracker,
}

impl Service {
    pub(super) fn new(scope: PresentScope, shutdown: CancellationToken) -> Self {
        Self { scope, shutdown, streams: TaskTracker::new() }
    }
}

#[tonic::async_trait]
impl ResourceManager for Service {
    async fn register(
        &self,
        request: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        let request = RegistrationRequest::try_from(request.into_inner())?;
        let resource_manager = &present(&self.scope)?.resource_manager;
        let answer = resource_manager.register(request).await.map_err(status)?;
        Ok(Response::new(answer.into()))
    }

    type HeartbeatStream = BoxStream<'static, Result<pb::HeartbeatResponse, Status>>;

    async fn heartbeat(
        &self,
        request: Request<Streaming<pb::HeartbeatRequest>>,
    ) -> Result<Response<Self::HeartbeatStream>, Status> {
        let resource_manager = present(&self.scope)?.resource_manager.clone();
        let (known, answers) = mpsc::channel(ANSWERS_CAPACITY);
        let over = CancellationToken::new();
        let reader = StreamReader {
            requests: request.into_inner(),
            resource_manager,
            answers: Some(HeartbeatAnswers { known, _over: over.clone().drop_guard() }),
            over,
            shutdown: self.shutdown.clone(),
        };
        self.streams.spawn(reader.run());
        let responses = ReceiverStream::new(answers).map(|known| Ok(pb::HeartbeatResponse { known }));
        Ok(Response::new(responses.boxed()))
    }
}

/// Reads the heartbeats of one stream.
struct StreamReader {
    requests: Streaming<pb::HeartbeatRequest>,
    resource_manager: ResourceManagerHandle,
    /// Handed to the ResourceManager with the first heartbeat.
    answers: Option<HeartbeatAnswers>,
    /// Cancelled when the registration is over.
    over: CancellationToken,
    shutdown: CancellationToken,
}

impl StreamReader {
    /// Reads until the stream breaks, its registration is over or this process ends.
    async fn run(mut self) {
        let mut peer: Option<(TaskManagerId, Fence)> = None;
        loop {
            let message = tokio::select! {
                message = self.requests.message() => message,
                () = self.over.cancelled() => return,
                () = self.shutdown.cancelled() => return,
            };
            let heartbeat = match message.map(|message| message.map(Heartbeat::try_from)) {
                Ok(Some(Ok(heartbeat))) => heartbeat,
                Ok(Some(Err(error))) => {
                    debug!(%error, "a heartbeat was not understood");
                    break;
                }
                Ok(None) | Err(_) => break,
            };
            let Sender { task_manager_id, fence } = heartbeat.sender.clone();
            // One stream is one registration: its end is that registration's.
            if peer.as_ref().is_some_and(|peer| *peer != (task_manager_id.clone(), fence)) {
                break;
            }
            peer = Some((task_manager_id, fence));
            if self.resource_manager.heartbeat(heartbeat, self.answers.take()).await.is_err() {
                return;
            }
        }
        if let Some((task_manager_id, fence)) = peer {
            // Fails only if the ResourceManager has ended.
            let _ = self.resource_manager.connection_lost(task_manager_id, fence.registration_id).await;
        }
    }
}
