use std::fmt;

use super::{ConfigValue, Mismatch, RawValue, parse_scalar};

/// A directory or file in storage that all parts of a cluster see, as it was written: an absolute path, or a URI of a scheme
/// that there is storage for. Whoever opens it reads it closer.
///
/// ```
/// use flott_core::config::StorageLocation;
///
/// assert_eq!(StorageLocation::new(" s3://bucket/jobs ").unwrap().as_str(), "s3://bucket/jobs");
/// assert!(StorageLocation::new("hdfs://namenode/jobs").is_none());
/// assert!(StorageLocation::new("relative/path").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageLocation(String);

impl StorageLocation {
    /// Takes a URI of the scheme `file` or `s3` (or its other names `s3a` and `s3p`), or an absolute path.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_good = match text.split_once(':') {
            _ if text.starts_with('/') => true,
            Some(("file", path)) => path.starts_with('/'),
            Some(("s3" | "s3a" | "s3p", rest)) => rest.strip_prefix("//").is_some_and(|path| {
                // A user name and password would be shown wherever the URI is.
                let bucket = path.split('/').next().unwrap_or_default();
                !bucket.is_empty() && !bucket.contains(['@', ':'])
            }),
            _ => false,
        };
        (is_good && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// It, as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StorageLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ConfigValue for StorageLocation {
    fn allowed() -> String {
        "an absolute path, file:///path or s3://bucket/path, without user name and password".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_storage_that_there_is_is_taken() {
        for wrong in [
            "",
            "file:",
            "file:relative",
            "s3:bucket",
            "s3://",
            "s3:///key",
            "s3://user:secret@bucket/x",
            "http://x/y",
            "/a\0b",
            "C:\\x",
        ] {
            assert_eq!(StorageLocation::new(wrong), None, "{wrong}");
        }
        for right in ["/a b/c", "file:/x", "file:///x/", "s3://bucket", "s3a://bucket/a@b"] {
            assert_eq!(StorageLocation::new(right).unwrap().as_str(), right);
        }
    }
}
