//! Parts that wait for checkpoints, and what may happen to them meanwhile.

use flott_core::CheckpointId;
use flott_runtime::CommitOutcome;

use super::*;

/// In a job that takes checkpoints.
pub(super) fn staged(job: u8, attempt: u32) -> RuntimeContext {
    let mut context = operator_of(job, attempt);
    context.task.takes_checkpoints = true;
    context
}

type Writer = FileWriter<String, TextFormat, NoBuckets>;

fn begin(sink: &TextFileSink, context: &RuntimeContext, state: Vec<FileWriterState>) -> Writer {
    sink.writer(context, state).unwrap()
}

fn committer<B: BucketAssigner<String>>(
    sink: &FileSink<TextFormat, B>,
    context: &RuntimeContext,
) -> Box<dyn Committer<PendingPart>> {
    Sink::<String>::committer(sink, context).unwrap().unwrap()
}

fn commit(sink: &TextFileSink, context: &RuntimeContext, parts: &[PendingPart]) -> Result<(), String> {
    let outcome = committer(sink, context).commit(parts.to_vec()).map_err(|error| error.to_string())?;
    assert_eq!(outcome, CommitOutcome::Done);
    Ok(())
}

/// What stands in the files that everybody sees, and how many others there are.
fn seen(directory: &TempDir) -> (Vec<String>, usize) {
    let (hidden, visible): (Vec<_>, Vec<_>) = files(directory.path())
        .into_iter()
        .partition(|(name, _)| name.contains("/.") || name.starts_with('.'));
    let mut texts: Vec<_> = visible.into_iter().map(|(_, text)| text).collect();
    texts.sort_unstable();
    (texts, hidden.len())
}

fn prepare(
    writer: &mut Writer,
    records: &[&str],
    checkpoint: u64,
) -> (Vec<PendingPart>, Vec<FileWriterState>) {
    write(writer, records).unwrap();
    (writer.prepare_commit().unwrap(), writer.snapshot(CheckpointId(checkpoint)).unwrap())
}

#[test]
fn a_part_is_seen_once_its_checkpoint_is_complete() {
    let directory = tempdir().unwrap();
    let (sink, context) = (TextFileSink::new(path(&directory)), staged(1, 0));
    let mut writer = begin(&sink.clone().rolling(RollingPolicy::never().max_bytes(3)), &context, Vec::new());
    let (parts, _) = prepare(&mut writer, &["a", "b", "c"], 1);
    assert_eq!((parts.len(), seen(&directory)), (2, (vec![], 2)), "also those that are full");
    assert_eq!(writer.prepare_commit().unwrap(), []);
    for _ in 0..2 {
        commit(&sink, &context, &parts).unwrap();
        assert_eq!(seen(&directory), (vec!["a\nb\n".to_owned(), "c\n".to_owned()], 0));
    }
    let (parts, _) = prepare(&mut writer, &["d"], 2);
    writer.finish().unwrap();
    assert_eq!(writer.prepare_commit().unwrap(), []);
    commit(&sink, &context, &parts).unwrap();
    drop(writer);
    assert_eq!(seen(&directory).0.concat(), "a\nb\nc\nd\n");
    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "no hidden directory: {left:?}");
}

#[test]
fn what_is_prepared_at_the_end_waits_too() {
    let directory = tempdir().unwrap();
    let (sink, context) = (TextFileSink::new(path(&directory)), staged(1, 0));
    let mut writer = begin(&sink, &context, Vec::new());
    write(&mut writer, &["a"]).unwrap();
    writer.finish().unwrap();
    let parts = writer.prepare_commit().unwrap();
    drop(writer);
    assert_eq!(seen(&directory), (vec![], 1));
    commit(&sink, &context, &parts).unwrap();
    assert_eq!(seen(&directory), (vec!["a\n".to_owned()], 0));
}

#[test]
fn what_was_begun_behind_the_checkpoint_is_removed_and_nothing_else() {
    let directory = tempdir().unwrap();
    let sink = TextFileSink::new(path(&directory)).append(true);
    let mut writer = begin(&sink, &staged(1, 0), Vec::new());
    let (parts, state) = prepare(&mut writer, &["one"], 1);
    // Another checkpoint that is never complete, and a part that is open when the process is killed.
    prepare(&mut writer, &["two"], 2);
    write(&mut writer, &["three"]).unwrap();
    std::mem::forget(writer);
    let mut other_job = begin(&sink, &staged(2, 0), Vec::new());
    write(&mut other_job, &["of another job"]).unwrap();
    let mut other_sink = staged(1, 0);
    other_sink.uid = "another".into();
    let mut other_sink = begin(&sink, &other_sink, Vec::new());
    write(&mut other_sink, &["of another sink"]).unwrap();
    fs::write(directory.path().join(".hidden"), "the user's own").unwrap();
    assert_eq!(seen(&directory).1, 6);

    let context = staged(1, 1);
    let _writer = begin(&sink, &context, state);
    assert_eq!(seen(&directory).1, 4);
    commit(&sink, &context, &parts).unwrap();
    assert_eq!(seen(&directory), (vec!["one\n".to_owned()], 3));
}

#[test]
fn a_job_that_begins_anew_removes_all_that_was_left_hidden() {
    let directory = tempdir().unwrap();
    let sink = TextFileSink::new(path(&directory));
    let mut writer = begin(&sink, &staged(1, 0), Vec::new());
    prepare(&mut writer, &["one"], 1);
    std::mem::forget(writer);
    let _writer = begin(&sink, &staged(1, 1), Vec::new());
    assert_eq!(seen(&directory), (vec![], 0));
}

