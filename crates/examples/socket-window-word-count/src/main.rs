//! Counts the words that come from a socket in each five seconds: Flink's `SocketWindowWordCount`.
//!
//! ```sh
//! nc -lk 9000                                                        # in another terminal: type words there
//! cargo run --release -p socket-window-word-count -- --port 9000
//! flott run target/release/socket-window-word-count --port 9000
//! ```
//! It ends when the other side closes the connection. What a window has by then is not counted: in processing time
//! only the clock ends a window.

use std::time::Duration;

use clap::Parser;
use flott::prelude::*;

#[derive(Parser)]
#[command(about = "Counts the words that come from a socket, window by window", version)]
struct Arguments {
    /// Host to connect to, as seen from the TaskManager.
    #[arg(long, default_value = "localhost")]
    hostname: String,
    /// Port to connect to.
    #[arg(long)]
    port: u16,
    /// Length of a window in seconds.
    #[arg(long, default_value_t = 5)]
    window: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    let lines = env.socket_text_stream(arguments.hostname, arguments.port);
    count(&lines, Duration::from_secs(arguments.window)).print().set_parallelism(1);
    env.execute("Socket Window WordCount")?;
    Ok(())
}

fn count(lines: &DataStream<String>, window: Duration) -> SingleOutputStream<String> {
    lines
        .flat_map(|line: String, out| out.extend(line.split_whitespace().map(CompactString::new)))
        .name("Tokenizer")
        .key_by_ref(|word| word)
        .window(TumblingProcessingTimeWindows::of(window))
        .count()
        .name("Counter")
        .map(|(word, count)| format!("{word} : {count}"))
        .name("Format")
}

#[cfg(test)]
mod tests {
    use flott::testing::TestHarness;

    use super::*;

    #[test]
    fn words_are_counted_window_by_window() {
        let harness = TestHarness::new();
        let lines = harness.input::<String>();
        let counts = harness.output(&count(lines.stream(), Duration::from_secs(5)));
        let sorted = || {
            let mut counts = counts.records();
            counts.sort();
            counts
        };

        harness.set_processing_time(1_000);
        lines.push("hello world".to_owned());
        harness.set_processing_time(4_000);
        lines.push("hello".to_owned());
        assert_eq!(sorted(), [""; 0], "the window has not ended");
        harness.set_processing_time(5_000);
        assert_eq!(sorted(), ["hello : 2", "world : 1"]);

        lines.push("hello again".to_owned());
        harness.set_processing_time(10_000);
        assert_eq!(sorted(), ["again : 1", "hello : 1"]);
        lines.push("unfinished".to_owned());
        lines.end();
        assert_eq!(sorted(), [""; 0]);
    }
}
