//! Finds events in a daemon's log, the newest first: files are read backwards, from the end of the current one to older ones.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use flott_core::{
    config::LogLevel,
    logs::{FoundLines, LogLine, LogQuery, MAX_LOG_LINES},
};
use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};

/// Most bytes that one search reads.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// Longest that one search takes.
const MAX_TIME: Duration = Duration::from_secs(3);

/// Most bytes of an event that are returned; the rest is cut off.
const MAX_EVENT_BYTES: usize = 16 * 1024;

/// Most bytes of all events that are returned.
const MAX_FOUND_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Most older files that are looked for.
const MAX_FILES: u32 = 1000;

/// Finds the newest events in `file` and in the older ones beside it, `.1`, `.2` and so on. Bounded in bytes and time. Blocks.
///
/// # Errors
/// If a file can't be read. That there is none is no error.
pub fn search(file: &Path, query: &LogQuery) -> io::Result<FoundLines> {
    let started = now();
    let wanted = query.lines.clamp(1, MAX_LOG_LINES);
    let search = query.search.to_lowercase();
    let (mut budget, mut found_bytes) = (MAX_BYTES, 0);
    let mut found = FoundLines::default();
    'files: for file in open_all(file)? {
        let mut events = Events::new(Lines::new(file)?);
        while let Some(event) = events.next()? {
            if found.lines.len() == wanted && matches(&event, query, &search) {
                found.truncated = true;
                break 'files;
            }
            if found.lines.len() < wanted && matches(&event, query, &search) {
                found_bytes += event.text.len();
                found.lines.push(event);
            }
            let read = std::mem::take(&mut events.lines.read);
            budget = budget.saturating_sub(read);
            if budget == 0 || found_bytes > MAX_FOUND_BYTES || (read > 0 && started.elapsed() > MAX_TIME) {
                found.truncated = true;
                break 'files;
            }
        }
    }
    found.lines.reverse();
    Ok(found)
}

fn matches(event: &LogLine, query: &LogQuery, search: &str) -> bool {
    event.level <= query.level
        && event.text.contains(&query.about)
        && (search.is_empty() || event.text.to_lowercase().contains(search))
}

