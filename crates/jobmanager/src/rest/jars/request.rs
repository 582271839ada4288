//! How to run or plan an artifact: Flink's `JarRunRequestBody` and the query that says the same.

use std::collections::BTreeMap;

use flott_core::{JobId, job_config::ClaimMode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    RunOptions,
    rest::{
        error::ApiError,
        json::RequestBody,
        lenient::{self, Scalar},
        params::Query,
    },
};

/// The body. What it leaves open the query may say.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JarRunRequestBody {
    entry_class: Option<String>,
    #[serde(deserialize_with = "lenient::texts")]
    program_args_list: Option<Vec<String>>,
    /// All arguments in one text, from clients of Flink 1.
    program_args: Option<String>,
    #[serde(deserialize_with = "lenient::number")]
    parallelism: Option<u32>,
    job_id: Option<JobId>,
    /// Of `run-application`: the same, since an application is its only job.
    application_id: Option<JobId>,
    #[serde(deserialize_with = "lenient::flag")]
    allow_non_restored_state: Option<bool>,
    savepoint_path: Option<String>,
    #[serde(alias = "restoreMode")]
    claim_mode: Option<RequestedClaimMode>,
    flink_configuration: Option<BTreeMap<String, Scalar>>,
}

impl RequestBody for JarRunRequestBody {
    const FORM: &'static str = "JarRunRequestBody";
}

/// Flink's `JarPlanRequestBody`, which is the same.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct JarPlanRequestBody(pub(super) JarRunRequestBody);

impl RequestBody for JarPlanRequestBody {
    const FORM: &'static str = "JarPlanRequestBody";
}

/// Flink's `JarRunApplicationRequestBody`, which is the same.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct JarRunApplicationRequestBody(pub(super) JarRunRequestBody);

