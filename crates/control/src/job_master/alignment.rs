//! Keeps sources in step: how far the slowest of each group is.
//!
//! A source that is ahead of the slowest by more than its drift pauses, so that what joins or merges the sources need not
//! keep what the fast ones are ahead. Each task host tells every now and then where its aligned sources are, and learns
//! where their groups are; what is lost or overtaken is corrected by the next message.

use std::{collections::BTreeMap, sync::Arc};

use flott_core::{AttemptNumber, SubtaskId, time::Timestamp};

use super::JobMaster;
use crate::protocol::AlignedWatermark;

/// The last watermark of each subtask that counts, by group.
#[derive(Clone, Debug, Default)]
pub(super) struct Alignment {
    groups: BTreeMap<Arc<str>, BTreeMap<SubtaskId, (AttemptNumber, Timestamp)>>,
}

impl JobMaster {
    pub(super) fn take_watermark(&mut self, report: AlignedWatermark) {
        let AlignedWatermark { subtask, attempt, group, watermark } = report;
        if !self.executions.get(subtask, attempt).is_some_and(|execution| execution.is_live()) {
            return;
        }
        let members = self.alignment.groups.entry(group).or_default();
        match watermark {
            Some(watermark) => drop(members.insert(subtask, (attempt, watermark))),
            None => drop(members.remove(&subtask)),
        }
    }

    /// How far the slowest subtask of a group of aligned sources is. `None`: nobody need wait, since none of them has a
    /// watermark, or all of them are idle or have ended.
    pub fn group_watermark(&self, group: &str) -> Option<Timestamp> {
        let members = self.alignment.groups.get(group)?;
        let live = members.iter().filter(|(subtask, (attempt, _))| {
            self.executions.get(**subtask, *attempt).is_some_and(|execution| execution.is_live())
        });
        live.map(|(_, (_, watermark))| *watermark).min()
    }
}
