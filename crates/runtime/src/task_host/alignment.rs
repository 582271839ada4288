//! Tells where the aligned sources of a task host are, and lets them know where their groups are.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use flott_rpc::{
    TaskHostMessage,
    protocol::{AlignedWatermark, GroupWatermark},
};

use super::tasks::{Attempt, Tasks};
use crate::alignment::WatermarkAlignment;

impl Tasks {
    /// When to tell where aligned sources are; `None` while none runs. All do it at once, as often as the one with the
    /// shortest interval wants to.
    pub(super) fn alignment_due(&self) -> Option<Instant> {
        let shortest = self.alignments().map(|(_, alignment)| alignment.update_interval()).min()?;
        Some(self.aligned_at + shortest)
    }

    /// Tells where aligned sources are.
    pub(super) fn report_watermarks(&mut self, now: Instant) {
        self.aligned_at = now;
        let _ = self.messages.send(TaskHostMessage::Watermarks(reports(self.alignments())));
    }

    /// Learns where groups are.
    pub(super) fn align(&self, groups: &[GroupWatermark]) {
        for (_, alignment) in self.alignments() {
            if let Some(group) = groups.iter().find(|group| group.group == *alignment.group()) {
                alignment.set_group_watermark(group.watermark);
            }
        }
    }

    /// Those of the subtasks that run.
    fn alignments(&self) -> impl Iterator<Item = (Attempt, WatermarkAlignment)> {
        let running = self.tasks.iter().filter(|(_, task)| !task.ended.load(Relaxed));
        running.flat_map(|(attempt, task)| {
            let alignments = WatermarkAlignment::of_subtask(&task.counters);
            alignments.into_iter().map(move |alignment| (*attempt, alignment))
        })
    }
}

/// Where subtasks are. One that is in a group twice is as far as its slower part.
fn reports(alignments: impl Iterator<Item = (Attempt, WatermarkAlignment)>) -> Vec<AlignedWatermark> {
    let mut reports = BTreeMap::<(Attempt, Arc<str>), AlignedWatermark>::new();
    for ((subtask, attempt), alignment) in alignments {
        let (group, watermark) = (alignment.group().clone(), alignment.counting_watermark());
        let report = AlignedWatermark { subtask, attempt, group: group.clone(), watermark };
        let earlier = reports.entry(((subtask, attempt), group)).or_insert(report);
        earlier.watermark = match (earlier.watermark, watermark) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    reports.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flott_core::{AttemptNumber, SubtaskId, time::Timestamp};

    use super::*;
    use crate::TaskCounters;

    fn at(subtask: u32, group: &str, watermark: Option<i64>) -> (Attempt, WatermarkAlignment) {
        let second = Duration::from_secs(1);
        let alignment =
            WatermarkAlignment::join(&TaskCounters::default(), Arc::default(), group, second, second);
        if let Some(watermark) = watermark {
            alignment.report(Timestamp::from_millis(watermark));
        }
        ((SubtaskId::new(0, subtask), AttemptNumber(0)), alignment)
    }

    #[test]
    fn a_subtask_is_as_far_as_its_slower_part() {
        let alignments = [
            at(0, "a", Some(5)),
            at(0, "a", Some(3)),
            at(0, "b", Some(9)),
            at(1, "a", None),
            at(1, "a", Some(7)),
            at(2, "a", None),
        ];
        let reports = reports(alignments.into_iter());
        let found: Vec<_> = reports
            .iter()
            .map(|report| {
                let watermark = report.watermark.map(Timestamp::as_millis);
                (report.subtask.subtask.0, &*report.group, watermark)
            })
            .collect();
        assert_eq!(found, [(0, "a", Some(3)), (0, "b", Some(9)), (1, "a", Some(7)), (2, "a", None)]);
    }
}
