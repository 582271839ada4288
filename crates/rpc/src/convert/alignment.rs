//! Watermarks of aligned sources.

use flott_control::protocol::{AlignedWatermark, GroupWatermark};
use flott_core::time::Timestamp;

use super::field::{each, id, required, text};
use crate::{AlignWatermarks, Error, pb};

impl TryFrom<pb::AlignedWatermark> for AlignedWatermark {
    type Error = Error;

    fn try_from(report: pb::AlignedWatermark) -> Result<Self, Error> {
        let (subtask, attempt) = required(report.subtask, "subtask")?;
        let group = text(report.group, "group")?.into();
        Ok(Self { subtask, attempt, group, watermark: report.watermark.map(Timestamp::from_millis) })
    }
}

impl From<AlignedWatermark> for pb::AlignedWatermark {
    fn from(report: AlignedWatermark) -> Self {
        Self {
            subtask: Some((report.subtask, report.attempt).into()),
            group: report.group.to_string(),
            watermark: report.watermark.map(Timestamp::as_millis),
        }
    }
}

impl TryFrom<pb::GroupWatermark> for GroupWatermark {
    type Error = Error;

    fn try_from(group: pb::GroupWatermark) -> Result<Self, Error> {
        let watermark = group.watermark.map(Timestamp::from_millis);
        Ok(Self { group: text(group.group, "group")?.into(), watermark })
    }
}

impl From<GroupWatermark> for pb::GroupWatermark {
    fn from(group: GroupWatermark) -> Self {
        Self { group: group.group.to_string(), watermark: group.watermark.map(Timestamp::as_millis) }
    }
}

impl TryFrom<pb::AlignWatermarksRequest> for AlignWatermarks {
    type Error = Error;

    fn try_from(request: pb::AlignWatermarksRequest) -> Result<Self, Error> {
        Ok(Self {
            sender: required(request.sender, "sender")?,
            job_id: id(&request.job_id, "job_id")?,
            watermarks: each(request.watermarks, "watermarks")?,
        })
    }
}

impl From<AlignWatermarks> for pb::AlignWatermarksRequest {
    fn from(request: AlignWatermarks) -> Self {
        Self {
            sender: Some(request.sender.into()),
            job_id: request.job_id.as_bytes().to_vec(),
            watermarks: request.watermarks.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::AlignWatermarksResponse> for Vec<GroupWatermark> {
    type Error = Error;

    fn try_from(response: pb::AlignWatermarksResponse) -> Result<Self, Error> {
        each(response.groups, "groups")
    }
}

impl From<Vec<GroupWatermark>> for pb::AlignWatermarksResponse {
    fn from(groups: Vec<GroupWatermark>) -> Self {
        Self { groups: groups.into_iter().map(Into::into).collect() }
    }
}
