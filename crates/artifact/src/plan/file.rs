//! The file into which a program in plan mode writes its plan.

use std::{
    fs::OpenOptions,
    io,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use flott_core::sdk::{PROTOCOL_VERSION, Plan};
use nix::fcntl::OFlag;
use serde::Deserialize;

use crate::{Error, PlannedJob};

/// The largest plan that is read. A job of as many vertices as are allowed has a tenth of it.
pub(crate) const PLAN_FILE_LIMIT_BYTES: u64 = 64 << 20;

/// Reads only the version, which all versions have at the same place.
#[derive(Deserialize)]
struct Version {
    protocol: u32,
}

/// Reads the plan at `path`; `output` is the end of what the program printed.
pub(super) async fn read(path: PathBuf, output: String) -> Result<PlannedJob, Error> {
    let read = tokio::task::spawn_blocking(move || read_blocking(&path, output));
    read.await.unwrap_or_else(|error| {
        Err(Error::PlanSetup { action: "read the plan", source: io::Error::other(error) })
    })
}

fn read_blocking(path: &Path, output: String) -> Result<PlannedJob, Error> {
    let unreadable = |source, output| Error::PlanUnreadable { source, output };
    // The program could have put anything here: a link to a file of ours, or a pipe that nobody writes to.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoPlan { output }),
        Err(error) => return Err(unreadable(error, output)),
    };
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Err(unreadable(error, output)),
    };
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a file"), output));
    }
    if metadata.len() > PLAN_FILE_LIMIT_BYTES {
        return Err(Error::PlanTooLarge { bytes: metadata.len() });
    }
    let mut json = Vec::new();
    if let Err(error) = file.take(PLAN_FILE_LIMIT_BYTES).read_to_end(&mut json) {
        return Err(unreadable(error, output));
    }
    parse(&json, output)
}

fn parse(json: &[u8], output: String) -> Result<PlannedJob, Error> {
    let plan = match serde_json::from_slice::<Plan>(json) {
        Ok(plan) => plan,
        Err(error) => {
            return Err(match serde_json::from_slice::<Version>(json) {
                Ok(Version { protocol }) if protocol != PROTOCOL_VERSION => {
                    Error::ProtocolVersion { found: protocol }
                }
                _ => Error::PlanUnreadable { source: error.into(), output },
            });
        }
    };
    if plan.protocol != PROTOCOL_VERSION {
        return Err(Error::ProtocolVersion { found: plan.protocol });
    }
    if let Some(error) = plan.error {
        return Err(Error::Rejected(error));
    }
    match plan.job_graph {
        Some(job_graph) => {
            job_graph.validate()?;
            Ok(PlannedJob { job_graph, entry: plan.entry, entries: plan.entries })
        }
        None => Err(Error::PlanUnreadable { source: io::Error::other("it has no job_graph"), output }),
    }
}
