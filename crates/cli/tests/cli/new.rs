//! `flott new`: which files it makes, where, and what they depend on. That they build is tested end to end.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::command::{done, flott};

/// A directory in which a checkout seems to lie.
fn checkout() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("crates/flott")).unwrap();
    fs::write(dir.path().join("crates/flott/Cargo.toml"), "").unwrap();
    fs::write(dir.path().join("Cargo.lock"), "the versions").unwrap();
    dir
}

/// The files below `root`, sorted.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(
                files(&path).into_iter().map(|below| PathBuf::from(path.file_name().unwrap()).join(below)),
            );
        } else {
            found.push(path.file_name().unwrap().into());
        }
    }
    found.sort();
    found
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

#[tokio::test]
async fn a_project_depends_on_the_checkout_that_flott_home_is() {
    let (home, work) = (checkout(), tempfile::tempdir().unwrap());
    let mut command = flott(["new", "my-job"]);
    command.env("FLOTT_HOME", home.path()).current_dir(&work);
    let new = done(command).await;
    assert_eq!((new.code, new.stderr.as_str()), (Some(0), ""));

    let project = work.path().join("my-job");
    let expected = [".gitignore", "Cargo.lock", "Cargo.toml", "README.md", "src/main.rs"];
    assert_eq!(files(&project), paths(&expected));
    for file in expected {
        assert!(new.stdout.contains(file), "{file} is not told: {}", new.stdout);
    }
    let home = home.path().canonicalize().unwrap();
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\nname = \"my-job\"\n") && manifest.contains("\n[workspace]\n"), "{manifest}");
    let flott = format!("\nflott = {{ path = \"{}/crates/flott\" }}\n", home.display());
    assert!(manifest.contains(&flott), "{manifest}");
    assert_eq!(fs::read_to_string(project.join("Cargo.lock")).unwrap(), "the versions");
    assert!(new.stdout.contains("\n  cd my-job\n"), "{}", new.stdout);
    let run = format!("\n  {}/bin/flott run target/release/my-job\n", home.display());
    assert!(new.stdout.contains(&run), "{}", new.stdout);
}

#[tokio::test]
async fn a_project_can_depend_on_the_published_crate_and_lie_elsewhere() {
    let work = tempfile::tempdir().unwrap();
    let project = work.path().join("deep/er");
    let mut command = flott(["new", "my_job", "--flott-version", "0.1", "--path"]);
    command.arg(&project);
    let new = done(command).await;
    assert_eq!(new.code, Some(0), "{new:?}");
    assert_eq!(files(&project), paths(&[".gitignore", "Cargo.toml", "README.md", "src/main.rs"]));
    assert!(fs::read_to_string(project.join("Cargo.toml")).unwrap().contains("\nflott = \"0.1\"\n"));
    assert!(new.stdout.contains("\n  flott run target/release/my_job\n"), "{}", new.stdout);
}

#[tokio::test]
async fn nothing_is_made_if_something_is_wrong() {
    let work = tempfile::tempdir().unwrap();
    fs::create_dir(work.path().join("taken")).unwrap();
    fs::write(work.path().join("taken/notes"), "mine").unwrap();
    for (args, code, part) in [
        (&["taken", "--flott-version", "0.1"][..], 1, "The directory taken exists and is not empty"),
        (
            &["free", "--path", "taken/notes", "--flott-version", "0.1"],
            1,
            "taken/notes exists and is not a directory",
        ),
        (&["free", "--flott-path", "taken"], 1, "no checkout of Flott in taken"),
        (&["fn", "--flott-version", "0.1"], 2, "Cannot name a project \"fn\": it is a keyword"),
        (&["free", "--flott-version", "new"], 2, "\"new\" is not a version"),
    ] {
        let mut command = flott(["new"]);
        command.args(args).current_dir(&work);
        let new = done(command).await;
        assert_eq!((new.code, new.stdout.as_str()), (Some(code), ""), "{args:?}: {new:?}");
        assert!(new.stderr.contains(part), "{args:?}: {}", new.stderr);
        assert_eq!(files(work.path()), paths(&["taken/notes"]), "{args:?}");
    }
    assert_eq!(fs::read_to_string(work.path().join("taken/notes")).unwrap(), "mine");
}
