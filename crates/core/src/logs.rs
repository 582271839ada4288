//! What is looked for in the daemons' logs, and what is found.

use crate::config::LogLevel;

/// Most lines that one search returns.
pub const MAX_LOG_LINES: usize = 5000;

/// What to look for. Of all that matches the newest is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// What an event must contain to the letter, with its fields: the id of a job, say. Empty: nothing.
    pub about: String,
    /// What its text must contain, upper and lower case alike. Empty: nothing.
    pub search: String,
    /// Lesser events are left out.
    pub level: LogLevel,
    /// Most events, from 1 to [`MAX_LOG_LINES`].
    pub lines: usize,
}

/// An event in a log: a line, with the further ones that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When, in milliseconds since 1970.
    pub unix_ms: i64,
    /// How grave it is.
    pub level: LogLevel,
    /// What comes behind the level: target, fields and message.
    pub text: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundLines {
    /// Oldest first.
    pub lines: Vec<LogLine>,
    /// Whether there are older ones, or may be: reading is bounded.
    pub truncated: bool,
}
