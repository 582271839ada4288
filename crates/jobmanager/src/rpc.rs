//! gRPC: what TaskManagers ask of us, and what we ask of them. The only place here that sees generated types.

mod artifacts;
mod job_master;
pub(crate) mod outgoing;
mod resource_manager;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;

use crate::{
    artifacts::ArtifactStore, dispatcher::DispatcherHandle, resource_manager::ResourceManagerHandle,
};

/// Answers TaskManagers until `shutdown`.
///
/// # Errors
/// If the listener breaks.
pub(crate) async fn serve(
    listener: TcpListener,
    dispatcher: DispatcherHandle,
    resource_manager: ResourceManagerHandle,
    artifacts: ArtifactStore,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let heartbeats = resource_manager::Service::new(resource_manager, shutdown.clone());
    flott_rpc::server_builder()
        .add_service(flott_rpc::resource_manager_server(heartbeats))
        .add_service(flott_rpc::job_master_server(job_master::Service::new(dispatcher)))
        .add_service(flott_rpc::artifacts_server(artifacts::Service::new(artifacts)))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.cancelled_owned())
        .await
}

/// An error as a peer sees it.
fn status(error: crate::Error) -> tonic::Status {
    use crate::ErrorKind as K;
    let text = error.to_string();
    match error.kind() {
        K::NotFound => tonic::Status::not_found(text),
        K::Rejected(_) => tonic::Status::invalid_argument(text),
        K::Unavailable => tonic::Status::unavailable(text),
        K::Internal => tonic::Status::internal(text),
    }
}
