//! Everything below `/jars`: artifacts, which Flink calls jars.

pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod upload;

use axum::{
    extract::{Extension, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, error::ApiError, params::PathParams, path::OriginalPath};
use crate::artifacts::ArtifactId;

/// Answers as if these paths did not exist where submitting is switched off, as Flink does.
pub(crate) async fn gate(
    State(api): State<Api>,
    Extension(OriginalPath(path)): Extension<OriginalPath>,
    request: Request,
    next: Next,
) -> Response {
    if api.options.submit_enabled {
        return next.run(request).await;
    }
    let text =
        format!("Not found: {path} (submitting over REST is switched off by web.submit.enable: false)");
    ApiError::not_found(text).into_response()
}

/// The artifact that the path names, whether it exists or not.
fn artifact_id(params: &PathParams) -> ArtifactId {
    ArtifactId::from(params.text("jarid"))
}
