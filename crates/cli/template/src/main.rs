//! A streaming job that counts words.
//!
//! The same program runs in one process (`cargo run`) and on a cluster (`flott run target/release/{{name}}`). Each time
//! `main` describes the dataflow, and `execute` runs it. On a cluster several processes do so and must all describe the
//! same: let it depend on the arguments, not on the clock or on files of one machine.

use std::fmt;

use clap::Parser;
use flott::{SingleOutputStream, prelude::*};
use serde::{Deserialize, Serialize};

/// What is counted without `--input`.
const TEXT: [&str; 4] = [
    "To be, or not to be,--that is the question:--",
    "Whether 'tis nobler in the mind to suffer",
    "The slings and arrows of outrageous fortune",
    "Or to take arms against a sea of troubles,",
];

/// The arguments of the job: `flott run target/release/{{name}} --input FILE`.
#[derive(Parser)]
#[command(version, about = "Counts words")]
struct Arguments {
    /// File, directory or glob pattern to read; a built-in text if absent
    #[arg(long)]
    input: Option<String>,
    /// Directory to write part files to; prints if absent
    #[arg(long)]
    output: Option<String>,
}

/// How often a word has been seen so far. These derives are what a record needs to travel from one operator to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WordCount {
    word: String,
    count: u64,
}

impl fmt::Display for WordCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.word, self.count)
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    // Where records come from. This input ends, and with it the job; other sources go on for ever.
    let lines = match &arguments.input {
        Some(path) => env.read_text_file(path),
        None => env.from_collection(TEXT.map(str::to_owned)),
    };

    // What becomes of them. Names are what the dashboard shows. `key_by` and its kin bring all records of a key to the same
    // subtask, so that it can count them; `sum` emits the new count each time.
    let counts = count_words(&lines.name("lines"));

    // Where results go.
    match arguments.output {
        Some(directory) => counts.write_text(directory),
        None => counts.print(),
    };

    // Nothing has run so far.
    env.execute("{{name}}")?;
    Ok(())
}

/// The dataflow between source and sink, so that tests can give it other ones.
fn count_words(lines: &DataStream<String>) -> SingleOutputStream<WordCount> {
    lines
        .flat_map(|line: String, out| out.extend(words(&line)))
        .name("words")
        .key_by_ref(|seen| &seen.word)
        .sum(|seen| &mut seen.count)
        .name("counts")
}

/// The words of a line in lower case, each seen once.
fn words(line: &str) -> impl Iterator<Item = WordCount> {
    line.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(|word| WordCount {
            word: word.to_lowercase(),
            count: 1,
        })
}

#[cfg(test)]
mod tests {
    use flott::testing::TestHarness;

    use super::*;

    #[test]
    fn each_occurrence_of_a_word_emits_its_new_count() {
        let harness = TestHarness::new();
        let lines = harness.input();
        let counts = harness.output(&count_words(lines.stream()));
        lines.push("To be, or".to_owned());
        lines.push("not to be".to_owned());
        let counts: Vec<_> = counts.records().iter().map(ToString::to_string).collect();
        assert_eq!(counts, ["to 1", "be 1", "or 1", "not 1", "to 2", "be 2"]);
    }

    #[test]
    fn words_are_split_at_punctuation_and_have_no_capitals() {
        let words: Vec<_> = words("To be, or not to be,--that")
            .map(|seen| seen.word)
            .collect();
        assert_eq!(words, ["to", "be", "or", "not", "to", "be", "that"]);
    }

    #[test]
    fn lines_without_words_give_none() {
        assert_eq!(words("").count(), 0);
        assert_eq!(words(" ,-- ").count(), 0);
    }
}
