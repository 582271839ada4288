//! What can be wrong with an artifact.

use std::{io, time::Duration};

use flott_core::{
    job_graph::GraphError,
    sdk::{MARKER_SECTION, PROTOCOL_VERSION},
};

use crate::{
    inspect::HOST_ARCHITECTURE,
    plan::{FILE_LIMIT_BYTES, PLAN_FILE_LIMIT_BYTES},
};

/// Where the fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The artifact, or how it was called: its author or submitter can mend it.
    User,
    /// The machine: files, memory, processes.
    External,
    /// Flott itself.
    Internal,
}

/// Why a file is not an artifact, or why its plan could not be made. The texts name what was found and what is needed,
/// and no path of this machine, so that they can be shown to a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read the artifact")]
    Read(#[source] io::Error),
    /// The path names a directory, a device or a socket.
    #[error("the artifact is {found}, not a file; {}", needed())]
    NotAFile {
        /// What it is, such as `a directory`.
        found: &'static str,
    },
    /// The file has no content.
    #[error("the artifact is empty (0 bytes); {}", needed())]
    Empty,
    /// A script for an interpreter.
    #[error("the artifact is a script (its first line is \"{first_line}\"); {}", needed())]
    Script {
        /// The `#!` line.
        first_line: String,
    },
    /// Text.
    #[error("the artifact is a text file (it starts with \"{start}\"); {}", needed())]
    Text {
        /// Its first characters.
        start: String,
    },
    /// A zip archive, which a Java jar is.
    #[error("the artifact is a Java archive (jar) or zip file, which Flott does not run; {}", needed())]
    JavaArchive,
    /// Bytes of no format that could be run here.
    #[error("the artifact is {found}, not an ELF executable; {}", needed())]
    NotExecutable {
        /// What it is, as far as can be told.
        found: String,
    },
    /// Cut off while copying or building.
    #[error(
        "the artifact is truncated: its headers speak of {expected_bytes} bytes or more, it has {found_bytes}; \
         copy or build it again"
    )]
    Truncated {
        /// The least size that the headers imply.
        expected_bytes: u64,
        /// The file's size.
        found_bytes: u64,
    },
    /// Headers that contradict themselves.
    #[error("the artifact is damaged ({reason}); copy or build it again")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// A 32-bit program.
    #[error("the artifact is a 32-bit program; {}", needed())]
    ThirtyTwoBit,
    /// A program for other machines.
    #[error("the artifact is built for {found}; {}", needed())]
    OtherArchitecture {
        /// The architecture it is for.
        found: String,
    },
    /// A library that cannot be started.
    #[error("the artifact is a shared library; {} (a binary target, not a cdylib)", needed())]
    SharedLibrary,
    /// Something that was not linked.
    #[error("the artifact is an object file that was not linked; {}", needed())]
    ObjectFile,
    /// The memory image of a crashed program.
    #[error("the artifact is a core dump; {}", needed())]
    CoreDump,
    /// A program without Flott's mark.
    #[error("the artifact is not a Flott job: it has no section {MARKER_SECTION}; {}", needed())]
    NotFlottJob,
    /// A program with a mark that cannot be read.
    #[error(
        "the artifact's section {MARKER_SECTION} is not readable; build it again with an unmodified flott crate"
    )]
    MarkerUnreadable,
    /// A job built with a `flott` crate of another age.
    #[error(
        "the artifact speaks version {found} of the job protocol, this Flott speaks version {PROTOCOL_VERSION}; \
         build it again with the flott crate of this release"
    )]
    ProtocolVersion {
        /// The version found.
        found: u32,
    },

    /// A file or process needed for the plan could not be made.
    #[error("cannot run the artifact in plan mode: cannot {action}")]
    PlanSetup {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The program panicked.
    #[error("the program panicked{} while planning: {message}{}", at(.location), tail(.output))]
    PlanPanicked {
        /// The panic's message.
        message: String,
        /// File, line and column, if they could be told.
        location: Option<String>,
        /// The last lines of its output.
        output: String,
    },
    /// The program ended with another code than 0.
    #[error("the program exited with code {code} while planning, without a plan{}", tail(.output))]
    PlanExited {
        /// The exit code.
        code: i32,
        /// The last lines of its output.
        output: String,
    },
    /// The program was killed.
    #[error("the program was killed by {signal} while planning{}{}", hint(.signal), tail(.output))]
    PlanKilled {
        /// The signal's name, such as `SIGSEGV`.
        signal: String,
        /// The last lines of its output.
        output: String,
    },
    /// `main` ended well but built no job.
    #[error(
        "main returned without calling execute(), so there is no job to run; \
         build the dataflow and call execute() on every path that should submit a job{}",
        tail(.output)
    )]
    NoPlan {
        /// The last lines of its output.
        output: String,
    },
    /// The program did not end.
    #[error(
        "the program did not reach execute() within {} s and was killed; \
         do long work inside the dataflow, not in main{}",
        .timeout.as_secs_f64(), tail(.output)
    )]
    PlanTimeout {
        /// How long it had.
        timeout: Duration,
        /// The last lines of its output.
        output: String,
    },
    /// The plan is larger than any sensible job's.
    #[error("the plan has {bytes} bytes, more than the {PLAN_FILE_LIMIT_BYTES} that are accepted")]
    PlanTooLarge {
        /// The plan file's size.
        bytes: u64,
    },
    /// The plan is not what the `flott` crate writes.
    #[error("the plan that the program wrote is not readable{}", tail(.output))]
    PlanUnreadable {
        /// Why it cannot be read.
        #[source]
        source: io::Error,
        /// The last lines of its output.
        output: String,
    },
    /// The plan holds a dataflow that no cluster could run.
    #[error(transparent)]
    InvalidGraph(#[from] GraphError),
    /// The `flott` crate found a mistake in the dataflow, or does not know the wanted entry.
    #[error("{0}")]
    Rejected(String),
}

impl Error {
    /// Where the fault lies.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(_) | Self::PlanSetup { .. } => ErrorKind::External,
            _ => ErrorKind::User,
        }
    }

    /// Whether the artifact ran in plan mode and failed there, as opposed to being refused as a file.
    pub fn is_plan_failure(&self) -> bool {
        matches!(
            self,
            Self::PlanSetup { .. }
                | Self::PlanPanicked { .. }
                | Self::PlanExited { .. }
                | Self::PlanKilled { .. }
                | Self::NoPlan { .. }
                | Self::PlanTimeout { .. }
                | Self::PlanTooLarge { .. }
                | Self::PlanUnreadable { .. }
                | Self::InvalidGraph(_)
                | Self::Rejected(_)
        )
    }
}

/// What every refusal ends with.
fn needed() -> String {
    format!(
        "a Flott artifact is a native 64-bit {HOST_ARCHITECTURE} Linux program built with the flott crate"
    )
}

fn at(location: &Option<String>) -> String {
    location.as_ref().map(|location| format!(" at {location}")).unwrap_or_default()
}

fn hint(signal: &str) -> String {
    match signal {
        "SIGXFSZ" => format!(" (it wrote a file of more than {FILE_LIMIT_BYTES} bytes)"),
        "SIGABRT" => " (it aborted)".to_owned(),
        _ => String::new(),
    }
}

fn tail(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() { String::new() } else { format!("\nlast lines of its output:\n{output}") }
}
