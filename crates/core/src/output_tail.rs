//! The end of what a program has written, as it is shown to people.

use std::collections::VecDeque;

/// Most bytes that are kept.
pub const TAIL_BYTES: usize = 16 * 1024;
/// Most lines that are shown.
const MAX_LINES: usize = 30;
/// Most characters of a line that are shown.
const MAX_LINE_CHARS: usize = 400;

/// The last [`TAIL_BYTES`] of a stream.
///
/// ```
/// use flott_core::output_tail::OutputTail;
///
/// let mut tail = OutputTail::default();
/// tail.push(b"first line\n\x1b[31mlast words");
/// assert_eq!(tail.text(), "first line\n[31mlast words\n");
/// ```
#[derive(Debug, Default)]
pub struct OutputTail {
    bytes: VecDeque<u8>,
    /// Whether earlier bytes were dropped.
    cut: bool,
}

impl OutputTail {
    /// Adds what was written next.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend(piece);
        let excess = self.bytes.len().saturating_sub(TAIL_BYTES);
        self.cut |= excess > 0;
        self.bytes.drain(..excess);
    }

    /// The last lines, each with its line end. What a terminal would act upon is taken out, long lines are shortened.
    pub fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        let bytes = [front, back].concat();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        // The first line is a part of one if something was dropped.
        let first_whole = usize::from(self.cut && lines.len() > 1);
        let first = first_whole.max(lines.len().saturating_sub(MAX_LINES));
        lines[first..].iter().map(|line| tidy(line) + "\n").collect()
    }
}

fn tidy(line: &str) -> String {
    let mut text: String = line.chars().filter(|&c| !c.is_control() || c == '\t').collect();
    if let Some((end, _)) = text.char_indices().nth(MAX_LINE_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_lines_are_kept() {
        let mut tail = OutputTail::default();
        tail.push(b"one\n");
        assert_eq!(tail.text(), "one\n");
        for line in 0..10_000 {
            tail.push(format!("line {line}\n").as_bytes());
        }
        let text = tail.text();
        assert_eq!(text.lines().count(), MAX_LINES);
        assert!(text.ends_with("\nline 9999\n"));
    }

    #[test]
    fn one_endless_line_is_shortened() {
        let mut tail = OutputTail::default();
        tail.push(&[b'x'; 3 * TAIL_BYTES]);
        assert_eq!(tail.text(), "x".repeat(MAX_LINE_CHARS) + "…\n");
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        let mut tail = OutputTail::default();
        tail.push(b"a\xff\x1b[2Jb\r\n");
        assert_eq!(tail.text(), "a\u{fffd}[2Jb\n");
        assert_eq!(OutputTail::default().text(), "");
    }
}
