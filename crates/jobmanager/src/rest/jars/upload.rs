//! `POST /jars/upload`: streams the file of a form to the artifact store, without ever holding it in memory.

use axum::{
    extract::{FromRequest, Multipart, Request, State, multipart::Field},
    http::{HeaderMap, StatusCode, header},
};
use futures::{StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    rest::{
        Api,
        body::{BodyReader, PATIENCE},
        error::{ApiError, find_in_chain},
        json::Json,
    },
    view::ArtifactView,
};

/// Flink's `JarUploadResponseBody`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JarUploadResponseBody")]
pub(crate) struct UploadAnswer {
    /// The last part of this path is the artifact's id. The path itself names no file.
    filename: String,
    status: &'static str,
}

/// Stores the one file of a form.
pub(crate) async fn upload(State(api): State<Api>, request: Request) -> Result<Json<UploadAnswer>, ApiError> {
    let _permit = api.uploads.try_acquire().map_err(|_| {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "Too many uploads are under way: try again later.")
    })?;
    refuse_announced_excess(request.headers(), api.options.content_limit)?;
    let request = request.map(|body| BodyReader::new(body, PATIENCE).into_body());
    // Anything but a form is a request without a file, as Flink has it.
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| wrong_count(0))?;

    let mut stored = None;
    let refusal = match (read_form(&api, &mut form, &mut stored).await, &stored) {
        (Ok(1), Some(Ok(artifact))) => {
            let filename = format!("/flott-web-upload/{}", artifact.id);
            return Ok(Json(UploadAnswer { filename, status: "success" }));
        }
        (Ok(1), Some(Err(refusal))) => refusal.clone(),
        (Ok(files), _) => wrong_count(files),
        (Err(error), _) => error,
    };
    // What was stored belongs to a request that failed: nobody will learn its id.
    if let Some(Ok(artifact)) = stored {
        api.backend.delete_artifact(&artifact.id).await?;
    }
    Err(refusal)
}

/// More than a form can add to its file.
const FORM_OVERHEAD_BYTES: u64 = 64 * 1024;

/// Refuses what is announced to be too large before it is sent. The store counts what really comes.
fn refuse_announced_excess(headers: &HeaderMap, limit: u64) -> Result<(), ApiError> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(announced) if announced > limit.saturating_add(FORM_OVERHEAD_BYTES) => {
            Err(crate::Error::ArtifactTooLarge { limit }.into())
        }
        _ => Ok(()),
    }
}

/// Stores the first file of the form, reads past all others and returns their number. Fields that are no files don't
/// count. If the file is no artifact, the rest of the form still decides whether it was one file.
async fn read_form(
    api: &Api,
    form: &mut Multipart,
    stored: &mut Option<Result<ArtifactView, ApiError>>,
) -> Result<usize, ApiError> {
    let mut files = 0;
    while let Some(mut field) = form.next_field().await.map_err(|error| broken(&error))? {
        let Some(name) = field.file_name().map(str::to_owned) else { continue };
        files += 1;
        if files > 1 {
            while field.chunk().await.map_err(|error| broken(&error))?.is_some() {}
            continue;
        }
        let result = store(api, &name, field).await;
        match result {
            Err(error) if error.status() != StatusCode::UNPROCESSABLE_ENTITY => return Err(error),
            result => *stored = Some(result),
        }
    }
    Ok(files)
}

async fn store(api: &Api, name: &str, field: Field<'_>) -> Result<ArtifactView, ApiError> {
    let chunks = field.map_err(|error| Box::new(broken(&error)) as Box<dyn std::error::Error + Send + Sync>);
    Ok(api.backend.upload(name, chunks.boxed()).await?)
}

fn wrong_count(files: usize) -> ApiError {
    ApiError::bad_request(format!("Exactly 1 file must be sent, received {files}."))
}

/// The form broke off or is malformed; or the client was too slow, which was answered where it was noticed.
fn broken(error: &(dyn std::error::Error + 'static)) -> ApiError {
    match find_in_chain::<ApiError>(error) {
        Some(answer) => answer.clone(),
        None => ApiError::bad_request(format!("The form could not be read: {error}.")),
    }
}
