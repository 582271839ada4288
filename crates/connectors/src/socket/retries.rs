use std::time::Duration;

/// How often to connect again. All attempts of a subtask count, as in Flink, also those that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// Not at all.
    Never,
    /// So many times.
    Times(u32),
    /// For ever.
    Always,
}

impl Retries {
    /// Flink's number: negative for ever.
    pub fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Never,
            1.. => Self::Times(number.try_into().unwrap_or(u32::MAX)),
            _ => Self::Always,
        }
    }
}

/// Between attempts, as in Flink.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// How many attempts there were.
#[derive(Debug)]
pub(super) struct Attempts {
    retries: Retries,
    made: u32,
}

impl Attempts {
    pub(super) fn new(retries: Retries) -> Self {
        Self { retries, made: 0 }
    }

    /// Whether there may be another attempt, which is counted then.
    pub(super) fn again(&mut self) -> bool {
        let again = match self.retries {
            Retries::Never => false,
            Retries::Times(times) => self.made < times,
            Retries::Always => true,
        };
        self.made = self.made.saturating_add(u32::from(again));
        again
    }

    /// For error messages.
    pub(super) fn in_words(&self) -> String {
        match self.made {
            0 => String::new(),
            1 => ", also after 1 retry".to_owned(),
            made => format!(", also after {made} retries"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_flinks() {
        assert_eq!(Retries::from_number(0), Retries::Never);
        assert_eq!(Retries::from_number(3), Retries::Times(3));
        assert_eq!(Retries::from_number(-1), Retries::Always);
        assert_eq!(Retries::from_number(i64::MAX), Retries::Times(u32::MAX));
    }

    #[test]
    fn attempts_are_counted() {
        let mut attempts = Attempts::new(Retries::Times(2));
        assert_eq!(attempts.in_words(), "");
        assert!(attempts.again() && attempts.again());
        assert!(!attempts.again());
        assert_eq!(attempts.in_words(), ", also after 2 retries");
        assert!(!Attempts::new(Retries::Never).again());
        assert!(Attempts { retries: Retries::Always, made: u32::MAX }.again());
    }
}
