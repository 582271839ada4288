use std::fmt;

use super::{ConfigValue, Mismatch, RawValue, parse_scalar};

/// A directory or file in storage that all parts of a cluster see.
///
/// ```
/// use flott_core::config::StorageUri;
///
/// assert_eq!(StorageUri::new("/data/checkpoints/").unwrap().as_str(), "file:///data/checkpoints");
/// assert_eq!(StorageUri::new("file:/data").unwrap().as_str(), "file:///data");
/// assert_eq!(StorageUri::new("s3a://bucket/jobs").unwrap().as_str(), "s3://bucket/jobs");
/// assert!(StorageUri::new("hdfs://namenode/jobs").is_none());
/// assert!(StorageUri::new("relative/path").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageUri(String);

/// What can stand there, for error texts.
const ALLOWED: &str =
    "an absolute path, file:///path or s3://bucket/path, without user name, password, .. and query";

impl StorageUri {
    /// Reads a URI with the scheme `file` or `s3` (or its other names `s3a` and `s3p`), or an absolute path.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once(':') {
            _ if text.starts_with('/') => ("file", text),
            Some(("file", path)) => ("file", path.strip_prefix("//").unwrap_or(path)),
            Some(("s3" | "s3a" | "s3p", rest)) => ("s3", rest.strip_prefix("//")?),
            _ => return None,
        };
        let path = rest.trim_end_matches('/');
        let is_plain = !path.chars().any(|c| c.is_control() || matches!(c, '?' | '#' | '\\'))
            && !path.split('/').any(|part| matches!(part, "." | ".."));
        let has_place = match scheme {
            "file" => path.starts_with('/'),
            // A user name and password would be shown wherever the URI is.
            _ => path
                .split('/')
                .next()
                .is_some_and(|bucket| !bucket.is_empty() && !bucket.contains(['@', ':'])),
        };
        (is_plain && has_place).then(|| Self(format!("{scheme}://{path}")))
    }

    /// What [`new`](Self::new) takes.
    pub const fn allowed() -> &'static str {
        ALLOWED
    }

    /// The URI, with scheme and without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI of something in this directory.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }
}

impl fmt::Display for StorageUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ConfigValue for StorageUri {
    fn allowed() -> String {
        ALLOWED.to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_plain_places_is_taken() {
        for wrong in [
            "",
            "/",
            "file:",
            "file://",
            "file:///",
            "file://host/x/..",
            "file:relative",
            "/a/../b",
            "/a/./b",
            "s3:bucket",
            "s3://",
            "s3:///key",
            "s3://user:secret@bucket/x",
            "http://x/y",
            "/a?b",
            "/a#b",
            "/a\0b",
            "C:\\x",
        ] {
            assert_eq!(StorageUri::new(wrong), None, "{wrong}");
        }
        for (text, uri) in [
            ("/a b/c", "file:///a b/c"),
            ("file:///x//", "file:///x"),
            ("s3://bucket/", "s3://bucket"),
            ("s3p://bucket/a/b", "s3://bucket/a/b"),
        ] {
            assert_eq!(StorageUri::new(text).unwrap().as_str(), uri);
        }
    }
}
