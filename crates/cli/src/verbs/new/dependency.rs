//! Which Flott a project depends on: a checkout, or the published crate.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use semver::VersionReq;

use crate::failure::Failure;

/// Where the crate lies in a checkout.
const CRATE: &str = "crates/flott";

/// What stands in the project's manifest.
#[derive(Debug, PartialEq)]
pub(super) enum Dependency {
    /// The crate of a checkout, which has this root.
    Checkout(PathBuf),
    /// The published crate, of a version that Cargo understands.
    Version(String),
}

/// Where the checkout may be that this command comes from: what the scripts say, and the directories around the program.
pub(super) fn places() -> Vec<PathBuf> {
    let home = env::var_os("FLOTT_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let program = env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    home.into_iter().chain(program.ancestors().skip(1).map(Path::to_owned)).collect()
}

impl Dependency {
    /// What the options ask for; without any, the first of `places` that is a checkout, or the version of this command.
    pub(super) fn choose(
        path: Option<&Path>,
        version: Option<&str>,
        places: &[PathBuf],
    ) -> Result<Self, Failure> {
        if let Some(version) = version {
            return check(version).map(Self::Version);
        }
        if let Some(path) = path {
            let root = root_of(path).ok_or_else(|| {
                Failure::failed(format!(
                    "There is no checkout of Flott in {}: it has no {CRATE}/Cargo.toml. Name the checkout's directory with \
                     --flott-path, or depend on the published crate with --flott-version.",
                    path.display()
                ))
            })?;
            return Ok(Self::Checkout(root));
        }
        match places.iter().find_map(|place| root_of(place)) {
            Some(root) => Ok(Self::Checkout(root)),
            None => Ok(Self::Version(env!("CARGO_PKG_VERSION").to_owned())),
        }
    }

    /// Refuses the name of a project that its lock file could not tell from a crate of the checkout.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Failure> {
        let taken = match self {
            Self::Checkout(root) => {
                name.strip_prefix("flott-").is_some_and(|rest| root.join("crates").join(rest).is_dir())
            }
            Self::Version(_) => false,
        };
        if taken {
            return Err(Failure::usage(format!(
                "Cannot name a project \"{name}\": it is the name of a crate of Flott."
            )));
        }
        Ok(())
    }

    /// The value in the manifest, in TOML.
    pub(super) fn toml(&self) -> Result<String, Failure> {
        match self {
            Self::Checkout(root) => {
                let path = root.join(CRATE);
                let text = path.to_str().ok_or_else(|| {
                    Failure::failed(format!(
                        "The path of the checkout, {}, is not valid UTF-8, and manifests are: move the checkout, or name it \
                         by another path with --flott-path.",
                        root.display()
                    ))
                })?;
                // A string of JSON is one of TOML.
                Ok(format!("{{ path = {} }}", serde_json::Value::from(text)))
            }
            Self::Version(version) => Ok(format!("\"{version}\"")),
        }
    }

    /// The versions that the checkout was built with: with the same ones the project can be built without a network.
    pub(super) fn lock_file(&self) -> Result<Option<String>, Failure> {
        let Self::Checkout(root) = self else { return Ok(None) };
        let path = root.join("Cargo.lock");
        match fs::read_to_string(&path) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::failed(format!("cannot read {}: {error}", path.display()))),
        }
    }

    /// How a shell calls one of the checkout's scripts.
    pub(super) fn command(&self, script: &str) -> Option<String> {
        let Self::Checkout(root) = self else { return None };
        Some(shell_words::quote(&root.join("bin").join(script).display().to_string()).into_owned())
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Checkout(root) => format!("the checkout {}", root.display()),
            Self::Version(version) => format!("version {version}"),
        }
    }
}

/// The checkout whose root or `flott` crate this directory is.
fn root_of(directory: &Path) -> Option<PathBuf> {
    let directory = directory.canonicalize().ok()?;
    let is_root = |root: &&Path| root.join(CRATE).join("Cargo.toml").is_file();
    let root = directory.ends_with(CRATE).then(|| directory.ancestors().nth(2)).flatten();
    [Some(&*directory), root].into_iter().flatten().find(is_root).map(Path::to_owned)
}

fn check(version: &str) -> Result<String, Failure> {
    VersionReq::parse(version).map(|_| version.to_owned()).map_err(|error| {
        Failure::usage(format!(
            "\"{version}\" is not a version as Cargo has it, such as 0.1 or =0.1.3 (--flott-version): {error}."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for krate in ["flott", "core"] {
            fs::create_dir_all(dir.path().join("crates").join(krate)).unwrap();
        }
        fs::write(dir.path().join("crates/flott/Cargo.toml"), "").unwrap();
        dir
    }

    fn choose(path: Option<&Path>, version: Option<&str>, places: &[PathBuf]) -> Result<Dependency, String> {
        Dependency::choose(path, version, places).map_err(|failure| failure.message().unwrap().to_owned())
    }

    #[test]
    fn a_checkout_is_named_by_its_root_or_its_crate() {
        let dir = checkout();
        let root = dir.path().canonicalize().unwrap();
        for path in [root.clone(), root.join("crates/flott"), root.join("crates/../crates/flott/")] {
            assert_eq!(choose(Some(&path), None, &[]), Ok(Dependency::Checkout(root.clone())), "{path:?}");
        }
    }

    #[test]
    fn what_is_no_checkout_is_refused() {
        let dir = checkout();
        for path in [dir.path().join("crates"), dir.path().join("crates/core"), dir.path().join("nosuch")] {
            let error = choose(Some(&path), None, &[dir.path().to_owned()]).unwrap_err();
            assert!(
                error.contains(&path.display().to_string()) && error.contains("--flott-version"),
                "{error}"
            );
        }
    }

    #[test]
    fn without_options_the_own_checkout_is_taken_or_else_the_own_version() {
        let dir = checkout();
        let root = dir.path().canonicalize().unwrap();
        let places = [PathBuf::from("/nosuch"), root.join("crates"), root.clone()];
        assert_eq!(choose(None, None, &places), Ok(Dependency::Checkout(root)));
        let version = env!("CARGO_PKG_VERSION").to_owned();
        assert_eq!(choose(None, None, &places[..2]), Ok(Dependency::Version(version)));
    }

    #[test]
    fn versions_are_what_cargo_takes() {
        for version in ["0.1", "=1.2.3", ">=1, <3", "0.1.0-beta.1", "*"] {
            let toml = choose(None, Some(version), &[]).unwrap().toml().unwrap();
            assert_eq!(toml, format!("\"{version}\""));
        }
        for version in ["", "latest", "1.x.y", "\"1\""] {
            let error = choose(None, Some(version), &[]).unwrap_err();
            assert!(error.contains(&format!("\"{version}\" is not a version")), "{error}");
        }
    }

    #[test]
    fn paths_are_quoted_for_manifests_and_shells() {
        let dependency = Dependency::Checkout(PathBuf::from("/a \"b\"\\c"));
        assert_eq!(dependency.toml().unwrap(), r#"{ path = "/a \"b\"\\c/crates/flott" }"#);
        assert_eq!(dependency.command("flott").unwrap(), "'/a \"b\"\\c/bin/flott'");
    }

    #[test]
    fn names_of_the_checkouts_own_crates_are_refused() {
        let dir = checkout();
        let dependency = choose(Some(dir.path()), None, &[]).unwrap();
        assert!(dependency.check_name("flott-core").is_err());
        assert!(dependency.check_name("flott-job").is_ok());
        assert!(Dependency::Version("*".to_owned()).check_name("flott-core").is_ok());
    }
}
