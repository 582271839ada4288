use std::marker::PhantomData;

use flott_runtime::{BoxError, Record, RuntimeContext};
use serde::Serialize;

use super::{
    FileFormat, RowEncoder, RowFormat,
    lines::SplitLines,
    malformed::{Checked, CheckedReader, Malformed, OnMalformed, Parse, Results},
};
use crate::FileSplit;

/// JSON lines: a JSON value on each line, which serde turns into a `T`. Empty lines are left out, and so is a byte order
/// mark. Fields of an object that `T` does not have are ignored, as serde's attributes say.
#[derive(Clone, Debug)]
pub struct JsonFormat<T> {
    on_malformed: OnMalformed,
    record: PhantomData<fn() -> T>,
}

impl<T> Default for JsonFormat<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> JsonFormat<T> {
    /// Fails at the first line that can't be read.
    pub fn new() -> Self {
        Self { on_malformed: OnMalformed::Fail, record: PhantomData }
    }

    /// What becomes of lines that can't be read.
    #[must_use]
    pub fn on_malformed(mut self, on_malformed: OnMalformed) -> Self {
        self.on_malformed = on_malformed;
        self
    }

    /// Emits `Result<T, Malformed>`: lines that can't be read, too.
    pub fn results(self) -> Results<Self> {
        Results(self)
    }
}

impl<T: Record> FileFormat for JsonFormat<T> {
    type Record = T;
    type Reader = CheckedReader<JsonParser<T>>;

    fn is_splittable(&self) -> bool {
        Checked::is_splittable(self)
    }

    fn open(&self, split: FileSplit, context: &RuntimeContext) -> Result<Self::Reader, BoxError> {
        CheckedReader::open(self, split, context)
    }
}

impl<T: Record> Checked for JsonFormat<T> {
    type Record = T;
    type Parser = JsonParser<T>;

    fn is_splittable(&self) -> bool {
        true
    }

    fn on_malformed(&self) -> OnMalformed {
        self.on_malformed
    }

    fn parser(&self, split: FileSplit) -> Result<JsonParser<T>, BoxError> {
        Ok(JsonParser { lines: SplitLines::open(split)?, record: PhantomData })
    }
}

/// Reads [`JsonFormat`].
pub struct JsonParser<T> {
    lines: SplitLines,
    record: PhantomData<fn() -> T>,
}

impl<T: Record> Parse for JsonParser<T> {
    type Record = T;

    fn parse(&mut self) -> Result<Option<Result<T, Malformed>>, BoxError> {
        while let Some(line) = self.lines.next_line()? {
            let mut json = line.bytes;
            if line.offset == 0 {
                json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json);
            }
            if json.trim_ascii().is_empty() {
                continue;
            }
            if let Ok(record) = serde_json::from_slice(json) {
                return Ok(Some(Ok(record)));
            }
            let (offset, reason) = (line.offset, reason::<T>(json));
            let record = String::from_utf8_lossy(json).into_owned();
            let file = self.lines.split().path().display().to_string();
            return Ok(Some(Err(Malformed { file, offset, line: self.lines.line_number(), reason, record })));
        }
        Ok(None)
    }

    fn rest(&self) -> FileSplit {
        self.lines.rest()
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }
}

/// What is wrong with JSON that was refused. Reads it once more, minding where it is, which costs too much for the good.
fn reason<T: Record>(json: &[u8]) -> String {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let error = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => match deserializer.end() {
            Ok(()) => return "it was refused at first, but not when it was read again".to_owned(),
            Err(error) => return place(&error),
        },
        Err(error) => error,
    };
    let path = error.path().to_string();
    let place = place(error.inner());
    if path == "." { place } else { format!("field \"{path}\": {place}") }
}

/// serde_json's message, with the place in our words: it counts lines, and there is just one.
fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    format!("{text}, in column {}", error.column())
}

impl<T: Serialize + 'static> RowFormat<T> for JsonFormat<T> {
    type Encoder = JsonEncoder;

    fn encoder(&self) -> JsonEncoder {
        JsonEncoder
    }
}

