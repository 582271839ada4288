//! `DELETE /jars/:jarid`.

use axum::extract::State;

use super::artifact_id;
use crate::{
    Error,
    rest::{
        Api,
        error::ApiError,
        json::{Empty, Json},
        params::PathParams,
    },
};

/// Forgets an artifact. Jobs that run it go on.
pub(crate) async fn delete(State(api): State<Api>, params: PathParams) -> Result<Json<Empty>, ApiError> {
    let id = artifact_id(&params);
    match api.backend.delete_artifact(&id).await {
        Ok(()) => Ok(Json(Empty {})),
        // 400, unlike for other things: the contract.
        Err(Error::ArtifactNotFound(_)) => {
            Err(ApiError::bad_request(format!("File {id} does not exist in the artifact store.")))
        }
        Err(error) => Err(error.into()),
    }
}
