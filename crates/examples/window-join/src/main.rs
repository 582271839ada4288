//! Joins the grades and the salaries of people that come within the same two seconds: Flink's `WindowJoin`.
//!
//! ```sh
//! cargo run --release -p window-join
//! flott run target/release/window-join --window-size 1000 --rate 10
//! ```
//! Rows are made up, by chance but each time the same, for ever or for `--count` rows of each stream. Event time begins
//! with 0 and goes on with the rows, `--rate` of which are in a second.

use std::time::Duration;

use clap::Parser;
use flott::prelude::*;
use serde::{Deserialize, Serialize};

const NAMES: [&str; 6] = ["tom", "jerry", "alice", "bob", "john", "grace"];
const GRADES: u64 = 5;
const SALARIES: u64 = 10_000;

#[derive(Parser)]
#[command(about = "Joins grades and salaries of people by window", version)]
struct Arguments {
    /// Length of a window in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    window_size: u64,
    /// How many rows of each stream come in a second.
    #[arg(long, default_value_t = 3.0)]
    rate: f64,
    /// How many rows of each stream come; if absent they never end.
    #[arg(long)]
    count: Option<u64>,
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
}

/// A grade or a salary.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    time_ms: i64,
    name: String,
    value: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    let grades = rows(&env, "grades", GRADES, &arguments);
    let salaries = rows(&env, "salaries", SALARIES, &arguments);
    let joined = join(&grades, &salaries, Duration::from_millis(arguments.window_size));
    match &arguments.output {
        Some(directory) => joined.write_text(directory),
        None => joined.print(),
    };
    env.execute("Windowed Join Example")?;
    Ok(())
}

/// Rows of people with values from 1 to `greatest`.
fn rows(
    env: &StreamExecutionEnvironment,
    name: &str,
    greatest: u64,
    arguments: &Arguments,
) -> SingleOutputStream<Row> {
    let rate = arguments.rate;
    let row = move |index: u64| row(index, rate, greatest);
    let strategy =
        WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|row: &Row, _| row.time_ms);
    // Times of several subtasks would not be monotonous.
    env.generate_at_rate(arguments.count, rate, row)
        .name(format!("Source: {name}"))
        .set_parallelism(1)
        .assign_timestamps_and_watermarks(strategy)
        .set_parallelism(1)
}

fn row(index: u64, rate: f64, greatest: u64) -> Row {
    // The hash of a number looks like chance, but is the same in each run and process.
    let chance = flott::mix(index ^ greatest << 32);
    Row {
        time_ms: (index as f64 * 1_000.0 / rate) as i64,
        name: NAMES[(chance % NAMES.len() as u64) as usize].to_owned(),
        value: (chance >> 32) % greatest + 1,
    }
}

fn join(
    grades: &DataStream<Row>,
    salaries: &DataStream<Row>,
    window: Duration,
) -> SingleOutputStream<String> {
    grades
        .join(salaries)
        .where_key_ref(|grade| &grade.name)
        .equal_to_ref(|salary| &salary.name)
        .window(TumblingEventTimeWindows::of(window))
        .apply(|grade, salary| format!("({},{},{})", grade.name, grade.value, salary.value))
}

#[cfg(test)]
mod tests {
    use flott::testing::{TestHarness, TestInput};

    use super::*;

    fn push(input: &TestInput<Row>, time_ms: i64, name: &str, value: u64) {
        input.push_at(Row { time_ms, name: name.to_owned(), value }, time_ms);
    }

    #[test]
    fn people_are_joined_within_a_window() {
        let harness = TestHarness::new();
        let (grades, salaries) = (harness.input::<Row>(), harness.input::<Row>());
        let joined = join(grades.stream(), salaries.stream(), Duration::from_secs(2));
        let joined = harness.output(&joined);

        push(&grades, 0, "tom", 3);
        push(&salaries, 1_999, "tom", 7_000);
        push(&salaries, 2_000, "tom", 8_000);
        push(&grades, 1_000, "tom", 4);
        push(&grades, 1_000, "alice", 1);
        grades.watermark(1_999);
        assert_eq!(joined.records(), [""; 0], "salaries may still come");
        salaries.watermark(1_999);
        assert_eq!(joined.records(), ["(tom,3,7000)", "(tom,4,7000)"]);
        push(&grades, 3_999, "tom", 5);
        grades.end();
        salaries.end();
        assert_eq!(joined.records(), ["(tom,5,8000)"]);
    }

    #[test]
    fn made_up_rows_are_joined_as_two_plain_loops_would_join_them() {
        let (grades, salaries) =
            [GRADES, SALARIES].map(|greatest| (0..200).map(move |index| row(index, 3.0, greatest))).into();
        let mut expected = Vec::new();
        for grade in grades.clone() {
            for salary in salaries.clone() {
                if grade.name == salary.name && grade.time_ms / 2_000 == salary.time_ms / 2_000 {
                    expected.push(format!("({},{},{})", grade.name, grade.value, salary.value));
                }
            }
        }
        expected.sort();

        let harness = TestHarness::new();
        let inputs = [harness.input::<Row>(), harness.input::<Row>()];
        let joined = join(inputs[0].stream(), inputs[1].stream(), Duration::from_secs(2));
        let joined = harness.output(&joined);
        grades.for_each(|grade| push(&inputs[0], grade.time_ms, &grade.name, grade.value));
        salaries.for_each(|salary| push(&inputs[1], salary.time_ms, &salary.name, salary.value));
        inputs.iter().for_each(TestInput::end);
        let mut joined = joined.records();
        joined.sort();
        assert!(joined.len() > 100, "{}", joined.len());
        assert_eq!(joined, expected);
    }

    #[test]
    fn made_up_rows_have_times_and_values_as_promised() {
        let times: Vec<_> = (0..4).map(|index| row(index, 3.0, GRADES).time_ms).collect();
        assert_eq!(times, [0, 333, 666, 1_000]);
        let grades: std::collections::BTreeSet<_> =
            (0..1_000).map(|index| row(index, 3.0, GRADES)).map(|row| (row.name, row.value)).collect();
        assert_eq!(grades.len(), NAMES.len() * 5, "all people get all grades");
        assert!(grades.iter().all(|(_, grade)| (1..=GRADES).contains(grade)));
    }
}
