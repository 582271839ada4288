use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The schemes that are understood, for error texts.
const SUPPORTED: &str = "file:///dir, /dir, s3://bucket/dir (also s3a and s3p)";

/// Where a file or a directory is: `file:/dir/name` or `s3://bucket/dir/name`.
///
/// The path is normalized: no empty parts, no `.` or `..`, no slash at the end. It is not percent-encoded: what stands in
/// the text is the name, as in Flink. `file:///dir`, `file:/dir` and `/dir` are the same, and are printed as `file:/dir`, as
/// Flink prints them; `s3a` and `s3p` are the same as `s3`, and are printed so.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StorageUri {
    root: Root,
    /// Empty for the root, else a slash before each part.
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Root {
    Local,
    Bucket(String),
}

/// Why a text is not the URI of anything that can be read or written. Passwords in it are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// The text is empty.
    #[error("the path is empty: expected one like {SUPPORTED}")]
    Empty,
    /// There is nothing that reads such URIs.
    #[error("the scheme \"{scheme}\" is not supported: expected {SUPPORTED}")]
    UnknownScheme {
        /// What stands before the colon.
        scheme: String,
    },
    /// It does not begin at a root, so that each process would understand it differently.
    #[error("the path \"{text}\" is relative: expected an absolute one like {SUPPORTED}")]
    Relative {
        /// The text.
        text: String,
    },
    /// Credentials would end up in logs and in checkpoints.
    #[error(
        "the {scheme} URI has credentials in it: take them out, and set s3.access-key and s3.secret-key in the configuration"
    )]
    Credentials {
        /// What stands before the colon.
        scheme: String,
    },
    /// A `file` URI names another machine.
    #[error("the URI \"{text}\" names the host \"{host}\": a file URI has none, as in file:///dir")]
    Host {
        /// The text.
        text: String,
        /// The host.
        host: String,
    },
    /// A bucket is missing or has a name that none can have.
    #[error("the URI \"{text}\" has no valid bucket: expected s3://bucket/dir")]
    Bucket {
        /// The text.
        text: String,
    },
    /// A part of the path can't be the name of a file.
    #[error("the path \"{text}\" has {problem}")]
    Path {
        /// The text.
        text: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A reference in a snapshot leads out of the job's directory.
    #[error("the reference \"{reference}\" leads out of what belongs to {directory}")]
    Escapes {
        /// The reference.
        reference: String,
        /// Where it is from.
        directory: StorageUri,
    },
}

impl StorageUri {
    /// The URI of something in this directory: `name` is a relative path, such as `chk-7/_metadata`. Its parts `.` and `..` are
    /// left out, so that it never leaves the directory.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let mut path = self.path.clone();
        for part in name.split('/').filter(|part| !matches!(*part, "" | "." | "..")) {
            path.push('/');
            path.push_str(part);
        }
        Self { root: self.root.clone(), path }
    }

    /// The directory that it is in; `None` for a root.
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.path.rsplit_once('/')?;
        Some(Self { root: self.root.clone(), path: parent.to_owned() })
    }

    /// The last part of the path; empty for a root.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is the root of the file system or of a bucket.
    pub const fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    /// The path on this machine, for `file` URIs.
    pub fn local_path(&self) -> Option<&std::path::Path> {
        match self.root {
            Root::Local => Some(std::path::Path::new(if self.is_root() { "/" } else { &self.path })),
            Root::Bucket(_) => None,
        }
    }

    /// What a reference means that stands in a file of this directory: a name beside that file (`8c5e…`), one in a sibling of
    /// the directory (`../shared/8c5e…`), or a whole URI.
    ///
    /// # Errors
    /// If it is none, or leads further up than the siblings of this directory.
    pub fn resolve(&self, reference: &str) -> Result<Self, UriError> {
        if reference.starts_with('/') || scheme_of(reference).is_some() {
            return reference.parse();
        }
        let escapes = || UriError::Escapes { reference: shown(reference), directory: self.clone() };
        let (base, rest) = match reference.strip_prefix("../") {
            Some(rest) => (self.parent().ok_or_else(escapes)?, rest),
            None => (self.clone(), reference),
        };
        let mut added = String::new();
        normalize_onto(&mut added, rest).map_err(|problem| match problem {
            PathProblem::AboveRoot => escapes(),
            PathProblem::Control => UriError::Path { text: shown(reference), problem: CONTROL },
        })?;
        if added.is_empty() {
            return Err(UriError::Path { text: shown(reference), problem: "no name of a file" });
        }
        Ok(Self { root: base.root, path: base.path + &added })
    }

    /// How files in `directory` refer to this one, so that [`resolve`](Self::resolve) finds it: by name if it is in or beside
    /// that directory, else by its whole URI.
    #[must_use]
    pub fn relative_to(&self, directory: &Self) -> String {
        if self.root == directory.root {
            let below = |directory: &Self| self.path.strip_prefix(&directory.path)?.strip_prefix('/');
            if let Some(name) = below(directory) {
                return name.to_owned();
            }
            if let Some(name) = directory.parent().as_ref().and_then(below) {
                return format!("../{name}");
            }
        }
        self.to_string()
    }

    pub(crate) const fn root(&self) -> &Root {
        &self.root
    }

    /// The path without the slash at its beginning, as object stores have it.
    pub(crate) fn key(&self) -> &str {
        self.path.strip_prefix('/').unwrap_or(&self.path)
    }

    /// Something of the same root, by its key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { root: self.root.clone(), path: format!("/{key}") }
    }

    /// The directory of this path on this machine.
    ///
    /// # Errors
    /// If the path is relative or not UTF-8.
    pub fn from_local(path: &std::path::Path) -> Result<Self, UriError> {
        let lossy = || path.to_string_lossy().into_owned();
        let text = path
            .to_str()
            .ok_or_else(|| UriError::Path { text: lossy(), problem: "characters that are not UTF-8" })?;
        if !text.starts_with('/') {
            return Err(UriError::Relative { text: shown(text) });
        }
        text.parse()
    }
}

