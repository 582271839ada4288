//! How parts are named, so that no two are taken for one another.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use flott_core::{CheckpointId, JobId, hash};
use flott_runtime::RuntimeContext;
use uuid::Uuid;

use super::{
    error::{Error, io_error},
    part::{PendingPart, make_directory},
    writer::FileWriterState,
};

/// How a subtask names its parts.
#[derive(Clone, Debug)]
pub(super) struct PartNames {
    /// What the names of all parts of this sink begin with, whoever wrote them.
    any: String,
    /// What the names of this job's parts begin with.
    job: String,
    job_id: JobId,
    subtask: u32,
    attempt: u32,
    suffix: String,
    /// Set if parts wait for checkpoints.
    staging: Option<Staging>,
}

/// Where parts are that wait for a checkpoint: in a directory of the job and the sink, so that what failed attempts have left
/// is found without a look at all that is finished.
///
/// The name of a hidden part ends with subtask, attempt, and the number of the last checkpoint of the attempt before it. From
/// that follows whether it can be in a checkpoint: what was begun before barrier n is in checkpoint n, or committed.
#[derive(Clone, Debug)]
struct Staging {
    directory: PathBuf,
    /// Part of the names of all parts of this writer and of no other one, also after a change of the parallelism.
    writer: String,
    parallelism: u32,
    /// 0 before the first one.
    last_checkpoint: CheckpointId,
}

/// What stands before subtask, attempt and checkpoint.
const HIDDEN: &str = ".inprogress-";

impl PartNames {
    pub(super) fn new(prefix: &str, suffix: &str, context: &RuntimeContext) -> Result<Self, Error> {
        for (what, text) in [("the prefix", prefix), ("the suffix", suffix)] {
            let refused = |why| Err(Error::Name { what, text: text.to_owned(), why });
            if text.contains(['/', '\0']) {
                return refused("a name cannot contain \"/\" or null characters");
            }
            if what == "the prefix" && (text.is_empty() || text.starts_with(['.', '_'])) {
                return refused("names that begin with a dot or an underscore are hidden from readers");
            }
        }
        let job = context.job_id().to_string();
        Ok(Self {
            any: format!("{prefix}-"),
            job: format!("{prefix}-{}-", &job[..8]),
            job_id: context.job_id(),
            subtask: context.subtask_index(),
            attempt: context.attempt(),
            suffix: suffix.to_owned(),
            staging: None,
        })
    }

    /// Lets parts wait for checkpoints.
    pub(super) fn with_staging(mut self, directory: &Path, context: &RuntimeContext) -> Self {
        let writer = Uuid::new_v4().simple().to_string()[..12].to_owned();
        let parallelism = context.parallelism();
        let (directory, last_checkpoint) = (staging_directory(directory, context), CheckpointId(0));
        self.staging = Some(Staging { directory, writer, parallelism, last_checkpoint });
        self
    }

    /// The barrier of this checkpoint has come: it contains all parts that were begun before. Returns what is to be known
    /// of them when the job goes on from it.
    pub(super) fn on_checkpoint(&mut self, id: CheckpointId) -> FileWriterState {
        if let Some(staging) = &mut self.staging {
            staging.last_checkpoint = id;
        }
        FileWriterState { job: self.job_id, subtask: self.subtask, attempt: self.attempt, checkpoint: id }
    }

    /// A part of a directory.
    pub(super) fn part(&self, directory: &Path, number: u64) -> PendingPart {
        let Self { job, subtask, attempt, suffix, .. } = self;
        let (hidden, name) = match &self.staging {
            None => {
                let name = format!("{job}{subtask}-{number}{suffix}");
                (directory.join(format!(".{name}{HIDDEN}{attempt}")), name)
            }
            Some(Staging { directory: staging, writer, last_checkpoint, .. }) => {
                let name = format!("{job}{subtask}-{writer}-{number}{suffix}");
                (staging.join(format!(".{name}{HIDDEN}{subtask}-{attempt}-{last_checkpoint}")), name)
            }
        };
        let replaces = self.staging.is_none() && *attempt > 0;
        PendingPart { hidden, name: directory.join(name), length: 0, replaces }
    }

    fn is_foreign(&self, name: &str) -> bool {
        name.starts_with(&self.any) && !name.starts_with(&self.job)
    }

