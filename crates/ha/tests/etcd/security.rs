//! Users and TLS.

use std::{path::Path, process::Command};

use etcd_client::{Permission, PermissionType};
use flott_ha::{Op, ProblemKind};

use crate::{
    candidate::{campaign, config, open_with, wait_for_no_problem, wait_for_problem},
    server::{Etcd, skip},
};

#[tokio::test]
async fn a_wrong_password_is_told_and_a_right_one_suffices() {
    let Some(etcd) = Etcd::start(1).await else { return };
    let mut client = etcd.client().await;
    let range = Permission::new(PermissionType::Readwrite, "/flott/test/").with_prefix();
    client.role_add("flott").await.unwrap();
    client.role_grant_permission("flott", range).await.unwrap();
    client.user_add("flott", "right", None).await.unwrap();
    client.user_grant_role("flott", "flott").await.unwrap();
    client.user_add("root", "root", None).await.unwrap();
    client.role_add("root").await.unwrap();
    client.user_grant_role("root", "root").await.unwrap();
    client.auth_enable().await.unwrap();

    let with = |password| {
        config(
            &etcd,
            &[("high-availability.etcd.user", "flott"), ("high-availability.etcd.password", password)],
        )
    };
    for config in [with("wrong"), config(&etcd, &[])] {
        let denied = open_with(&config, "a").await;
        let problem = wait_for_problem(&denied, ProblemKind::Denied).await;
        assert!(!problem.text.contains("wrong"), "{problem}");
    }
    let allowed = open_with(&with("right"), "b").await;
    let leadership = campaign(&allowed).await;
    leadership.store().commit(vec![Op::put("a", "1")]).await.unwrap();
    assert_eq!(leadership.store().list("").await.unwrap().len(), 1);
    wait_for_no_problem(&allowed).await;
    leadership.resign().await;
}

#[tokio::test]
async fn certificates_are_checked_on_both_sides() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    if !make_certificates(directory.path()) {
        return skip("openssl is not installed, so TLS was left out");
    }
    let (ca, cert, key) = (path("ca.pem"), path("host.pem"), path("host.key"));
    let arguments =
        ["--cert-file", &cert, "--key-file", &key, "--trusted-ca-file", &ca, "--client-cert-auth"];
    let Some(etcd) = Etcd::spawn(1, "https", &arguments) else { return };
    let own = [
        ("high-availability.etcd.tls.ca", ca.as_str()),
        ("high-availability.etcd.tls.cert", cert.as_str()),
        ("high-availability.etcd.tls.key", key.as_str()),
    ];
    let a = open_with(&config(&etcd, &own), "a").await;
    let leadership = campaign(&a).await;
    leadership.store().commit(vec![Op::put("a", "1")]).await.unwrap();

    // Without a certificate of its own, and with the certificates of the system.
    for settings in [&own[..1], &[][..]] {
        let refused = open_with(&config(&etcd, settings), "b").await;
        wait_for_problem(&refused, ProblemKind::Unreachable).await;
    }
}

/// Whether openssl is there. One certificate is for the server and the client.
fn make_certificates(directory: &Path) -> bool {
    std::fs::write(directory.join("extensions"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let commands = [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=host -keyout host.key -out host.csr",
        "x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out host.pem",
    ];
    commands.iter().all(|command| {
        let openssl = Command::new("openssl").args(command.split(' ')).current_dir(directory).output();
        openssl.is_ok_and(|output| {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            true
        })
    })
}
