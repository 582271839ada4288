//! What stands in paths and queries.

use flott_core::{JobId, TriggerId, VertexId};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

/// The variable part of a path with this name.
pub(super) fn path_parameter(name: &str, schemas: &mut SchemaGenerator) -> Value {
    let (schema, about) = match name {
        "jobid" => (schemas.subschema_for::<JobId>().to_value(), "The job."),
        "applicationid" => {
            (schemas.subschema_for::<JobId>().to_value(), "The application: the id of its only job.")
        }
        "vertexid" => (schemas.subschema_for::<VertexId>().to_value(), "The vertex of the job."),
        "triggerid" => (schemas.subschema_for::<TriggerId>().to_value(), "What the trigger has answered."),
        "datasetid" => (schemas.subschema_for::<TriggerId>().to_value(), "The data set."),
        "subtaskindex" => (count(0), "The subtask, from 0."),
        "attempt" => (count(0), "The execution of the subtask, from 0."),
        "checkpointid" => (count(0), "The number of the checkpoint or savepoint."),
        "taskmanagerid" => (text(), "The TaskManager."),
        "jarid" => (text(), "The uploaded artifact."),
        "filename" | "file" => (text(), "A name from the list of files."),
        "rescaleuuid" => (text(), "The rescale."),
        "operatoruid" => (text(), "The uid of the operator."),
        _ => (text(), ""),
    };
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn count(minimum: u32) -> Value {
    json!({ "type": "integer", "minimum": minimum })
}

/// One name that a query may have.
pub(crate) struct QueryParameter {
    name: &'static str,
    kind: Kind,
    about: &'static str,
}

/// Of what type its value is.
enum Kind {
    Text,
    Number,
    Positive,
    Flag,
    OneOf(&'static [&'static str]),
    /// With commas between.
    Texts,
    /// With commas between.
    SomeOf(&'static [&'static str]),
}

impl QueryParameter {
    const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about }
    }

    pub(super) fn describe(&self) -> Value {
        let list = |items: Value| json!({ "type": "array", "items": items });
        let (schema, is_list) = match self.kind {
            Kind::Text => (json!({ "type": "string" }), false),
            Kind::Number => (count(0), false),
            Kind::Positive => (count(1), false),
            Kind::Flag => (json!({ "type": "boolean" }), false),
            Kind::OneOf(values) => (json!({ "type": "string", "enum": values }), false),
            Kind::Texts => (list(json!({ "type": "string" })), true),
            Kind::SomeOf(values) => (list(json!({ "type": "string", "enum": values })), true),
        };
        let mut described =
            json!({ "name": self.name, "in": "query", "description": self.about, "schema": schema });
        if is_list {
            described["style"] = "form".into();
            described["explode"] = false.into();
        }
        described
    }
}

const GET: QueryParameter =
    QueryParameter::new("get", Kind::Texts, "Which metrics; without it the names of all are answered.");
const AGG: QueryParameter = QueryParameter::new(
    "agg",
    Kind::SomeOf(&["min", "max", "avg", "sum", "skew"]),
    "Which aggregates; all without it.",
);

/// Of one source of metrics.
pub(crate) const METRICS: &[QueryParameter] = &[GET];
/// Over jobs.
pub(crate) const METRICS_OVER_JOBS: &[QueryParameter] =
    &[GET, AGG, QueryParameter::new("jobs", Kind::Texts, "Which jobs, by id; all without it.")];
/// Over TaskManagers.
pub(crate) const METRICS_OVER_TASK_MANAGERS: &[QueryParameter] = &[
    GET,
    AGG,
    QueryParameter::new("taskmanagers", Kind::Texts, "Which TaskManagers, by id; all without it."),
];
/// Over the subtasks of a vertex.
pub(crate) const METRICS_OVER_SUBTASKS: &[QueryParameter] = &[
    GET,
    AGG,
    QueryParameter::new("subtasks", Kind::Texts, "Which subtasks, such as `0-2,5`; all without it."),
];
/// Of `PATCH /jobs/:jobid`.
pub(crate) const CANCEL: &[QueryParameter] =
    &[QueryParameter::new("mode", Kind::OneOf(&["cancel"]), "What to do; `cancel` without it.")];
