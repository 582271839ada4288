//! `/leader`: who leads, told by every JobManager of what it knows.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Api, json::Json};
use crate::view::{LeadershipView, OwnAddresses, ProblemView};

/// What is told.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Leadership {
    leader: Option<Member>,
    #[serde(rename = "self")]
    own: Member,
    /// Those that are there and do not lead.
    standbys: Vec<Member>,
    state: &'static str,
    /// What is wrong just now with what keeps the jobs.
    problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LeadershipProblem")]
struct Problem {
    kind: &'static str,
    text: String,
}

/// A JobManager.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "JobManagerMember")]
struct Member {
    instance_id: String,
    rpc_address: String,
    rest_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
}

impl From<OwnAddresses> for Member {
    fn from(OwnAddresses { instance_id, rpc_address, rest_address }: OwnAddresses) -> Self {
        Self { instance_id, rpc_address, rest_address, epoch: None }
    }
}

/// Who leads, and whether that is the one who is asked.
pub(crate) async fn leader(State(api): State<Api>) -> Json<Leadership> {
    let LeadershipView { leader, own, standbys, state, problems } = api.backend.leadership();
    Json(Leadership {
        leader: leader.map(|leader| Member {
            instance_id: leader.instance_id,
            rpc_address: leader.rpc_address,
            rest_address: leader.rest_address,
            epoch: Some(leader.epoch.0),
        }),
        own: own.into(),
        standbys: standbys.into_iter().map(Member::from).collect(),
        state: state.as_str(),
        problems: problems.into_iter().map(|ProblemView { kind, text }| Problem { kind, text }).collect(),
    })
}
