//! What a handler takes and answers, read off its types.

use axum::{
    extract::{Extension, Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{
    Schemas,
    parameters::{QueryParameter, path_parameter},
};
use crate::rest::{
    error::ApiError,
    json::{Accepted, Json, JsonBody, RawJson, RequestBody},
    logs::LogText,
    params::{PathParams, Query},
};

/// One operation of REST as it is declared.
pub(crate) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) summary: &'static str,
    pub(super) query: &'static [QueryParameter],
    /// Statuses below 400 and above 499 by which it refuses something, and when.
    pub(super) failures: Vec<(StatusCode, &'static str)>,
    /// The body, where it is a form.
    pub(super) upload: Option<Value>,
    /// Tells what the types of its handler say.
    pub(super) describe: fn(&mut Described, &mut Schemas),
}

/// What the types of a handler say.
#[derive(Default)]
pub(crate) struct Described {
    pub(super) request: Option<Value>,
    pub(super) responses: Vec<(StatusCode, Value)>,
}

impl Operation {
    /// A name that no other operation has, such as `getJobsByJobidPlan`.
    pub(super) fn id(&self) -> String {
        let mut id = self.method.to_owned();
        for segment in self.path.split('/').filter(|segment| !segment.is_empty()) {
            let variable = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
            if variable.is_some() {
                id.push_str("By");
            }
            for word in variable.unwrap_or(segment).split(['-', '.']) {
                let mut characters = word.chars();
                id.extend(characters.next().map(|first| first.to_ascii_uppercase()));
                id.push_str(characters.as_str());
            }
        }
        id
    }

    /// What it is about: the first part of its path, or the vertices of a job.
    pub(super) fn tag(&self) -> &str {
        if self.path.starts_with("/jobs/{jobid}/vertices") {
            return "vertices";
        }
        let first = self.path.split('/').nth(1).unwrap_or_default();
        let grouped =
            ["jobs", "applications", "taskmanagers", "jobmanager", "jars", "datasets", "savepoint-disposal"];
        if grouped.contains(&first) { first } else { "cluster" }
    }

    /// What stands in its path and its query.
    pub(super) fn parameters(&self, schemas: &mut Schemas) -> Vec<Value> {
        let names = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = names.map(|name| path_parameter(name, &mut schemas.requests));
        let mut parameters: Vec<Value> = in_path.collect();
        parameters.extend(self.query.iter().map(QueryParameter::describe));
        parameters
    }
}

/// An argument of a handler.
pub(crate) trait Input {
    /// Says what it takes of the request's body, if anything.
    fn describe(_: &mut Described, _: &mut Schemas) {}
}

impl<S> Input for State<S> {}
impl<T> Input for Extension<T> {}
impl Input for PathParams {}
impl Input for Query {}
impl Input for HeaderMap {}
impl Input for Request {}

impl<T: RequestBody> Input for JsonBody<T> {
    fn describe(described: &mut Described, schemas: &mut Schemas) {
        described.request = Some(schemas.requests.subschema_for::<T>().to_value());
    }
}

/// The result of a handler.
pub(crate) trait Answer {
    /// Says what is answered.
    fn describe(described: &mut Described, schemas: &mut Schemas);
}

fn json_answer<T: JsonSchema>(status: StatusCode, described: &mut Described, schemas: &mut Schemas) {
    let schema = schemas.answers.subschema_for::<T>();
    let text = status.canonical_reason().unwrap_or_default();
    let response = json!({ "description": text, "content": { "application/json": { "schema": schema } } });
    described.responses.push((status, response));
}

impl<T: JsonSchema> Answer for Json<T> {
    fn describe(described: &mut Described, schemas: &mut Schemas) {
        json_answer::<T>(StatusCode::OK, described, schemas);
    }
}

impl<T: JsonSchema> Answer for Accepted<T> {
    fn describe(described: &mut Described, schemas: &mut Schemas) {
        json_answer::<T>(StatusCode::ACCEPTED, described, schemas);
    }
}

impl Answer for RawJson {
    fn describe(described: &mut Described, _: &mut Schemas) {
        let anything = json!({ "application/json": { "schema": { "type": "object" } } });
        described.responses.push((StatusCode::OK, json!({ "description": "OK", "content": anything })));
    }
}

impl Answer for LogText {
    fn describe(described: &mut Described, _: &mut Schemas) {
        let text = json!({ "text/plain": { "schema": { "type": "string" } } });
        described.responses.extend([
            (StatusCode::OK, json!({ "description": "The whole file.", "content": text })),
            (
                StatusCode::PARTIAL_CONTENT,
                json!({ "description": "The range that was asked for.", "content": text }),
            ),
        ]);
    }
}

/// A file of whatever type.
impl Answer for Response {
    fn describe(described: &mut Described, _: &mut Schemas) {
        let file = json!({ "application/octet-stream": {} });
        described.responses.push((StatusCode::OK, json!({ "description": "The file.", "content": file })));
    }
}

impl Answer for ApiError {
    fn describe(_: &mut Described, _: &mut Schemas) {}
}

impl<T: Answer> Answer for Result<T, ApiError> {
    fn describe(described: &mut Described, schemas: &mut Schemas) {
        T::describe(described, schemas);
    }
}

/// A handler whose types say what it takes and answers. `T` are the types of its arguments.
pub(crate) trait Documented<T> {
    /// Says it.
    fn describe(described: &mut Described, schemas: &mut Schemas);
}

macro_rules! documented {
    ($($argument:ident),*) => {
        impl<F, Running, Result, $($argument),*> Documented<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Running,
            Running: Future<Output = Result>,
            Result: Answer,
            $($argument: Input,)*
        {
            fn describe(described: &mut Described, schemas: &mut Schemas) {
                $($argument::describe(described, schemas);)*
                Result::describe(described, schemas);
            }
        }
    };
}

documented!();
documented!(A);
documented!(A, B);
documented!(A, B, C);
documented!(A, B, C, D);
documented!(A, B, C, D, E);