/// Writes [`JsonFormat`].
#[derive(Clone, Copy, Debug)]
pub struct JsonEncoder;

impl<T: Serialize> RowEncoder<T> for JsonEncoder {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let start = out.len();
        if let Err(error) = serde_json::to_writer(&mut *out, record) {
            out.truncate(start);
            return Err(format!("cannot write a record as JSON: {error}").into());
        }
        out.push(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::testing::{encode, read_file};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Person {
        name: String,
        age: u32,
        #[serde(default)]
        address: Option<Address>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Address {
        zip: u32,
    }

    fn person(name: &str, age: u32) -> Person {
        Person { name: name.to_owned(), age, address: None }
    }

    #[test]
    fn each_line_is_a_value() {
        let text =
            "\u{feff}{\"name\":\"Ada\",\"age\":36,\"more\":[1]}\r\n\n  \n{\"age\":41,\"name\":\"Alan\"}";
        let people = read_file(JsonFormat::<Person>::new(), text.as_bytes()).unwrap();
        assert_eq!(people, [person("Ada", 36), person("Alan", 41)]);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let people = [
            person("a \"quoted\" name\nwith a line end", 0),
            Person { address: Some(Address { zip: 1 }), ..person("x", 1) },
        ];
        let bytes = encode(&JsonFormat::new(), &people);
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 2);
        assert_eq!(read_file(JsonFormat::<Person>::new(), &bytes).unwrap(), people);
    }

    #[test]
    fn a_bad_line_is_named_with_its_field() {
        let reason = |line: &str| {
            let text = format!("{{\"name\":\"Ada\",\"age\":36}}\n{line}\n");
            let error = read_file(JsonFormat::<Person>::new(), text.as_bytes()).unwrap_err();
            assert!(error.contains("line 2 (byte 24): "), "{error}");
            assert!(error.ends_with(&format!("; it is: {line}")), "{error}");
            error.split_once("): ").unwrap().1.split_once("; it is").unwrap().0.to_owned()
        };
        assert_eq!(reason("{\"name\":\"x\"}"), "missing field `age`, in column 12");
        assert_eq!(
            reason("{\"name\":\"x\",\"age\":\"y\"}"),
            "field \"age\": invalid type: string \"y\", expected u32, in column 21"
        );
        assert!(
            reason("{\"name\":\"x\",\"age\":1,\"address\":{\"zip\":-1}}")
                .starts_with("field \"address.zip\": invalid value")
        );
        assert_eq!(reason("{\"name\":\"x\",\"age\":1}]"), "trailing characters, in column 21");
        assert!(reason("{\"name\":\"x\",\"age\":1,}").contains("trailing comma"));
        assert!(reason("{\"name\":\"x\",\"ag").contains("EOF while parsing a string"));
        assert!(reason("no json").contains("expected ident"));
    }

    #[test]
    fn bad_lines_are_left_out_or_emitted_as_the_program_wants() {
        let text = b"1\nx\n\xff\n2\n";
        let skip = JsonFormat::<u8>::new().on_malformed(OnMalformed::Skip);
        assert_eq!(read_file(skip, text).unwrap(), [1, 2]);
        let results = read_file(JsonFormat::<u8>::new().results(), text).unwrap();
        let lines: Vec<_> = results.iter().map(|result| result.as_ref().map_err(|bad| bad.line)).collect();
        assert_eq!(lines, [Ok(&1), Err(Some(2)), Err(Some(3)), Ok(&2)]);
        assert_eq!(results[2].as_ref().unwrap_err().record, "\u{fffd}");
    }

    #[test]
    fn what_json_cannot_express_is_an_error() {
        let map = BTreeMap::from([((1, 2), 3)]);
        let mut out = b"before".to_vec();
        let error = RowEncoder::encode(&mut JsonEncoder, &map, &mut out).unwrap_err();
        assert!(error.to_string().contains("as JSON: key must be a string"), "{error}");
        assert_eq!(out, b"before");
    }
}
