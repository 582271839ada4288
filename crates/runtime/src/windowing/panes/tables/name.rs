use std::fmt;

use flott_core::time::Timestamp;

use super::super::grid::{Grid, Span};

/// The name of a table in snapshots: what it holds, and the time up to which its windows have been fired. All times are in
/// milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) content: Content,
    pub(super) fired: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The records of a pane.
    Pane(Span),
    /// What windows consist of that are made of several panes.
    Slides { size: i64, slide: i64, offset: i64 },
}

impl Content {
    pub(super) fn slides(grid: &Grid) -> Self {
        Self::Slides { size: grid.size, slide: grid.slide, offset: grid.offset }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Pane(Span { start, last }) => write!(f, "pane {start} to {last}")?,
            Content::Slides { size, slide, offset } => {
                write!(f, "windows of {size} every {slide} + {offset}")?
            }
        }
        write!(f, ", fired up to {}", self.fired.as_millis())
    }
}

impl Name {
    /// The name that reads so.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (content, fired) = text.split_once(", fired up to ")?;
        let content = if let Some(span) = content.strip_prefix("pane ") {
            let (start, last) = span.split_once(" to ")?;
            Content::Pane(Span { start: start.parse().ok()?, last: last.parse().ok()? })
        } else {
            let (size, rest) = content.strip_prefix("windows of ")?.split_once(" every ")?;
            let (slide, offset) = rest.split_once(" + ")?;
            Content::Slides {
                size: size.parse().ok()?,
                slide: slide.parse().ok()?,
                offset: offset.parse().ok()?,
            }
        };
        Some(Self { content, fired: Timestamp::from_millis(fired.parse().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for content in [
            Content::Pane(Span { start: i64::MIN + 1, last: -1 }),
            Content::Slides { size: 5_000, slide: 3_000, offset: -7 },
        ] {
            for fired in [Timestamp::MIN, Timestamp::from_millis(17), Timestamp::MAX] {
                let name = Name { content, fired };
                assert_eq!(Name::parse(&name.to_string()), Some(name));
            }
        }
        for other in
            ["", "values", "pane 1 to 2", "pane 1 to x, fired up to 3", "windows of 1 every 2, fired up to 3"]
        {
            assert_eq!(Name::parse(other), None);
        }
    }
}
