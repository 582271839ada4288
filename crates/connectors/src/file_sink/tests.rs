mod committing;
mod recovery;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use flott_runtime::{SinkWriter, Timestamp};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::testing::{operator, operator_of};

const JOB: &str = "01010101";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn path(directory: &TempDir) -> &str {
    directory.path().to_str().unwrap()
}

/// A writer of texts whose clock stands at 0.
fn open<B: BucketAssigner<String>>(
    sink: &FileSink<TextFormat, B>,
    context: &RuntimeContext,
) -> Result<FileWriter<String, TextFormat, B>, String> {
    sink.writer(context, Vec::new()).map_err(|error| error.to_string())
}

fn write(writer: &mut impl SinkWriter<String>, records: &[&str]) -> Result<(), String> {
    let records: Vec<_> = records.iter().map(|record| (*record).to_owned()).collect();
    writer.write(&mut records.into()).map_err(|error| error.to_string())
}

/// The files below a directory with their text. The job's id stands in no name.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap().replace(JOB, "JOB");
        if entry.file_type().unwrap().is_dir() {
            files.extend(
                super::tests::files(&entry.path())
                    .into_iter()
                    .map(|(file, text)| (format!("{name}/{file}"), text)),
            );
        } else {
            files.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
    files
}

fn expect(directory: &TempDir, expected: &[(&str, &str)]) {
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    assert_eq!(files(directory.path()), expected);
}

#[test]
fn a_part_is_seen_once_it_is_complete() {
    let directory = tempdir().unwrap();
    let mut writer = open(&TextFileSink::new(path(&directory)), &operator()).unwrap();
    expect(&directory, &[]);
    write(&mut writer, &["a", "b"]).unwrap();
    expect(&directory, &[(".part-JOB-0-0.inprogress-0", "")]);
    writer.finish().unwrap();
    drop(writer);
    expect(&directory, &[("part-JOB-0-0", "a\nb\n")]);
}

#[test]
fn nothing_stays_of_a_part_that_is_not_completed() {
    let directory = tempdir().unwrap();
    let sink = TextFileSink::new(format!("{}/a/b", path(&directory)));
    let mut writer = open(&sink.rolling(RollingPolicy::never().max_bytes(1)), &operator()).unwrap();
    write(&mut writer, &["a", "b"]).unwrap();
    drop(writer);
    expect(&directory, &[("a/b/part-JOB-0-0", "a\n")]);
}

#[test]
fn two_sinks_of_a_job_do_not_share_a_directory() {
    let directory = tempdir().unwrap();
    let sink = TextFileSink::new(path(&directory));
    let [mut first, mut second] = [open(&sink, &operator()).unwrap(), open(&sink, &operator()).unwrap()];
    write(&mut first, &["a"]).unwrap();
    assert!(write(&mut second, &["b"]).unwrap_err().contains("another sink of this job"));
    first.finish().unwrap();
    assert!(write(&mut second, &["b"]).unwrap_err().contains("another sink of this job"));
    expect(&directory, &[("part-JOB-0-0", "a\n")]);
}

#[test]
fn a_later_attempt_replaces_the_earlier_ones_part() {
    let directory = tempdir().unwrap();
    for attempt in 0..2 {
        let sink = TextFileSink::new(path(&directory));
        let mut writer = open(&sink, &operator_of(1, attempt)).unwrap();
        write(&mut writer, &[&attempt.to_string()]).unwrap();
        writer.finish().unwrap();
    }
    expect(&directory, &[("part-JOB-0-0", "1\n")]);
}

#[test]
fn places_that_cannot_be_used_are_refused_by_name() {
    let directory = tempdir().unwrap();
    let error = |sink: TextFileSink| open(&sink, &operator()).err().unwrap();
    let file = format!("{}/file", path(&directory));
    fs::write(&file, "").unwrap();
    assert!(error(TextFileSink::new(&file)).contains("it is a file"));
    let below = error(TextFileSink::new(format!("{file}/below")));
    assert!(below.contains("file/below"), "{below}");
    assert!(error(TextFileSink::new(path(&directory)).part_prefix("_x")).contains("the prefix \"_x\""));
    assert!(error(TextFileSink::new(path(&directory)).part_suffix("/x")).contains("the suffix \"/x\""));
    assert!(error(TextFileSink::new("s3://bucket/out")).contains("\"s3\" is not supported"));
}

#[test]
fn parts_of_another_run_are_refused_or_left_alone_as_the_program_wants() {
    let directory = tempdir().unwrap();
    let other = "part-02020202-0-0";
    fs::write(directory.path().join(other), "old\n").unwrap();
    let refused = open(&TextFileSink::new(path(&directory)), &operator()).err().unwrap();
    assert!(refused.contains("\"part-02020202-0-0\" of another run"), "{refused}");
    let mut writer = open(&FileSink::for_row_format(path(&directory), TextFormat), &operator()).unwrap();
    write(&mut writer, &["new"]).unwrap();
    writer.finish().unwrap();
    expect(&directory, &[(other, "old\n"), ("part-JOB-0-0", "new\n")]);

    let in_bucket = tempdir().unwrap();
    fs::create_dir(in_bucket.path().join("a")).unwrap();
    fs::write(in_bucket.path().join("a").join(other), "old\n").unwrap();
    let sink = TextFileSink::new(path(&in_bucket)).buckets(|_: &String, _: &BucketContext| "a".to_owned());
    let refused = write(&mut open(&sink, &operator()).unwrap(), &["new"]).unwrap_err();
    assert!(refused.contains("of another run"), "{refused}");
}

