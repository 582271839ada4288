//! `flott config`: what the configuration says, for people and for the shell scripts.

use std::collections::BTreeMap;

use crate::{
    args::{ConfigArgs, ConfigVerb, SettingArgs},
    console, context,
    failure::Failure,
};

pub(crate) fn execute(args: ConfigArgs) -> Result<(), Failure> {
    match args.verb {
        ConfigVerb::Show { settings } => show(&settings),
        ConfigVerb::Get { settings, keys } => get(&settings, &keys),
    }
}

fn show(settings: &SettingArgs) -> Result<(), Failure> {
    let (config, warnings) = context::read(settings)?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let entries: BTreeMap<&str, String> = config.entries_redacted().collect();
    if entries.is_empty() {
        return console::line("# nothing is set: all defaults, see docs/configuration.md");
    }
    let yaml = serde_yaml::to_string(&entries).map_err(|error| Failure::failed(error.to_string()))?;
    console::line(yaml.trim_end())
}

fn get(settings: &SettingArgs, keys: &[String]) -> Result<(), Failure> {
    // The daemons print the warnings; the scripts ask too often for that.
    let (config, _warnings) = context::read(settings)?;
    let values: Result<Vec<_>, _> = keys.iter().map(|key| config.text_of(key)).collect();
    for value in values.map_err(|error| Failure::usage(error.to_string()))? {
        console::line(value.unwrap_or_default())?;
    }
    Ok(())
}
