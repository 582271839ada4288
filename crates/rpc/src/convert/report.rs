//! Reports to JobMasters.

use flott_control::protocol::Report;
use flott_core::AttemptNumber;

use super::field::{ensure, id, present, required, text};
use crate::{
    Error, JobReports,
    pb::{self, report_entry::Report as Entry},
};

impl TryFrom<pb::ReportRequest> for JobReports {
    type Error = Error;

    fn try_from(request: pb::ReportRequest) -> Result<Self, Error> {
        ensure(!request.reports.is_empty(), "reports", "not empty")?;
        let mut reports = Vec::with_capacity(request.reports.len());
        for (index, entry) in request.reports.into_iter().enumerate() {
            let sequence = entry.sequence;
            let report = report(entry).map_err(|error| error.within_element("reports", index))?;
            reports.push((sequence, report));
        }
        Ok(Self {
            sender: required(request.sender, "sender")?,
            job_id: id(&request.job_id, "job_id")?,
            reports,
        })
    }
}

fn report(entry: pb::ReportEntry) -> Result<Report, Error> {
    Ok(match present(entry.report, "report")? {
        Entry::HostReady(ready) => Report::HostReady {
            attempt: AttemptNumber(ready.attempt),
            data_address: text(ready.data_address, "host_ready.data_address")?,
        },
        Entry::HostEnded(ended) => Report::HostEnded {
            attempt: AttemptNumber(ended.attempt),
            cause: required(ended.cause, "host_ended.cause")?,
        },
        Entry::Task(update) => Report::Task(required(Some(update), "task")?),
        Entry::Checkpoint(report) => Report::Checkpoint(required(Some(report), "checkpoint")?),
        Entry::AwaitsCheckpoint(awaits) => {
            let (subtask, attempt) = required(awaits.subtask, "awaits_checkpoint.subtask")?;
            Report::AwaitsCheckpoint { subtask, attempt }
        }
    })
}

impl From<JobReports> for pb::ReportRequest {
    fn from(message: JobReports) -> Self {
        let entry = |(sequence, report)| pb::ReportEntry { sequence, report: Some(report_entry(report)) };
        Self {
            sender: Some(message.sender.into()),
            job_id: message.job_id.as_bytes().to_vec(),
            reports: message.reports.into_iter().map(entry).collect(),
        }
    }
}

fn report_entry(report: Report) -> Entry {
    match report {
        Report::HostReady { attempt, data_address } => {
            Entry::HostReady(pb::TaskHostReady { attempt: attempt.0, data_address })
        }
        Report::HostEnded { attempt, cause } => {
            Entry::HostEnded(pb::TaskHostEnded { attempt: attempt.0, cause: Some(cause.into()) })
        }
        Report::Task(report) => Entry::Task(report.into()),
        Report::Checkpoint(report) => Entry::Checkpoint(report.into()),
        Report::AwaitsCheckpoint { subtask, attempt } => {
            Entry::AwaitsCheckpoint(pb::AwaitsCheckpoint { subtask: Some((subtask, attempt).into()) })
        }
    }
}
