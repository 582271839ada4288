//! Durations as Flink writes them: `10 s`, `500 ms`, `1 min`; a bare number counts milliseconds.

use std::time::Duration;

use super::{ConfigValue, Mismatch, RawValue, parse_scalar};

/// Names of each unit with its length in nanoseconds. The first name is the one that [`text`] writes.
const UNITS: [(&[&str], u128); 7] = [
    (&["d", "day", "days"], 86_400_000_000_000),
    (&["h", "hour", "hours"], 3_600_000_000_000),
    (&["min", "m", "minute", "minutes"], 60_000_000_000),
    (&["s", "sec", "secs", "second", "seconds"], 1_000_000_000),
    (&["ms", "milli", "millis", "millisecond", "milliseconds"], 1_000_000),
    (&["µs", "us", "micro", "micros", "microsecond", "microseconds"], 1_000),
    (&["ns", "nano", "nanos", "nanosecond", "nanoseconds"], 1),
];

/// Longest duration that is accepted: 100 years, so that deadlines can be added up without overflow.
const MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Returns the duration that `text` says; `None` if it says none, has an unknown unit, a sign or a fraction, or is
/// longer than 100 years.
pub fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let number: u128 = number.parse().ok()?;
    let unit_nanos = if unit.is_empty() {
        1_000_000
    } else {
        UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())).map(|(_, nanos)| *nanos)?
    };
    let nanos = number.checked_mul(unit_nanos).filter(|nanos| *nanos <= MAX.as_nanos())?;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let below = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, below))
}

/// Writes `duration` in the largest unit that leaves no remainder, so that [`parse`] returns the same.
pub fn text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let exact = UNITS.iter().find(|(_, unit)| nanos >= *unit && nanos.is_multiple_of(*unit));
    match exact {
        Some((names, unit)) => format!("{} {}", nanos / unit, names[0]),
        None => "0 ms".to_owned(),
    }
}

/// Whole milliseconds of `duration`, the form in which durations travel.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Splits `10 s` or `10s` in its digits and its unit, the unit in lower case.
pub(super) fn split_unit(text: &str) -> (&str, String) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim().to_lowercase())
}

impl ConfigValue for Duration {
    fn allowed() -> String {
        "a duration with a unit of d, h, min, s or ms, such as 10 s; a bare number counts milliseconds"
            .to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, parse)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_spellings_of_flink_are_read() {
        for (text, millis) in [
            ("10", 10),
            ("0", 0),
            ("10ms", 10),
            ("500 ms", 500),
            (" 10  s ", 10_000),
            ("10 sec", 10_000),
            ("1 min", 60_000),
            ("1m", 60_000),
            ("2 hours", 7_200_000),
            ("1 d", 86_400_000),
            ("1 D", 86_400_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("3 µs"), Some(Duration::from_micros(3)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            "-1 s",
            "+1 s",
            "1.5 s",
            "10 parsecs",
            "5 s/s",
            "1 s 5",
            "١ s",
            "99999999999999 d",
            "40000 d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_parse_are_inverse(seconds in 0..MAX.as_secs(), nanos in 0..1_000_000_000u32) {
            for duration in [Duration::new(seconds, nanos), Duration::from_secs(seconds)] {
                prop_assert_eq!(parse(&text(duration)), Some(duration));
            }
        }

        #[test]
        fn no_text_makes_parse_panic(text in ".{0,20}|[0-9]{0,45} ?[a-zµ]{0,3}") {
            let _ = parse(&text);
        }
    }
}
