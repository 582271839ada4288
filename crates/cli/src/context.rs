//! The configuration that a verb goes by, and the client that follows from it.

use std::{io, path::PathBuf};

use flott_client::{Client, ClientOptions};
use flott_core::config::{
    Configuration, Warning,
    options::{client, rest},
};

use crate::{
    args::{ClusterArgs, SettingArgs},
    console,
    failure::Failure,
};

/// Reads the configuration file, with the `-D` options over it, and prints what is odd about them.
pub(crate) fn configuration(args: &SettingArgs) -> Result<Configuration, Failure> {
    let (config, warnings) = read(args)?;
    for warning in warnings {
        console::error_line(format_args!("WARN {warning}"));
    }
    Ok(config)
}

/// Reads the configuration file, with the `-D` options over it. A file that is missing sets nothing.
pub(crate) fn read(args: &SettingArgs) -> Result<(Configuration, Vec<Warning>), Failure> {
    let file = config_file();
    let text = match file.as_ref().map(std::fs::read_to_string) {
        Some(Ok(text)) => text,
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
            let file = file.unwrap_or_default();
            return Err(Failure::failed(format!("cannot read {}: {error}", file.display())));
        }
        _ => String::new(),
    };
    let name = file.map(|file| file.display().to_string()).unwrap_or_default();
    Ok(Configuration::parse_with_overrides(&text, &name, &args.settings)?)
}

/// `config.yaml` in `FLOTT_CONF_DIR` or else in `conf` of `FLOTT_HOME`. The scripts set both.
fn config_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("FLOTT_CONF_DIR").or_else(|| set("FLOTT_HOME").map(|home| home.join("conf")))?;
    Some(folder.join("config.yaml"))
}

/// A client of the JobManager that `-m` or the configuration names.
pub(crate) fn client(args: &ClusterArgs, config: &Configuration) -> Result<Client, Failure> {
    let address = args.jobmanager.clone().unwrap_or_else(|| {
        let host = rest::client_host(config);
        let port = config.get(&rest::PORT).0;
        if host.as_str().contains(':') {
            format!("[{}]:{port}", host.as_str())
        } else {
            format!("{}:{port}", host.as_str())
        }
    });
    let options = ClientOptions { timeout: config.get(&client::TIMEOUT), ..ClientOptions::default() };
    Ok(Client::new(&address, options)?)
}
