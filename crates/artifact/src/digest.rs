//! The digest under which an artifact is stored, fetched and compared.

use std::{fmt, fs::File, io, io::Read, path::Path, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// How much of a file is read at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// SHA-256 of an artifact's bytes: equal digests are the same program. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactDigest([u8; 32]);

impl ArtifactDigest {
    /// Makes the digest of these 32 bytes, which are a SHA-256 already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Computes the digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        let mut builder = DigestBuilder::default();
        builder.update(content);
        builder.finish()
    }

    /// Computes the digest of the file at `path`, without holding the file in memory. Blocks.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut builder = DigestBuilder::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok(builder.finish()),
                read => builder.update(&chunk[..read]),
            }
        }
    }
}

/// Computes a digest from content that arrives in pieces.
#[derive(Clone, Debug, Default)]
pub struct DigestBuilder(Sha256);

impl DigestBuilder {
    /// Adds the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> ArtifactDigest {
        ArtifactDigest(self.0.finalize().into())
    }
}

/// A text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot parse artifact digest from \"{text}\": expected 64 hexadecimal digits")]
pub struct ParseDigestError {
    /// The text as given.
    pub text: String,
}

impl FromStr for ArtifactDigest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseDigestError { text: text.to_owned() })?;
        Ok(Self(bytes))
    }
}

impl TryFrom<&[u8]> for ArtifactDigest {
    type Error = ParseDigestError;

    fn try_from(bytes: &[u8]) -> Result<Self, ParseDigestError> {
        let bytes = bytes.try_into().map_err(|_| ParseDigestError { text: hex::encode(bytes) })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ArtifactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ArtifactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArtifactDigest({self})")
    }
}

impl Serialize for ArtifactDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ArtifactDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_are_sha256_however_the_content_arrives() {
        assert_eq!(ArtifactDigest::of(b"").to_string(), EMPTY);
        assert_eq!(ArtifactDigest::of(b"abc").to_string(), ABC);

        let mut builder = DigestBuilder::default();
        builder.update(b"a");
        builder.update(b"bc");
        assert_eq!(builder.finish().to_string(), ABC);

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("artifact");
        let content = vec![7; 3 * CHUNK_BYTES + 1];
        std::fs::write(&path, &content).unwrap();
        assert_eq!(ArtifactDigest::of_file(&path).unwrap(), ArtifactDigest::of(&content));
    }

    #[test]
    fn text_form_is_read_back() {
        let digest: ArtifactDigest = ABC.parse().unwrap();
        assert_eq!(digest, ArtifactDigest::of(b"abc"));
        assert_eq!(ABC.to_uppercase().parse::<ArtifactDigest>().unwrap(), digest);
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{ABC}\""));
        assert_eq!(serde_json::from_str::<ArtifactDigest>(&format!("\"{ABC}\"")).unwrap(), digest);
        assert_eq!(ArtifactDigest::try_from(&digest.as_bytes()[..]).unwrap(), digest);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "abc", &ABC[1..], &format!("{ABC}0"), &ABC.replace('b', "g"), "../../etc/passwd"] {
            let error = text.parse::<ArtifactDigest>().unwrap_err();
            assert_eq!(error.text, text);
            assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
        }
    }
}
