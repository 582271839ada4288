//! `flott list` and `flott cancel`.

use std::{io::Read, process::Stdio};

use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    cluster::{Cluster, JOB},
    command::{conf_dir, done, flott},
};

#[tokio::test]
async fn list_prints_flinks_text() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let address = cluster.address.to_string();
    let list = done(flott(["list", "-m", &address])).await;
    assert_eq!(list.code, Some(0), "{list:?}");
    let expected = format!(
        "Waiting for response...\n\
         ------------------ Running/Restarting Jobs -------------------\n\
         22.11.2026 23:29:31 : {JOB} : first (RUNNING)\n\
         22.11.2026 23:29:40 : 00000000000000000000000000000003 : third (RUNNING)\n\
         --------------------------------------------------------------\n\
         No scheduled jobs.\n"
    );
    assert_eq!(list.stdout, expected);

    let scheduled = done(flott(["list", "-s", "-m", &address])).await;
    assert_eq!(scheduled.stdout, "Waiting for response...\nNo scheduled jobs.\n");
    let all = done(flott(["list", "-a", "-m", &address])).await;
    assert!(all.stdout.contains("Terminated Jobs"));
    assert!(all.stdout.contains(" : over (FINISHED)\n"));

    let json: Value =
        serde_json::from_str(&done(flott(["list", "--json", "-m", &address])).await.stdout).unwrap();
    assert_eq!(json["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(json["jobs"][0]["jid"], JOB);
}

#[tokio::test]
async fn address_comes_from_the_configuration() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let yaml = format!("rest:\n  address: 127.0.0.1\n  port: {}\n", cluster.address.port());
    let conf = conf_dir(&yaml);
    let mut by_conf_dir = flott(["list"]);
    by_conf_dir.env("FLOTT_CONF_DIR", conf.path());
    assert_eq!(done(by_conf_dir).await.code, Some(0));

    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("conf")).unwrap();
    std::fs::write(home.path().join("conf/config.yaml"), &yaml).unwrap();
    let mut by_home = flott(["list"]);
    by_home.env("FLOTT_HOME", home.path());
    assert_eq!(done(by_home).await.code, Some(0));

    let port = format!("rest.port={}", cluster.address.port());
    assert_eq!(done(flott(["list", "-D", "rest.address=127.0.0.1", "-D", &port])).await.code, Some(0));
}

#[tokio::test]
async fn with_standbys_the_addresses_come_from_the_masters_file() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let conf = conf_dir(
        "high-availability.type: etcd\nhigh-availability.etcd.endpoints: localhost:1\n\
         high-availability.storageDir: /ha\nrest.port: 1\nrest.await-leader-timeout: 100 ms\n",
    );
    let list = || {
        let mut list = flott(["list"]);
        list.env("FLOTT_CONF_DIR", conf.path());
        list
    };
    let masters = conf.path().join("masters");
    std::fs::write(&masters, format!("{absent}\n# the second\n{}:6124\n", cluster.address)).unwrap();
    assert_eq!(done(list()).await.code, Some(0));

    std::fs::write(&masters, format!("{absent}\nlocalhost\n")).unwrap();
    let nobody = done(list()).await;
    assert_eq!(nobody.code, Some(1));
    let expected =
        format!("within 0.1 s, asked were http://{absent} (cannot connect), http://localhost:1 (cannot");
    assert!(nobody.stderr.contains(&expected), "{}", nobody.stderr);
    assert_eq!(nobody.stderr.lines().count(), 1, "{}", nobody.stderr);

    std::fs::write(&masters, "a:b\n").unwrap();
    let wrong = done(list()).await;
    assert_eq!(wrong.code, Some(78));
    assert!(wrong.stderr.contains("masters:1: got \"a:b\", allowed: host[:webui-port"), "{}", wrong.stderr);
}

#[tokio::test]
async fn several_addresses_can_be_named() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let both = format!("{absent},{}", cluster.address);
    assert_eq!(done(flott(["list", "-m", &both])).await.code, Some(0));
}

#[tokio::test]
async fn cancel_returns_when_accepted() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let cancel = done(flott(["cancel", "-m", &cluster.address.to_string(), JOB])).await;
    assert_eq!(cancel.code, Some(0));
    assert_eq!(cancel.stdout, format!("Cancelling job {JOB}.\nCancelled job {JOB}.\n"));
    assert!(cluster.is_canceled());

    let other = JOB.replace('2', "3");
    let unknown = done(flott(["cancel", "-m", &cluster.address.to_string(), &other])).await;
    assert_eq!((unknown.code, unknown.stderr.as_str()), (Some(1), "Job could not be found.\n"));
}

#[tokio::test]
async fn absent_cluster_is_told() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    for args in [vec!["list", "-m", &address], vec!["cancel", "-m", &address, JOB]] {
        let done = done(flott(args)).await;
        assert_eq!(done.code, Some(1));
        assert!(done.stderr.contains(&format!("cannot connect to the JobManager at http://{address}")));
        assert!(done.stderr.contains("bin/start-cluster.sh"), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    }
}

#[tokio::test]
async fn closed_output_is_no_panic() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let mut command = flott(["list", "-m", &cluster.address.to_string()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take()); // the reader is gone before anything is written
    let (status, stderr) = tokio::task::spawn_blocking(move || {
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (child.wait().unwrap(), stderr)
    })
    .await
    .unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn full_disk_is_a_failure() {
    let conf = conf_dir("");
    let mut command = flott(["config", "get", "rest.port"]);
    command.env("FLOTT_CONF_DIR", conf.path());
    command.stdout(std::fs::File::create("/dev/full").unwrap()).stderr(Stdio::piped());
    let output =
        tokio::task::spawn_blocking(move || command.spawn().unwrap().wait_with_output()).await.unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("cannot write to stdout: No space left"));
}
