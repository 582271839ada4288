//! `GET /jobmanager/environment`, and the same below a job.

use std::{env, ffi::OsString, fs, process, thread::available_parallelism};

use axum::extract::State;
use flott_core::config::redacted;
use flott_reporter::Memory;
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{Api, cluster::VERSION, error::ApiError, json::Json, params::PathParams};

/// Variables that change what the daemons do begin with one of these.
const VARIABLES: [&str; 2] = ["FLOTT_", "RUST_"];

/// Flink's `EnvironmentInfo`. A native process has no class path.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EnvironmentInfo")]
pub(crate) struct Environment {
    jvm: Jvm,
    classpath: Vec<String>,
    process: Process,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JvmInfo")]
struct Jvm {
    version: String,
    arch: &'static str,
    /// What the process was started with, secrets as `******`.
    options: Vec<String>,
}

/// The process and its machine. What can't be told is empty or 0. Not Flink's.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProcessEnvironment")]
#[serde(rename_all = "camelCase")]
struct Process {
    /// The process's number.
    id: u32,
    /// Name of the machine.
    host: String,
    /// Name and version of the operating system's kernel.
    kernel: String,
    /// Cores that may be used.
    cores: usize,
    /// Memory that may be used, in bytes.
    memory: u64,
    /// The program's file.
    executable: String,
    /// The directory that the process is in.
    working_directory: String,
    /// Variables of the environment that begin with `FLOTT_` or `RUST_`, by name, secrets as `******`.
    variables: Vec<Variable>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EnvironmentVariable")]
struct Variable {
    key: String,
    value: String,
}

impl Process {
    /// This one, as it is now.
    fn read() -> Self {
        let kernel = ["ostype", "osrelease"].map(|part| {
            fs::read_to_string(format!("/proc/sys/kernel/{part}")).unwrap_or_default().trim().to_owned()
        });
        let path = |path: std::io::Result<std::path::PathBuf>| {
            path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
        };
        Self {
            id: process::id(),
            host: nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned(),
            kernel: kernel.join(" ").trim().to_owned(),
            cores: available_parallelism().map_or(0, usize::from),
            memory: Memory::read().total,
            executable: path(env::current_exe()),
            working_directory: path(env::current_dir()),
            variables: variables(env::vars_os()),
        }
    }
}

/// Those that matter, as they may be shown.
fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<Variable> {
    let shown = all.filter_map(|(key, value)| {
        let (key, value) = (key.to_string_lossy(), value.to_string_lossy());
        let matters = VARIABLES.iter().any(|prefix| key.starts_with(prefix));
        matters.then(|| Variable { value: redacted(&key, &value).to_owned(), key: key.into_owned() })
    });
    let mut shown: Vec<_> = shown.collect();
    shown.sort_by(|a, b| a.key.cmp(&b.key));
    shown
}

/// The arguments as they may be shown: what is set by `-D key=value` may be a secret.
fn options(arguments: impl Iterator<Item = OsString>) -> Vec<String> {
    let show = |argument: OsString| {
        let argument = argument.to_string_lossy();
        argument
            .split_once('=')
            .map_or_else(|| argument.to_string(), |(key, value)| format!("{key}={}", redacted(key, value)))
    };
    arguments.map(show).collect()
}

/// What this JobManager is and runs on.
pub(crate) async fn environment() -> Json<Environment> {
    let version = format!("Flott {VERSION} (native, {})", env::consts::OS);
    Json(Environment {
        jvm: Jvm { version, arch: env::consts::ARCH, options: options(env::args_os().skip(1)) },
        classpath: Vec::new(),
        process: Process::read(),
    })
}

/// The same, asked for by a job.
pub(crate) async fn of_job(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Environment>, ApiError> {
    api.job(&params).await?;
    Ok(environment().await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_arguments_are_hidden() {
        let given = [
            "--configDir",
            "conf",
            "-Drest.port=8081",
            "-Ds3.secret-key=abc",
            "-D",
            "security.ssl.rest.key-password=x=y",
        ];
        let shown = options(given.into_iter().map(OsString::from));
        let expected = [
            "--configDir",
            "conf",
            "-Drest.port=8081",
            "-Ds3.secret-key=******",
            "-D",
            "security.ssl.rest.key-password=******",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn only_variables_of_flott_and_rust_are_shown() {
        let given = [
            ("RUST_LOG", "debug"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("FLOTT_TOKEN", "y"),
            ("FLOTT_HOME", "/opt/flott"),
        ];
        let given = given.map(|(key, value)| (OsString::from(key), OsString::from(value)));
        let shown: Vec<_> =
            variables(given.into_iter()).into_iter().map(|shown| (shown.key, shown.value)).collect();
        let expected = [("FLOTT_HOME", "/opt/flott"), ("FLOTT_TOKEN", "******"), ("RUST_LOG", "debug")];
        assert_eq!(shown, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
