//! Averages the life expectancy of each region by year, from a CSV file of countries.
//!
//! ```sh
//! cargo run --release -p life-expectancy-tracking -- --region Europe
//! flott run -p 2 target/release/life-expectancy-tracking --from 2000 --output /data/averages
//! ```
//! The file needs a header with the columns `country`, `region`, `year` and `life_expectancy`, of which the last one may be
//! empty. The figures in `data/life-expectancy.csv` are illustrative: rounded, and made up where memory did not serve.

use clap::Parser;
use flott::prelude::*;
use serde::{Deserialize, Serialize};

/// The file that comes with this example.
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/life-expectancy.csv");

#[derive(Parser)]
#[command(about = "Averages the life expectancy of regions by year", version)]
struct Arguments {
    /// CSV file, directory or glob pattern to read.
    #[arg(long, default_value = FIGURES)]
    input: String,
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
    /// Only this region.
    #[arg(long)]
    region: Option<String>,
    /// The first year.
    #[arg(long, default_value_t = i32::MIN, hide_default_value = true)]
    from: i32,
    /// The last year.
    #[arg(long, default_value_t = i32::MAX, hide_default_value = true)]
    to: i32,
}

/// A line of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figure {
    country: String,
    region: String,
    year: i32,
    /// In years; not known for all countries.
    life_expectancy: Option<f64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();
    // Final averages only, as the file has an end.
    env.set_runtime_mode(RuntimeMode::Automatic);
    // So that the dashboard shows each operator by itself. Chained into two tasks they would cost less.
    env.disable_operator_chaining();

    let figures = env.read_csv::<Figure>(&arguments.input);
    let Arguments { region, from, to, .. } = arguments;
    let averages = averages(&figures, move |figure| {
        (from..=to).contains(&figure.year) && region.as_ref().is_none_or(|region| *region == figure.region)
    });
    match &arguments.output {
        Some(directory) => averages.write_text(directory),
        None => averages.print(),
    };
    env.execute("LifeExpectancyTracking")?;
    Ok(())
}

/// The average of those `wanted`, of each region and year.
fn averages(
    figures: &DataStream<Figure>,
    wanted: impl Fn(&Figure) -> bool + Clone + Send + Sync + 'static,
) -> SingleOutputStream<String> {
    figures
        .filter(wanted)
        .name("Wanted")
        .filter_map(|figure| Some((figure.region, figure.year, figure.life_expectancy?)))
        .name("Known")
        .key_by(|(region, year, _)| (region.clone(), *year))
        .aggregate(Average)
        .name("Average")
        .map(|((region, year), average)| format!("{region} {year}: {average:.1}"))
        .name("Format")
}

/// Of the third field.
#[derive(Clone)]
struct Average;

impl AggregateFunction<(String, i32, f64)> for Average {
    type Accumulator = (f64, u64);
    type Output = f64;

    fn create(&self) -> (f64, u64) {
        (0.0, 0)
    }

    fn add(&self, (sum, count): &mut (f64, u64), (_, _, value): (String, i32, f64)) {
        *sum += value;
        *count += 1;
    }

    fn result(&self, (sum, count): &(f64, u64)) -> f64 {
        sum / *count as f64
    }

    fn merge(&self, (sum, count): &mut (f64, u64), other: (f64, u64)) {
        *sum += other.0;
        *count += other.1;
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use flott::testing::TestHarness;

    use super::*;

    #[test]
    fn known_figures_of_a_region_and_year_are_averaged() {
        let harness = TestHarness::new();
        harness.env().set_runtime_mode(RuntimeMode::Batch);
        let figures = harness.input::<Figure>();
        let averages = harness.output(&averages(figures.stream(), |figure| figure.year >= 1970));
        for (region, year, life_expectancy) in [
            ("Asia", 1960, Some(40.0)),
            ("Asia", 1970, Some(50.0)),
            ("Asia", 1970, None),
            ("Asia", 1970, Some(51.5)),
            ("Europe", 1970, Some(70.26)),
            ("Europe", 1980, None),
        ] {
            let (country, region) = ("somewhere".to_owned(), region.to_owned());
            figures.push(Figure { country, region, year, life_expectancy });
        }
        figures.end();
        let mut averages = averages.records();
        averages.sort();
        assert_eq!(averages, ["Asia 1970: 50.8", "Europe 1970: 70.3"]);
    }

    #[test]
    fn the_file_has_each_country_in_each_decade() {
        let text = fs::read_to_string(FIGURES).unwrap();
        let mut years = BTreeMap::<_, Vec<_>>::new();
        for line in text.lines().skip(1) {
            let [country, region, year, value] = line.split(',').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            years.entry((country, region)).or_default().push(year);
            assert!(value.is_empty() || (30.0..90.0).contains(&value.parse::<f64>().unwrap()), "{line}");
        }
        assert_eq!(years.len(), 28);
        assert!(
            years.values().all(|years| *years == ["1960", "1970", "1980", "1990", "2000", "2010", "2020"])
        );
    }
}
