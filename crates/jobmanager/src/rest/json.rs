//! JSON out and in.

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Api,
    body::{BodyReader, PATIENCE, too_large},
    error::ApiError,
};

/// Largest JSON body that is read, in bytes, whatever `rest.server.max-content-length` allows: it is held in memory.
pub(crate) const JSON_LIMIT_BYTES: usize = 1 << 20;

/// An answer in JSON, with the content type that Flink sends.
pub(crate) struct Json<T>(pub(crate) T);

/// An answer in JSON to what has only begun, with status 202.
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

/// An answer that is JSON already.
pub(crate) struct RawJson(pub(crate) Bytes);

impl IntoResponse for RawJson {
    fn into_response(self) -> Response {
        json_response(self.0.into())
    }
}

fn json_response(body: Body) -> Response {
    let mut response = body.into_response();
    let content_type = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Answer of triggers that have nothing to say.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Empty {}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => json_response(bytes.into()),
            Err(error) => {
                tracing::error!(%error, "cannot serialize an answer");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// The body of a request; each type says by which name errors call it.
pub(crate) trait RequestBody: DeserializeOwned + Default + JsonSchema {
    /// Name of the form, as Flink calls it.
    const FORM: &'static str;
}

/// Reads a JSON body. No body at all is the same as `{}`, unknown fields are ignored.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: RequestBody> FromRequest<Api> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let limit = usize::try_from(api.options.content_limit).unwrap_or(usize::MAX).min(JSON_LIMIT_BYTES);
        let body = request.into_body();
        // What is announced to be too large is refused before it is sent.
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large(limit));
        }
        let bytes = BodyReader::new(body, PATIENCE).read_all(limit).await?;
        parse(&bytes).map(Self)
    }
}

/// Parses a body, naming the place of an error as JSON pointer, line and column.
pub(crate) fn parse<T: RequestBody>(bytes: &Bytes) -> Result<T, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    let refused = |place: &str, error: &dyn std::fmt::Display| {
        ApiError::bad_request(format!(
            "Request did not match expected format {}. At \"{place}\": {error}.",
            T::FORM
        ))
    };
    // Serde would take a list too, for the fields in their order.
    if matches!(bytes.trim_ascii_start().first(), Some(b'[' | b'"')) {
        return Err(refused("", &"it is no JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refused(&pointer(error.path()), error.inner()))?;
    deserializer.end().map_err(|error| refused("", &error))?;
    Ok(value)
}

/// The path as a JSON pointer (RFC 6901), such as `/programArgsList/2`.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Form {
        parallelism: Option<u32>,
        settings: BTreeMap<String, String>,
    }

    impl RequestBody for Form {
        const FORM: &'static str = "TestBody";
    }

    fn error(body: &str) -> String {
        format!("{:?}", parse::<Form>(&Bytes::from(body.to_owned())).unwrap_err())
    }

    #[test]
    fn an_empty_body_and_unknown_fields_are_fine() {
        assert_eq!(parse::<Form>(&Bytes::new()).unwrap(), Form::default());
        assert_eq!(parse::<Form>(&Bytes::from_static(b"{\"new\": [1]}")).unwrap(), Form::default());
    }

    #[test]
    fn errors_name_form_and_place() {
        assert!(error("{bad").contains("Request did not match expected format TestBody."));
        assert!(error("{bad").contains("line 1 column 2"));
        assert!(error("{\"parallelism\": -1}").contains("At \\\"/parallelism\\\""));
        assert!(error("{\"settings\": {\"a/b\": 1}}").contains("/settings/a~1b"));
        assert!(error("{} x").contains("trailing characters"));
        assert!(error("[]").contains("TestBody"));
        assert!(error(&"[".repeat(100_000)).contains("TestBody"), "deep nesting is an error, no crash");
    }
}
