//! Asks another system about each number and does not stop the stream while it waits: Flink's `AsyncIOExample`.
//!
//! ```sh
//! cargo run --release -p async-io -- --wait-mode unordered
//! flott run target/release/async-io --count 1000 --output /data/answers
//! ```
//! An answer takes up to 100 ms. One after the other there would be 20 a second; with 20 requests under way at once all
//! 100 numbers that come in a second are answered. `ordered` emits answers in the order of the numbers, `unordered` as
//! they come.

mod client;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use flott::prelude::*;

use crate::client::Client;

/// How many requests may be under way at once in each subtask.
const CAPACITY: usize = 20;

#[derive(Parser)]
#[command(about = "Looks up each record in another system without stopping the stream", version)]
struct Arguments {
    /// The order in which answers are emitted.
    #[arg(long, value_enum, default_value_t = WaitMode::Ordered)]
    wait_mode: WaitMode,
    /// After how many milliseconds a request that has no answer fails the job.
    #[arg(long, default_value_t = 10_000)]
    timeout: u64,
    /// How many numbers come; if absent they never end.
    #[arg(long)]
    count: Option<u64>,
    /// How many numbers come in a second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum WaitMode {
    /// That of the numbers.
    Ordered,
    /// As they come.
    Unordered,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    let numbers = env.generate_at_rate(arguments.count, arguments.rate, |number| number).set_parallelism(1);
    let timeout = Duration::from_millis(arguments.timeout);
    // One subtask asks and prints, so that the order can be seen.
    let answers = ask(&numbers, Client::new(), arguments.wait_mode, timeout).set_parallelism(1);
    match &arguments.output {
        Some(directory) => answers.write_text(directory),
        None => answers.print(),
    }
    .set_parallelism(1);
    env.execute("Async IO Example")?;
    Ok(())
}

fn ask(
    numbers: &DataStream<u64>,
    client: Client,
    wait_mode: WaitMode,
    timeout: Duration,
) -> SingleOutputStream<String> {
    let options = AsyncOptions::new(timeout).capacity(CAPACITY);
    let request = move |number| {
        let client = client.clone();
        async move {
            let key = client.query(number).await?;
            Ok::<_, BoxError>([format!("{number}: {key}")])
        }
    };
    match wait_mode {
        WaitMode::Ordered => numbers.ordered_wait(options, request),
        WaitMode::Unordered => numbers.unordered_wait(options, request),
    }
}

#[cfg(test)]
mod tests {
    use flott::testing::TestHarness;

    use super::*;

    /// The answers for 0..20, which all are asked for at once.
    fn answers(wait_mode: WaitMode) -> Vec<String> {
        let harness = TestHarness::new();
        let numbers = harness.input::<u64>();
        let answers = ask(numbers.stream(), Client::new(), wait_mode, Duration::from_secs(60));
        let answers = harness.output(&answers);
        for number in 0..CAPACITY as u64 {
            numbers.push(number);
        }
        harness.wait_for_async(Duration::from_secs(30));
        answers.records()
    }

    #[test]
    fn each_number_gets_its_answer_in_order_or_not() {
        let expected: Vec<_> = (0..CAPACITY).map(|number| format!("{number}: key{}", number % 10)).collect();
        assert_eq!(answers(WaitMode::Ordered), expected);

        let mut unordered = answers(WaitMode::Unordered);
        unordered.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(unordered, expected);
    }

    #[test]
    fn a_request_without_answer_in_time_fails_the_job() {
        let harness = TestHarness::new();
        let numbers = harness.input::<u64>();
        let answers = ask(numbers.stream(), Client::new(), WaitMode::Ordered, Duration::from_millis(1));
        let _answers = harness.output(&answers);
        // One of the numbers for which the answer is not there at once.
        numbers.push(Client::slow_number());
        let failure = harness.try_set_processing_time(1).unwrap_err();
        assert!(failure.to_string().contains("got no answer within its timeout of 1ms"), "{failure}");
    }
}