impl FromStr for StorageUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        if text.is_empty() {
            return Err(UriError::Empty);
        }
        if text.starts_with('/') {
            return at(Root::Local, text, text);
        }
        let Some(scheme) = scheme_of(text) else {
            return Err(UriError::Relative { text: shown(text) });
        };
        let rest = &text[scheme.len() + 1..];
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        if authority.is_some_and(|authority| authority.contains('@')) {
            return Err(UriError::Credentials { scheme: scheme.to_owned() });
        }
        match scheme.to_ascii_lowercase().as_str() {
            "file" => match authority {
                Some(host) if !matches!(host, "" | "localhost") => {
                    Err(UriError::Host { text: shown(text), host: host.to_owned() })
                }
                _ if !path.starts_with('/') => Err(UriError::Relative { text: shown(text) }),
                _ => at(Root::Local, text, path),
            },
            "s3" | "s3a" | "s3p" => match authority {
                Some(bucket) if is_bucket(bucket) => at(Root::Bucket(bucket.to_owned()), text, path),
                _ => Err(UriError::Bucket { text: shown(text) }),
            },
            _ => {
                // What looks like `key:secret@host` has no scheme: nothing of it is repeated.
                let scheme = if text.contains('@') { "…" } else { scheme };
                Err(UriError::UnknownScheme { scheme: scheme.to_owned() })
            }
        }
    }
}

impl fmt::Display for StorageUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Local if self.is_root() => f.write_str("file:/"),
            Root::Local => write!(f, "file:{}", self.path),
            Root::Bucket(bucket) => write!(f, "s3://{bucket}{}", self.path),
        }
    }
}

impl fmt::Debug for StorageUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorageUri({self})")
    }
}

impl From<StorageUri> for String {
    fn from(uri: StorageUri) -> Self {
        uri.to_string()
    }
}

impl TryFrom<String> for StorageUri {
    type Error = UriError;

    fn try_from(text: String) -> Result<Self, UriError> {
        text.parse()
    }
}

const CONTROL: &str = "control characters in it";

enum PathProblem {
    AboveRoot,
    Control,
}

fn at(root: Root, text: &str, path: &str) -> Result<StorageUri, UriError> {
    let mut normal = String::new();
    normalize_onto(&mut normal, path).map_err(|problem| UriError::Path {
        text: shown(text),
        problem: match problem {
            PathProblem::AboveRoot => "more \"..\" than directories",
            PathProblem::Control => CONTROL,
        },
    })?;
    Ok(StorageUri { root, path: normal })
}

/// Appends the parts of `path`, each with a slash before it.
fn normalize_onto(normal: &mut String, path: &str) -> Result<(), PathProblem> {
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => normal.truncate(normal.rfind('/').ok_or(PathProblem::AboveRoot)?),
            _ if part.chars().any(char::is_control) => return Err(PathProblem::Control),
            _ => {
                normal.push('/');
                normal.push_str(part);
            }
        }
    }
    Ok(())
}

/// What stands before the first colon, if that is the form of a scheme.
fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut characters = scheme.chars();
    let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic());
    (begins && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
        .then_some(scheme)
}

fn is_bucket(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= 255 && name.bytes().all(allowed)
}

