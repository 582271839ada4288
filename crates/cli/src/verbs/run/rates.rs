//! Rates as people read them.

/// A rate, such as `1.25 M/s`.
pub(super) fn per_second(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} M/s", rate / 1e6),
        rate if rate >= 1e4 => format!("{:.1} k/s", rate / 1e3),
        rate => format!("{rate:.0} /s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short_texts() {
        let texts = [0.4, 999.0, 12_340.0, 1_254_000.0].map(per_second);
        assert_eq!(texts, ["0 /s", "999 /s", "12.3 k/s", "1.25 M/s"]);
    }
}