/// Of `PATCH /jobs/:jobid/rescaling`.
pub(crate) const RESCALING: &[QueryParameter] =
    &[QueryParameter::new("parallelism", Kind::Positive, "The wanted parallelism.")];
/// Of the history of exceptions.
pub(crate) const EXCEPTIONS: &[QueryParameter] = &[
    QueryParameter::new("maxExceptions", Kind::Number, "How many at most; 20 without it."),
    QueryParameter::new("failureLabelFilter", Kind::Texts, "Only those with these labels, as `key:value`."),
];
/// Of what was logged of a job.
pub(crate) const JOB_LOGS: &[QueryParameter] = &[
    QueryParameter::new("lines", Kind::Positive, "How many events at most; 500 without it, 5000 at most."),
    QueryParameter::new(
        "level",
        Kind::OneOf(&["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]),
        "Only events of this level and above.",
    ),
    QueryParameter::new("search", Kind::Text, "Only events that hold this text."),
];
/// Of a flame graph.
pub(crate) const FLAME_GRAPH: &[QueryParameter] = &[
    QueryParameter::new(
        "type",
        Kind::OneOf(&["full", "on_cpu", "off_cpu"]),
        "Of which time; `full` without it.",
    ),
    QueryParameter::new("subtaskindex", Kind::Number, "Of which subtask; of all without it."),
];
/// Of what was measured in the last hour.
pub(crate) const HISTORY: &[QueryParameter] = &[
    QueryParameter::new("get", Kind::Texts, "Which series, by id; the most telling ones without it."),
    QueryParameter::new("vertices", Kind::Texts, "Those of which vertices, by id; all without it."),
    QueryParameter::new(
        "own",
        Kind::Flag,
        "Whether to answer the job's own series, and those of no vertices but the named.",
    ),
    QueryParameter::new("from", Kind::Number, "Only values that are later, in Unix milliseconds."),
    QueryParameter::new("list", Kind::Flag, "Whether to answer only which series there are."),
];
/// Of the accumulators of a job.
pub(crate) const ACCUMULATORS: &[QueryParameter] =
    &[QueryParameter::new("includeSerializedValue", Kind::Flag, "Whether to answer serialized values, too.")];

const PROGRAM_ARG: QueryParameter =
    QueryParameter::new("programArg", Kind::Texts, "Arguments of the program; they may have no commas.");
const PROGRAM_ARGS: QueryParameter = QueryParameter::new(
    "program-args",
    Kind::Text,
    "Arguments of the program in one text, split as a shell does. For clients of Flink 1.",
);
const ENTRY_CLASS: QueryParameter = QueryParameter::new("entry-class", Kind::Text, "The entry to run.");
const PARALLELISM: QueryParameter =
    QueryParameter::new("parallelism", Kind::Positive, "Parallelism of operators that set none.");
const JOB_ID: QueryParameter = QueryParameter::new("jobId", Kind::Text, "The id that the job is to have.");

/// How to plan an artifact.
pub(crate) const PLAN: &[QueryParameter] = &[PROGRAM_ARG, PROGRAM_ARGS, ENTRY_CLASS, PARALLELISM, JOB_ID];
/// How to run an artifact.
pub(crate) const RUN: &[QueryParameter] = &[
    PROGRAM_ARG,
    PROGRAM_ARGS,
    ENTRY_CLASS,
    PARALLELISM,
    JOB_ID,
    QueryParameter::new("savepointPath", Kind::Text, "With which snapshot to begin."),
    QueryParameter::new(
        "allowNonRestoredState",
        Kind::Flag,
        "Whether the snapshot may hold more than is restored.",
    ),
    QueryParameter::new(
        "claimMode",
        Kind::OneOf(&["CLAIM", "NO_CLAIM", "LEGACY"]),
        "To whom the snapshot belongs from then on.",
    ),
];
