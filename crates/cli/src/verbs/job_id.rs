//! Ids of jobs as people give them.

use flott_core::JobId;

use crate::failure::Failure;

/// The job that is named, or a usage error that tells what is `missing`: what would have been done with it.
pub(super) fn parse(text: Option<&str>, missing: &str) -> Result<JobId, Failure> {
    let text = text.ok_or_else(|| Failure::usage(format!("Missing JobID. Specify a JobID to {missing}.")))?;
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "Cannot parse JobID from \"{text}\". The expected format is [0-9a-fA-F]{{32}}, e.g. \
             fd72014d4c864993a2e5a9287b4a9c5d."
        ))
    })
}

/// The directory and the job where the former is optional and comes first, so that the job may have been taken for it.
pub(super) fn after_directory(
    directory: Option<Option<String>>,
    job: Option<String>,
) -> (Option<String>, Option<String>) {
    match (directory.flatten(), job) {
        (directory, None) => (None, directory),
        (directory, job) => (directory, job),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_may_stand_where_its_directory_is_left_out() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(after_directory(None, some("j")), (None, some("j")));
        assert_eq!(after_directory(Some(None), some("j")), (None, some("j")));
        assert_eq!(after_directory(Some(some("d")), some("j")), (some("d"), some("j")));
        assert_eq!(after_directory(Some(some("j")), None), (None, some("j")));
        assert_eq!(after_directory(None, None), (None, None));
    }
}
