//! High availability of one JobManager, by files and in memory.

use std::path::Path;

use bytes::Bytes;
use flott_core::config::{Configuration, Origin};
use flott_ha::{Candidate, Error, HighAvailability, LeaderState, Op, StoreError};

fn me(name: &str) -> Candidate {
    Candidate { instance_id: name.into(), rpc_address: "host:6123".into(), rest_address: "host:8081".into() }
}

fn config(settings: &[(&str, &str)]) -> Configuration {
    let config = Configuration::default();
    config.with_settings(settings.iter().copied(), &Origin::CommandLine).expect("the settings are valid").0
}

fn file(directory: &Path) -> Configuration {
    config(&[
        ("high-availability.type", "file"),
        ("high-availability.storageDir", directory.to_str().expect("UTF-8")),
    ])
}

#[tokio::test]
async fn a_job_manager_finds_what_the_one_before_it_has_stored() {
    let directory = tempfile::tempdir().unwrap();
    let config = file(directory.path());
    let ha = HighAvailability::open(&config, me("a")).await.unwrap();
    assert_eq!(*ha.leader().borrow(), None);
    let first = ha.campaign().await.unwrap();
    assert_eq!(ha.leader().borrow().as_ref().unwrap().epoch, first.epoch());
    first.store().commit(vec![Op::put("jobs/1/spec", "x")]).await.unwrap();
    first.store().put_blob("artifacts/1", Bytes::from(vec![7; 10_000_000])).await.unwrap();
    let epoch = first.epoch();
    // As if it were killed: nothing is given up.
    let store = first.store();
    drop((first, ha));
    drop(store);

    let ha = HighAvailability::open(&config, me("b")).await.unwrap();
    let second = ha.campaign().await.unwrap();
    assert!(second.epoch() > epoch);
    let store = second.store();
    assert_eq!(store.list("jobs/").await.unwrap(), [("jobs/1/spec".to_owned(), "x".into())]);
    assert_eq!(store.list_blobs("artifacts/").await.unwrap(), ["artifacts/1"]);
    let copy = directory.path().join("copy");
    store.get_blob_file("artifacts/1", &copy).await.unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), vec![7; 10_000_000]);
    store.put_blob_file("artifacts/2", &copy).await.unwrap();
    assert_eq!(store.get_blob("artifacts/2").await.unwrap().len(), 10_000_000);
    store.delete_blob("artifacts/1").await.unwrap();
    assert!(store.get_blob("artifacts/1").await.unwrap_err().is_missing());
    assert!(store.get_blob_file("artifacts/1", &copy).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn a_second_job_manager_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = file(directory.path());
    let first = HighAvailability::open(&config, me("a")).await.unwrap();
    let error = HighAvailability::open(&config, me("b")).await.unwrap_err();
    assert!(matches!(error, Error::Locked { pid: Some(_), .. }), "{error}");
    drop(first);
    HighAvailability::open(&config, me("b")).await.unwrap();
}

#[tokio::test]
async fn a_leadership_that_was_given_up_is_over() {
    let directory = tempfile::tempdir().unwrap();
    for config in [config(&[]), file(directory.path())] {
        let ha = HighAvailability::open(&config, me("a")).await.unwrap();
        let leadership = ha.campaign().await.unwrap();
        let (epoch, store, state) = (leadership.epoch(), leadership.store(), leadership.state());
        let permit = leadership.permit();
        assert!(permit.is_leading() && *state.borrow() == LeaderState::Leading);
        leadership.resign().await;
        assert!(!permit.is_leading() && *state.borrow() == LeaderState::Lost);
        assert!(store.commit(vec![Op::put("a", "b")]).await.unwrap_err().is_lost());
        assert!(store.list("").await.unwrap_err().is_lost());
        assert_eq!(*ha.leader().borrow(), None);

        let next = ha.campaign().await.unwrap();
        assert!(next.epoch() > epoch);
        next.store().commit(vec![Op::put("a", "b")]).await.unwrap();
    }
}

#[tokio::test]
async fn names_and_numbers_are_bounded() {
    let ha = HighAvailability::open(&config(&[]), me("a")).await.unwrap();
    let store = ha.campaign().await.unwrap().store();
    drop(store);
    let leadership = ha.campaign().await.unwrap();
    let store = leadership.store();
    for key in ["../a", "/a", "a//b", ""] {
        assert!(matches!(store.commit(vec![Op::delete(key)]).await, Err(StoreError::Name { .. })), "{key}");
        assert!(matches!(store.put_blob(key, Bytes::new()).await, Err(StoreError::Name { .. })), "{key}");
    }
    let many = (0..101).map(|number| Op::delete(format!("a/{number}"))).collect();
    assert!(matches!(store.commit(many).await, Err(StoreError::TooLarge { size: 101, .. })));
    store.commit(Vec::new()).await.unwrap();
}

#[tokio::test]
async fn without_a_directory_each_port_has_one_of_its_own_that_others_cannot_read() {
    use std::os::unix::fs::PermissionsExt;

    let temporary = tempfile::tempdir().unwrap();
    let at_port = |port: &str| {
        let directory = temporary.path().to_str().unwrap();
        config(&[
            ("high-availability.type", "file"),
            ("web.tmpdir", directory),
            ("jobmanager.rpc.port", port),
        ])
    };
    let one = HighAvailability::open(&at_port("6123"), me("a")).await.unwrap();
    let other = HighAvailability::open(&at_port("6124"), me("b")).await.unwrap();
    assert!(HighAvailability::open(&at_port("6123"), me("c")).await.is_err());
    let any = HighAvailability::open(&at_port("0"), me("d")).await.unwrap();
    let any_other = HighAvailability::open(&at_port("0"), me("e")).await.unwrap();
    drop((one, other, any, any_other));
    let entries = std::fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap());
    let names: Vec<_> = entries
        .map(|entry| {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0);
            entry.file_name().into_string().unwrap()
        })
        .collect();
    assert_eq!(names, [format!("flott-ha-{}", nix::unistd::geteuid())], "those for any port are gone");
}

#[tokio::test]
async fn file_needs_a_directory_of_this_machine() {
    let config =
        config(&[("high-availability.type", "file"), ("high-availability.storageDir", "s3://bucket/x")]);
    let error = HighAvailability::open(&config, me("a")).await.unwrap_err().to_string();
    assert!(
        error.starts_with("high-availability.storageDir: s3://bucket/x is not on this machine"),
        "{error}"
    );
}
