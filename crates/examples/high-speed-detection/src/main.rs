//! Tells of cars that are too fast, from a socket.
//!
//! ```sh
//! nc -lk 9000                                        # in another terminal: type lines such as `Toyota, 67` there
//! cargo run --release -p high-speed-detection
//! flott run target/release/high-speed-detection --limit 50
//! ```
//! Lines that are of another form are left out, and counted in the metric `malformedLines` of the operator `Parse`.

mod car;

use clap::Parser;
use flott::prelude::*;

use crate::car::{Car, Parse};

#[derive(Parser)]
#[command(about = "Tells of cars that are too fast, from a socket", version)]
struct Arguments {
    /// Host to connect to, as seen from the TaskManager.
    #[arg(long, default_value = "localhost")]
    hostname: String,
    /// Port to connect to.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The speed that is still allowed.
    #[arg(long, default_value_t = 65.0)]
    limit: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    let lines = env.socket_text_stream(arguments.hostname, arguments.port);
    too_fast(&lines, arguments.limit).print();
    env.execute("HighSpeedDetection")?;
    Ok(())
}

fn too_fast(lines: &DataStream<String>, limit: f64) -> SingleOutputStream<String> {
    lines
        .rich_flat_map(Parse)
        .name("Parse")
        .filter(move |car| car.speed > limit)
        .name("Too fast")
        .map(move |Car { name, speed }| format!("{name} drives at {speed}, the limit is {limit}"))
        .name("Warning")
}

#[cfg(test)]
mod tests {
    use flott::testing::TestHarness;

    use super::*;

    #[test]
    fn cars_above_the_limit_are_told_and_malformed_lines_counted() {
        let harness = TestHarness::new();
        let lines = harness.input::<String>();
        let warnings = harness.output(&too_fast(lines.stream(), 65.0));

        for line in [
            "Toyota, 67",
            "Honda,65",
            " BMW i3 ,  65.5 ",
            "",
            "Lada",
            "Audi, fast",
            ", 99",
            "VW, NaN",
            "VW, -70",
        ] {
            lines.push(line.to_owned());
        }
        assert_eq!(
            warnings.records(),
            ["Toyota drives at 67, the limit is 65", "BMW i3 drives at 65.5, the limit is 65"]
        );
        assert_eq!(harness.count_of("malformedLines"), Some(6));
    }
}
