//! `GET /jars`.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    artifacts::ArtifactId,
    rest::{Api, error::ApiError, json::Json},
    view::ArtifactView,
};

/// Flink's `JarListInfo`, and size and digest.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JarListInfo")]
pub(crate) struct Jars {
    address: String,
    files: Vec<Jar>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JarFileInfo")]
struct Jar {
    id: ArtifactId,
    name: String,
    uploaded: i64,
    entry: Vec<Entry>,
    // Beyond Flink.
    size: u64,
    sha256: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JarEntryInfo")]
struct Entry {
    name: String,
    description: Option<String>,
}

impl From<ArtifactView> for Jar {
    fn from(view: ArtifactView) -> Self {
        let entries = view.entries.into_iter();
        Self {
            id: view.id,
            name: view.name,
            uploaded: view.uploaded_unix_ms,
            entry: entries.map(|entry| Entry { name: entry.name, description: entry.description }).collect(),
            size: view.size,
            sha256: view.digest,
        }
    }
}

/// The uploaded artifacts, newest first.
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<Jars>, ApiError> {
    let artifacts = api.backend.artifacts().await?;
    Ok(Json(Jars {
        address: api.options.address.clone(),
        files: artifacts.into_iter().map(Jar::from).collect(),
    }))
}