    /// Looks for parts that are not of this job.
    pub(super) fn check_directory(&self, directory: &Path) -> Result<(), Error> {
        for entry in fs::read_dir(directory).map_err(io_error(directory))? {
            let entry = entry.map_err(io_error(directory))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if self.is_foreign(&name) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let directory = directory.display().to_string();
                return Err(Error::Occupied { directory, file: name.into_owned() });
            }
        }
        Ok(())
    }

    /// Makes the directory in which parts wait, if they do.
    pub(super) fn make_staging(&self) -> Result<(), Error> {
        self.staging.as_ref().map_or(Ok(()), |staging| make_directory(&staging.directory))
    }

    /// After this the names of hidden parts survive a crash of the machine, too.
    pub(super) fn sync_staging(&self) -> Result<(), Error> {
        let Some(Staging { directory, .. }) = &self.staging else { return Ok(()) };
        sync_directory(directory)?;
        directory.parent().map_or(Ok(()), sync_directory)
    }

    /// Removes the hidden parts of earlier attempts that are in no checkpoint which the job may go on from. Only of this job and
    /// this sink, and only of subtasks of which this one can know: its own, and those whose states it has taken over.
    pub(super) fn remove_leftovers(&self, restored: Restored<'_>) -> Result<(), Error> {
        let Some(Staging { directory, .. }) = &self.staging else { return Ok(()) };
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(io_error(directory))?,
        };
        for entry in entries {
            let entry = entry.map_err(io_error(directory))?;
            let Some(origin) = Origin::of(&entry.file_name().to_string_lossy()) else { continue };
            if self.is_leftover(&origin, restored) {
                match fs::remove_file(entry.path()) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    removed => removed.map_err(io_error(&entry.path()))?,
                }
            }
        }
        Ok(())
    }

    fn is_leftover(&self, part: &Origin, restored: Restored<'_>) -> bool {
        let parallelism = self.staging.as_ref().map_or(1, |staging| staging.parallelism);
        match restored {
            // No checkpoint of this job is complete.
            Restored::NothingOfThisJob => part.subtask % parallelism == self.subtask,
            Restored::States(states) => states.iter().any(|state| {
                // What attempts before that one had prepared was committed before it took a checkpoint, and attempts after it
                // have completed none.
                let is_in_checkpoint =
                    part.attempt == state.attempt && part.last_checkpoint < state.checkpoint;
                part.subtask == state.subtask && !is_in_checkpoint
            }),
        }
    }
}

/// What a writer begins with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Restored<'a> {
    /// Nothing, or what another job has left in a savepoint.
    NothingOfThisJob,
    /// The states of earlier writers. None of them, if there are more subtasks now.
    States(&'a [FileWriterState]),
}

/// What the name of a hidden part says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    subtask: u32,
    attempt: u32,
    /// The last one before the part was begun.
    last_checkpoint: CheckpointId,
}

impl Origin {
    /// `None` if the name is that of something else, such as what a savepoint retains.
    fn of(name: &str) -> Option<Self> {
        let (_, origin) = name.strip_prefix('.')?.rsplit_once(HIDDEN)?;
        let mut numbers = origin.splitn(3, '-');
        let (subtask, attempt) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        let last_checkpoint = CheckpointId(numbers.next()?.parse().ok()?);
        Some(Self { subtask, attempt, last_checkpoint })
    }
}

/// Where parts of this sink wait for checkpoints.
pub(super) fn staging_directory(directory: &Path, context: &RuntimeContext) -> PathBuf {
    let sink = hash::stable_hash(&*context.uid);
    directory.join(format!(".flott-{}-{sink:016x}", context.job_id()))
}

/// Makes the names in a directory survive a crash of the machine.
pub(super) fn sync_directory(directory: &Path) -> Result<(), Error> {
    let file = fs::File::open(directory).map_err(io_error(directory))?;
    file.sync_all().map_err(io_error(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_parts_say_whose_they_are() {
        let origin = Origin { subtask: 3, attempt: 1, last_checkpoint: CheckpointId(17) };
        assert_eq!(Origin::of(".part-0-1.csv.inprogress-3-1-17"), Some(origin));
        for other in [
            "part-0-1",
            ".part-0-1.inprogress-3",
            ".part-0-1.inprogress-3-1-17.savepoint",
            ".part-0-1.inprogress-x-1-2",
            "part.inprogress-1-2-3",
        ] {
            assert_eq!(Origin::of(other), None, "{other}");
        }
    }
}
