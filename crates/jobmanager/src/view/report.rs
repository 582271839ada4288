//! A failure in words.

use std::fmt::Write;

use super::ExceptionView;

impl ExceptionView {
    /// Where it happened: the TaskManager, with its address if its name does not tell it.
    pub fn host(&self) -> Option<String> {
        self.location.as_ref().map(|location| {
            let id = location.task_manager_id.as_str();
            if id.starts_with(&location.endpoint) {
                id.to_owned()
            } else {
                format!("{id} ({})", location.endpoint)
            }
        })
    }

    /// What failed as text: the message, then where, then what led to it, then what the process wrote last.
    pub fn report(&self) -> String {
        let cause = &self.cause;
        let mut text = cause.message.clone();
        let mut line = |label: &str, value: Option<&str>| {
            if let Some(value) = value {
                let _ = write!(text, "\n  {label}{value}"); // writing to a String cannot fail
            }
        };
        line("operator: ", cause.operator.as_deref());
        line("subtask: ", self.task_name.as_deref().map(readable_task_name).as_deref());
        line("host: ", self.host().as_deref());
        line("at ", cause.location.as_deref());
        for context in &cause.context {
            line("", Some(context));
        }
        if let Some(tail) = cause.stderr_tail.as_deref().map(str::trim_end).filter(|tail| !tail.is_empty()) {
            line("last lines of stderr:", Some(""));
            for tail_line in tail.lines() {
                line("  ", Some(tail_line));
            }
        }
        text
    }
}

/// `map (2/4), attempt 0` for `map (2/4) - execution #0`.
fn readable_task_name(name: &str) -> String {
    name.replace(" - execution #", ", attempt ")
}

#[cfg(test)]
mod tests {
    use flott_core::{FailureCause, FailureKind, TaskManagerId};

    use super::*;
    use crate::view::TaskLocation;

    #[test]
    fn the_text_tells_the_root_cause_first() {
        let mut cause = FailureCause::new(FailureKind::Panic, "index out of bounds")
            .context("while processing a record")
            .in_operator("parse");
        cause.location = Some("src/main.rs:12:5".to_owned());
        cause.stderr_tail = Some("one\ntwo\n".to_owned());
        let exception = ExceptionView {
            cause,
            unix_ms: 1,
            task_name: Some("Source: text -> parse (2/4) - execution #0".to_owned()),
            location: Some(TaskLocation {
                task_manager_id: TaskManagerId::new("h1:6122-ab12"),
                endpoint: "h1:4000".to_owned(),
            }),
            concurrent: Vec::new(),
        };
        assert_eq!(
            exception.report(),
            "index out of bounds\n  operator: parse\n  subtask: Source: text -> parse (2/4), attempt 0\n  \
             host: h1:6122-ab12 (h1:4000)\n  at src/main.rs:12:5\n  while processing a record\n  \
             last lines of stderr:\n    one\n    two"
        );
    }
}
