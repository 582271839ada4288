//! The configuration that a verb goes by, and the client that follows from it.

use std::{io, path::PathBuf};

use flott_client::{Client, ClientOptions};
use flott_core::config::{
    Configuration, HighAvailability, Warning,
    options::{client, high_availability, rest},
};

use crate::{
    args::{ClusterArgs, SettingArgs},
    console,
    failure::Failure,
    masters,
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

/// `config.yaml` in the folder of the configuration.
fn config_file() -> Option<PathBuf> {
    Some(config_folder()?.join("config.yaml"))
}

/// `FLOTT_CONF_DIR` or else `conf` of `FLOTT_HOME`. The scripts set both.
fn config_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("FLOTT_CONF_DIR").or_else(|| set("FLOTT_HOME").map(|home| home.join("conf")))
}

/// A client of the JobManagers that `-m` or the configuration names.
pub(crate) fn client(args: &ClusterArgs, config: &Configuration) -> Result<Client, Failure> {
    let addresses = match &args.jobmanager {
        Some(addresses) => addresses.clone(),
        None => configured_addresses(config)?,
    };
    let options = ClientOptions {
        timeout: config.get(&client::TIMEOUT),
        await_leader: config.get(&rest::AWAIT_LEADER_TIMEOUT),
        ..ClientOptions::default()
    };
    Ok(Client::new(&addresses, options)?)
}

/// Those of `conf/masters` if there may be several, otherwise the one of the options.
fn configured_addresses(config: &Configuration) -> Result<String, Failure> {
    let port = config.get(&rest::PORT).0;
    if config.get(&high_availability::TYPE) == HighAvailability::Etcd
        && let Some(folder) = config_folder()
    {
        let file = folder.join("masters");
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                let masters = masters::rest_addresses(&text, port)
                    .map_err(|error| Failure::config(format!("{}:{error}", file.display())))?;
                if !masters.is_empty() {
                    return Ok(masters.join(","));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::failed(format!("cannot read {}: {error}", file.display())));
            }
        }
    }
    Ok(rest::client_host(config).with_port(port))
}
