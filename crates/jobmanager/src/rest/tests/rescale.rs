//! Rescales: what is shown, and what is passed on.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    shapes::{difference, sample},
    support::*,
};
use crate::{Error, rest::RestOptions};

async fn call(cluster: &Arc<FakeCluster>, method: &str, uri: &str, body: Value) -> (u16, Value) {
    let service = service_with(cluster, RestOptions::default());
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let response = send(&service, request(method, uri, body)).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&text(response).await).unwrap())
}

async fn get(uri: &str) -> (u16, Value) {
    call(&Arc::default(), "GET", uri, Value::Null).await
}

/// The members of a map with other keys than the sample's, under its first one.
fn keyed_alike(sample: &mut Value, ours: &mut Value) {
    for side in [sample, ours] {
        let first = side.as_object().and_then(|map| map.values().next().cloned()).unwrap();
        *side = json!({ "key": first });
    }
}

#[tokio::test]
async fn answers_have_flinks_shapes() {
    for name in ["history", "overview", "summary", "config"] {
        for prefix in ["", "/v1"] {
            let (status, answer) = get(&format!("{prefix}/jobs/{RUNNING}/rescales/{name}")).await;
            assert_eq!(status, 200, "{answer}");
            assert_eq!(
                difference("", &sample(&format!("rescales-{name}")), &answer),
                None,
                "{name}: {answer}"
            );
        }
    }
    let (_, history) = get(&format!("/jobs/{RUNNING}/rescales/history")).await;
    assert_eq!(history[0]["vertices"], json!({}), "lists are brief");
    let id = history[0]["rescaleUuid"].as_str().unwrap();
    let (status, mut details) = get(&format!("/jobs/{RUNNING}/rescales/details/{id}")).await;
    assert_eq!(status, 200, "{details}");
    let vertex = &details["vertices"][&vertex().to_string()];
    assert_eq!(
        [&vertex["desiredParallelism"], &vertex["preRescaleParallelism"], &vertex["postRescaleParallelism"]],
        [&json!(4), &json!(2), &json!(3)]
    );
    assert_eq!(details["message"], json!("there are slots for 3 of those that were wanted"));
    let mut expected = sample("rescales-details");
    for map in ["vertices", "slots"] {
        keyed_alike(&mut expected[map], &mut details[map]);
    }
    assert_eq!(difference("", &expected, &details), None, "{details}");

    let (status, mut requirements) = get(&format!("/jobs/{RUNNING}/resource-requirements")).await;
    assert_eq!(status, 200);
    assert_eq!(
        requirements[&super::support::vertex().to_string()],
        json!({"parallelism": {"lowerBound": 1, "upperBound": 4}})
    );
    let mut expected = sample("resource-requirements");
    keyed_alike(&mut expected, &mut requirements);
    assert_eq!(difference("", &expected, &requirements), None);
}

#[tokio::test]
async fn jobs_that_can_not_be_rescaled_say_so() {
    for name in ["history", "overview", "summary", "config", &format!("details/{}", vertex())] {
        let (status, answer) = get(&format!("/jobs/{FINISHED}/rescales/{name}")).await;
        assert_eq!(status, 404);
        assert!(answer["errors"][0].as_str().unwrap().contains("has not enabled the `Adaptive` scheduler"));
    }
    assert_eq!(get(&format!("/jobs/{UNKNOWN}/rescales/history")).await.0, 404);
    assert_eq!(get(&format!("/jobs/{RUNNING}/rescales/details/{}", "ab".repeat(16))).await.0, 404);
    assert_eq!(get(&format!("/jobs/{RUNNING}/rescales/details/x")).await.0, 400);
    assert_eq!(get(&format!("/jobs/{FINISHED}")).await.1["schedulerType"], json!("Default"));
    assert_eq!(get(&format!("/jobs/{RUNNING}")).await.1["schedulerType"], json!("Adaptive"));
}

#[tokio::test]
async fn what_is_wanted_is_passed_on() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let uri = format!("/jobs/{RUNNING}/resource-requirements");
    let (one, other) = (graph().vertices[0].id, vertex());
    let body = json!({one.to_string(): {"parallelism": {"lowerBound": 1, "upperBound": 3}},
        other.to_string(): {"parallelism": {"lowerBound": -1, "upperBound": -1}}});
    assert_eq!(call(&cluster, "PUT", &uri, body.clone()).await, (200, json!({})));
    let wanted = BTreeMap::from([(one, (Some(1), Some(3))), (other, (None, None))]);
    assert_eq!(*cluster.rescales.lock().unwrap(), [(RUNNING.parse().unwrap(), wanted)]);

    for body in [
        Value::Null,
        json!({}),
        json!({ "x": {} }),
        json!({one.to_string(): {"parallelism": {"lowerBound": 1, "upperBound": -2}}}),
        json!({one.to_string(): {"parallelism": {"lowerBound": 1, "upperBound": 1e10}}}),
        json!({one.to_string(): {}}),
        json!([]),
    ] {
        assert_eq!(call(&cluster, "PUT", &uri, body.clone()).await.0, 400, "{body}");
    }
    let job_id = RUNNING.parse().unwrap();
    let reason = || "why".to_owned();
    for (error, status, text) in [
        (Error::Requirements(vec!["one".to_owned(), "two".to_owned()]), 400, "one\ntwo"),
        (Error::NotRescalable { job_id, reason: reason() }, 400, "can't be rescaled: why"),
        (Error::NotNow { job_id, reason: reason() }, 409, "can't be rescaled now: why"),
        (Error::JobNotFound(job_id), 404, "not found"),
    ] {
        *cluster.failure.lock().unwrap() = Some(error);
        let (answered, answer) = call(&cluster, "PUT", &uri, body.clone()).await;
        assert_eq!(answered, status, "{answer}");
        assert!(answer["errors"][0].as_str().unwrap().contains(text), "{answer}");
    }
}

#[tokio::test]
async fn the_dashboard_can_be_kept_from_it() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let options = RestOptions { rescale_enabled: false, ..RestOptions::default() };
    let service = service_with(&cluster, options);
    let body =
        || json!({vertex().to_string(): {"parallelism": {"lowerBound": 1, "upperBound": 2}}}).to_string();
    let put = || request("PUT", &format!("/jobs/{RUNNING}/resource-requirements"), body());
    assert_eq!(send(&service, put()).await.status(), 200, "other tools may");
    let mut from_page = put();
    from_page.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(send(&service, from_page).await.status(), 403);
}
