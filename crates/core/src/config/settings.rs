use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    checks, document,
    error::{ConfigError, Origin, Problem, Warning},
    lookup,
    option::{AnyOption, ConfigOption},
    value::{ConfigValue, RawValue},
};

/// All settings of a process or of a job. Every option that is set has been checked, alone and against the others.
///
/// Keys that are no options are kept as they are, for the pages that show the configuration.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// By the option's present key, or by the key as written if it is no option.
    settings: BTreeMap<String, Setting>,
}

#[derive(Clone, PartialEq, Eq)]
struct Setting {
    value: RawValue,
    origin: Origin,
}

/// There is no option of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown configuration key {key}{}", .nearest.map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
pub struct UnknownKey {
    /// The key as asked for.
    pub key: String,
    /// The most similar option.
    pub nearest: Option<&'static str>,
}

impl Configuration {
    /// Reads the `text` of a configuration file. `file_name` is what errors and warnings call it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the lines.
    pub fn parse(text: &str, file_name: &str) -> Result<(Self, Vec<Warning>), Vec<ConfigError>> {
        Self::parse_with_overrides(text, file_name, std::iter::empty::<&str>())
    }

    /// Like [`parse`](Self::parse), with `overrides` of the form `key=value` (the arguments of `-D`) that beat the
    /// file. Of two overrides of one key the later one holds.
    ///
    /// # Errors
    /// Everything that is wrong with the file, then with the overrides, then with the two together.
    pub fn parse_with_overrides<S: AsRef<str>>(
        text: &str,
        file_name: &str,
        overrides: impl IntoIterator<Item = S>,
    ) -> Result<(Self, Vec<Warning>), Vec<ConfigError>> {
        let mut builder = Builder::default();
        builder.add_file(text, file_name);
        for text in overrides {
            builder.add_override(text.as_ref());
        }
        builder.finish()
    }

    /// Returns this configuration with `settings` over it, which came from `origin`.
    ///
    /// # Errors
    /// Everything that is wrong with `settings`, alone and together with what was there.
    pub fn with_settings<K: AsRef<str>, V: AsRef<str>>(
        &self,
        settings: impl IntoIterator<Item = (K, V)>,
        origin: &Origin,
    ) -> Result<(Self, Vec<Warning>), Vec<ConfigError>> {
        let mut builder = Builder { config: self.clone(), ..Builder::default() };
        for (key, value) in settings {
            builder.add(key.as_ref(), RawValue::Scalar(value.as_ref().to_owned()), origin.clone());
        }
        builder.finish()
    }

    /// Returns the value of `option`, or its default.
    pub fn get<T: ConfigValue>(&self, option: &ConfigOption<T>) -> T {
        let set = self.settings.get(option.key).map(|setting| &setting.value);
        let default = || option.default.map(|text| RawValue::Scalar(text.to_owned()));
        match set.cloned().or_else(default) {
            Some(raw) => option.typed(&raw).expect("settings are checked when made, defaults by a test"),
            None => T::unset().expect("an option without default has the type Option, which a test holds"),
        }
    }

    /// Returns the value of the option `key` on one line, its default if it is not set, `None` if it has none. A
    /// secret comes as it is.
    ///
    /// # Errors
    /// If there is no such option.
    pub fn text_of(&self, key: &str) -> Result<Option<String>, UnknownKey> {
        let Some(option) = lookup::option(key) else {
            return Err(UnknownKey { key: key.to_owned(), nearest: lookup::nearest(key) });
        };
        let set = self.settings.get(option.key()).map(|setting| setting.value.text());
        Ok(set.or_else(|| option.default_text().map(str::to_owned)))
    }

    /// Tells whether the option `key` is set, be it to its default.
    pub fn is_set(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    /// Returns where the value of `key` was set.
    pub fn origin(&self, key: &str) -> Origin {
        let key = lookup::option(key).map_or(key, |option| option.key());
        self.settings.get(key).map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// Returns the keys that are set (not the defaults) with their values, sorted, secrets shown as `******`.
    pub fn entries_redacted(&self) -> impl Iterator<Item = (&str, String)> {
        self.settings
            .iter()
            .map(|(key, setting)| (key.as_str(), lookup::redacted(key, &setting.value.text()).to_owned()))
    }

    /// An error about the value that `option` has now.
    pub(super) fn contradiction(&self, option: &dyn AnyOption, got: &str, allowed: String) -> ConfigError {
        let problem = Problem::Value { got: got.to_owned(), allowed };
        ConfigError { origin: self.origin(option.key()), key: Some(option.key().to_owned()), problem }
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries_redacted()).finish()
    }
}

/// Collects settings, errors and warnings, so that all of them are reported at once.
#[derive(Default)]
struct Builder {
    config: Configuration,
    errors: Vec<ConfigError>,
    warnings: Vec<Warning>,
}

impl Builder {
    fn add_file(&mut self, text: &str, file_name: &str) {
        let name: Arc<str> = file_name.into();
        let place = |line| Origin::File { name: Arc::clone(&name), line };
        let (entries, flaws) = document::read(text);
        for flaw in flaws {
            self.errors.push(ConfigError { origin: place(flaw.line), key: flaw.key, problem: flaw.problem });
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for entry in entries {
            let name = lookup::option(&entry.key).map_or(entry.key.as_str(), |option| option.key());
            if let Some(first) = seen.get(name) {
                let problem = Problem::Duplicate { first: place(*first) };
                self.errors.push(ConfigError { origin: place(entry.line), key: Some(entry.key), problem });
                continue;
            }
            seen.insert(name.to_owned(), entry.line);
            self.add(&entry.key, entry.value, place(entry.line));
        }
        self.errors.sort_by_key(|error| match error.origin {
            Origin::File { line, .. } => line,
            _ => usize::MAX,
        });
    }

    fn add_override(&mut self, text: &str) {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                self.add(key.trim(), RawValue::Scalar(value.to_owned()), Origin::CommandLine);
            }
            _ => self.errors.push(ConfigError {
                origin: Origin::CommandLine,
                key: None,
                problem: Problem::Override(text.to_owned()),
            }),
        }
    }

    fn add(&mut self, key: &str, value: RawValue, origin: Origin) {
        let Some(option) = lookup::option(key) else {
            self.warnings.push(lookup::unused(key, origin.clone()));
            self.config.settings.insert(key.to_owned(), Setting { value, origin });
            return;
        };
        if option.key() != key {
            self.warnings.push(Warning::Renamed {
                origin: origin.clone(),
                key: key.to_owned(),
                now: option.key(),
            });
        }
        match option.check(&value) {
            Ok(()) => {
                self.config.settings.insert(option.key().to_owned(), Setting { value, origin });
            }
            Err(mismatch) => {
                let got = lookup::redacted(key, &quoted(&value)).to_owned();
                let problem = Problem::Value { got, allowed: mismatch.allowed };
                self.errors.push(ConfigError { origin, key: Some(key.to_owned()), problem });
            }
        }
    }

    fn finish(mut self) -> Result<(Configuration, Vec<Warning>), Vec<ConfigError>> {
        self.errors.extend(checks::contradictions(&self.config));
        if self.errors.is_empty() { Ok((self.config, self.warnings)) } else { Err(self.errors) }
    }
}

fn quoted(value: &RawValue) -> String {
    match value {
        RawValue::Scalar(text) => format!("{text:?}"),
        RawValue::List(items) => format!("the list {items:?}"),
    }
}

#[cfg(test)]
mod tests;
