use std::{
    fmt::{self, Debug, Display, Write as _},
    io,
    marker::PhantomData,
};

use flott_runtime::{Batch, BoxError, NoCommittable, RuntimeContext, Sink, SinkWriter};

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

/// How a record looks when it is printed.
pub trait PrintStyle<T>: Send + Sync + 'static {
    /// Appends the record to `text`.
    ///
    /// # Errors
    /// If the record can't be formatted.
    fn format(text: &mut String, record: &T) -> fmt::Result;
}

/// As it is meant for users.
#[derive(Clone, Copy, Debug)]
pub enum DisplayStyle {}

/// As it is meant for programmers.
#[derive(Clone, Copy, Debug)]
pub enum DebugStyle {}

impl<T: Display> PrintStyle<T> for DisplayStyle {
    fn format(text: &mut String, record: &T) -> fmt::Result {
        write!(text, "{record}")
    }
}

impl<T: Debug> PrintStyle<T> for DebugStyle {
    fn format(text: &mut String, record: &T) -> fmt::Result {
        write!(text, "{record:?}")
    }
}

/// Prints each record on a line. What was printed behind the last checkpoint is printed again when the job restarts: at least
/// once. With several subtasks, and with a label, lines begin as Flink's do: `label:2> `, the
/// first subtask being 1.
#[derive(Clone, Debug)]
pub struct PrintSink<S = DisplayStyle> {
    target: PrintTarget,
    label: Option<String>,
    style: PhantomData<S>,
}

impl Default for PrintSink {
    fn default() -> Self {
        Self::new(PrintTarget::Stdout, None)
    }
}

impl PrintSink {
    /// Prints what records display as to `target`.
    pub fn new(target: PrintTarget, label: Option<String>) -> Self {
        Self { target, label, style: PhantomData }
    }

    /// Prints what records look like to programmers (`{:?}`).
    pub fn debug(self) -> PrintSink<DebugStyle> {
        PrintSink { target: self.target, label: self.label, style: PhantomData }
    }
}

impl<S> PrintSink<S> {
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
pub struct PrintWriter<T, S> {
    target: PrintTarget,
    prefix: String,
    text: String,
    record: PhantomData<fn(T, S)>,
}

impl<T: 'static, S: PrintStyle<T>> Sink<T> for PrintSink<S> {
    type Writer = PrintWriter<T, S>;

    fn writer(&self, context: &RuntimeContext, _: Vec<()>) -> Result<PrintWriter<T, S>, BoxError> {
        let prefix = self.prefix(context.task.subtask.0, context.task.parallelism);
        Ok(PrintWriter { target: self.target, prefix, text: String::new(), record: PhantomData })
    }
}

impl<T, S: PrintStyle<T>> PrintWriter<T, S> {
    fn add(&mut self, record: &T) -> fmt::Result {
        self.text.push_str(&self.prefix);
        S::format(&mut self.text, record)?;
        self.text.push('\n');
        Ok(())
    }
}

impl<T, S: PrintStyle<T>> SinkWriter<T> for PrintWriter<T, S> {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        self.text.clear();
        for record in batch.records.drain(..) {
            self.add(&record)?;
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
    use crate::testing::operator;

    #[test]
    fn records_are_displayed_or_shown_to_programmers() {
        let mut displayed = PrintSink::default().writer(&operator(), Vec::new()).unwrap();
        displayed.add(&"a\tb").unwrap();
        displayed.add(&"c").unwrap();
        assert_eq!(displayed.text, "a\tb\nc\n");
        let labeled = PrintSink::new(PrintTarget::Stderr, Some("x".to_owned())).debug();
        let mut debug = labeled.writer(&operator(), Vec::new()).unwrap();
        debug.add(&Some("a\tb")).unwrap();
        assert_eq!(debug.text, "x> Some(\"a\\tb\")\n");
    }

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