/// The current file and the older ones, newest first. All are opened before any is read: while they are set aside none is
/// missed, and one that has got another name meanwhile is read once.
fn open_all(path: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for number in 0..=MAX_FILES {
        let mut name = OsString::from(path);
        if number > 0 {
            name.push(format!(".{number}"));
        }
        match File::open(&name) {
            Ok(file) => {
                let metadata = file.metadata()?;
                if metadata.is_file() && seen.insert((metadata.dev(), metadata.ino())) {
                    files.push(file);
                }
            }
            // The current one may just be set aside.
            Err(error) if error.kind() == io::ErrorKind::NotFound && number == 0 => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

/// The lines of a file, the last first, each cut off behind [`MAX_EVENT_BYTES`].
struct Lines {
    file: File,
    /// Where what was not read yet ends.
    end: u64,
    /// What was read and not returned: the end of a line at first, then whole lines.
    buffer: Vec<u8>,
    /// Bytes read since the reader was asked last.
    read: u64,
}

impl Lines {
    fn new(file: File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        Ok(Self { file, end, buffer: Vec::new(), read: 0 })
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            // A break at the very end ends the line before it, which is what is returned next.
            let body = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            if let Some(end) = body.iter().rposition(|&byte| byte == b'\n') {
                let line = body[end + 1..].to_vec();
                self.buffer.truncate(end + 1);
                return Ok(Some(line));
            }
            if self.end == 0 {
                let line = body.to_vec();
                let is_rest = !self.buffer.is_empty();
                self.buffer.clear();
                return Ok(is_rest.then_some(line));
            }
            self.read_more()?;
        }
    }

    /// Reads the piece before what was read, or less if the file was cut short meanwhile.
    fn read_more(&mut self) -> io::Result<()> {
        let size = self.end.min(CHUNK_BYTES as u64);
        self.end -= size;
        self.file.seek(SeekFrom::Start(self.end))?;
        let mut piece = Vec::with_capacity(size as usize + self.buffer.len().min(MAX_EVENT_BYTES));
        self.file.by_ref().take(size).read_to_end(&mut piece)?;
        self.read += size;
        // What belongs to a line that begins further ahead; only its beginning is wanted.
        self.buffer.truncate(MAX_EVENT_BYTES);
        piece.append(&mut self.buffer);
        self.buffer = piece;
        Ok(())
    }
}

/// The events of a file, the last first. Lines that do not begin as an event belong to the one before them.
struct Events {
    lines: Lines,
    zone: TimeZone,
}

impl Events {
    fn new(lines: Lines) -> Self {
        Self { lines, zone: TimeZone::system() }
    }

    fn next(&mut self) -> io::Result<Option<LogLine>> {
        let mut further: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        while let Some(line) = self.lines.next()? {
            match head(&line, &self.zone) {
                Some((unix_ms, level, text)) => {
                    let mut text = String::from_utf8_lossy(text).into_owned();
                    for line in further.iter().rev() {
                        text.push('\n');
                        text.push_str(&String::from_utf8_lossy(line));
                    }
                    cut(&mut text, MAX_EVENT_BYTES);
                    return Ok(Some(LogLine { unix_ms, level, text }));
                }
                None => {
                    bytes += line.len();
                    further.push(line);
                    // Of something that is no log at all nothing is wanted, and of an event its beginning.
                    while bytes > 2 * MAX_EVENT_BYTES || further.len() > MAX_EVENT_BYTES {
                        bytes -= further.remove(0).len();
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Reads `2026-11-22 23:33:18,531 INFO  text`.
fn head<'a>(line: &'a [u8], zone: &TimeZone) -> Option<(i64, LogLevel, &'a [u8])> {
    const SHAPE: &[u8] = b"0000-00-00 00:00:00,000 ";
    let (time, rest) = line.split_at_checked(SHAPE.len())?;
    let fits =
        |(&byte, &shape): (&u8, &u8)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    if !time.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        time[range].iter().fold(0_i16, |n, digit| n * 10 + i16::from(digit - b'0'))
    };
    let small = |range| i8::try_from(number(range)).ok();
    let date = Date::new(number(0..4), small(5..7)?, small(8..10)?).ok()?;
    let time =
        Time::new(small(11..13)?, small(14..16)?, small(17..19)?, i32::from(number(20..23)) * 1_000_000);
    let unix_ms = date.to_datetime(time.ok()?).to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
    let (level, text) = rest.split_at_checked(5)?;
    let level = std::str::from_utf8(level).ok()?.trim_end().parse().ok()?;
    Some((unix_ms, level, text.trim_ascii_start()))
}

/// Cuts a text off at a border of characters.
fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let border = (0..=bytes).rev().find(|&border| text.is_char_boundary(border)).unwrap_or(0);
        text.truncate(border);
        text.push('…');
    }
}

#[expect(clippy::disallowed_methods, reason = "a search is bounded in time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    const JOB: &str = "11111111111111111111111111111111";

    fn query(lines: usize) -> LogQuery {
        LogQuery { about: String::new(), search: String::new(), level: LogLevel::Trace, lines }
    }

    fn texts(found: &FoundLines) -> Vec<&str> {
        found.lines.iter().map(|line| line.text.as_str()).collect()
    }

    /// Writes a log; the second file is the older one.
    fn log(newer: &str, older: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daemon.log");
        std::fs::write(&path, newer).unwrap();
        std::fs::write(dir.path().join("daemon.log.1"), older).unwrap();
        (dir, path)
    }

    fn event(second: u32, rest: &str) -> String {
        format!("2026-11-22 23:33:{second:02},531 {rest}\n")
    }

    #[test]
    fn the_newest_events_are_found_oldest_first() {
        let older = event(1, "INFO  a [] - one") + &event(2, "WARN  a [] - two");
        let newer = event(3, "ERROR a [] - three") + &event(4, "DEBUG a [] - four");
        let (_dir, path) = log(&newer, &older);
        let found = search(&path, &query(3)).unwrap();
        assert_eq!(texts(&found), ["a [] - two", "a [] - three", "a [] - four"]);
        assert!(found.truncated);
        let times: Vec<_> = found.lines.windows(2).map(|pair| pair[1].unix_ms - pair[0].unix_ms).collect();
        assert_eq!(times, [1000, 1000]);
        let all = search(&path, &query(4)).unwrap();
        assert_eq!((all.lines.len(), all.truncated), (4, false));
        let grave = search(&path, &LogQuery { level: LogLevel::Warn, ..query(9) }).unwrap();
        assert_eq!(texts(&grave), ["a [] - two", "a [] - three"]);
        assert_eq!(grave.lines[1].level, LogLevel::Error);
    }

    #[test]
    fn an_event_is_about_a_job_if_its_id_is_anywhere_in_it() {
        let text = event(1, &format!("INFO  a [job_id={JOB}] - status"))
            + &event(2, &format!("INFO  a [] - ended job_id={JOB}"))
            + &event(3, "INFO  a [job_id=22222222222222222222222222222222] - Status")
            + &event(4, &format!("ERROR a [] - bad error=x\n    of {JOB}\n\tat y"));
        let (_dir, path) = log(&text, "");
        let found = search(&path, &LogQuery { about: JOB.to_owned(), ..query(9) }).unwrap();
        assert_eq!(found.lines.len(), 3);
        assert_eq!(found.lines[2].text, format!("a [] - bad error=x\n    of {JOB}\n\tat y"));
        let found =
            search(&path, &LogQuery { about: JOB.to_owned(), search: "STATUS".to_owned(), ..query(9) });
        assert_eq!(texts(&found.unwrap()), [format!("a [job_id={JOB}] - status")]);
    }

    #[test]
    fn what_is_no_event_is_passed_over_or_belongs_to_the_one_before() {
        let (_dir, path) = log("\n\nno time\n2026-13-45 99:99:99,000 INFO  x\n", "\u{0}garbage");
        assert_eq!(search(&path, &query(9)).unwrap(), FoundLines::default());
        let text = event(1, "INFO  first") + "2026-11-22 23:33 INFO\n" + &event(2, "LOUD  no level");
        let (_dir, path) = log(&(text + event(3, "INFO  last without its end").trim_end()), "");
        let found = search(&path, &query(9)).unwrap();
        assert_eq!(found.lines.len(), 2);
        assert!(found.lines[0].text.starts_with("first\n2026-11-22 23:33 INFO\n"), "{found:?}");
        assert_eq!(found.lines[1].text, "last without its end");
        let none = search(Path::new("/nonexistent/daemon.log"), &query(9)).unwrap();
        assert_eq!(none, FoundLines::default());
    }

    #[test]
    fn events_across_the_borders_of_pieces_are_whole() {
        let mut text = String::new();
        for number in 0..5000 {
            let time = format!("2026-11-22 23:{:02}:{:02},000", number / 60 % 60, number % 60);
            writeln!(text, "{time} INFO  number {number} {}", "é".repeat(number % 97)).unwrap();
        }
        let (_dir, path) = log(&text, "");
        let found = search(&path, &query(MAX_LOG_LINES)).unwrap();
        assert_eq!(found.lines.len(), 5000);
        for (number, line) in found.lines.iter().enumerate() {
            assert_eq!(line.text, format!("number {number} {}", "é".repeat(number % 97)));
        }
    }

    #[test]
    fn long_events_are_cut_off() {
        let text = event(1, &format!("INFO  begin{}", "é".repeat(200_000)))
            + &event(2, &format!("INFO  trace{}", "\n    at somewhere".repeat(20_000)));
        let (_dir, path) = log(&text, "");
        let found = search(&path, &query(9)).unwrap();
        assert_eq!(found.lines.len(), 2);
        assert!(found.lines[0].text.starts_with("beginé") && found.lines[0].text.ends_with('…'));
        assert!(found.lines[1].text.starts_with("trace\n    at"));
        assert!(found.lines.iter().all(|line| line.text.len() < MAX_EVENT_BYTES + 4));
    }

    #[test]
    fn a_file_that_was_set_aside_meanwhile_is_read_once() {
        let (dir, path) = log(&event(1, "INFO  once"), "");
        std::fs::remove_file(dir.path().join("daemon.log.1")).unwrap();
        std::fs::hard_link(&path, dir.path().join("daemon.log.1")).unwrap();
        assert_eq!(search(&path, &query(9)).unwrap().lines.len(), 1);
    }
}
