//! `flott savepoint inspect PATH`: what a savepoint or checkpoint contains, read without a cluster.

mod files;
mod read;
mod report;
mod text;

use std::path::Path;

use flott_core::config::options::s3;
use flott_storage::{Storage, StorageOptions, StorageUri, load_metadata};

use crate::{
    args::InspectArgs,
    console, context,
    failure::{Exit, Failure, chain},
};

pub(super) async fn execute(args: &InspectArgs) -> Result<(), Failure> {
    let config = context::configuration(&args.settings)?;
    let options = StorageOptions::from_map(&s3::storage_options(&config));
    let storage = Storage::open(&options.map_err(|error| Failure::failed(chain(&error)))?);
    let uri = uri(&args.path)?;
    let snapshot = load_metadata(&storage, &uri).await.map_err(|error| Failure::failed(chain(&error)))?;
    let mut problems = Vec::new();
    let manifests = read::manifests(&storage, &snapshot, &mut problems).await;
    let files = files::check(&storage, &snapshot, args.verify, &mut problems).await;
    let report = report::Report::new(&snapshot, &manifests, files, problems);
    if args.json {
        console::line(format_args!("{:#}", serde_json::json!(report)))?;
    } else {
        for line in text::lines(&report, args.verbose) {
            console::line(line)?;
        }
    }
    if report.problems.is_empty() {
        return Ok(());
    }
    for problem in &report.problems {
        console::error_line(problem);
    }
    let count = report.problems.len();
    console::error_line(format_args!(
        "{count} {} with {}: no job can begin with it as it is.",
        if count == 1 { "problem" } else { "problems" },
        report.path
    ));
    Err(Failure::told(Exit::Failed))
}

/// A path on this machine may be relative here: nobody else is to read it.
fn uri(path: &str) -> Result<StorageUri, Failure> {
    let has_scheme = path.split_once(':').is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) && rest.starts_with('/')
    });
    let usage = |error: &dyn std::error::Error| Failure::usage(chain(error));
    if has_scheme || path.is_empty() {
        return path.parse().map_err(|error| usage(&error));
    }
    let absolute = std::path::absolute(Path::new(path)).map_err(|error| usage(&error))?;
    absolute.to_string_lossy().parse().map_err(|error| usage(&error))
}
