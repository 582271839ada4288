//! Names of uploads.

use std::{convert::Infallible, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most characters of a client's file name that are kept.
const NAME_LIMIT: usize = 128;

/// One upload of an artifact: `<uuid>_<name>`, as Flink's jar ids. A text that is no such id names no artifact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactId(String);

impl ArtifactId {
    /// A new id for a file that a client calls `name`; `None` if nothing of the name can be kept.
    pub(crate) fn generate(name: &str) -> Option<Self> {
        let name = harmless(name);
        (!name.is_empty()).then(|| Self(format!("{}_{name}", Uuid::new_v4())))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the id says of the file's name.
    pub fn name(&self) -> &str {
        self.0.split_once('_').map_or("", |(_, name)| name)
    }

    /// What makes the id unique, if it is one that [`generate`](Self::generate) has made.
    pub(crate) fn uuid(&self) -> Option<Uuid> {
        self.0.split_once('_').and_then(|(uuid, _)| Uuid::try_parse(uuid).ok())
    }
}

impl fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ArtifactId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for ArtifactId {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

/// The last part of a path, with `_` for what might mean something to a shell, a terminal or a browser.
fn harmless(name: &str) -> String {
    let last = name.trim().rsplit(['/', '\\']).next().unwrap_or_default();
    let keep = |c: char| if c.is_alphanumeric() || "._-+".contains(c) { c } else { '_' };
    last.chars().take(NAME_LIMIT).map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_harmless() {
        for (given, kept) in [
            ("word-count", "word-count"),
            ("C:\\jobs\\a.jar", "a.jar"),
            ("../../etc/passwd", "passwd"),
            ("<b>\u{1b}[2J\n", "_b___2J"),
            ("größe v2", "größe_v2"),
        ] {
            assert_eq!(harmless(given), kept);
        }
        assert_eq!(harmless(&"x".repeat(1000)).len(), NAME_LIMIT);
        assert_eq!(ArtifactId::generate("dir/"), None);
        let id = ArtifactId::generate("my_job").unwrap();
        assert_eq!(id.name(), "my_job");
        assert!(id.uuid().is_some());
        assert_eq!(ArtifactId::from("../x_y").uuid(), None);
    }
}
