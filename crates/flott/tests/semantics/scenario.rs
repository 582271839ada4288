//! The files that say what Flink does.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::job::{number, text};

/// What all jobs work on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) value: i64,
    pub(crate) id: i64,
    /// What a process function is to do with it, as JSON; empty if nothing.
    pub(crate) actions: String,
}

impl Event {
    /// As a script says.
    pub(crate) fn of(record: &Value) -> Self {
        Self {
            key: text(record, "key").to_owned(),
            value: number(record, "value").unwrap(),
            id: number(record, "id").unwrap(),
            actions: record.get("do").map_or_else(String::new, Value::to_string),
        }
    }
}

/// One element of a script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(default = "first_input")]
    pub(crate) input: String,
    pub(crate) record: Option<Value>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) watermark: Option<i64>,
    #[serde(default)]
    pub(crate) idle: bool,
    #[serde(default)]
    pub(crate) active: bool,
    pub(crate) clock: Option<i64>,
}

fn first_input() -> String {
    "a".to_owned()
}

/// What came out, and which element caused it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Emitted {
    pub(crate) after: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watermark: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) idle: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) description: String,
    pub(crate) job: Value,
    pub(crate) script: Vec<Step>,
    pub(crate) outputs: Vec<Emitted>,
    pub(crate) late_records_dropped: Option<u64>,
    pub(crate) error: Option<String>,
    #[serde(skip)]
    pub(crate) name: String,
}

impl Scenario {
    /// The names of the inputs, in order.
    pub(crate) fn inputs(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.script.iter().filter(|step| step.clock.is_none()).map(|step| step.input.clone()).collect();
        names.sort();
        names.dedup();
        if names.is_empty() { vec![first_input()] } else { names }
    }

    pub(crate) fn is_batch(&self) -> bool {
        self.job["mode"] == "batch"
    }
}

/// The folder of all areas.
pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// The names of all areas.
pub(crate) fn areas() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// All scenarios of an area.
pub(crate) fn scenarios(area: &str) -> Vec<Scenario> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(golden().join(area)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "the area {area} has no scenario");
    files.iter().map(|file| scenario(area, file)).collect()
}

fn scenario(area: &str, file: &Path) -> Scenario {
    let text = fs::read_to_string(file).unwrap();
    let mut scenario: Scenario =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    scenario.name = format!("{area}/{}", file.file_stem().unwrap().to_str().unwrap());
    scenario
}
