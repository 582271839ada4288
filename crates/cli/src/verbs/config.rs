//! `flott config get KEY...`: what the shell scripts need to know of the configuration.

use crate::{
    args::{ConfigArgs, ConfigVerb},
    console, context,
    failure::Failure,
};

pub(crate) fn execute(args: ConfigArgs) -> Result<(), Failure> {
    let ConfigVerb::Get { settings, keys } = args.verb;
    // The daemons print the warnings; the scripts ask too often for that.
    let (config, _warnings) = context::read(&settings)?;
    let values: Result<Vec<_>, _> = keys.iter().map(|key| config.text_of(key)).collect();
    for value in values.map_err(|error| Failure::usage(error.to_string()))? {
        console::line(value.unwrap_or_default())?;
    }
    Ok(())
}
