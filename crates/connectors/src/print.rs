use std::{
    fmt::{Display, Write as _},
    io,
    marker::PhantomData,
};

use flott_runtime::{Batch, BoxError, OperatorContext, Sink, SinkWriter};

/// Which stream to print to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrintTarget {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// What keeps records from being printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {stream}: {cause}")]
struct Error {
    stream: &'static str,
    cause: io::Error,
}

/// Prints each record on a line. With several subtasks, and with a label, lines begin as Flink's do: `label:2> `.
#[derive(Clone, Debug, Default)]
pub struct PrintSink {
    target: PrintTarget,
    label: Option<String>,
}

impl PrintSink {
    /// Prints to `target`.
    pub fn new(target: PrintTarget, label: Option<String>) -> Self {
        Self { target, label }
    }

    fn prefix(&self, subtask: u32, parallelism: u32) -> String {
        match (&self.label, parallelism) {
            (None, 1) => String::new(),
            (None, _) => format!("{}> ", subtask + 1),
            (Some(label), 1) => format!("{label}> "),
            (Some(label), _) => format!("{label}:{}> ", subtask + 1),
        }
    }
}

/// Writes for a [`PrintSink`].
pub struct PrintWriter<T> {
    target: PrintTarget,
    prefix: String,
    text: String,
    record: PhantomData<fn(T)>,
}

impl<T: Display + 'static> Sink<T> for PrintSink {
    type Writer = PrintWriter<T>;

    fn writer(&self, context: &OperatorContext) -> Result<PrintWriter<T>, BoxError> {
        let prefix = self.prefix(context.task.subtask.0, context.task.parallelism);
        Ok(PrintWriter { target: self.target, prefix, text: String::new(), record: PhantomData })
    }
}

impl<T: Display> SinkWriter<T> for PrintWriter<T> {
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        self.text.clear();
        for record in batch.records.drain(..) {
            writeln!(self.text, "{}{record}", self.prefix)?;
        }
        // One write a batch, so that lines of subtasks that print at the same time stay whole.
        let (stream, written) = match self.target {
            PrintTarget::Stdout => ("standard output", print(&mut io::stdout().lock(), &self.text)),
            PrintTarget::Stderr => ("standard error", print(&mut io::stderr().lock(), &self.text)),
        };
        Ok(written.map_err(|cause| Error { stream, cause })?)
    }
}

fn print(stream: &mut impl io::Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_flinks() {
        let plain = PrintSink::default();
        let labeled = PrintSink::new(PrintTarget::Stdout, Some("out".to_owned()));
        assert_eq!(plain.prefix(0, 1), "");
        assert_eq!(plain.prefix(1, 4), "2> ");
        assert_eq!(labeled.prefix(0, 1), "out> ");
        assert_eq!(labeled.prefix(1, 4), "out:2> ");
    }
}
