//! Who asks whether a JobManager is well.

use serde_json::json;

use super::support::*;
use crate::{rest::RestOptions, view::ProblemView};

#[tokio::test]
async fn health_names_what_is_wrong_and_who_leads_explains_it() {
    let cluster = std::sync::Arc::new(FakeCluster::default());
    let service = service_with(&cluster, RestOptions::default());
    for uri in ["/health", "/v1/health"] {
        assert_eq!(get(&service, uri).await, json!({ "status": "ok", "problems": [] }), "{uri}");
    }
    let text = "etcd has no space left at http://etcd-1:2379".to_owned();
    cluster.problems.lock().unwrap().push(ProblemView { kind: "STORE_NOSPACE", text: text.clone() });
    let degraded = json!({ "status": "degraded", "problems": ["STORE_NOSPACE"] });
    assert_eq!(
        get(&service, "/health").await,
        degraded,
        "everybody may read it, so there are no addresses in it"
    );
    let explained = json!([{ "kind": "STORE_NOSPACE", "text": text }]);
    assert_eq!(get(&service, "/leader").await["problems"], explained);
}
