//! The options of `flott rescale`.

use clap::Args;

use super::ClusterArgs;

#[derive(Debug, Args)]
#[command(
    override_usage = "flott rescale [OPTIONS] <JOBID>",
    after_help = "\
Examples:
  flott rescale fd72014d4c864993a2e5a9287b4a9c5d -p 4
  flott rescale fd72014d4c864993a2e5a9287b4a9c5d --vertex 'Keyed Aggregation -> Sink: files=8'

The job goes on from a checkpoint that is taken for it. If there are fewer slots than that takes, it gets what there is."
)]
pub(crate) struct RescaleArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// The parallelism of all vertices that are not named, as far as their max parallelism allows it
    #[arg(short = 'p', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) parallelism: Option<u32>,
    /// The parallelism of one vertex, by its id or name; may be given several times
    #[arg(long = "vertex", value_name = "VERTEX=N", value_parser = vertex)]
    pub(crate) vertices: Vec<(String, u32)>,
    /// The least parallelism with which the job may go on if there are too few slots
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) least: u32,
    /// Returns as soon as the JobManager has taken note
    #[arg(long)]
    pub(crate) detached: bool,
    /// The job's id, 32 hexadecimal digits
    #[arg(value_name = "JOBID")]
    pub(crate) job: Option<String>,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Names may have equals signs in them.
fn vertex(text: &str) -> Result<(String, u32), String> {
    let (name, parallelism) = text.rsplit_once('=').ok_or("expected VERTEX=N")?;
    match parallelism.parse() {
        Ok(parallelism) if parallelism > 0 && !name.is_empty() => Ok((name.to_owned(), parallelism)),
        _ => Err(format!("\"{parallelism}\" is no parallelism: expected VERTEX=N")),
    }
}
