//! `flott new NAME`: a Cargo project for a job, as Flink's quickstart archetypes make one for Maven.

use std::path::{Path, PathBuf};

use crate::{args::NewArgs, console, failure::Failure};

mod dependency;
mod files;
mod name;
mod template;

use dependency::Dependency;

pub(crate) fn execute(args: &NewArgs) -> Result<(), Failure> {
    name::check(&args.name).map_err(Failure::usage)?;
    let dependency =
        Dependency::choose(args.flott_path.as_deref(), args.flott_version.as_deref(), &dependency::places())?;
    dependency.check_name(&args.name)?;
    let root = args.path.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let project = template::files(&args.name, &dependency)?;
    files::write(&root, &project)?;

    console::line(format_args!("Created the job project {} in {}:", args.name, root.display()))?;
    for file in &project {
        console::line(format_args!("  {:<12} {}", file.path, file.what))?;
    }
    tell_next_steps(&args.name, &root, &dependency)
}

fn tell_next_steps(name: &str, root: &Path, dependency: &Dependency) -> Result<(), Failure> {
    let program = format!("target/release/{name}");
    console::line("Next:")?;
    console::line(format_args!("  cd {}", shell_words::quote(&root.display().to_string())))?;
    console::line("  cargo run                 # in this process")?;
    console::line("  cargo test")?;
    console::line("  cargo build --release")?;
    if let Some(start) = dependency.command("start-cluster.sh") {
        console::line(format_args!("  {start}"))?;
    }
    let flott = dependency.command("flott").unwrap_or_else(|| "flott".to_owned());
    console::line(format_args!("  {flott} run {program}"))
}