#[test]
fn a_full_part_is_completed_before_the_next_record() {
    let directory = tempdir().unwrap();
    let sink = TextFileSink::new(path(&directory)).rolling(RollingPolicy::never().max_bytes(3));
    let mut writer = open(&sink.part_prefix("p").part_suffix(".txt"), &operator()).unwrap();
    let huge = "x".repeat(300 << 10);
    write(&mut writer, &["a", "b", "c", &huge, "d"]).unwrap();
    expect(
        &directory,
        &[
            ("p-JOB-0-0.txt", "a\nb\n"),
            ("p-JOB-0-1.txt", &format!("c\n{huge}\n")),
            (".p-JOB-0-2.txt.inprogress-0", ""),
        ],
    );
    writer.finish().unwrap();
    assert_eq!(files(directory.path())["p-JOB-0-2.txt"], "d\n");
}

#[test]
fn an_old_or_a_quiet_part_is_completed_without_a_further_record() {
    let directory = tempdir().unwrap();
    let policy =
        RollingPolicy::never().max_age(Duration::from_millis(100)).max_inactivity(Duration::from_millis(40));
    let context = operator();
    let clock = context.clock().clone();
    let mut writer = open(&TextFileSink::new(path(&directory)).rolling(policy), &context).unwrap();
    let mut at = |millis, records: &[&str]| {
        clock.set(at(millis));
        write(&mut writer, records).unwrap();
        if let Some(now) = clock.take_due() {
            writer.on_processing_time(now).unwrap();
        }
    };
    at(0, &["a"]);
    at(39, &["b"]);
    at(40, &[]);
    expect(&directory, &[(".part-JOB-0-0.inprogress-0", "")]);
    at(79, &[]);
    expect(&directory, &[("part-JOB-0-0", "a\nb\n")]);
    for time in [200, 230, 260, 290] {
        at(time, &["c"]);
    }
    at(299, &[]);
    assert_eq!(files(directory.path()).len(), 2);
    at(300, &["d"]);
    assert_eq!(files(directory.path())["part-JOB-0-1"], "c\nc\nc\nc\nd\n", "by its age");
}

#[test]
fn records_go_to_the_buckets_of_their_times() {
    let directory = tempdir().unwrap();
    let context = operator();
    context.clock().set(at(3_600_000));
    let hours = DateTimeBuckets::new().time_zone("UTC");
    let mut writer = open(&TextFileSink::new(path(&directory)).buckets(hours.clone()), &context).unwrap();
    write(&mut writer, &["now"]).unwrap();
    writer.finish().unwrap();

    let mut by_event_time =
        open(&TextFileSink::new(path(&directory)).buckets(hours.by_event_time()), &operator_of(1, 1))
            .unwrap();
    let mut batch = flott_runtime::Batch::new();
    for (record, time) in [("a", 0), ("b", 7_200_000), ("c", 1)] {
        batch.push(record.to_owned(), at(time));
    }
    by_event_time.write(&mut batch).unwrap();
    by_event_time.finish().unwrap();
    expect(
        &directory,
        &[
            ("1970-01-01--01/part-JOB-0-0", "now\n"),
            ("1970-01-01--00/part-JOB-0-0", "a\nc\n"),
            ("1970-01-01--02/part-JOB-0-1", "b\n"),
        ],
    );
    let error = write(&mut by_event_time, &["none"]).unwrap_err();
    assert!(error.contains("it has no timestamp"), "{error}");
}

#[test]
fn very_many_buckets_do_not_need_as_many_open_files() {
    let directory = tempdir().unwrap();
    let context = operator();
    let sink =
        TextFileSink::new(path(&directory)).buckets(|record: &String, _: &BucketContext| record.clone());
    let mut writer = open(&sink, &context).unwrap();
    for number in 0..300 {
        context.clock().set(at(number));
        write(&mut writer, &[&format!("bucket/{number}")]).unwrap();
    }
    let open = files(directory.path()).keys().filter(|name| name.contains("inprogress")).count();
    assert_eq!(open, 128);
    writer.finish().unwrap();
    let files = files(directory.path());
    assert_eq!(files.len(), 300);
    assert_eq!(files["bucket/299/part-JOB-0-299"], "bucket/299\n");
}

#[test]
fn a_bucket_outside_of_the_directory_is_refused() {
    let directory = tempdir().unwrap();
    let sink = TextFileSink::new(path(&directory))
        .buckets(|_: &String, _: &BucketContext| "../elsewhere".to_owned());
    let error = write(&mut open(&sink, &operator()).unwrap(), &["a"]).unwrap_err();
    assert!(error.contains("bucket \"../elsewhere\""), "{error}");
}

#[test]
fn streams_roll_by_default_and_bounded_input_does_not() {
    let directory = tempdir().unwrap();
    let mut context = operator();
    let sink = TextFileSink::new(path(&directory));
    write(&mut open(&sink, &context).unwrap(), &["a"]).unwrap();
    assert_eq!(context.clock().next_due(), None);
    context.task.runtime_mode = RuntimeMode::Streaming;
    write(&mut open(&sink, &context).unwrap(), &["a"]).unwrap();
    assert_eq!(context.clock().next_due(), Some(at(60_000)));
}

#[test]
fn each_part_begins_with_what_its_format_begins_with() {
    #[derive(serde::Serialize)]
    struct Row {
        name: &'static str,
    }
    let directory = tempdir().unwrap();
    let sink = FileSink::for_row_format(path(&directory), crate::CsvFormat::new())
        .rolling(RollingPolicy::never().max_bytes(1));
    let mut writer = sink.writer(&operator(), Vec::new()).unwrap();
    writer.write(&mut vec![Row { name: "a" }, Row { name: "b" }].into()).unwrap();
    writer.finish().unwrap();
    expect(&directory, &[("part-JOB-0-0", "name\na\n"), ("part-JOB-0-1", "name\nb\n")]);
}
