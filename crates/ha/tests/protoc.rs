//! The stand-in for protoc with which etcd-client is built: `proto/third-party/etcd-client`.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// What etcd-client's build script asks for.
const FILES: [&str; 5] = [
    "proto/etcd/api/authpb/auth.proto",
    "proto/etcd/api/etcdserverpb/rpc.proto",
    "proto/etcd/api/mvccpb/kv.proto",
    "proto/etcd/server/etcdserver/api/v3election/v3electionpb/v3election.proto",
    "proto/etcd/server/etcdserver/api/v3lock/v3lockpb/v3lock.proto",
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/third-party/etcd-client")
}

fn run(program: &Path, version: &str, output: &Path, files: &[&str]) -> Output {
    Command::new(program)
        .env("CARGO_PKG_NAME", "etcd-client")
        .env("CARGO_PKG_VERSION", version)
        .args(["--include_imports", "--include_source_info", "-o"])
        .arg(output)
        .args(["-I", "proto"])
        .args(files)
        .output()
        .unwrap()
}

#[test]
fn it_gives_out_the_descriptors_also_where_paths_have_spaces() {
    let own = tempfile::tempdir().unwrap();
    let place = own.path().join("a checkout -o/with spaces");
    fs::create_dir_all(&place).unwrap();
    for name in ["protoc", "descriptors.binpb"] {
        fs::copy(directory().join(name), place.join(name)).unwrap();
    }
    let output = own.path().join("descriptor set");
    let result = run(&place.join("protoc"), "0.21.1", &output, &FILES);
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    assert_eq!(fs::read(output).unwrap(), fs::read(directory().join("descriptors.binpb")).unwrap());
}

#[test]
fn it_refuses_everything_else() {
    let own = tempfile::tempdir().unwrap();
    let (program, output) = (directory().join("protoc"), own.path().join("x"));
    for (version, files, problem) in [
        ("0.21.2", &FILES[..], "called for etcd-client 0.21.2"),
        ("0.21.1", &FILES[..4], "other files than expected"),
        ("0.21.1", &["--version"][..], "unknown option --version"),
    ] {
        let result = run(&program, version, &output, files);
        let errors = String::from_utf8_lossy(&result.stderr);
        assert_eq!(result.status.code(), Some(1), "{errors}");
        assert!(errors.contains(problem) && errors.contains("set PROTOC to a real one"), "{errors}");
        assert!(!output.exists());
    }
}

#[test]
fn the_pinned_version_is_the_one_that_it_knows() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml")).unwrap();
    let script = fs::read_to_string(directory().join("protoc")).unwrap();
    let version = script.lines().find_map(|line| line.strip_prefix("readonly VERSION=")).unwrap();
    assert!(manifest.contains(&format!("etcd-client = {{ version = \"={version}\"")), "{version}");
}
