//! Why a verb ends without having done what it was asked for.

use std::error::Error;

use flott_core::config::ConfigError;

const RULE: &str = "------------------------------------------------------------";

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It could not be done, or the job did not finish.
    Failed,
    /// The command was used wrongly.
    Usage,
    /// The configuration is wrong (`EX_CONFIG` of sysexits.h).
    Config,
    /// A signal ended the watching of a job that goes on.
    Interrupted,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Config => 78,
            Self::Interrupted => 130,
        }
    }
}

/// A failure, with what is to be said about it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: Option<String>,
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: Some(message.into()) }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: Some(message.into()) }
    }

    /// The files of the configuration are wrong.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self { exit: Exit::Config, message: Some(message.into()) }
    }

    /// A failure on the cluster, framed as Flink does it: its cause, of which the root comes first, then what has not come
    /// about because of it.
    pub(crate) fn exception(cause: &str, outcome: &str) -> Self {
        Self::failed(format!(
            "\n{RULE}\n The program finished with the following exception:\n\n{cause}\n\n{outcome}"
        ))
    }

    /// A failure about which everything has been said.
    pub(crate) fn told(exit: Exit) -> Self {
        Self { exit, message: None }
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl From<flott_client::Error> for Failure {
    fn from(error: flott_client::Error) -> Self {
        let exit = match error {
            flott_client::Error::Address { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        Self { exit, message: Some(chain(&error)) }
    }
}

impl From<flott_artifact::Error> for Failure {
    fn from(error: flott_artifact::Error) -> Self {
        Self::failed(chain(&error))
    }
}

impl From<Vec<ConfigError>> for Failure {
    fn from(errors: Vec<ConfigError>) -> Self {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Self { exit: Exit::Config, message: Some(lines.join("\n")) }
    }
}

/// An error with its causes on one line. A cause that an outer text already ends with is not repeated.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