#[test]
fn a_part_that_has_gone_or_changed_is_never_taken_for_a_committed_one() {
    let directory = tempdir().unwrap();
    let (sink, context) = (TextFileSink::new(path(&directory)), staged(1, 0));
    let mut writer = begin(&sink, &context, Vec::new());
    let (parts, _) = prepare(&mut writer, &["abc"], 1);
    let (hidden, name) = (parts[0].hidden.clone(), parts[0].name.clone());
    let refused = || commit(&sink, &context, &parts).unwrap_err();
    let shown = name.display().to_string();

    fs::write(&name, "abc\n").unwrap();
    let error = refused();
    assert!(error.contains(&format!("cannot complete {shown}: there is a file")), "{error}");
    fs::remove_file(&name).unwrap();

    fs::write(&hidden, "ab").unwrap();
    assert!(refused().contains("has 2 bytes, but was written with 4"));

    fs::rename(&hidden, &name).unwrap();
    assert!(refused().contains("has 2 bytes, but was written with 4"), "though it has its name");

    fs::remove_file(&name).unwrap();
    let error = refused();
    assert!(error.contains(&shown) && error.contains("neither it nor"), "{error}");

    // Not to be found is something else than not to be reached.
    let nowhere = directory.path().join("file");
    fs::write(&nowhere, "").unwrap();
    let unreachable = PendingPart { hidden: nowhere.join("x"), ..parts[0].clone() };
    let error = commit(&sink, &context, &[unreachable]).unwrap_err();
    assert!(error.contains("cannot write to") && error.contains("file/x"), "{error}");
}

#[test]
fn a_savepoint_can_be_used_whatever_becomes_of_the_job() {
    let directory = tempdir().unwrap();
    let sink = TextFileSink::new(path(&directory));
    let mut writer = begin(&sink, &staged(1, 0), Vec::new());
    let (parts, state) = prepare(&mut writer, &["one"], 1);
    let mut of_savepoint = committer(&sink, &staged(1, 0));
    for _ in 0..2 {
        of_savepoint.retain(&parts.iter().collect::<Vec<_>>()).unwrap();
    }
    // The job goes back behind the savepoint, and removes what it had written there.
    std::mem::forget(writer);
    drop(begin(&sink, &staged(1, 1), Vec::new()));
    assert!(!parts[0].hidden.exists());

    let context = staged(2, 0);
    commit(&sink, &context, &parts).unwrap();
    let mut writer = begin(&sink, &context, state);
    let (more, _) = prepare(&mut writer, &["two"], 1);
    commit(&sink, &context, &more).unwrap();
    drop((writer, of_savepoint));
    assert_eq!(seen(&directory), (vec!["one\n".to_owned(), "two\n".to_owned()], 0));
    commit(&sink, &context, &parts).unwrap();
}

#[test]
fn what_a_savepoint_retained_goes_when_the_job_itself_commits_it() {
    let directory = tempdir().unwrap();
    let (sink, context) = (TextFileSink::new(path(&directory)), staged(1, 0));
    let mut writer = begin(&sink, &context, Vec::new());
    let (parts, state) = prepare(&mut writer, &["one"], 1);
    committer(&sink, &context).retain(&[&parts[0]]).unwrap();
    assert_eq!(seen(&directory), (vec![], 2));
    commit(&sink, &context, &parts).unwrap();
    assert_eq!(seen(&directory), (vec!["one\n".to_owned()], 0));
    // Whoever begins with the savepoint finds it committed, and is not refused because of it.
    commit(&sink, &staged(2, 0), &parts).unwrap();
    begin(&sink, &staged(2, 0), state);
    assert!(open(&sink, &staged(2, 0)).err().unwrap().contains("of another run"));
}

#[test]
fn a_directory_that_has_gone_meanwhile_is_made_again() {
    let directory = tempdir().unwrap();
    let (context, sink) = (staged(1, 0), TextFileSink::new(path(&directory)));
    let buckets = sink.buckets(|record: &String, _: &BucketContext| record.clone());
    let mut writer = open(&buckets, &context).unwrap();
    write(&mut writer, &["a/b"]).unwrap();
    let parts = writer.prepare_commit().unwrap();
    fs::remove_dir_all(directory.path().join("a")).unwrap();
    committer(&buckets, &context).commit(parts).unwrap();
    assert_eq!(seen(&directory), (vec!["a/b\n".to_owned()], 0));
}

#[test]
fn a_savepoint_of_a_job_without_checkpoints_holds_what_was_not_complete() {
    let directory = tempdir().unwrap();
    let (sink, context) = (TextFileSink::new(path(&directory)), operator());
    let mut writer = begin(&sink, &context, Vec::new());
    let (parts, _) = prepare(&mut writer, &["a"], 1);
    expect(&directory, &[(".part-JOB-0-0.inprogress-0", "a\n")]);
    for _ in 0..2 {
        commit(&sink, &context, &parts).unwrap();
        expect(&directory, &[("part-JOB-0-0", "a\n")]);
    }
    write(&mut writer, &["b"]).unwrap();
    writer.finish().unwrap();
    expect(&directory, &[("part-JOB-0-0", "a\n"), ("part-JOB-0-1", "b\n")]);
}
