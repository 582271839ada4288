//! Holds the imports between the crates against the table in ARCHITECTURE.md, both ways: an import that the table does
//! not allow, and one that it allows but nobody needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

const DOCUMENT: &str = "ARCHITECTURE.md";
const HEADING: &str = "## Who may import whom";
/// The row that stands for all packages in `crates/examples`.
const EXAMPLES: &str = "examples";

/// For each crate, by the name that the table uses, those that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_import_what_the_architecture_allows_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join(DOCUMENT)).unwrap();
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec().unwrap();

    let differences = differences(&allowed(&document), &actual(&metadata));

    assert!(differences.is_empty(), "\n\n{}\n", differences.join("\n\n"));
}

/// What stands in the table: rows of a crate and those that it may import, each name in backticks.
fn allowed(document: &str) -> Imports {
    let section = document.split_once(HEADING).unwrap_or_else(|| panic!("{DOCUMENT} has no \"{HEADING}\"")).1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut table = Imports::new();
    for row in section.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (name, row) = row.split_once("` | ").unwrap_or_else(|| panic!("not a row of two cells: {row}"));
        // Every other piece between backticks is a name.
        let imports = row.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(table.insert(name.to_owned(), imports).is_none(), "{DOCUMENT} has two rows for `{name}`");
    }
    assert!(!table.is_empty(), "{DOCUMENT} has no table under \"{HEADING}\"");
    table
}

/// What the manifests say, without dependencies that only tests have.
fn actual(metadata: &Metadata) -> Imports {
    let names: BTreeMap<PathBuf, String> =
        metadata.packages.iter().map(|package| (folder(package), name(package))).collect();
    let mut imports = Imports::new();
    for package in &metadata.packages {
        let own = imports.entry(name(package)).or_default();
        let dependencies = package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
        own.extend(dependencies.filter_map(|it| names.get(it.path.as_ref()?.as_std_path()).cloned()));
    }
    imports
}

fn folder(package: &Package) -> PathBuf {
    package.manifest_path.parent().expect("a manifest lies in a folder").as_std_path().to_owned()
}

fn name(package: &Package) -> String {
    let is_example = folder(package).parent().is_some_and(|parent| parent.ends_with("crates/examples"));
    if is_example {
        return EXAMPLES.to_owned();
    }
    let name = package.name.as_str();
    name.strip_prefix("flott-").unwrap_or(name).to_owned()
}

/// One line for each difference, which says what to do about it.
fn differences(allowed: &Imports, actual: &Imports) -> Vec<String> {
    let mut found = Vec::new();
    for name in allowed.keys().filter(|name| !actual.contains_key(*name)) {
        found.push(format!("{DOCUMENT} has a row for `{name}`, which is no crate: remove the row."));
    }
    for (name, imports) in actual {
        let Some(may_import) = allowed.get(name) else {
            found.push(format!(
                "The crate `{name}` has no row in the table of {DOCUMENT}: add one, and a paragraph on the code map."
            ));
            continue;
        };
        for extra in imports.difference(may_import) {
            found.push(format!(
                "`{name}` imports `{extra}`, which {DOCUMENT} does not allow. Either remove it from the [dependencies] of \
                 `{name}` (a trait in a crate below both, or moving the code, often helps; [dev-dependencies] are free), \
                 or, if the architecture is to change, add `{extra}` to its row under \"{HEADING}\" and say why below."
            ));
        }
        for missing in may_import.difference(imports) {
            found.push(format!(
                "{DOCUMENT} allows `{name}` to import `{missing}`, but it does not: remove `{missing}` from its row."
            ));
        }
    }
    found
}

fn table(rows: &str) -> Imports {
    allowed(&format!(
        "# Title\n\n{HEADING}\n\n| crate | may import |\n| --- | --- |\n{rows}\n\n## Next\n| `x` | `y` |\n"
    ))
}

#[test]
fn the_table_ends_at_the_next_heading() {
    let table = table("| `core` | nothing |\n| `rpc` | `core`, `control` |");
    assert_eq!(table.keys().collect::<Vec<_>>(), ["core", "rpc"]);
    assert!(table["core"].is_empty());
    assert_eq!(table["rpc"].iter().collect::<Vec<_>>(), ["control", "core"]);
}

#[test]
fn extra_and_missing_imports_are_told_with_what_to_do() {
    let allowed = table("| `core` | nothing |\n| `state` | `core` |");

    assert_eq!(differences(&allowed, &allowed), [""; 0]);
    let extra = differences(&allowed, &table("| `core` | `state` |\n| `state` | `core` |"));
    assert_eq!(extra.len(), 1);
    assert!(
        extra[0].starts_with("`core` imports `state`, which ARCHITECTURE.md does not allow."),
        "{extra:?}"
    );
    let missing = differences(&allowed, &table("| `core` | nothing |\n| `state` | nothing |"));
    assert_eq!(missing.len(), 1);
    assert!(missing[0].contains("remove `core` from its row"), "{missing:?}");
}

#[test]
fn crates_without_a_row_and_rows_without_a_crate_are_told() {
    let (one, both) = (table("| `core` | nothing |"), table("| `core` | nothing |\n| `state` | nothing |"));
    assert!(differences(&one, &both)[0].contains("The crate `state` has no row"));
    assert!(differences(&both, &one)[0].contains("row for `state`, which is no crate"));
}
