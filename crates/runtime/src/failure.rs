use flott_core::{FailureCause, FailureKind};

/// Why a subtask ends before its input does.
#[derive(Debug)]
pub enum TaskEnd {
    /// Something failed.
    Failed(Box<FailureCause>),
    /// It was told to stop.
    Canceled,
}

/// The result of everything that runs within a subtask.
pub type Result<T, E = TaskEnd> = std::result::Result<T, E>;

impl TaskEnd {
    /// A failure with nothing but its kind and message.
    pub fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        FailureCause::new(kind, message).into()
    }

    /// The failure of a source, a sink or a function that returned an error; its sources become the context.
    pub fn from_user(kind: FailureKind, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut cause = FailureCause::new(kind, error.to_string());
        let mut source = error.source();
        while let Some(error) = source {
            cause = cause.context(format!("caused by: {error}"));
            source = error.source();
        }
        cause.into()
    }
}

impl From<FailureCause> for TaskEnd {
    fn from(cause: FailureCause) -> Self {
        Self::Failed(Box::new(cause))
    }
}

impl From<flott_exchange::Error> for TaskEnd {
    fn from(error: flott_exchange::Error) -> Self {
        use flott_exchange::Error;
        let kind = match error {
            Error::ConnectionLost { .. } => FailureKind::ConnectionLost,
            Error::Encode { .. } | Error::TooLarge { .. } | Error::Decode { .. } => FailureKind::UserError,
            Error::Listen { .. } => FailureKind::TaskHostStart,
            Error::TypeMismatch { .. } => FailureKind::GraphMismatch,
        };
        Self::failed(kind, error.to_string())
    }
}
