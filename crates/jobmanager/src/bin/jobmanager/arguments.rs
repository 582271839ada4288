//! The command line.

use std::{fs, io, path::PathBuf};

use clap::Parser;
use flott_core::config::{Configuration, Warning};

/// Name of the configuration file in its directory.
const CONFIG_FILE: &str = "config.yaml";

/// The JobManager of a Flott cluster.
#[derive(Debug, Parser)]
#[command(name = "jobmanager", version)]
pub(crate) struct Arguments {
    /// Directory of config.yaml; without it all options have their defaults
    #[arg(long = "configDir", value_name = "DIR", env = "FLOTT_CONF_DIR")]
    config_dir: Option<PathBuf>,
    /// Any option of docs/configuration.md; beats the file
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where TaskManagers reach the JobManager, instead of jobmanager.rpc.address
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Port of REST and dashboard, instead of rest.port
    #[arg(long = "webui-port", value_name = "PORT")]
    webui_port: Option<String>,
}

impl Arguments {
    /// File and command line together.
    ///
    /// # Errors
    /// All that is wrong, one text each.
    pub(crate) fn configuration(&self) -> Result<(Configuration, Vec<Warning>), Vec<String>> {
        let (text, name) = match &self.config_dir {
            Some(directory) => {
                let path = directory.join(CONFIG_FILE);
                let name = path.display().to_string();
                match fs::read_to_string(&path) {
                    Ok(text) => (text, name),
                    Err(error) => return Err(vec![unreadable(&name, &error)]),
                }
            }
            None => (String::new(), CONFIG_FILE.to_owned()),
        };
        Configuration::parse_with_overrides(&text, &name, self.all_overrides())
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn all_overrides(&self) -> Vec<String> {
        let mut overrides = Vec::new();
        if let Some(host) = &self.host {
            overrides.push(format!("jobmanager.rpc.address={host}"));
        }
        if let Some(port) = &self.webui_port {
            overrides.push(format!("rest.port={port}"));
            // One in the file would beat rest.port.
            overrides.push(format!("rest.bind-port={port}"));
        }
        overrides.extend(self.overrides.iter().cloned());
        overrides
    }
}

fn unreadable(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => format!("cannot read {name}: it is not UTF-8 text"),
        _ => format!("cannot read {name}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use flott_core::config::options::{jobmanager, rest};

    use super::*;

    fn arguments(arguments: &[&str]) -> Arguments {
        Arguments::try_parse_from(std::iter::once(&"jobmanager").chain(arguments)).unwrap()
    }

    #[test]
    fn the_command_line_beats_the_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONFIG_FILE), "rest.bind-port: 9000-9010\njobmanager.rpc.port: 7000\n")
            .unwrap();
        let dir = dir.path().to_str().unwrap();
        let (config, _) = arguments(&[
            "--configDir",
            dir,
            "--host",
            "h1",
            "--webui-port",
            "8099",
            "-D",
            "jobmanager.rpc.port=7001",
            "-Drest.server.max-content-length=2 mb",
        ])
        .configuration()
        .unwrap();
        assert_eq!(config.get(&jobmanager::RPC_ADDRESS).as_str(), "h1");
        assert_eq!(config.get(&jobmanager::RPC_PORT).0, 7001);
        assert_eq!(rest::bind_ports(&config).ports().collect::<Vec<_>>(), [8099]);
        assert_eq!(config.get(&rest::MAX_CONTENT_LENGTH).bytes(), 2 << 20);
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().to_str().unwrap();
        let missing = arguments(&["--configDir", dir]).configuration().unwrap_err();
        assert!(missing[0].starts_with(&format!("cannot read {dir}/config.yaml")), "{missing:?}");

        fs::write(format!("{dir}/{CONFIG_FILE}"), "rest.port: x\n").unwrap();
        let errors = arguments(&["--configDir", dir, "-D", "jobmanager.rpc.port=y", "-D", "z"]);
        let errors = errors.configuration().unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(errors[0].contains("config.yaml:1: rest.port"), "{errors:?}");
    }
}
