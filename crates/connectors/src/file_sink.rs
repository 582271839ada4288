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
        let in_progress = directory.join(format!(".{name}.inprogress-{}", context.task.attempt));
        let file = File::create(&in_progress).map_err(io_error(&in_progress))?;
        Ok(TextFileWriter {
            file: Some(BufWriter::with_capacity(BUFFER, file)),
            complete: directory.join(name),
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
