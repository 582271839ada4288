//! Everything that was captured from Flink is asked here too, by the index of the samples: status, content type, shape, and the
//! texts of errors.

use axum::http::header;
use serde::Deserialize;
use serde_json::Value;

use super::{
    shapes::{difference, sample},
    support::*,
};

/// What the canned cluster has none of.
const NOT_IN_THE_FIXTURE: [&str; 2] = ["/taskmanagers/:taskmanagerid/stdout", "/jobmanager/stdout"];

/// Errors whose texts are our own: one names the path otherwise, the other options of Flink's.
const OTHER_TEXTS: [&str; 2] = ["error-unknown-path", "error-rescales-not-adaptive"];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    name: String,
    method: String,
    path: String,
    status: u16,
    content_type: String,
    body: Option<Value>,
    file: Option<String>,
}

impl Entry {
    /// The path for the canned cluster, in which a rescale has this id.
    fn path(&self, rescale: &str) -> String {
        let trigger = if self.name.ends_with("-failed") { BROKEN } else { DONE };
        [
            (":jobid", RUNNING),
            (":adaptive", RUNNING),
            (":notadaptive", FINISHED),
            (":rescaleuuid", rescale),
            (":finished", FINISHED),
            (":failing", FAILED),
            (":applicationid", RUNNING),
            (":vertexid", vertex().to_string().as_str()),
            (":checkpointid", "4"),
            (":taskmanagerid", TASK_MANAGER),
            (":subtask", "1"),
            (":attempt", "1"),
            (":tmlogfile", "daemon.log"),
            (":logfile", "daemon.log"),
            (":triggerid", trigger),
        ]
        .iter()
        .fold(self.path.clone(), |path, (name, value)| path.replace(name, value))
    }

    fn body(&self) -> String {
        match &self.body {
            None => "{}".to_owned(),
            Some(Value::String(raw)) => raw.clone(),
            Some(body) => body.to_string(),
        }
    }
}

/// The first line of Flink's text without the class of its exception, and ours, both without ids.
fn error_texts(theirs: &Value, ours: &Value) -> (String, String) {
    let text = |body: &Value| body["errors"][0].as_str().unwrap_or_default().to_owned();
    let (theirs, ours) = (text(theirs), text(ours));
    let line = theirs.lines().next().unwrap_or_default();
    let message = line.split_once("Exception: ").map_or(line, |(_, message)| message);
    (without_ids(message), without_ids(&ours))
}

fn without_ids(text: &str) -> String {
    let is_id = |word: &&str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_id(&bare) { word.replace(bare, "ID") } else { word.to_owned() }
        })
        .collect()
}

#[tokio::test]
async fn whatever_was_asked_of_flink_is_answered_alike() {
    let entries: Vec<Entry> = serde_json::from_value(sample("index")).unwrap();
    let service = service();
    let mut problems = Vec::new();
    let rescales = get(&service, &format!("/jobs/{RUNNING}/rescales/history")).await;
    let rescale = rescales[0]["rescaleUuid"].as_str().unwrap().to_owned();
    for entry in &entries {
        if NOT_IN_THE_FIXTURE.contains(&entry.path.as_str()) {
            continue;
        }
        let path = entry.path(&rescale);
        let response = send(&service, request(&entry.method, &path, entry.body())).await;
        let place = format!("{} {path} ({})", entry.method, entry.name);
        if response.status() != entry.status {
            problems.push(format!("{place}: status {} in place of {}", response.status(), entry.status));
            continue;
        }
        let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        if !content_type.starts_with(&entry.content_type) {
            problems.push(format!("{place}: {content_type} in place of {}", entry.content_type));
        }
        let text = text(response).await;
        let Some(file) = &entry.file else { continue };
        let theirs = sample(file.strip_suffix(".json").unwrap());
        let ours: Value = serde_json::from_str(&text).unwrap();
        if let Some(difference) = difference("", &theirs, &ours) {
            problems.push(format!("{place}: {difference}"));
        }
        if entry.status >= 400 && !OTHER_TEXTS.contains(&entry.name.as_str()) {
            let (theirs, ours) = error_texts(&theirs, &ours);
            if !ours.starts_with(&theirs) {
                problems.push(format!("{place}: {ours:?} in place of {theirs:?}"));
            }
        }
    }
    assert!(entries.len() >= 90, "only {} samples", entries.len());
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
