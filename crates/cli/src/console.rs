//! Writing to the terminal, or to whatever stands in its place.

use std::{
    fmt::Display,
    io::{self, Write},
};

use crate::failure::Failure;

/// Writes a line to stdout. Whoever reads it may have gone, as `head` does: that is no failure.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to stderr. If that fails, there is nobody to be told.
pub(crate) fn error_line(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
