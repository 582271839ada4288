//! Reads the mark by which a Flott job is told from any other program, and one built against another protocol from one
//! that can be run. The `flott` crate links it into every program that uses it.

/// The mark of the version `n` is this, `n` in decimal, and a zero byte.
const PREFIX: &[u8] = b"flott-sdk protocol=";

/// The version that a mark names, or `None` if `content` is not a mark. Linkers may pad a section or repeat the mark:
/// only what stands before the first zero byte counts.
pub(crate) fn parse_marker(content: &[u8]) -> Option<u32> {
    let end = content.iter().position(|&byte| byte == 0)?;
    let version = content[..end].strip_prefix(PREFIX)?;
    std::str::from_utf8(version).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use flott_core::sdk::{MARKER, PROTOCOL_VERSION};

    use super::*;

    #[test]
    fn marks_are_read_even_when_padded() {
        assert_eq!(parse_marker(&MARKER), Some(PROTOCOL_VERSION));
        assert_eq!(parse_marker(b"flott-sdk protocol=40000\0"), Some(40_000));
        assert_eq!(parse_marker(b"flott-sdk protocol=2\0\0\0\0"), Some(2));
    }

    #[test]
    fn anything_else_is_no_mark() {
        for content in [
            &b""[..],
            b"flott-sdk protocol=2",
            b"flott-sdk protocol=\0",
            b"flott-sdk protocol=x\0",
            b"\0",
            b"x\0",
        ] {
            assert_eq!(parse_marker(content), None, "{content:?}");
        }
    }
}
