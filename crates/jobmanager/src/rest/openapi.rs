//! The OpenAPI document of REST, made of the handlers themselves.
//!
//! A route is declared once, in `routes`, through [`Routes`]: that puts it into the router and into the document. What an
//! operation takes and answers is read off the types of its handler's arguments and result ([`operation`]), whose schemas are
//! derived from the same types that serde writes and reads. So nothing is said twice, and what is served is in the document.
//! Only queries, which handlers read by name, are declared beside the route.

mod operation;
pub(crate) mod parameters;
mod router;

use std::{collections::BTreeMap, sync::LazyLock};

use axum::body::Bytes;
use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

pub(crate) use operation::Operation;
pub(crate) use router::*;

use super::{cluster::VERSION, json::RawJson, routes};
use operation::Described;

/// Where schemas lie in the document.
const SCHEMAS: &str = "/components/schemas";

/// What is said of every operation.
pub(crate) const NO_LEADER: &str = "Nobody leads at present.";

/// Collects what types look like while operations are described.
pub(crate) struct Schemas {
    answers: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let generator = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = SCHEMAS.into();
            settings.meta_schema = None;
            settings.contract = contract;
            SchemaGenerator::new(settings)
        };
        Self { answers: generator(Contract::Serialize), requests: generator(Contract::Deserialize) }
    }

    /// All schemas that were referred to, by name.
    fn take(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all
    }
}

/// The document: OpenAPI 3.1, whose schemas are JSON Schema 2020-12.
pub(crate) fn document(operations: &[Operation]) -> Value {
    let mut schemas = Schemas::new();
    let error = schemas.answers.subschema_for::<super::error::ErrorBody>();
    let mut paths = BTreeMap::<&str, Map<String, Value>>::new();
    for operation in operations {
        let described = describe(operation, &mut schemas, error.as_value());
        paths.entry(&operation.path).or_default().insert(operation.method.to_owned(), described);
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Flott REST",
            "version": VERSION,
            "summary": "A Flott cluster over HTTP, in the shapes of Flink's REST API v1.",
            "description": "Every path is also served below `/v1`. Fields that are not described here may be added in any \
                            version; clients ignore what they do not know. Times are milliseconds since 1970, durations \
                            milliseconds, sizes bytes, unless something else is said; -1 stands for what has not come yet.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }, { "url": "/v1" }],
        "paths": paths,
        "components": { "schemas": schemas.take() },
    })
}

fn describe(operation: &Operation, schemas: &mut Schemas, error: &Value) -> Value {
    let mut parts = Described::default();
    (operation.describe)(&mut parts, schemas);
    let mut responses = Map::new();
    for (status, response) in parts.responses {
        responses.insert(status.as_str().to_owned(), response);
    }
    let refusal =
        |text: &str| json!({ "description": text, "content": { "application/json": { "schema": error } } });
    for (status, text) in &operation.failures {
        responses.insert(status.as_str().to_owned(), refusal(text));
    }
    // What is said of an operation itself goes before what holds for all.
    responses
        .entry("4XX")
        .or_insert_with(|| refusal("What was asked for is not there or not possible; the texts say why."));
    responses.entry("503").or_insert_with(|| refusal(NO_LEADER));
    let mut described = json!({
        "operationId": operation.id(),
        "tags": [operation.tag()],
        "summary": operation.summary,
        "responses": responses,
    });
    let parameters = operation.parameters(schemas);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    let body = match &operation.upload {
        Some(upload) => Some(upload.clone()),
        None => {
            parts.request.map(|schema| json!({ "content": { "application/json": { "schema": schema } } }))
        }
    };
    if let Some(body) = body {
        described["requestBody"] = body;
    }
    described
}

/// The document as it is served.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let document = document(&routes::operations());
    Bytes::from(
        serde_json::to_vec(&document).expect("what was made of strings and numbers always serializes"),
    )
});

/// `GET /openapi.json`.
pub(crate) async fn serve() -> RawJson {
    RawJson(DOCUMENT.clone())
}
