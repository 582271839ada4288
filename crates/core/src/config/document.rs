//! From YAML text to a flat list of keys and values with their lines.
//!
//! Works on the events of a YAML parser instead of on deserialized values, because those know neither the line nor
//! the text of a number (`1.10` would become `1.1`), and they hide a key that stands twice.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{error::Problem, lookup, value::RawValue};

/// Deepest nesting that is read. The longest key has far fewer parts; the limit keeps recursion small.
const MAX_DEPTH: usize = 32;

/// A value with its full key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: RawValue,
    /// Line of the key, from 1.
    pub(super) line: usize,
}

/// Something that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) line: usize,
    pub(super) key: Option<String>,
    pub(super) problem: Problem,
}

/// Reads all entries of `text` in their order, duplicates included, and everything that is wrong with its form.
pub(super) fn read(text: &str) -> (Vec<Entry>, Vec<Flaw>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { events: Parser::new_from_str(text), entries: Vec::new(), flaws: Vec::new() };
    if let Err(flaw) = reader.stream() {
        reader.flaws.push(flaw);
    }
    (reader.entries, reader.flaws)
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    entries: Vec<Entry>,
    flaws: Vec<Flaw>,
}

/// A flaw after which nothing more can be read.
type Step<T> = Result<T, Flaw>;

impl<'a> Reader<'a> {
    fn stream(&mut self) -> Step<()> {
        let mut documents = 0;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), line) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(syntax(
                            line,
                            None,
                            "a second YAML document begins here; a configuration is one",
                        ));
                    }
                }
                (Event::MappingStart(..), _) => self.mapping("", 1)?,
                (Event::Scalar(text, style, ..), _) if is_null(&text, style) => {}
                (Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(_), line) => {
                    return Err(syntax(
                        line,
                        None,
                        "expected lines of the form \"key: value\" (with a space after the colon)",
                    ));
                }
                _ => {}
            }
        }
    }

    /// Reads a mapping up to its end; its first event is already taken.
    fn mapping(&mut self, prefix: &str, depth: usize) -> Step<()> {
        loop {
            match self.next()? {
                (Event::MappingEnd, _) => return Ok(()),
                (Event::Scalar(part, ..), line) => {
                    let key = if prefix.is_empty() { part.into_owned() } else { format!("{prefix}.{part}") };
                    self.value(key, line, depth)?;
                }
                (_, line) => {
                    return Err(syntax(
                        line,
                        non_empty(prefix),
                        "a key must be a plain text, without & and * references",
                    ));
                }
            }
        }
    }

    fn value(&mut self, key: String, line: usize, depth: usize) -> Step<()> {
        match self.next()? {
            (Event::Scalar(text, style, ..), _) => {
                if !is_null(&text, style) {
                    self.entries.push(Entry { key, value: RawValue::Scalar(text.into_owned()), line });
                } else if !lookup::is_group(&key) {
                    // A group without entries is fine: all its lines may be commented out.
                    let problem = value_problem("no value", "a value; remove the line to use the default");
                    self.flaws.push(Flaw { line, key: Some(key), problem });
                }
                Ok(())
            }
            (Event::SequenceStart(..), _) => self.list(key, line),
            (Event::MappingStart(..), _) if depth == MAX_DEPTH => {
                Err(syntax(line, Some(key), "nested too deeply"))
            }
            (Event::MappingStart(..), _) => {
                if let Some(option) = lookup::option(&key).filter(|_| !lookup::is_group(&key)) {
                    let problem = value_problem("nested keys", &option.allowed());
                    self.flaws.push(Flaw { line, key: Some(key.clone()), problem });
                }
                self.mapping(&key, depth + 1)
            }
            (Event::Alias(_), _) => {
                Err(syntax(line, Some(key), "YAML references (& and *) are not supported: repeat the value"))
            }
            (_, line) => Err(syntax(line, Some(key), "expected a value")),
        }
    }

    fn list(&mut self, key: String, line: usize) -> Step<()> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => break,
                (Event::Scalar(text, ..), _) => items.push(text.into_owned()),
                (Event::MappingStart(..) | Event::SequenceStart(..), item_line) => {
                    let problem = value_problem("a list of lists or mappings", "a list of plain values");
                    self.flaws.push(Flaw { line: item_line, key: Some(key.clone()), problem });
                    self.skip()?;
                }
                (_, line) => return Err(syntax(line, Some(key), "expected a plain value in this list")),
            }
        }
        self.entries.push(Entry { key, value: RawValue::List(items), line });
        Ok(())
    }

    /// Leaves the mapping or list whose first event was just taken.
    fn skip(&mut self) -> Step<()> {
        let mut open = 1;
        while open > 0 {
            match self.next()? {
                (Event::MappingStart(..) | Event::SequenceStart(..), _) => open += 1,
                (Event::MappingEnd | Event::SequenceEnd, _) => open -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Step<(Event<'a>, usize)> {
        let event: Option<Result<(Event<'a>, Span), ScanError>> = self.events.next();
        match event {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => {
                Err(syntax(error.marker().line(), None, &format!("not valid YAML: {}", error.info())))
            }
            None => Err(syntax(1, None, "not valid YAML: it ends too early")),
        }
    }
}

fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn syntax(line: usize, key: Option<String>, what: &str) -> Flaw {
    Flaw { line, key, problem: Problem::Syntax(what.to_owned()) }
}

fn value_problem(got: &str, allowed: &str) -> Problem {
    Problem::Value { got: got.to_owned(), allowed: allowed.to_owned() }
}
