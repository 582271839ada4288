//! Counts words over the last occurrences of each: Flink's `WindowWordCount`.
//!
//! ```sh
//! cargo run --release -p window-word-count -- --window 4 --slide 2
//! flott run -p 4 target/release/window-word-count --input /data/books --output /data/counts
//! ```
//! After each `--slide` occurrences of a word it emits how many of its last `--window` ones there were. A count window
//! has no end in time: occurrences that are not enough for the next result are never emitted.

// The same text as that of WordCount.
#[path = "../../word-count/src/text.rs"]
mod text;

use clap::Parser;
use flott::prelude::*;

#[derive(Parser)]
#[command(about = "Counts words over the last occurrences of each", version)]
struct Arguments {
    /// File, directory or glob pattern to read; a built-in text if absent.
    #[arg(long)]
    input: Option<String>,
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
    /// How many occurrences of a word a window holds at most.
    #[arg(long, default_value_t = 10)]
    window: u64,
    /// After how many occurrences of a word its window is counted.
    #[arg(long, default_value_t = 5)]
    slide: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    let lines = match &arguments.input {
        Some(path) => env.read_text_file(path).name("Source: text"),
        None => env.from_collection(text::LINES.map(str::to_owned)).name("Source: built-in text"),
    };
    let counts = count(&lines, arguments.window, arguments.slide);
    match &arguments.output {
        Some(directory) => counts.write_text(directory),
        None => counts.print(),
    };
    env.execute("WindowWordCount")?;
    Ok(())
}

fn count(lines: &DataStream<String>, window: u64, slide: u64) -> SingleOutputStream<String> {
    lines
        .flat_map(|line: String, out| {
            out.extend(line.split_whitespace().map(|word| (CompactString::new(word), 1u64)));
        })
        .name("Tokenizer")
        .key_by_ref(|(word, _)| word)
        .count_window_sliding(window, slide)
        .sum(|(_, count)| count)
        .name("Counter")
        .map(|(word, count)| format!("{word} {count}"))
        .name("Format")
}

#[cfg(test)]
mod tests {
    use flott::testing::TestHarness;

    use super::*;

    #[test]
    fn each_two_occurrences_count_the_last_three() {
        let harness = TestHarness::new();
        let lines = harness.input::<String>();
        let counts = harness.output(&count(lines.stream(), 3, 2));

        lines.push("to be or not to be".to_owned());
        assert_eq!(counts.records(), ["to 2", "be 2"]);
        lines.push("be  be\tto".to_owned());
        assert_eq!(counts.records(), ["be 3"], "its fourth occurrence, of which a window holds three");
        lines.end();
        assert_eq!(counts.records(), [""; 0], "what is not enough for a result is not emitted");
    }
}
