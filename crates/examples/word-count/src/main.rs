//! Counts the words of a text: Flink's `WordCount`.
//!
//! ```sh
//! cargo run --release -p word-count -- --input /data/books --output /data/counts
//! flott run -p 4 target/release/word-count --input /data/books --output /data/counts
//! ```
//! Without `--input` it counts a built-in text, without `--output` it prints. As the input is bounded, each word is
//! emitted once, with its final count; with `--execution-mode STREAMING` each occurrence emits the count so far.

mod text;

use clap::Parser;
use flott::prelude::*;

#[derive(Parser)]
#[command(about = "Counts the words of a text", version)]
struct Arguments {
    /// File, directory or glob pattern to read; a built-in text if absent.
    #[arg(long)]
    input: Option<String>,
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
    /// STREAMING, BATCH or AUTOMATIC.
    #[arg(long, default_value = "AUTOMATIC")]
    execution_mode: RuntimeMode,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();
    env.set_runtime_mode(arguments.execution_mode);

    let lines = match &arguments.input {
        Some(path) => env.read_text_file(path).name("Source: text"),
        None => env.from_collection(text::LINES.map(str::to_owned)).name("Source: built-in text"),
    };
    let counts = lines
        .flat_map(|line: String, out| {
            out.extend(line.split_whitespace().map(|word| (CompactString::new(word), 1u64)));
        })
        .name("Tokenizer")
        .key_by_ref(|(word, _)| word)
        .sum(|(_, count)| count)
        .name("Counter")
        .map(|(word, count)| format!("{word} {count}"))
        .name("Format");
    match &arguments.output {
        Some(directory) => counts.write_text(directory),
        None => counts.print(),
    };
    env.execute("WordCount")?;
    Ok(())
}
