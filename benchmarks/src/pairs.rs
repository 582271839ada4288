//! Runs both sides in turn and compares.

use std::process::Command;

use anyhow::{Context, bail};

use crate::measure::Measurement;

/// Runs this program with `arguments` for each side, one uncounted pair first.
pub(crate) fn run(arguments: &[&str], pairs: usize) -> anyhow::Result<()> {
    run_named(arguments, pairs, ["flott", "plain"])
}

/// As [`run`], but the sides have these names.
pub(crate) fn run_named(arguments: &[&str], pairs: usize, names: [&str; 2]) -> anyhow::Result<()> {
    println!(
        "{:>7}  {:>12}  {:>9}  {:>9}  {:>9}  checksum",
        "side", "records", "seconds", "cpu s", "peak MB"
    );
    let mut ratios = Vec::new();
    for pair in 0..=pairs {
        let flott = measure(arguments, "flott")?;
        let plain = measure(arguments, "plain")?;
        if (flott.records, flott.checksum) != (plain.records, plain.checksum) {
            bail!("the answers differ: {flott:?} and {plain:?}");
        }
        if pair > 0 {
            print(names[0], &flott);
            print(names[1], &plain);
            ratios.push(flott.cpu_seconds / plain.cpu_seconds);
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let (Some(least), Some(most)) = (ratios.first(), ratios.last()) {
        let median = ratios[ratios.len() / 2];
        let [one, other] = names;
        println!("CPU seconds, {one} / {other}: median {median:.3} (from {least:.3} to {most:.3})");
    }
    Ok(())
}

fn measure(arguments: &[&str], side: &str) -> anyhow::Result<Measurement> {
    let program = std::env::current_exe()?;
    let output = Command::new(program).args(arguments).args(["--side", side]).output()?;
    if !output.status.success() {
        bail!("{side} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let stdout = String::from_utf8(output.stdout)?;
    let line = stdout.lines().last().context("a run prints its measurement")?;
    Ok(serde_json::from_str(line)?)
}

fn print(side: &str, measurement: &Measurement) {
    let Measurement { records, checksum, seconds, cpu_seconds, peak_bytes } = measurement;
    let peak = peak_bytes >> 20;
    println!("{side:>7}  {records:>12}  {seconds:>9.2}  {cpu_seconds:>9.2}  {peak:>9}  {checksum:016x}");
}
