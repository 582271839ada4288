use std::fmt::Write as _;

use super::{option::AnyOption, options};

/// Name of the environment variable with which the test of this module rewrites the page.
#[cfg(test)]
const UPDATE: &str = "FLOTT_UPDATE_DOCS";

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from crates/core/src/config/options. Change the options there, then run:
     FLOTT_UPDATE_DOCS=1 cargo test -p flott-core config_reference -->

Flott reads `conf/config.yaml` (or `config.yaml` in the directory that `FLOTT_CONF_DIR` names). Keys can be written nested
or flat: `rest.port: 8081` is the same as `rest:` with `port: 8081` under it. `-D key=value` on a daemon or on `flott`
beats the file. Keys are Flink's where Flink has the concept; keys that only Flink has are accepted with a warning and have no
effect.

A value that cannot be used stops the start with exit code 78 and a list of everything that is wrong, each with file and line.
Unknown keys are warnings.

- **Durations** have a unit: `10 s`, `500 ms`, `1 min`, `1 h`, `1 d`. A bare number counts milliseconds.
- **Sizes** have a unit too: `64 kb`, `1728m`, `1 gb`, in powers of 1024. A bare number counts bytes.
- **Lists** are YAML lists (`[a, b]`); on the command line the items are separated by `;` or `,`.
- Values of keys that hold words such as `password`, `secret` or `token` are shown as `******`.
";

/// Returns the reference page of all options, in Markdown.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in options::SECTIONS {
        let _ = write!(
            page,
            "\n## {}\n\n| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n",
            section.title
        );
        for option in section.options {
            page.push_str(&row(*option));
        }
    }
    page
}

fn row(option: &dyn AnyOption) -> String {
    let default = match option.default_text() {
        None => "unset".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    let mut doc = option.doc().split_whitespace().collect::<Vec<_>>().join(" ");
    if !option.older_keys().is_empty() {
        let keys: Vec<String> = option.older_keys().iter().map(|key| format!("`{key}`")).collect();
        let _ = write!(doc, " (Older: {}.)", keys.join(", "));
    }
    format!("| `{}` | {default} | {} | {doc} |\n", option.key(), option.allowed())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn config_reference_page_is_up_to_date() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, reference()).unwrap();
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            written == reference(),
            "docs/configuration.md is not what the options say; run: {UPDATE}=1 cargo test -p flott-core config_reference"
        );
    }

    #[test]
    fn no_cell_breaks_its_table() {
        for option in options::all() {
            assert_eq!(row(option).matches('|').count(), 5, "{}", option.key());
        }
    }
}
