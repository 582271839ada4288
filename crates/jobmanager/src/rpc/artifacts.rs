//! The service `Artifacts`.

use std::io::SeekFrom;

use flott_artifact::ArtifactDigest;
use flott_rpc::{
    FILE_CHUNK_BYTES,
    pb::{self, artifacts_server::Artifacts},
};
use futures::{StreamExt, stream::BoxStream};
use tokio::io::AsyncSeekExt;
use tokio_util::io::ReaderStream;
use tonic::{Request, Response, Status};

use super::{present, status};
use crate::leader_scope::PresentScope;

pub(super) struct Service {
    scope: PresentScope,
}

impl Service {
    pub(super) fn new(scope: PresentScope) -> Self {
        Self { scope }
    }
}

#[tonic::async_trait]
impl Artifacts for Service {
    type DownloadStream = BoxStream<'static, Result<pb::DownloadResponse, Status>>;

    async fn download(
        &self,
        request: Request<pb::DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let pb::DownloadRequest { digest, offset } = request.into_inner();
        let digest: ArtifactDigest = digest
            .parse()
            .map_err(|error| Status::invalid_argument(format!("invalid message: field digest: {error}")))?;
        let mut content = present(&self.scope)?.artifacts.read(digest).await.map_err(status)?;
        let broken = |error: std::io::Error| Status::internal(format!("cannot read the artifact: {error}"));
        content.seek(SeekFrom::Start(offset)).await.map_err(broken)?;
        let pieces = ReaderStream::with_capacity(content, FILE_CHUNK_BYTES);
        let responses = pieces.map(move |piece| match piece {
            Ok(data) => Ok(pb::DownloadResponse { data }),
            Err(error) => Err(broken(error)),
        });
        Ok(Response::new(responses.boxed()))
    }
}