impl RequestBody for JarRunApplicationRequestBody {
    const FORM: &'static str = "JarRunApplicationRequestBody";
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RequestedClaimMode {
    Claim,
    NoClaim,
    /// Of Flink 1.
    Legacy,
}

impl From<RequestedClaimMode> for ClaimMode {
    fn from(mode: RequestedClaimMode) -> Self {
        match mode {
            RequestedClaimMode::Claim => Self::Claim,
            RequestedClaimMode::NoClaim | RequestedClaimMode::Legacy => Self::NoClaim,
        }
    }
}

impl JarRunRequestBody {
    /// The options that body and query together ask for.
    ///
    /// # Errors
    /// 400 for values that are wrong or contradict each other.
    pub(crate) fn into_options(self, query: &Query) -> Result<RunOptions, ApiError> {
        let text = |name: &str| query.one(name).map(str::to_owned);
        let parallelism = self.parallelism.or(query.parse("parallelism")?);
        if parallelism == Some(0) {
            return Err(ApiError::bad_request("The parallelism is 0: it must be at least 1."));
        }
        let job_id = self.job_id.or(query.parse("jobId")?);
        let job_id = match (job_id, self.application_id) {
            (Some(job), Some(application)) if job != application => {
                return Err(ApiError::bad_request(
                    "jobId and applicationId differ: an application has the id of its only job.",
                ));
            }
            (job, application) => job.or(application),
        };
        let mut claim_mode = None;
        for name in ["claimMode", "restoreMode"] {
            if let Some(mode) = query.one(name) {
                let parsed = mode.parse().map_err(|_| ApiError::query_parameter(name, mode))?;
                claim_mode = claim_mode.or(Some(parsed));
            }
        }
        let args_list = self.program_args_list.or_else(|| {
            let list = query.list("programArg");
            (!list.is_empty()).then(|| list.into_iter().map(str::to_owned).collect())
        });
        let args_text = self.program_args.or_else(|| text("program-args")).or_else(|| text("programArgs"));
        Ok(RunOptions {
            entry: non_empty(self.entry_class).or_else(|| text("entry-class")).or_else(|| text("entryClass")),
            arguments: arguments(args_list, non_empty(args_text))?,
            parallelism,
            job_id,
            configuration: self
                .flink_configuration
                .unwrap_or_default()
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect(),
            savepoint: non_empty(self.savepoint_path).or_else(|| text("savepointPath")),
            allow_non_restored_state: self.allow_non_restored_state.or(query.parse("allowNonRestoredState")?),
            claim_mode: self.claim_mode.map(Into::into).or(claim_mode),
        })
    }
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// The program's arguments, given as a list or as one text that is split as a shell would.
fn arguments(list: Option<Vec<String>>, text: Option<String>) -> Result<Vec<String>, ApiError> {
    let arguments = match (list, text) {
        (Some(list), Some(_)) if !list.is_empty() => {
            return Err(ApiError::bad_request(
                "The program's arguments are given twice, as a list and as one text: give one of them.",
            ));
        }
        (Some(list), None) => list,
        (_, Some(text)) => shell_words::split(&text).map_err(|_| {
            ApiError::bad_request(format!("The program's arguments have a quote that is not closed: {text}"))
        })?,
        (None, None) => Vec::new(),
    };
    match arguments.iter().find(|argument| argument.contains('\0')) {
        Some(_) => Err(ApiError::bad_request(
            "The program's arguments hold a NUL character, which no program can get.",
        )),
        None => Ok(arguments),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::*;
    use crate::rest::json::parse;

    fn options(body: &str, query: &str) -> Result<RunOptions, ApiError> {
        parse::<JarRunRequestBody>(&Bytes::from(body.to_owned()))?.into_options(&Query::new(query))
    }

    #[test]
    fn the_body_says_all() {
        let body = r#"{"entryClass": "nexmark", "programArgsList": ["--input", "a b"], "parallelism": 4,
            "jobId": "00112233445566778899aabbccddeeff", "allowNonRestoredState": null, "savepointPath": "",
            "claimMode": "NO_CLAIM", "flinkConfiguration": {"a": "x", "b": 2, "c": true}, "unknown": {}}"#;
        let options = options(body, "").unwrap();
        assert_eq!(options.entry.as_deref(), Some("nexmark"));
        assert_eq!(options.arguments, ["--input", "a b"]);
        assert_eq!(options.parallelism, Some(4));
        assert_eq!(options.job_id.unwrap().to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!(options.savepoint, None);
        let expected = [("a", "x"), ("b", "2"), ("c", "true")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(options.configuration, BTreeMap::from(expected));
    }

    #[test]
    fn an_application_has_the_id_of_its_job() {
        let id = "00112233445566778899aabbccddeeff";
        let body = format!("{{\"applicationId\": \"{id}\"}}");
        assert_eq!(options(&body, "").unwrap().job_id.unwrap().to_string(), id);
        assert!(options(&body, &format!("jobId={id}")).is_ok());
        let other = format!("jobId={}", "1".repeat(32));
        assert!(options(&body, &other).unwrap_err().to_string().contains("jobId and applicationId differ"));
    }

    #[test]
    fn the_query_says_the_same() {
        let options =
            options("{}", "entry-class=main&programArg=--input,x&parallelism=2&savepointPath=file:/s")
                .unwrap();
        assert_eq!(options.entry.as_deref(), Some("main"));
        assert_eq!(options.arguments, ["--input", "x"]);
        assert_eq!((options.parallelism, options.savepoint.as_deref()), (Some(2), Some("file:/s")));
    }

    #[test]
    fn one_text_is_split_as_a_shell_does() {
        let query = "program-args=--name+%27a+b%27+%22c%5C%22d%22+e%5C+f";
        assert_eq!(options("", query).unwrap().arguments, ["--name", "a b", "c\"d", "e f"]);
        let body = r#"{"programArgs": "--in 'x"}"#;
        assert!(options(body, "").unwrap_err().to_string().contains("quote that is not closed"));
        let twice = r#"{"programArgs": "x", "programArgsList": ["x"]}"#;
        assert!(options(twice, "").unwrap_err().to_string().contains("given twice"));
    }

    #[test]
    fn wrong_values_are_named() {
        for (body, query, part) in [
            (r#"{"parallelism": 0}"#, "", "at least 1"),
            (r#"{"parallelism": -3}"#, "", "\"/parallelism\""),
            (r#"{"parallelism": 99999999999}"#, "", "\"/parallelism\""),
            (r#"{"jobId": "x"}"#, "", "cannot parse JobID"),
            (r#"{"claimMode": "STEAL"}"#, "", "NO_CLAIM"),
            (r#"{"flinkConfiguration": {"a": []}}"#, "", "/flinkConfiguration/a"),
            ("{}", "parallelism=x", "(parallelism) from value \"x\""),
            ("{}", "allowNonRestoredState=maybe", "allowNonRestoredState"),
            ("{}", "claimMode=STEAL", "claimMode"),
            (r#"{"programArgsList": ["a\u0000b"]}"#, "", "NUL"),
        ] {
            let error = options(body, query).unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
