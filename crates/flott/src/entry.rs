use std::sync::OnceLock;

use flott_core::sdk::{self, EntryInfo};

use crate::{BoxError, Error, execution};

/// One of several jobs in one program: what a class with a `main` is in a jar.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name to pass as entry (`-c`, `entryClass`).
    pub name: &'static str,
    /// What it does, in a line.
    pub description: &'static str,
    /// Builds and executes its dataflow.
    pub main: fn() -> Result<(), BoxError>,
}

static ENTRIES: OnceLock<Vec<EntryInfo>> = OnceLock::new();

/// Runs the entry that was asked for; without one, the only entry there is.
///
/// In local mode the environment variable `FLOTT_ENTRY` asks.
///
/// ```no_run
/// use flott::{BoxError, Entry, prelude::*, run_entry};
///
/// fn numbers() -> Result<(), BoxError> {
///     let env = StreamExecutionEnvironment::new();
///     env.from_sequence(1, 10).print();
///     env.execute("numbers")?;
///     Ok(())
/// }
///
/// fn main() -> Result<(), BoxError> {
///     run_entry(&[Entry { name: "numbers", description: "prints some numbers", main: numbers }])
/// }
/// ```
///
/// # Errors
/// If there is no such entry, or what the entry returns.
pub fn run_entry(entries: &[Entry]) -> Result<(), BoxError> {
    let infos = entries
        .iter()
        .map(|entry| EntryInfo {
            name: entry.name.to_owned(),
            description: Some(entry.description.to_owned()),
        })
        .collect();
    ENTRIES.get_or_init(|| infos);
    let names = || entries.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    let problem = match (requested(), entries) {
        (Some(name), _) => match entries.iter().find(|entry| entry.name == name) {
            Some(entry) => return (entry.main)(),
            None => format!("there is no entry \"{name}\" in this program, it has: {}", names()),
        },
        (None, [entry]) => return (entry.main)(),
        (None, []) => "this program has no entries: give run_entry at least one".to_owned(),
        (None, _) => format!("this program has several entries, choose one of: {}", names()),
    };
    Err(execution::refuse(Error::Entry(problem)).into())
}

/// The entry that was asked for.
pub(crate) fn requested() -> Option<String> {
    std::env::var(sdk::ENV_ENTRY).ok().filter(|name| !name.is_empty())
}

/// The entries of this program, if it has any.
pub(crate) fn known() -> &'static [EntryInfo] {
    ENTRIES.get().map_or(&[], Vec::as_slice)
}
