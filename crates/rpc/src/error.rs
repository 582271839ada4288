//! What can be wrong with a message.

use std::fmt;

use flott_core::ids::ParseIdError;

/// A message that its receiver can't use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field is missing or makes no sense.
    #[error("invalid message: field {path} {problem}")]
    InvalidMessage {
        /// Where in the message, such as `tasks[3].subtask`.
        path: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It must be set.
    Missing,
    /// An enum without a value, or with one that this version does not know.
    UnknownValue(String),
    /// An id of another length.
    MalformedId(ParseIdError),
    /// Not of the form that it must have.
    Malformed {
        /// What it must be.
        expected: &'static str,
    },
    /// Text that is no JSON of the wanted kind.
    InvalidJson(String),
    /// Bytes that are not the postcard encoding of what is wanted.
    InvalidEncoding(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::UnknownValue(value) => write!(f, "has the unknown value {value}"),
            Self::MalformedId(error) => error.fmt(f),
            Self::Malformed { expected } => write!(f, "must be {expected}"),
            Self::InvalidJson(error) | Self::InvalidEncoding(error) => write!(f, "is not valid: {error}"),
        }
    }
}

impl Error {
    /// Something is wrong with the field `path`.
    pub fn invalid(path: impl Into<String>, problem: Problem) -> Self {
        Self::InvalidMessage { path: path.into(), problem }
    }

    /// The same, seen from the message that holds it as `field`.
    #[must_use]
    pub(crate) fn within(self, field: &str) -> Self {
        let Self::InvalidMessage { path, problem } = self;
        let path = match (field.is_empty(), path.is_empty()) {
            (true, _) => path,
            (false, true) => field.to_owned(),
            (false, false) => format!("{field}.{path}"),
        };
        Self::InvalidMessage { path, problem }
    }

    /// The same, seen from the message that holds it as an element of `field`.
    #[must_use]
    pub(crate) fn within_element(self, field: &str, index: usize) -> Self {
        self.within(&format!("{field}[{index}]"))
    }
}

/// Lets conversions that can't fail stand beside those that can.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Self::invalid_argument(error.to_string())
    }
}
