//! `/leader`: who leads, told by every JobManager of what it knows.

use axum::extract::State;
use serde::Serialize;

use super::{Api, json::Json};
use crate::view::{LeadershipView, OwnAddresses, ProblemView};

/// What is told.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Leadership {
    leader: Option<Member>,
    #[serde(rename = "self")]
    own: Member,
    state: &'static str,
    /// What is wrong just now with what keeps the jobs.
    problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Serialize)]
struct Problem {
    kind: &'static str,
    text: String,
}

/// A JobManager.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Member {
    instance_id: String,
    rpc_address: String,
    rest_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
}

/// Who leads, and whether that is the one who is asked.
pub(crate) async fn leader(State(api): State<Api>) -> Json<Leadership> {
    let LeadershipView { leader, own, state, problems } = api.backend.leadership();
    let OwnAddresses { instance_id, rpc_address, rest_address } = own;
    Json(Leadership {
        leader: leader.map(|leader| Member {
            instance_id: leader.instance_id,
            rpc_address: leader.rpc_address,
            rest_address: leader.rest_address,
            epoch: Some(leader.epoch.0),
        }),
        own: Member { instance_id, rpc_address, rest_address, epoch: None },
        state: state.as_str(),
        problems: problems.into_iter().map(|ProblemView { kind, text }| Problem { kind, text }).collect(),
    })
}
