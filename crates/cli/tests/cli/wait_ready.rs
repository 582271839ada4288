//! `flott wait-ready`.

use std::process::{Command, Stdio};

use tokio::net::TcpListener;

use crate::{
    cluster::Cluster,
    command::{done, flott},
};

fn wait_ready(rest: &str, task_managers: &str, timeout: &str) -> Command {
    flott(["wait-ready", "--rest", rest, "--taskmanagers", task_managers, "--timeout", timeout])
}

#[tokio::test]
async fn complete_cluster_is_ready_without_a_word() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let waiting = tokio::spawn(done(wait_ready(&format!("http://{}", cluster.address), "2", "60")));
    cluster.register_task_managers(1);
    tokio::task::yield_now().await;
    cluster.register_task_managers(2);
    let done = waiting.await.unwrap();
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""));
}

#[tokio::test]
async fn incomplete_cluster_is_told_at_the_deadline() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    cluster.register_task_managers(1);
    let done = done(wait_ready(&format!("http://{}", cluster.address), "2", "1")).await;
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("not ready within 1 s: 1 of 2 TaskManagers have registered"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn absent_and_silent_servers_are_told_at_the_deadline() {
    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let absent = done(wait_ready(&format!("http://{absent}"), "1", "1")).await;
    assert_eq!(absent.code, Some(1));
    assert!(absent.stderr.contains("cannot connect to the JobManager"), "{}", absent.stderr);

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap(); // accepts, and says nothing
    let silent = done(wait_ready(&format!("http://{}", silent.local_addr().unwrap()), "1", "1")).await;
    assert_eq!(silent.code, Some(1));
    assert!(silent.stderr.contains("the JobManager does not answer"), "{}", silent.stderr);
}

#[tokio::test]
async fn dead_process_ends_the_waiting_at_once() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    let spawn = |args: &[&str]| Command::new("sleep").args(args).stdout(Stdio::null()).spawn().unwrap();
    let (mut alive, mut dead) = (spawn(&["1000"]), spawn(&["0"]));
    let mut command = wait_ready(&format!("http://{}", cluster.address), "1", "600");
    // The second one ends, but stays a zombie as long as we do not take note of it.
    command.args(["--pid", &alive.id().to_string(), "--pid", &dead.id().to_string()]);
    let zombie = done(command).await;
    assert_eq!(zombie.code, Some(1));
    assert!(zombie.stderr.contains(&format!("process {} ended", dead.id())), "{}", zombie.stderr);

    dead.wait().unwrap();
    alive.kill().unwrap();
    alive.wait().unwrap();
    let mut command = wait_ready(&format!("http://{}", cluster.address), "1", "600");
    command.args(["--pid", &alive.id().to_string()]);
    let gone = done(command).await;
    assert!(gone.stderr.contains(&format!("process {} ended", alive.id())), "{}", gone.stderr);
}

#[tokio::test]
async fn a_standby_without_a_leader_serves_but_makes_no_cluster() {
    let cluster = Cluster::with_job(&["RUNNING"]).await;
    cluster.has_no_leader();
    let standby = format!("http://{}", cluster.address);
    let mut serving = wait_ready(&standby, "0", "60");
    serving.arg("--serving");
    assert_eq!(done(serving).await.code, Some(0));
    let ready = done(wait_ready(&standby, "0", "1")).await;
    assert_eq!(ready.code, Some(1));
    assert!(ready.stderr.contains("not ready within 1 s: there is no leader"), "{}", ready.stderr);

    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let neither = done(wait_ready(&format!("http://{absent},{standby}"), "0", "1")).await;
    let expected = format!("http://{absent}: cannot connect to the JobManager: ");
    assert!(neither.stderr.contains(&expected), "{}", neither.stderr);
    assert!(neither.stderr.contains(&format!("; {standby}: there is no leader")), "{}", neither.stderr);

    let leader = Cluster::with_job(&["RUNNING"]).await;
    leader.register_task_managers(1);
    let both = format!("{standby},http://{}", leader.address);
    assert_eq!(done(wait_ready(&both, "1", "60")).await.code, Some(0));
}