/// The text as it may stand in an error: short, printable, and without what may be credentials.
fn shown(text: &str) -> String {
    const LONGEST: usize = 256;
    let (before, text) = match text.rfind('@') {
        Some(at) => ("…", &text[at..]),
        None => ("", text),
    };
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    before.chars().chain(text.chars().map(printable).take(LONGEST)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> StorageUri {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn all_forms_of_a_local_path_are_one() {
        for text in [
            "file:///a/b c",
            "file:/a/b c",
            "/a/b c",
            "file://localhost/a/b c/",
            "/a//./x/../b c",
            "FILE:/a/b c",
        ] {
            assert_eq!(parse(text).to_string(), "file:/a/b c", "{text}");
        }
        assert_eq!(parse("/").to_string(), "file:/");
        assert_eq!(parse("/a/b").local_path(), Some(std::path::Path::new("/a/b")));
    }

    #[test]
    fn buckets_of_all_three_schemes_are_one() {
        for text in ["s3://bucket/a/b", "s3a://bucket/a/b/", "s3p://bucket//a/b"] {
            assert_eq!(parse(text).to_string(), "s3://bucket/a/b");
            assert_eq!(parse(text).key(), "a/b");
        }
        assert_eq!(parse("s3://bucket").to_string(), "s3://bucket");
        assert_eq!(parse("s3://bucket/").local_path(), None);
    }

    #[test]
    fn refusals_name_the_fix() {
        for (text, part) in [
            ("", "the path is empty"),
            (
                "hdfs://host/a",
                "the scheme \"hdfs\" is not supported: expected file:///dir, /dir, s3://bucket/dir",
            ),
            ("a/b", "the path \"a/b\" is relative"),
            ("file:a/b", "\"file:a/b\" is relative"),
            ("./a:b", "relative"),
            ("file://host/a", "names the host \"host\""),
            ("s3:///a", "no valid bucket"),
            ("s3:/bucket/a", "no valid bucket"),
            ("s3://buck et/a", "no valid bucket"),
            ("/..", "more \"..\" than directories"),
            ("s3://bucket/../other", "more \"..\" than directories"),
            ("/a\0b", "control characters"),
        ] {
            let error = text.parse::<StorageUri>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_repeated() {
        for text in [
            "s3://KEY:SECRET@bucket/a",
            "hdfs://KEY:SECRET@host/a",
            "KEY:SECRET@bucket/a",
            "KEY/SECRET@bucket",
        ] {
            let error = text.parse::<StorageUri>().expect_err(text);
            let texts = format!("{error} {error:?}");
            assert!(!texts.contains("SECRET") && !texts.contains("KEY"), "{texts}");
        }
        assert_eq!(parse("s3://bucket/user@host").key(), "user@host");
    }

    #[test]
    fn references_reach_siblings_but_no_further() {
        let directory = parse("s3://bucket/job/chk-3");
        let resolve = |reference: &str| directory.resolve(reference).map(|uri| uri.to_string());
        assert_eq!(resolve("x").unwrap(), "s3://bucket/job/chk-3/x");
        assert_eq!(resolve("../shared/x").unwrap(), "s3://bucket/job/shared/x");
        assert_eq!(resolve("/tmp/x").unwrap(), "file:/tmp/x");
        assert_eq!(resolve("s3://other/x").unwrap(), "s3://other/x");
        for reference in ["../../x", "../a/../../x", "a/../../x", "", "..", "../"] {
            assert!(resolve(reference).is_err(), "{reference}");
        }
        assert!(parse("/").resolve("../x").is_err());
    }

    #[test]
    fn relative_references_resolve_to_what_they_came_from() {
        let directory = parse("/ck/job/chk-3");
        for (uri, reference) in [
            ("/ck/job/chk-3/x", "x"),
            ("/ck/job/shared/x", "../shared/x"),
            ("/ck/job/chk-31/x", "../chk-31/x"),
            ("/ck/other/x", "file:/ck/other/x"),
            ("s3://bucket/ck/job/chk-3/x", "s3://bucket/ck/job/chk-3/x"),
        ] {
            assert_eq!(parse(uri).relative_to(&directory), reference);
            assert_eq!(directory.resolve(reference).unwrap(), parse(uri));
        }
    }

    #[test]
    fn joined_names_stay_inside() {
        assert_eq!(parse("/a").join("../b//./c").to_string(), "file:/a/b/c");
        assert_eq!(parse("/").join("a").to_string(), "file:/a");
        assert_eq!(parse("/a/b").parent(), Some(parse("/a")));
        assert_eq!(parse("/").parent(), None);
        assert_eq!(parse("/a/b").name(), "b");
    }
}
