//! gRPC: what TaskManagers ask of us, and what we ask of them. The only place here that sees generated types.
//!
//! All services are there whether this JobManager leads or not; but who does not lead answers only who does.

mod artifacts;
mod job_master;
mod leader;
pub(crate) mod outgoing;
mod resource_manager;

use std::sync::Arc;

use tokio::{net::TcpListener, sync::watch};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    ha::LeaderInfo,
    leader_scope::{LeaderScope, PresentScope},
};

/// What is served.
pub(crate) struct Service {
    pub(crate) scope: PresentScope,
    /// Who leads, as far as is known.
    pub(crate) leader: watch::Receiver<Option<LeaderInfo>>,
    /// This process.
    pub(crate) instance_id: String,
}

/// Answers TaskManagers until `shutdown`.
///
/// # Errors
/// If the listener breaks.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Service,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let Service { scope, leader, instance_id } = service;
    let heartbeats = resource_manager::Service::new(scope.clone(), shutdown.clone());
    flott_rpc::server_builder()
        .add_service(flott_rpc::leader_server(leader::Service::new(leader, instance_id)))
        .add_service(flott_rpc::resource_manager_server(heartbeats))
        .add_service(flott_rpc::job_master_server(job_master::Service::new(scope.clone())))
        .add_service(flott_rpc::artifacts_server(artifacts::Service::new(scope)))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.cancelled_owned())
        .await
}

/// What leads here.
fn present(scope: &PresentScope) -> Result<Arc<LeaderScope>, Status> {
    scope.get().map_err(|_| not_leading())
}

/// A peer that is told this asks who leads.
fn not_leading() -> Status {
    Status::unavailable("this JobManager does not lead")
}

/// An error as a peer sees it.
fn status(error: crate::Error) -> Status {
    use crate::ErrorKind as K;
    let text = error.to_string();
    match error.kind() {
        K::NotFound => Status::not_found(text),
        K::Rejected(_) => Status::invalid_argument(text),
        K::Unavailable => Status::unavailable(text),
        K::Internal => Status::internal(text),
    }
}
