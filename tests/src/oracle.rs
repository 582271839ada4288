//! The exactly-once oracle: what the job `oracle` of the test jobs must have written, whatever has happened to it.
//!
//! Its input are the numbers below `records`. Number n has the key n mod `keys` and the time n ms. Its output:
//!
//! - `R key count number` for each number: the count is 1, 2, 3 … for the numbers of a key, each once. A count that is
//!   missing or there twice shows state that has lost or repeated a record.
//! - `T key count` for each timer of a key: how many records there were since the one before. They add up to all.
//! - `B key number` where a key saw time go back at a number: never. A watermark that was forgotten shows here.
//! - `W key first count` for each window and key: complete, each once. A pane that was forgotten shows here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

/// Milliseconds of event time of the job's windows.
const WINDOW: u64 = 500;

/// What is wrong with the output, if anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Output records that were looked at.
    pub checked: u64,
    /// What is missing.
    pub lost: u64,
    /// What is there more than once.
    pub duplicated: u64,
    /// What can't be right otherwise.
    pub wrong: u64,
    /// The first of each, in words.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Whether each record was counted exactly once.
    pub fn is_clean(&self) -> bool {
        self.checked > 0 && (self.lost, self.duplicated, self.wrong) == (0, 0, 0)
    }

    fn lost(&mut self, count: u64, example: impl FnOnce() -> String) {
        self.lost += count;
        self.example(count, example);
    }

    fn duplicated(&mut self, count: u64, example: impl FnOnce() -> String) {
        self.duplicated += count;
        self.example(count, example);
    }

    fn wrong(&mut self, example: impl FnOnce() -> String) {
        self.wrong += 1;
        self.example(1, example);
    }

    fn example(&mut self, count: u64, example: impl FnOnce() -> String) {
        if count > 0 && self.examples.len() < 10 {
            self.examples.push(example());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checked, lost, duplicated, wrong, examples } = self;
        write!(f, "{checked} records checked, {lost} lost, {duplicated} duplicated, {wrong} wrong")?;
        examples.iter().try_for_each(|example| write!(f, "\n  {example}"))
    }
}

/// Checks the output of a job over `records` numbers and `keys` keys that has run to its end.
pub fn check(output: &Path, records: u64, keys: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let mut numbers = BTreeSet::new();
    let mut counts = BTreeMap::<u64, BTreeSet<u64>>::new();
    let mut timers = BTreeMap::<u64, u64>::new();
    let mut windows = BTreeMap::<(u64, u64), u64>::new();
    for line in lines(&output.join("records")).into_iter().chain(lines(&output.join("windows"))) {
        verdict.checked += 1;
        let fields: Vec<_> = line.split(' ').collect();
        let parsed: Option<Vec<u64>> = fields[1..].iter().map(|field| field.parse().ok()).collect();
        match (fields[0], parsed.as_deref()) {
            ("R", Some(&[key, count, number])) => {
                if !numbers.insert(number) {
                    verdict.duplicated(1, || format!("number {number} is there twice"));
                }
                if number % keys != key || number >= records {
                    verdict.wrong(|| format!("number {number} of key {key} was never there"));
                }
                if !counts.entry(key).or_default().insert(count) {
                    verdict.duplicated(1, || format!("key {key} has counted {count} twice"));
                }
            }
            ("T", Some(&[key, count])) => *timers.entry(key).or_default() += count,
            ("B", Some(&[key, number])) => {
                verdict.wrong(|| format!("time went back for key {key} at number {number}"));
            }
            ("W", Some(&[key, first, count])) => {
                if windows.insert((first / WINDOW, key), count).is_some() {
                    verdict.duplicated(1, || format!("a window of key {key} at {first} is there twice"));
                }
            }
            _ => verdict.wrong(|| format!("the line \"{line}\" is damaged")),
        }
    }
    let missing = (0..records).filter(|number| !numbers.contains(number));
    let missing: Vec<_> = missing.collect();
    verdict.lost(missing.len() as u64, || format!("number {} is missing", missing[0]));
    for key in 0..keys.min(records) {
        let total = (records - key).div_ceil(keys);
        let counted = counts.remove(&key).unwrap_or_default();
        if counted.last().copied().unwrap_or(0) != total || counted.len() as u64 != total {
            let last = counted.last().copied().unwrap_or(0);
            verdict
                .wrong(|| format!("key {key} has counted {} records up to {last} of {total}", counted.len()));
        }
        match timers.get(&key).copied().unwrap_or(0) {
            told if told < total => {
                verdict.lost(total - told, || format!("timers of key {key} tell {told} of {total}"));
            }
            told => {
                verdict.duplicated(told - total, || format!("timers of key {key} tell {told} of {total}"))
            }
        }
    }
    for window in 0..records.div_ceil(WINDOW) {
        let range = window * WINDOW..((window + 1) * WINDOW).min(records);
        for key in 0..keys {
            let expected = range.clone().filter(|number| number % keys == key).count() as u64;
            match windows.get(&(window, key)).copied().unwrap_or(0) {
                count if count < expected => {
                    verdict.lost(expected - count, || {
                        format!("window {window} of key {key} has {count} of {expected} records")
                    });
                }
                count => verdict.duplicated(count - expected, || {
                    format!("window {window} of key {key} has {count} of {expected} records")
                }),
            }
        }
    }
    verdict
}

/// The lines of all visible files of a directory.
fn lines(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && path.is_file() {
            lines.extend(fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned));
        }
    }
    lines
}

/// How many lines are visible so far.
pub fn visible(output: &Path) -> usize {
    lines(&output.join("records")).len()
}
