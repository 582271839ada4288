use std::fmt;

use super::{ConfigValue, Mismatch, RawValue, duration::split_unit, parse_scalar};

/// A number of bytes, written as `64 mb`, `1g` or, as a bare number, in bytes. Units are powers of 1024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Names of each unit with its size. The first name is the one that `Display` writes.
const UNITS: [(&[&str], u64); 5] = [
    (&["tb", "t", "tib", "tebibytes"], 1 << 40),
    (&["gb", "g", "gib", "gibibytes"], 1 << 30),
    (&["mb", "m", "mib", "mebibytes"], 1 << 20),
    (&["kb", "k", "kib", "kibibytes"], 1 << 10),
    (&["bytes", "b"], 1),
];

impl ByteSize {
    /// Makes a size of `bytes`.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    fn from_text(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text);
        let number: u64 = number.parse().ok()?;
        let factor = if unit.is_empty() {
            1
        } else {
            UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())).map(|(_, factor)| *factor)?
        };
        number.checked_mul(factor).map(Self)
    }
}

impl fmt::Display for ByteSize {
    /// Writes the size in the largest unit that leaves no remainder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((names, unit)) => write!(f, "{} {}", self.0 / unit, names[0]),
            None => f.write_str("0 bytes"),
        }
    }
}

impl ConfigValue for ByteSize {
    fn allowed() -> String {
        "a size with a unit of kb, mb, gb or tb, such as 64 mb; a bare number counts bytes".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, Self::from_text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_spellings_of_flink_are_read() {
        for (text, bytes) in [
            ("1728m", 1728 << 20),
            ("64 kb", 64 << 10),
            ("1 gb", 1 << 30),
            ("1G", 1 << 30),
            ("2 tebibytes", 2 << 40),
            ("104857600", 104_857_600),
            ("7 b", 7),
        ] {
            assert_eq!(ByteSize::from_text(text), Some(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "mb", "-1 mb", "1.5 gb", "5 mb/s", "10 s", "18446744073709551615 kb", "99999999999999999999"]
        {
            assert_eq!(ByteSize::from_text(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(bytes: u64, shift in 0..50u32) {
            for size in [ByteSize(bytes), ByteSize((bytes >> shift) << shift)] {
                prop_assert_eq!(ByteSize::from_text(&size.to_string()), Some(size));
            }
        }
    }
}
