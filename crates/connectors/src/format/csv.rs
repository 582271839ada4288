mod read;
mod split_bytes;
mod write;

use std::marker::PhantomData;

use csv::{ReaderBuilder, Trim};
use flott_runtime::{BoxError, Record, RuntimeContext};
use serde::Serialize;

pub(crate) use self::{read::CsvParser, write::CsvEncoder};

use super::{
    FileFormat, LINE_LIMIT, RowFormat,
    malformed::{Checked, CheckedReader, OnMalformed, Results},
};
use crate::FileSplit;

/// Comma-separated values (RFC 4180), which serde turns into a `T`, and back.
///
/// The first record of a file names the fields of a struct, in any order; those that `T` does not have are ignored.
/// Without [header](Self::no_header) a struct or a tuple is read by position. Empty lines are left out, and so is a byte
/// order mark. All records must have as many fields as the header, or as the first.
///
/// A quoted field may contain line ends, so nobody can know where in the middle of a file a record begins, and each file
/// is read by one subtask. [`no_quoted_newlines`](Self::no_quoted_newlines) lets large files be read by several.
#[derive(Clone, Debug)]
pub struct CsvFormat<T> {
    options: Options,
    on_malformed: OnMalformed,
    record: PhantomData<fn() -> T>,
}

#[derive(Clone, Debug)]
struct Options {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    comment: Option<u8>,
    header: bool,
    trim: bool,
    flexible: bool,
    quoted_newlines: bool,
    max_record_bytes: usize,
}

/// Characters that can't be told from one another.
#[derive(Debug, thiserror::Error)]
#[error("cannot use CSV with {what} {:?}: {why}", char::from(*character))]
struct Error {
    what: &'static str,
    character: u8,
    why: &'static str,
}

impl<T> Default for CsvFormat<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> CsvFormat<T> {
    /// Fields separated by commas and quoted by `"` where needed, with a header, no comments, and spaces that count.
    pub fn new() -> Self {
        let options = Options {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            header: true,
            trim: false,
            flexible: false,
            quoted_newlines: true,
            max_record_bytes: LINE_LIMIT,
        };
        Self { options, on_malformed: OnMalformed::Fail, record: PhantomData }
    }

    fn set(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(&mut self.options);
        self
    }

    /// What separates fields: `b';'` or `b'\t'`, say.
    #[must_use]
    pub fn delimiter(self, delimiter: u8) -> Self {
        self.set(|options| options.delimiter = delimiter)
    }

    /// What quotes fields; `None` if quotes are characters like others.
    #[must_use]
    pub fn quote(self, quote: Option<u8>) -> Self {
        self.set(|options| options.quote = quote)
    }

    /// What makes the next character an ordinary one within quotes: `b'\\'`, say. By default a quote is doubled.
    #[must_use]
    pub fn escape(self, escape: u8) -> Self {
        self.set(|options| options.escape = Some(escape))
    }

    /// What lines begin with that are to be left out.
    #[must_use]
    pub fn comment(self, comment: u8) -> Self {
        self.set(|options| options.comment = Some(comment))
    }

    /// The first record is a record like others.
    #[must_use]
    pub fn no_header(self) -> Self {
        self.set(|options| options.header = false)
    }

    /// White space around fields does not count.
    #[must_use]
    pub fn trim(self) -> Self {
        self.set(|options| options.trim = true)
    }

    /// Records may have different numbers of fields. Those behind the last one that `T` has are ignored.
    #[must_use]
    pub fn flexible(self) -> Self {
        self.set(|options| options.flexible = true)
    }

    /// Promises that no field contains a line end, so that large files can be cut. If one does, its record is read as
    /// two, which are malformed or wrong.
    #[must_use]
    pub fn no_quoted_newlines(self) -> Self {
        self.set(|options| options.quoted_newlines = false)
    }

    /// How many bytes a record may have, about; by default 60 MiB. The job fails if one has more: it is mostly a quote
    /// that is never closed.
    #[must_use]
    pub fn max_record_bytes(self, bytes: usize) -> Self {
        self.set(|options| options.max_record_bytes = bytes.max(1))
    }

    /// What becomes of records that can't be read.
    #[must_use]
    pub fn on_malformed(mut self, on_malformed: OnMalformed) -> Self {
        self.on_malformed = on_malformed;
        self
    }

    /// Emits `Result<T, Malformed>`: records that can't be read, too.
    pub fn results(self) -> Results<Self> {
        Results(self)
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let roles = [
            ("the delimiter", Some(self.delimiter)),
            ("the quote", self.quote),
            ("the escape", self.escape),
            ("the comment", self.comment),
        ];
        for (index, (what, character)) in roles.iter().enumerate() {
            let Some(character) = *character else { continue };
            let why = if matches!(character, b'\n' | b'\r') {
                "it ends lines"
            } else if !character.is_ascii() {
                "it is no ASCII character"
            } else if roles[..index].iter().any(|(_, other)| *other == Some(character)) {
                "it means something else already"
            } else {
                continue;
            };
            return Err(Error { what, character, why });
        }
        Ok(())
    }

    fn reader(&self) -> ReaderBuilder {
        let mut builder = ReaderBuilder::new();
        builder
            .delimiter(self.delimiter)
            .quoting(self.quote.is_some())
            .quote(self.quote.unwrap_or(b'"'))
            .escape(self.escape)
            .double_quote(self.escape.is_none())
            .comment(self.comment)
            .trim(if self.trim { Trim::All } else { Trim::None })
            // Lengths are compared with the header's, which is not in each split.
            .flexible(true)
            .has_headers(false);
        builder
    }
}

impl<T: Record> FileFormat for CsvFormat<T> {
    type Record = T;
    type Reader = CheckedReader<CsvParser<T>>;

    fn is_splittable(&self) -> bool {
        Checked::is_splittable(self)
    }

    fn open(&self, split: FileSplit, context: &RuntimeContext) -> Result<Self::Reader, BoxError> {
        CheckedReader::open(self, split, context)
    }
}

impl<T: Record> Checked for CsvFormat<T> {
    type Record = T;
    type Parser = CsvParser<T>;

    fn is_splittable(&self) -> bool {
        !self.options.quoted_newlines
    }

    fn on_malformed(&self) -> OnMalformed {
        self.on_malformed
    }

    fn parser(&self, split: FileSplit) -> Result<CsvParser<T>, BoxError> {
        self.options.check()?;
        CsvParser::open(&self.options, split)
    }
}

impl<T: Serialize + 'static> RowFormat<T> for CsvFormat<T> {
    type Encoder = CsvEncoder;

    fn encoder(&self) -> CsvEncoder {
        CsvEncoder::new(self.options.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_cannot_be_told_from_one_another_are_refused() {
        let check = |format: CsvFormat<()>| format.options.check().unwrap_err().to_string();
        assert_eq!(
            check(CsvFormat::new().delimiter(b'"')),
            "cannot use CSV with the quote '\"': it means something else already"
        );
        assert!(check(CsvFormat::new().delimiter(b'\n')).contains("it ends lines"));
        assert!(check(CsvFormat::new().comment(0xff)).contains("no ASCII"));
        assert!(CsvFormat::<()>::new().delimiter(b'"').quote(None).options.check().is_ok());
    }
}
