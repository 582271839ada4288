//! Parsers that stop at any record, and go on in another process.

use std::{fs, path::Path};

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::{
    CsvFormat, JsonFormat, Malformed,
    lines::SplitLines,
    malformed::{Checked, Parse},
};
use crate::{FileSplit, file_source::split::cut};

/// All records of a file, good and bad ones; after each so many of them a new parser goes on.
fn parse<C: Checked>(
    format: &C,
    path: &Path,
    split_length: u64,
    records: usize,
) -> Vec<Result<C::Record, Malformed>> {
    let mut all = Vec::new();
    for split in cut(path, fs::metadata(path).unwrap().len(), split_length) {
        let mut parser = format.parser(split).unwrap();
        let mut since = 0;
        while let Some(record) = parser.parse().unwrap() {
            all.push(record);
            since += 1;
            if since == records {
                since = 0;
                parser = format.parser(again(&parser.rest())).unwrap();
            }
        }
        let rest = again(&parser.rest());
        assert!(format.parser(rest).unwrap().parse().unwrap().is_none(), "nothing is left at the end");
    }
    all
}

/// What becomes of a split that is stored.
fn again(split: &FileSplit) -> FileSplit {
    postcard::from_bytes(&postcard::to_stdvec(split).unwrap()).unwrap()
}

fn file(content: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    file
}

type Pair = (String, u8);

fn expect_the_same<C: Checked<Record: PartialEq + std::fmt::Debug>>(format: &C, content: &[u8], split: u64) {
    let file = file(content);
    let expected = parse(format, file.path(), split, usize::MAX);
    for records in 1..4 {
        assert_eq!(parse(format, file.path(), split, records), expected, "a new parser after {records}");
    }
}

#[test]
fn what_looks_like_a_byte_order_mark_in_the_middle_of_a_file_is_data() {
    expect_the_same(&CsvFormat::<Pair>::new().no_header(), "\u{feff}a,1\n\u{feff}b,2\n".as_bytes(), u64::MAX);
}

#[test]
fn the_first_record_decides_how_many_fields_there_are_also_for_later_readers() {
    expect_the_same(&CsvFormat::<Vec<String>>::new().no_header(), b"a,1\nb\nc,3\n\r\nd,4,5\n", u64::MAX);
}

proptest! {
    #[test]
    fn any_csv_is_parsed_on(
        text in "([ab\"\u{feff}]{0,3}(,[0-9x]{0,2}){0,2}(\n|\r\n|\r|\n\n|\n#c\n|\"\n\")){0,12}[a,1]{0,4}",
        header: bool,
        comments: bool,
    ) {
        let mut format = CsvFormat::<Pair>::new();
        if !header {
            format = format.no_header();
        }
        if comments {
            format = format.comment(b'#');
        }
        expect_the_same(&format, text.as_bytes(), u64::MAX);
    }

    #[test]
    fn any_csv_without_line_ends_in_fields_is_parsed_on(
        text in "([ab\"]{0,3}(,[0-9x]{0,2}){0,2}(\n|\r\n|\n\n|\n#c\n)){0,12}[a,1]{0,4}",
        header: bool,
        split in 1u64..40,
    ) {
        let format = CsvFormat::<Pair>::new().quote(None).comment(b'#').no_quoted_newlines();
        expect_the_same(&if header { format } else { format.no_header() }, text.as_bytes(), split);
    }

    #[test]
    fn any_json_lines_are_parsed_on(
        text in "(\u{feff}?(1|22|x|300| )?(\n|\r\n)){0,12}1?",
        split in 1u64..40,
    ) {
        expect_the_same(&JsonFormat::<u8>::new(), text.as_bytes(), split);
    }

    #[test]
    fn any_lines_are_read_on(text in "([a-z]{0,9}\r?\n){0,12}[a-z]{0,3}", length in 1u64..40, records in 1usize..4) {
        let file = file(text.as_bytes());
        let read = |records: usize| {
            let mut all = Vec::new();
            for split in cut(file.path(), text.len() as u64, length) {
                let (mut lines, mut since) = (SplitLines::open(split).unwrap(), 0);
                while let Some(line) = lines.next_line().unwrap() {
                    let line = (line.bytes.to_vec(), line.offset);
                    all.push((line, lines.line_number()));
                    since += 1;
                    if since == records {
                        since = 0;
                        lines = SplitLines::open(again(&lines.rest())).unwrap();
                    }
                }
            }
            all
        };
        prop_assert_eq!(read(records), read(usize::MAX));
    }
}
