//! Word count over a text file, between two subtasks or threads.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use flott::{CompactString, RuntimeMode, StreamExecutionEnvironment, mix};
use hashbrown::HashMap;

use crate::{
    WordCount, channels,
    measure::Answer,
    sink::{ChecksumSink, Total},
};

const VOCABULARY: u64 = 100_000;
const WORDS_PER_LINE: usize = 10;

/// The text to count.
pub(crate) enum Text {
    Generated(tempfile::NamedTempFile),
    Given(PathBuf),
}

impl Text {
    pub(crate) fn open(settings: &WordCount) -> anyhow::Result<Self> {
        if let Some(input) = &settings.input {
            return Ok(Self::Given(input.clone()));
        }
        let file = tempfile::NamedTempFile::new()?;
        generate(&mut BufWriter::with_capacity(1 << 20, file.as_file()), settings.megabytes << 20)?;
        Ok(Self::Generated(file))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Generated(file) => file.path(),
            Self::Given(path) => path,
        }
    }
}

/// Words whose frequency falls with their rank (Zipf's law, exponent 1), the same ones each time.
fn generate(out: &mut impl Write, bytes: usize) -> anyhow::Result<()> {
    let harmonic: Vec<f64> = (1..=VOCABULARY)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        })
        .collect();
    let total = harmonic[harmonic.len() - 1];
    let words: Vec<String> = (0..VOCABULARY).map(word).collect();
    let mut written = 0;
    let mut index = 0;
    while written < bytes {
        for position in 0..WORDS_PER_LINE {
            let random = (mix(index) >> 11) as f64 / (1u64 << 53) as f64;
            let rank = harmonic.partition_point(|sum| *sum < random * total).min(words.len() - 1);
            let separator = if position + 1 < WORDS_PER_LINE { b" " } else { b"\n" };
            out.write_all(words[rank].as_bytes())?;
            out.write_all(separator)?;
            written += words[rank].len() + 1;
            index += 1;
        }
    }
    Ok(out.flush()?)
}

/// Frequent words are short.
fn word(rank: u64) -> String {
    let mut rest = rank;
    let mut word = String::new();
    loop {
        let letter = char::from(b'a' + (rest % 20) as u8);
        word.push(letter);
        word.push(char::from(b'a' + ((rest * 7 + 4) % 26) as u8));
        rest /= 20;
        if rest == 0 {
            return word;
        }
    }
}

/// Independent of the order of words, but not of their counts.
fn checksum(word: &str, count: u64) -> u64 {
    word.bytes().fold(count, |sum, byte| mix(sum ^ u64::from(byte)))
}

pub(crate) fn flott(input: &Path) -> anyhow::Result<Answer> {
    let total = Arc::new(Total::default());
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(2).set_runtime_mode(RuntimeMode::Batch);
    env.read_text_file(input.display().to_string())
        .flat_map(|line: String, out| {
            out.extend(line.split_whitespace().map(|word| (CompactString::new(word), 1u64)));
        })
        .key_by_ref(|(word, _)| word)
        .sum(|(_, count)| count)
        .sink_to(
            ChecksumSink::new(total.clone(), |(word, count): &(CompactString, u64)| checksum(word, *count)),
            "checksum",
        );
    env.execute("word count")?;
    Ok(total.answer())
}

pub(crate) fn plain(input: &Path) -> anyhow::Result<Answer> {
    let length = std::fs::metadata(input)?.len();
    let results = channels::on_two_threads(|thread, mut peer| -> anyhow::Result<Answer> {
        let mut counts = HashMap::<CompactString, u64>::new();
        let mut take = |word: CompactString| *counts.entry(word).or_insert(0) += 1;
        let (start, end) = if thread == 0 { (0, length / 2) } else { (length / 2, length) };
        let mut lines = HalfLines::open(input, start, end)?;
        let mut line = String::new();
        while lines.next(&mut line)? {
            for word in line.split_whitespace() {
                let owner = mix(word.bytes().fold(0, |hash, byte| (hash * 31) ^ u64::from(byte))) >> 63;
                if owner as usize == thread {
                    take(CompactString::new(word));
                } else {
                    peer.send(CompactString::new(word), &mut take);
                }
            }
        }
        peer.finish(&mut take);
        Ok(Answer {
            records: counts.len() as u64,
            checksum: counts.iter().map(|(word, count)| checksum(word, *count)).fold(0, u64::wrapping_add),
        })
    });
    let [first, second] = results;
    let (first, second) = (first?, second?);
    Ok(Answer {
        records: first.records + second.records,
        checksum: first.checksum.wrapping_add(second.checksum),
    })
}

/// The lines that begin within a half of the file.
struct HalfLines {
    reader: BufReader<File>,
    offset: u64,
    end: u64,
}

impl HalfLines {
    fn open(path: &Path, start: u64, end: u64) -> anyhow::Result<Self> {
        let mut file = File::open(path)?;
        let offset = start.saturating_sub(1);
        file.seek(SeekFrom::Start(offset))?;
        let mut reader = BufReader::with_capacity(256 << 10, file);
        let skipped = if start > 0 { reader.skip_until(b'\n')? as u64 } else { 0 };
        Ok(Self { reader, offset: offset + skipped, end })
    }

    fn next(&mut self, line: &mut String) -> anyhow::Result<bool> {
        if self.offset >= self.end {
            return Ok(false);
        }
        line.clear();
        let read = self.reader.by_ref().read_line(line)?;
        self.offset += read as u64;
        Ok(read > 0)
    }
}
