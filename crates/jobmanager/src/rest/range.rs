//! The `Range` header (RFC 9110, section 14), as far as viewers of logs need it: one range of bytes.

use axum::http::{HeaderMap, header};

/// One range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteRange {
    /// From the first to the last position, both included.
    Between(u64, u64),
    /// From a position to the end.
    From(u64),
    /// So many bytes at the end.
    Last(u64),
}

impl ByteRange {
    /// The range that a request asks for; `None` if it asks for none, or in a form that we need not serve: then the
    /// whole is sent, as the RFC has it.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::RANGE)?.to_str().ok()?;
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| -> Option<u64> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        match (first.trim(), last.trim()) {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// First and last position of the range in something of `size` bytes; `None` if nothing of it is there.
    pub(crate) fn within(self, size: u64) -> Option<(u64, u64)> {
        let end = size.checked_sub(1)?;
        match self {
            Self::Between(first, last) => (first <= end).then(|| (first, last.min(end))),
            Self::From(first) => (first <= end).then_some((first, end)),
            Self::Last(0) => None,
            Self::Last(length) => Some((size.saturating_sub(length), end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Option<ByteRange> {
        ByteRange::of(&HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]))
    }

    #[test]
    fn ranges_are_read_and_cut() {
        assert_eq!(range("bytes=0-4").unwrap().within(10), Some((0, 4)));
        assert_eq!(range("bytes=0-99").unwrap().within(10), Some((0, 9)));
        assert_eq!(range("bytes=4-").unwrap().within(10), Some((4, 9)));
        assert_eq!(range("bytes=10-").unwrap().within(10), None);
        assert_eq!(range("bytes=-3").unwrap().within(10), Some((7, 9)));
        assert_eq!(range("bytes=-65536").unwrap().within(10), Some((0, 9)));
        assert_eq!(range("bytes=-0").unwrap().within(10), None);
        assert_eq!(range("bytes=-5").unwrap().within(0), None);
        assert_eq!(range("bytes=99999999999999999999-").unwrap().within(u64::MAX), None);
    }

    #[test]
    fn other_forms_ask_for_the_whole() {
        for text in [
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=5-1",
            "bytes=+1-2",
            "bytes=--5",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
