//! An etcd that has no space left, and gets it back as its operators would free it.

use reqwest::Method;
use serde_json::{Value, json};

use super::Etcd;
use crate::Rest;

/// A key that none of ours is near to.
const KEY: &str = "b3RoZXI=";
/// More than is ever needed with a quota of a few MB.
const MOST: usize = 1_000;

impl Etcd {
    /// Writes until nothing is accepted any more, and returns the revision of what was written last. Start it with a small
    /// `--quota-backend-bytes`.
    ///
    /// # Panics
    /// If there is no end to its space.
    #[track_caller]
    pub fn fill(&self) -> u64 {
        let value = "eHh4".repeat(32 << 10);
        let mut last = 0;
        for _ in 0..MOST {
            let answer = self.call("kv/put", &json!({ "key": KEY, "value": value }));
            match answer["header"]["revision"].as_str() {
                Some(revision) => last = revision.parse().expect("revisions are numbers"),
                None => return last,
            }
        }
        panic!("etcd has no bound")
    }

    /// Frees what was there before a revision.
    #[track_caller]
    pub fn free(&self, revision: u64) {
        self.call("kv/compaction", &json!({ "revision": revision.to_string(), "physical": true }));
        self.call("maintenance/defragment", &json!({}));
        let alarms = self.call("maintenance/alarm", &json!({ "action": "GET" }));
        for alarm in alarms["alarms"].as_array().into_iter().flatten() {
            let member = &alarm["memberID"];
            let clear = json!({ "action": "DEACTIVATE", "alarm": "NOSPACE", "memberID": member });
            self.call("maintenance/alarm", &clear);
        }
    }

    fn call(&self, what: &str, body: &Value) -> Value {
        Rest::new(self.port).send_text(Method::POST, &format!("/v3/{what}"), &body.to_string()).body
    }
}
