//! The form of a line.

use std::fmt;

use jiff::{Zoned, tz::TimeZone};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{self, Writer},
    },
    registry::LookupSpan,
};

/// Formats events as Flink's log lines.
pub(crate) struct FlinkLines;

impl<S, N> FormatEvent<S, N> for FlinkLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let now = Zoned::now().with_time_zone(TimeZone::system());
        let time = now.strftime("%Y-%m-%d %H:%M:%S");
        let level = padded(*metadata.level());
        write!(line, "{time},{:03} {level} {} [", now.millisecond(), metadata.target())?;
        let mut separator = "";
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                write!(line, "{separator}{fields}")?;
                separator = " ";
            }
        }
        line.write_str("] - ")?;
        context.format_fields(line.by_ref(), event)?;
        writeln!(line)
    }
}

fn padded(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN ",
        Level::INFO => "INFO ",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

/// Writes fields as `message key=value key=value`.
pub(crate) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: tracing_subscriber::field::RecordFields>(
        &self,
        writer: Writer<'w>,
        fields: R,
    ) -> fmt::Result {
        let mut visitor = FieldWriter { writer, first: true, outcome: Ok(()) };
        fields.record(&mut visitor);
        visitor.outcome
    }
}

struct FieldWriter<'w> {
    writer: format::Writer<'w>,
    first: bool,
    outcome: fmt::Result,
}

impl FieldWriter<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        use fmt::Write;
        if self.outcome.is_err() {
            return;
        }
        let separator = if std::mem::take(&mut self.first) { "" } else { " " };
        let mut clean = Clean(&mut self.writer);
        self.outcome = if field.name() == "message" {
            write!(clean, "{separator}{value}")
        } else {
            write!(clean, "{separator}{}={value}", field.name())
        };
    }
}

impl Visit for FieldWriter<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, format_args!("{value:?}"));
    }
}

/// Keeps what peers and user code can cause to be logged from starting a line of its own or steering a terminal.
struct Clean<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Clean<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive(|c: char| c.is_control()) {
            let control = piece.chars().next_back().filter(|c| c.is_control());
            let plain = &piece[..piece.len() - control.map_or(0, char::len_utf8)];
            self.0.write_str(plain)?;
            match control {
                Some('\n') => self.0.write_str("\n    ")?,
                Some('\t') => self.0.write_char('\t')?,
                Some(other) => write!(self.0, "{}", other.escape_default())?,
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{Registry, fmt::MakeWriter, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Memory {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn logged(events: impl FnOnce()) -> String {
        let memory = Memory::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .event_format(FlinkLines)
            .fmt_fields(Fields)
            .with_writer(memory.clone());
        tracing::subscriber::with_default(Registry::default().with(layer), events);
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    /// The line without its time, after checking that it starts with one.
    fn without_time(line: &str) -> &str {
        let (time, rest) = line.split_at("2026-11-22 23:33:18,531".len());
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00 00:00:00,000");
        rest
    }

    #[test]
    fn lines_look_like_flinks() {
        let text = logged(|| {
            tracing::info!(target: "flott::registration", leader_epoch = 3, host = "h1", "registered");
        });
        assert_eq!(
            without_time(&text),
            " INFO  flott::registration [] - registered leader_epoch=3 host=h1\n"
        );
    }

    #[test]
    fn fields_of_spans_stand_in_brackets() {
        let text = logged(|| {
            let _job = tracing::info_span!("job", job_id = 7).entered();
            let _task = tracing::info_span!("task", subtask = 2).entered();
            tracing::warn!(target: "x", "odd");
        });
        assert_eq!(without_time(&text), " WARN  x [job_id=7 subtask=2] - odd\n");
    }

    #[test]
    fn values_start_no_lines_and_steer_no_terminals() {
        let text = logged(|| tracing::error!(target: "x", error = "a\nb\x1b[2J", "bad"));
        assert_eq!(without_time(&text), " ERROR x [] - bad error=a\n    b\\u{1b}[2J\n");
    }
}
