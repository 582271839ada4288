use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, BufWriter, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use flott_runtime::{BoxError, OperatorContext, Sink, SinkWriter};

use crate::path;

const BUFFER: usize = 256 << 10;

/// What keeps output from being written.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot write to {path}: {cause}")]
    Io { path: String, cause: io::Error },
    #[error("cannot write to {path}: it is a file, but a directory is needed")]
    NotADirectory { path: String },
    #[error(
        "cannot write {path}: another sink of this job writes to the same directory: give each a directory of its own"
    )]
    Shared { path: String },
    #[error(
        "cannot write to {directory}: it holds \"{file}\" of another run: remove it or choose another directory"
    )]
    Occupied { directory: String, file: String },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |cause| Error::Io { path: path.display().to_string(), cause }
}

/// Writes each record as a line of text, one part file a subtask: `DIR/part-<job>-<subtask>`. A part file gets its name
/// once it is complete; until then it is hidden. A directory that holds part files of another job is refused, so that
/// results never mix.
#[derive(Clone, Debug)]
pub struct TextFileSink {
    directory: String,
}

impl TextFileSink {
    /// Writes to this directory, which is made if it is not there.
    pub fn new(directory: impl Into<String>) -> Self {
        Self { directory: directory.into() }
    }
}

/// Writes for a [`TextFileSink`].
pub struct TextFileWriter<T> {
    /// `None` once finished.
    file: Option<BufWriter<File>>,
    in_progress: PathBuf,
    complete: PathBuf,
    record: PhantomData<fn(T)>,
}

impl<T: Display + 'static> Sink<T> for TextFileSink {
    type Writer = TextFileWriter<T>;

    fn writer(&self, context: &OperatorContext) -> Result<TextFileWriter<T>, BoxError> {
        let directory = path::resolve(&self.directory)?;
        let job = context.task.job_id.to_string();
        let own_prefix = format!("part-{}-", &job[..8]);
        prepare(&directory, &own_prefix)?;
        let name = format!("{own_prefix}{}", context.task.subtask);
        let attempt = context.task.attempt;
        let in_progress = directory.join(format!(".{name}.inprogress-{attempt}"));
        let complete = directory.join(name);
        let shared = |path: &Path| Error::Shared { path: path.display().to_string() };
        // A later attempt replaces what an earlier one has completed.
        if attempt.0 == 0 && complete.exists() {
            return Err(shared(&complete).into());
        }
        let file = File::create_new(&in_progress).map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => shared(&complete),
            _ => io_error(&in_progress)(cause),
        })?;
        Ok(TextFileWriter {
            file: Some(BufWriter::with_capacity(BUFFER, file)),
            complete,
            in_progress,
            record: PhantomData,
        })
    }
}

/// Makes the directory and looks for part files that are not of this job.
fn prepare(directory: &Path, own_prefix: &str) -> Result<(), Error> {
    if directory.exists() && !directory.is_dir() {
        return Err(Error::NotADirectory { path: directory.display().to_string() });
    }
    fs::create_dir_all(directory).map_err(io_error(directory))?;
    for entry in fs::read_dir(directory).map_err(io_error(directory))? {
        let name = entry.map_err(io_error(directory))?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("part-") && !name.starts_with(own_prefix) {
            return Err(Error::Occupied {
                directory: directory.display().to_string(),
                file: name.into_owned(),
            });
        }
    }
    Ok(())
}

impl<T> TextFileWriter<T> {
    fn with_file(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), BoxError> {
        if let Some(file) = &mut self.file {
            write(file).map_err(io_error(&self.in_progress))?;
        }
        Ok(())
    }
}

impl<T: Display> SinkWriter<T> for TextFileWriter<T> {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), BoxError> {
        self.with_file(|file| batch.drain(..).try_for_each(|record| writeln!(file, "{record}")))
    }

    fn flush(&mut self) -> Result<(), BoxError> {
        self.with_file(BufWriter::flush)
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.with_file(|file| file.flush().and_then(|()| file.get_ref().sync_all()))?;
        fs::rename(&self.in_progress, &self.complete).map_err(io_error(&self.complete))?;
        self.file = None;
        Ok(())
    }
}

impl<T> Drop for TextFileWriter<T> {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The task has failed or was canceled: nobody will complete this file.
            let _ = fs::remove_file(&self.in_progress);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::testing::operator_of;

    fn open(directory: &Path, job: u8, attempt: u32) -> Result<TextFileWriter<u64>, String> {
        let sink = TextFileSink::new(directory.to_str().unwrap());
        sink.writer(&operator_of(job, attempt)).map_err(|error| error.to_string())
    }

    fn names(directory: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_part_file_is_seen_once_it_is_complete() {
        let directory = tempdir().unwrap();
        let mut writer = open(directory.path(), 0xab, 0).unwrap();
        writer.write(&mut vec![1, 2]).unwrap();
        assert_eq!(names(&directory), [".part-abababab-0.inprogress-0"]);
        SinkWriter::<u64>::finish(&mut writer).unwrap();
        drop(writer);
        assert_eq!(names(&directory), ["part-abababab-0"]);
        assert_eq!(fs::read_to_string(directory.path().join("part-abababab-0")).unwrap(), "1\n2\n");
    }

    #[test]
    fn nothing_stays_of_a_task_that_does_not_finish() {
        let directory = tempdir().unwrap();
        let mut writer = open(&directory.path().join("a/b"), 1, 0).unwrap();
        writer.write(&mut vec![1]).unwrap();
        drop(writer);
        assert!(fs::read_dir(directory.path().join("a/b")).unwrap().next().is_none());
    }

    #[test]
    fn two_sinks_of_a_job_do_not_share_a_directory() {
        let directory = tempdir().unwrap();
        let mut first = open(directory.path(), 1, 0).unwrap();
        assert!(open(directory.path(), 1, 0).err().unwrap().contains("another sink of this job"));
        SinkWriter::<u64>::finish(&mut first).unwrap();
        assert!(open(directory.path(), 1, 0).err().unwrap().contains("another sink of this job"));
    }

    #[test]
    fn a_later_attempt_replaces_the_earlier_ones_file() {
        let directory = tempdir().unwrap();
        for attempt in 0..2 {
            let mut writer = open(directory.path(), 1, attempt).unwrap();
            writer.write(&mut vec![u64::from(attempt)]).unwrap();
            SinkWriter::<u64>::finish(&mut writer).unwrap();
        }
        assert_eq!(fs::read_to_string(directory.path().join("part-01010101-0")).unwrap(), "1\n");
    }

    #[test]
    fn places_that_cannot_be_used_are_refused_by_name() {
        let directory = tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(open(&file, 1, 0).err().unwrap().contains("it is a file"));
        let below = open(&file.join("below"), 1, 0).err().unwrap();
        assert!(below.contains("file/below"), "{below}");
        fs::write(directory.path().join("part-02020202-0"), "").unwrap();
        assert!(open(directory.path(), 1, 0).err().unwrap().contains("\"part-02020202-0\" of another run"));
    }
}
