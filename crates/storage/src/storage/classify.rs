//! What kind of failure an error of a store is. Its types tell only a part, so that its texts are searched as well.

use std::{
    error::Error as StdError,
    io::{self, ErrorKind},
};

use object_store::client::{HttpError, HttpErrorKind};

use crate::{FailureKind, error::Failure};

/// Longest cause that is passed on; servers answer with whole pages.
const LONGEST_CAUSE: usize = 500;

/// Codes of S3 for requests that got in each other's way.
const CONFLICTS: [&str; 2] = ["ConditionalRequestConflict", "OperationAborted"];

pub(super) fn failure(error: object_store::Error) -> Failure {
    use object_store::Error as E;
    let kind = match &error {
        // Another request for the same file is being carried out; how that ends is not said.
        E::AlreadyExists { source, .. } if CONFLICTS.iter().any(|code| source.to_string().contains(code)) => {
            FailureKind::Unavailable
        }
        E::NotFound { .. } => FailureKind::Missing,
        E::AlreadyExists { .. } | E::Precondition { .. } => FailureKind::Exists,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => FailureKind::Denied,
        _ => kind_of_chain(&error),
    };
    Failure::new(kind, cause(&error))
}

pub(super) fn io_failure(error: &io::Error) -> Failure {
    Failure::new(kind_of_io(error), error.to_string())
}

fn kind_of_chain(error: &(dyn StdError + 'static)) -> FailureKind {
    let mut next = Some(error);
    let mut kind = FailureKind::Permanent;
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return kind_of_io(error);
        }
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return match error.kind() {
                HttpErrorKind::Connect | HttpErrorKind::Request => FailureKind::Unavailable,
                HttpErrorKind::Timeout | HttpErrorKind::Interrupted => FailureKind::Unknown,
                _ => FailureKind::Permanent,
            };
        }
        // The type of these errors is not public.
        let text = error.to_string();
        if let Some(status) = status(&text) {
            kind = match status {
                401 | 403 => FailureKind::Denied,
                404 => FailureKind::Missing,
                501 => FailureKind::Unsupported,
                507 => FailureKind::Full,
                408 | 429 | 500..=599 => FailureKind::Unavailable,
                _ => FailureKind::Permanent,
            };
        } else if text.contains("Server returned error response") {
            // An answer of "200 OK" to a request that took long, with an error in its text.
            kind = FailureKind::Unavailable;
        }
        if text.contains("XMinioStorageFull") {
            return FailureKind::Full;
        }
        next = error.source();
    }
    kind
}

fn kind_of_io(error: &io::Error) -> FailureKind {
    /// Linux: stale handle of a network file system.
    const ESTALE: i32 = 116;
    match error.kind() {
        ErrorKind::NotFound => FailureKind::Missing,
        ErrorKind::AlreadyExists => FailureKind::Exists,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureKind::Denied,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FailureKind::Full,
        ErrorKind::TimedOut
        | ErrorKind::Interrupted
        | ErrorKind::WouldBlock
        | ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => FailureKind::Unavailable,
        _ if error.raw_os_error() == Some(ESTALE) => FailureKind::Unavailable,
        _ => FailureKind::Permanent,
    }
}

/// The HTTP status that an error's text names.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// The innermost error, which says what happened; those around it repeat it. Of an answer of S3, what people can read.
fn cause(error: &(dyn StdError + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0)
    };
    let said = element("Code").map(|code| match element("Message") {
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    });
    let answered =
        text.split_once("status code: ").map(|(_, rest)| rest.split([':', '\n', '<']).next().unwrap_or(rest));
    match (answered, said) {
        (Some(status), Some(said)) => format!("the server answered {}, {said}", status.trim()),
        (Some(status), None) => format!("the server answered {}", status.trim()),
        (None, Some(said)) => format!("the server answered {said}"),
        (None, None) => text.chars().take(LONGEST_CAUSE).collect(),
    }
}
