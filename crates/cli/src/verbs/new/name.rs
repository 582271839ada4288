//! Which names a project can have: those that `cargo new` takes for a program, in ASCII.

/// Rust's keywords, those for later too. The name becomes that of a crate.
const KEYWORDS: [&str; 52] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Directories that Cargo makes beside a program.
const DIRECTORIES: [&str; 4] = ["build", "deps", "examples", "incremental"];

/// Crates that every program has.
const STANDARD: [&str; 6] = ["alloc", "core", "proc-macro", "proc_macro", "std", "test"];

/// What the project depends on by name.
const DEPENDENCIES: [&str; 4] = ["anyhow", "clap", "flott", "serde"];

/// Says what is wrong with a name, and what would be right.
pub(super) fn check(name: &str) -> Result<(), String> {
    let refused = |why: &str| Err(format!("Cannot name a project \"{name}\": {why}."));
    let is_one_of = |names: &[&str]| names.contains(&name);
    let mut chars = name.chars();
    match chars.next() {
        None => return Err("The project's name is empty: give it one, such as my-job.".to_owned()),
        Some('0'..='9') => return refused("it starts with a digit; start it with a letter"),
        Some('-') => return refused("it starts with a dash; start it with a letter"),
        Some(_) => {}
    }
    if let Some(other) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        let path = if other == '/' { "; use --path to say where the project is to be" } else { "" };
        return refused(&format!(
            "it contains {other:?}; allowed are the letters a to z, digits, - and _{path}"
        ));
    }
    if name.chars().all(|c| matches!(c, '-' | '_')) {
        return refused("it has no letter");
    }
    if is_one_of(&KEYWORDS) {
        return refused("it is a keyword of Rust");
    }
    if is_one_of(&DIRECTORIES) {
        return refused("Cargo has a directory of that name beside the programs that it builds");
    }
    if is_one_of(&STANDARD) {
        return refused("it is the name of a crate of Rust's standard library");
    }
    if is_one_of(&DEPENDENCIES) {
        return refused("it is the name of a crate that the project depends on");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cargo_packages_are_fine() {
        for name in ["my-job", "my_job", "job2", "x", "_job", "WordCount", "flott-job", "tests"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn others_are_refused_with_what_is_wrong() {
        for (name, part) in [
            ("", "is empty"),
            ("2fast", "starts with a digit"),
            ("-p", "starts with a dash"),
            ("my job", "' '"),
            ("jobs/mine", "use --path"),
            ("../escaped", "'.'"),
            ("job\n", "'\\n'"),
            ("größe", "'ö'"),
            ("a\"b", "'\"'"),
            ("__", "no letter"),
            ("fn", "keyword"),
            ("async", "keyword"),
            ("deps", "directory"),
            ("test", "standard library"),
            ("core", "standard library"),
            ("flott", "depends on"),
        ] {
            let error = check(name).unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
            assert!(error.contains(&format!("\"{name}\"")) || name.is_empty(), "{error}");
        }
    }

    #[test]
    fn keywords_are_sorted_so_that_one_sees_what_is_missing() {
        assert!(KEYWORDS.is_sorted());
    }
}
