//! What `flott run` and `flott info` have in common: a program, and settings for its job.

use std::{collections::BTreeMap, path::Path};

use crate::{
    args::SettingArgs,
    failure::{Failure, chain},
};

/// Keys of these groups concern the client alone.
const OWN_GROUPS: [&str; 2] = ["rest.", "client."];

/// Refuses a file that cannot be an artifact, before a cluster is troubled with it.
pub(super) fn check_artifact(path: &Path) -> Result<(), Failure> {
    flott_artifact::inspect(path)
        .map(drop)
        .map_err(|error| Failure::failed(format!("Cannot run {}: {}", path.display(), chain(&error))))
}

/// The `-D` settings that the job is to have, not the client. They have been checked.
pub(super) fn job_settings(args: &SettingArgs) -> BTreeMap<String, String> {
    let pairs = args.settings.iter().filter_map(|setting| setting.split_once('='));
    pairs
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .filter(|(key, _)| !OWN_GROUPS.iter().any(|group| key.starts_with(group)))
        .collect()
}
