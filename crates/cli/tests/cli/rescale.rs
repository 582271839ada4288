//! `flott rescale`.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, JOB, VERTEX},
    command::{Done, done, flott},
};

fn rescale(state: Option<&str>, reason: Option<&str>, message: Option<&str>) -> Value {
    json!({"terminalState": state, "terminatedReason": reason, "message": message})
}

fn underway() -> Value {
    rescale(None, None, None)
}

fn completed() -> Value {
    rescale(Some("COMPLETED"), Some("SUCCEEDED"), None)
}

async fn run(cluster: &Cluster, args: &[&str]) -> Done {
    let mut command = flott(["rescale"]);
    command.args(["-m", &cluster.address.to_string(), JOB]).args(args);
    done(command).await
}

#[tokio::test]
async fn it_waits_until_the_job_runs_with_its_new_parallelism() {
    let interrupted = rescale(Some("IGNORED"), Some("JOB_FAILOVER_RESTARTING"), None);
    let cluster =
        Cluster::with_operation([underway(), underway(), interrupted, underway(), completed()]).await;
    let rescaled = run(&cluster, &["-p", "4"]).await;
    assert_eq!(rescaled.code, Some(0), "{rescaled:?}");
    let expected = format!("Rescaling job {JOB}.\n  Source: text -> split: 2 -> 4\nRescaled job {JOB}.\n");
    assert_eq!((rescaled.stdout.as_str(), rescaled.stderr.as_str()), (expected.as_str(), ""));
    let body = json!({VERTEX: {"parallelism": {"lowerBound": 1, "upperBound": 4}}});
    assert_eq!(cluster.required(), [body]);
}

#[tokio::test]
async fn vertices_are_named_by_id_or_name_and_bounded() {
    let cluster = Cluster::with_operation([completed()]).await;
    let named = run(&cluster, &["-p", "9000", "--vertex", "Source: text -> split=3", "--least", "2"]).await;
    assert_eq!(named.code, Some(0), "{named:?}");
    assert_eq!(run(&cluster, &["--vertex", &format!("{VERTEX}=5"), "--detached"]).await.code, Some(0));
    assert_eq!(run(&cluster, &["-p", "9000", "--detached"]).await.code, Some(0));
    let bounds: Vec<_> = cluster.required().iter().map(|body| body[VERTEX]["parallelism"].clone()).collect();
    let expected = [(2, 3), (1, 5), (1, 128)];
    assert_eq!(bounds, expected.map(|(lower, upper)| json!({"lowerBound": lower, "upperBound": upper})));

    let unknown = run(&cluster, &["--vertex", "sink=3"]).await;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains(VERTEX), "it tells which there are: {}", unknown.stderr);
}

#[tokio::test]
async fn why_it_came_to_nothing_is_told() {
    let reason = Some("NO_RESOURCES_OR_PARALLELISMS_CHANGE");
    let ignored = rescale(Some("IGNORED"), reason, Some("it would need 4 slots"));
    let cluster = Cluster::with_operation([underway(), underway(), ignored]).await;
    let stays = run(&cluster, &["-p", "4"]).await;
    assert_eq!(stays.code, Some(1));
    assert!(stays.stderr.contains("was not rescaled: it would need 4 slots."), "{}", stays.stderr);
    let same = run(&cluster, &["-p", "2"]).await;
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(same.stdout.contains("has the parallelism already"), "{}", same.stdout);

    cluster.refuse_runs(400, "job can't be rescaled: the job takes no checkpoints");
    let refused = run(&cluster, &["-p", "4"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("takes no checkpoints"), "{}", refused.stderr);
}

#[tokio::test]
async fn scripts_get_json() {
    let cluster = Cluster::with_operation([completed()]).await;
    let done = run(&cluster, &["-p", "4", "--json"]).await;
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    let vertex = json!({"id": VERTEX, "name": "Source: text -> split", "before": 2, "parallelism": 4});
    assert_eq!(json, json!({"jid": JOB, "rescaled": true, "message": null, "vertices": [vertex]}));
}
