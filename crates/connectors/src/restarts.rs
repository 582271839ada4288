//! Sources whose readers stop at any batch, and go on in another process.

use std::fs;

use flott_runtime::{Batch, ReadStatus, Source, SourceReader};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::{
    BytesFormat, CollectionSource, CsvFormat, FileFormat, FileSource, GeneratorSource, JsonFormat,
    OnMalformed, TextFormat,
    testing::{operator, read_all},
};

/// Reads a source, and after each so many batches goes on with a new reader from where the last one was.
fn read_in_pieces<S: Source>(source: &S, batches: usize) -> Vec<S::Record> {
    let context = operator();
    let splits = source.enumerator(&context, None).unwrap().discover().unwrap().splits;
    let mut all = Vec::new();
    let mut reader = source.reader(&context).unwrap();
    assert!(reader.snapshot().unwrap().is_none(), "it reads nothing yet");
    for split in splits {
        reader.start(split).unwrap();
        let mut since = 0;
        loop {
            let mut batch = Batch::new();
            let status = reader.read(&mut batch).unwrap();
            all.extend(batch.records);
            if status == ReadStatus::SplitEnded {
                break;
            }
            since += 1;
            if since == batches {
                since = 0;
                let split = reader.snapshot().unwrap().expect("it is in the middle of a split");
                let bytes = postcard::to_stdvec(&split).unwrap();
                // What the old reader has read ahead is read again.
                reader = source.reader(&context).unwrap();
                reader.start(postcard::from_bytes(&bytes).unwrap()).unwrap();
            }
        }
        assert!(reader.snapshot().unwrap().is_none(), "nothing is left of it");
    }
    all
}

fn expect_the_same<S: Source<Record: PartialEq + std::fmt::Debug>>(source: &S, count: usize) {
    let expected = read_all(source).unwrap();
    assert_eq!(expected.len(), count);
    for batches in [1, 2, 3] {
        assert!(read_in_pieces(source, batches) == expected, "a new reader after {batches} batches");
    }
}

fn expect_the_same_of_file<F>(format: F, content: &[u8], count: usize)
where
    F: FileFormat<Record: PartialEq + std::fmt::Debug>,
{
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    expect_the_same(&FileSource::for_format(file.path().to_str().unwrap(), format), count);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    number: u64,
    text: String,
}

/// Rows of very different lengths.
fn rows() -> Vec<Row> {
    let text =
        |number: u64| "x".repeat((number * 7919 % 101) as usize * (1 + number as usize % 50 / 49 * 40));
    (0..6_000).map(|number| Row { number, text: text(number) }).collect()
}

fn encode<R: crate::RowFormat<Row>>(format: &R) -> Vec<u8> {
    crate::testing::encode(format, &rows())
}

#[test]
fn files_of_all_formats_are_read_on_exactly_where_the_last_reader_was() {
    let json = encode(&JsonFormat::new());
    expect_the_same_of_file(TextFormat, &json, 6_000);
    expect_the_same_of_file(BytesFormat, &json, 6_000);
    expect_the_same_of_file(JsonFormat::<Row>::new(), &json, 6_000);
    let csv = encode(&CsvFormat::new());
    expect_the_same_of_file(CsvFormat::<Row>::new(), &csv, 6_000);
    expect_the_same_of_file(CsvFormat::<Row>::new().no_quoted_newlines(), &csv, 6_000);
    let csv = encode(&CsvFormat::new().no_header());
    expect_the_same_of_file(CsvFormat::<Row>::new().no_header(), &csv, 6_000);
}

#[test]
fn malformed_records_are_met_once_and_where_they_are() {
    let mut json = encode(&JsonFormat::new());
    let middle = json.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    json.splice(middle..middle, *b"no json\n");
    json.extend(b"{\"number\":");
    expect_the_same_of_file(JsonFormat::<Row>::new().results(), &json, 6_002);
    let skip = JsonFormat::<Row>::new().on_malformed(OnMalformed::Skip);
    expect_the_same_of_file(skip, &json, 6_000);
}

#[test]
fn a_source_of_several_splits_is_read_on() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        fs::write(directory.path().join(name), encode(&JsonFormat::new())).unwrap();
    }
    expect_the_same(&FileSource::for_format(directory.path().to_str().unwrap(), TextFormat), 18_000);
}

#[test]
fn generators_and_collections_are_read_on() {
    expect_the_same(&GeneratorSource::new(Some(50_000), |index| index * 3), 50_000);
    expect_the_same(&CollectionSource::new((0..5_000).collect::<Vec<u32>>()), 5_000);
}

#[test]
fn an_endless_generator_is_read_on() {
    let source = GeneratorSource::new(None, |index| index);
    let context = operator();
    let mut split = source.enumerator(&context, None).unwrap().discover().unwrap().splits.remove(0);
    let mut all = Batch::new();
    for _ in 0..3 {
        let mut reader = source.reader(&context).unwrap();
        reader.start(split).unwrap();
        assert_eq!(reader.read(&mut all).unwrap(), ReadStatus::More);
        split = reader.snapshot().unwrap().unwrap();
    }
    assert_eq!(all.records, (0..all.records.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_generator_with_a_rate_does_not_make_up_for_the_time_in_which_it_did_not_run() {
    let source = GeneratorSource::new(None, |index| index).rate(0.001);
    let context = operator();
    let mut split = source.enumerator(&context, None).unwrap().discover().unwrap().splits.remove(0);
    for next in 0..3u64 {
        let mut reader = source.reader(&context).unwrap();
        reader.start(split).unwrap();
        let mut batch = Batch::new();
        reader.read(&mut batch).unwrap();
        assert_eq!(batch.records, [next]);
        assert!(matches!(reader.read(&mut batch).unwrap(), ReadStatus::WaitUntil(_)));
        split = reader.snapshot().unwrap().unwrap();
    }
}
