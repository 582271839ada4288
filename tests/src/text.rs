//! Text to count the words of, and the truth about it.

use std::{collections::BTreeMap, fs, path::Path};

/// Words and how often they occur.
pub type Counts = BTreeMap<String, u64>;

/// At least `bytes` of text such as it is found in the wild: lines that end with `\n` and with `\r\n`, empty lines, tabs,
/// umlauts, bytes that are no UTF-8, and no end of the last line. The same for the same `seed`.
pub fn wild_text(bytes: usize, seed: u64) -> Vec<u8> {
    const PIECES: [&[u8]; 14] = [
        b"the",
        b"of",
        b"to",
        b"and",
        b"Flott",
        b"stream",
        b"word-count",
        "Übermut".as_bytes(),
        "日本".as_bytes(),
        b"caf\xe9",
        b"\xff\xfe",
        b"half\xe2\x82",
        b"don't",
        b"x=1;",
    ];
    let mut random = Random(seed);
    let mut text = Vec::with_capacity(bytes + 16);
    while text.len() < bytes {
        match random.below(12) {
            0 => text.extend(b"\r\n"),
            1 => text.extend(b"\n"),
            2 => text.extend(b"\t "),
            3 if random.below(8) == 0 => text.extend(b"\n\n\r\n"),
            // Words that only a few lines have, so that there are many keys.
            4 => text.extend(format!("w{} ", random.below(20_000)).as_bytes()),
            _ => {
                text.extend(PIECES[random.below(PIECES.len() as u64) as usize]);
                text.push(b' ');
            }
        }
    }
    text.extend(b"end");
    text
}

struct Random(u64);

impl Random {
    /// A number from 0 to below `bound`, by Marsaglia's xorshift.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Counts the words of a text line by line, as the jobs must: bytes that are no UTF-8 become U+FFFD.
pub fn count_words(text: &[u8]) -> Counts {
    let mut counts = Counts::new();
    for line in text.split(|&byte| byte == b'\n') {
        for word in String::from_utf8_lossy(line).split_whitespace() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The lines of the visible files in a directory, sorted; empty if there is no such directory.
pub fn read_lines(dir: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with('.') {
            let text = fs::read_to_string(entry.path()).expect("results are UTF-8");
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

/// Reads lines `WORD COUNT` from the part files of a directory.
///
/// # Panics
/// If a line has another form, or a word stands there twice.
#[track_caller]
pub fn read_counts(dir: &Path) -> Counts {
    let mut counts = Counts::new();
    for line in read_lines(dir) {
        let (word, count) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no count in {line:?}"));
        let count = count.parse().unwrap_or_else(|_| panic!("no number in {line:?}"));
        let earlier = counts.insert(word.to_owned(), count);
        assert_eq!(earlier, None, "{word:?} stands there twice");
    }
    counts
}
