//! JobManagers, as far as the election is concerned.

use std::time::Duration;

use flott_core::config::{Configuration, Origin};
use flott_ha::{Candidate, HighAvailability, LeaderState, Leadership, Problem, ProblemKind};
use tokio::sync::watch;

use crate::server::{DEADLINE, Etcd};

/// Short, so that the tests are; long enough for a machine with much to do.
pub(crate) const LEASE_TIME: Duration = Duration::from_secs(4);

pub(crate) fn config(etcd: &Etcd, more: &[(&str, &str)]) -> Configuration {
    let (urls, storage) = (etcd.urls(), etcd.storage.to_str().unwrap().to_owned());
    let lease_time = format!("{} ms", LEASE_TIME.as_millis());
    let mut settings = vec![
        ("high-availability.type", "etcd"),
        ("high-availability.etcd.endpoints", &urls),
        ("high-availability.storageDir", &storage),
        ("high-availability.cluster-id", "/test"),
        ("high-availability.etcd.lease-time", &lease_time),
    ];
    settings.extend(more);
    Configuration::default().with_settings(settings, &Origin::CommandLine).unwrap().0
}

pub(crate) async fn open(etcd: &Etcd, name: &str) -> HighAvailability {
    open_with(&config(etcd, &[]), name).await
}

pub(crate) async fn open_with(config: &Configuration, name: &str) -> HighAvailability {
    let me = Candidate {
        instance_id: name.into(),
        rpc_address: format!("{name}:6123"),
        rest_address: format!("{name}:8081"),
    };
    HighAvailability::open(config, me).await.unwrap()
}

pub(crate) async fn campaign(ha: &HighAvailability) -> Leadership {
    tokio::time::timeout(DEADLINE, ha.campaign()).await.expect("somebody leads").unwrap()
}

pub(crate) async fn wait_for(leadership: &Leadership, wanted: LeaderState) {
    let mut state = leadership.state();
    let reached = tokio::time::timeout(DEADLINE, state.wait_for(|state| *state == wanted)).await;
    reached.unwrap_or_else(|_| panic!("it is {:?}, not {wanted:?}", *leadership.state().borrow())).unwrap();
}

pub(crate) async fn wait_for_problem(ha: &HighAvailability, kind: ProblemKind) -> Problem {
    let mut problems = ha.problems();
    let has = |problems: &Vec<Problem>| problems.iter().any(|problem| problem.kind == kind);
    let found =
        tokio::time::timeout(DEADLINE, problems.wait_for(has)).await.expect("there is a problem").unwrap();
    found.iter().find(|problem| problem.kind == kind).unwrap().clone()
}

pub(crate) async fn wait_for_no_problem(ha: &HighAvailability) {
    let mut problems: watch::Receiver<Vec<Problem>> = ha.problems();
    let none = tokio::time::timeout(DEADLINE, problems.wait_for(Vec::is_empty)).await;
    none.expect("the problems end").unwrap();
}

/// Waits until this one knows that the other leads.
pub(crate) async fn wait_for_leader(ha: &HighAvailability, name: Option<&str>) {
    let mut leader = ha.leader();
    let is_wanted =
        |found: &Option<flott_ha::LeaderInfo>| found.as_ref().map(|it| it.instance_id.as_str()) == name;
    tokio::time::timeout(DEADLINE, leader.wait_for(is_wanted)).await.expect("the leader is known").unwrap();
}

/// Waits until this one knows of exactly these, in the order of their addresses.
pub(crate) async fn wait_for_members(ha: &HighAvailability, names: &[&str]) {
    let mut members = ha.members();
    let are_wanted =
        |found: &Vec<Candidate>| found.iter().map(|it| it.instance_id.as_str()).eq(names.iter().copied());
    let reached = tokio::time::timeout(DEADLINE, members.wait_for(are_wanted)).await;
    reached.unwrap_or_else(|_| panic!("{names:?} are there, not {:?}", *ha.members().borrow())).unwrap();
}
