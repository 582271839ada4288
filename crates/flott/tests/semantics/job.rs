//! Reading the parameters of a job.

use std::time::Duration;

use serde_json::Value;

/// A number, or `None` if it is not given.
pub(crate) fn number(job: &Value, name: &str) -> Option<i64> {
    job.get(name).map(|value| value.as_i64().unwrap_or_else(|| panic!("{name} is no number in {job}")))
}

/// A number that may not be negative.
pub(crate) fn count(job: &Value, name: &str) -> u64 {
    u64::try_from(number(job, name).unwrap_or_else(|| panic!("{name} is missing in {job}"))).unwrap()
}

/// Milliseconds.
pub(crate) fn millis(job: &Value, name: &str) -> Duration {
    Duration::from_millis(count(job, name))
}

/// A flag, which is not set if it is not given.
pub(crate) fn flag(job: &Value, name: &str) -> bool {
    job.get(name).is_some_and(|value| value.as_bool().unwrap())
}

/// A text, empty if it is not given.
pub(crate) fn text<'a>(job: &'a Value, name: &str) -> &'a str {
    job.get(name).map_or("", |value| value.as_str().unwrap())
}
