//! Paths as users give them.

use std::path::{Path, PathBuf};

use flott_core::sdk;

/// A path that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// Another file system than the local one.
    #[error(
        "cannot use \"{path}\": file system \"{scheme}\" is not supported, give a local path or a file: URI"
    )]
    Scheme { path: String, scheme: String },
    /// On a cluster the directory of the user's shell means nothing.
    #[error(
        "cannot use the relative path \"{path}\" on a cluster: give an absolute path that all TaskManagers see"
    )]
    Relative { path: String },
    /// Nothing at all.
    #[error("cannot use an empty path")]
    Empty,
}

/// Understands plain paths and `file:` URIs. Relative paths are for local mode only.
pub(crate) fn resolve(text: &str) -> Result<PathBuf, PathError> {
    resolve_in(text, std::env::var_os(sdk::ENV_MODE).is_some())
}

fn resolve_in(text: &str, on_cluster: bool) -> Result<PathBuf, PathError> {
    if text.is_empty() {
        return Err(PathError::Empty);
    }
    let plain = match text.split_once(':') {
        Some(("file", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some((scheme, rest)) if rest.starts_with("//") => {
            return Err(PathError::Scheme { path: text.to_owned(), scheme: scheme.to_owned() });
        }
        _ => text,
    };
    let path = Path::new(plain);
    if on_cluster && path.is_relative() {
        return Err(PathError::Relative { path: text.to_owned() });
    }
    Ok(path.to_owned())
}

/// Paths as their bytes: they need not be UTF-8.
pub(crate) mod path_bytes {
    use std::{
        ffi::OsString,
        os::unix::ffi::{OsStrExt, OsStringExt},
        path::{Path, PathBuf},
    };

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Vec::deserialize(deserializer).map(|bytes| OsString::from_vec(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_and_file_uris_are_local() {
        assert_eq!(resolve_in("/data/in", true), Ok("/data/in".into()));
        assert_eq!(resolve_in("file:///data/in", true), Ok("/data/in".into()));
        assert_eq!(resolve_in("file:/data/in", true), Ok("/data/in".into()));
        assert_eq!(resolve_in("data:x", false), Ok("data:x".into()));
    }

    #[test]
    fn what_would_be_read_or_lost_elsewhere_is_refused() {
        assert!(resolve_in("s3://bucket/in", true).unwrap_err().to_string().contains("\"s3\""));
        assert!(resolve_in("data/in", true).unwrap_err().to_string().contains("absolute"));
        assert_eq!(resolve_in("data/in", false), Ok("data/in".into()));
        assert_eq!(resolve_in("", false), Err(PathError::Empty));
    }
}
