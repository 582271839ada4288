//! `flott list`: the jobs of a cluster.

use flott_client::JobSummary;
use flott_core::JobStatus;
use jiff::{Timestamp, tz::TimeZone};

use crate::{args::ListArgs, console, context, failure::Failure};

const RULE: &str = "--------------------------------------------------------------";

/// The three lists that a job can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Scheduled,
    Running,
    Terminated,
}

impl Phase {
    fn of(status: JobStatus) -> Self {
        match status {
            JobStatus::Initializing | JobStatus::Created => Self::Scheduled,
            status if status.is_terminal() => Self::Terminated,
            _ => Self::Running,
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Running => "------------------ Running/Restarting Jobs -------------------",
            Self::Scheduled => "----------------------- Scheduled Jobs -----------------------",
            Self::Terminated => "---------------------- Terminated Jobs -----------------------",
        }
    }

    /// What is printed if there are none.
    const fn none(self) -> Option<&'static str> {
        match self {
            Self::Running => Some("No running jobs."),
            Self::Scheduled => Some("No scheduled jobs."),
            Self::Terminated => None,
        }
    }
}

pub(crate) async fn execute(args: ListArgs) -> Result<(), Failure> {
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    if !args.json {
        console::line("Waiting for response...")?;
    }
    let mut jobs = client.jobs_overview().await?;
    jobs.sort_by_key(|job| job.start_time);
    let phases = wanted(&args);
    if args.json {
        jobs.retain(|job| phases.contains(&Phase::of(job.state)));
        return console::line(format_args!("{:#}", serde_json::json!({ "jobs": jobs })));
    }
    for line in report(&jobs, &phases, &TimeZone::system()) {
        console::line(line)?;
    }
    Ok(())
}

fn wanted(args: &ListArgs) -> Vec<Phase> {
    let neither = !args.running && !args.scheduled;
    let mut phases = Vec::new();
    if args.all || args.running || neither {
        phases.push(Phase::Running);
    }
    if args.all || args.scheduled || neither {
        phases.push(Phase::Scheduled);
    }
    if args.all {
        phases.push(Phase::Terminated);
    }
    phases
}

fn report(jobs: &[JobSummary], phases: &[Phase], zone: &TimeZone) -> Vec<String> {
    let mut lines = Vec::new();
    for &phase in phases {
        let members: Vec<_> = jobs.iter().filter(|job| Phase::of(job.state) == phase).collect();
        if members.is_empty() {
            lines.extend(phase.none().map(str::to_owned));
            continue;
        }
        lines.push(phase.heading().to_owned());
        lines.extend(members.iter().map(|job| {
            format!("{} : {} : {} ({})", time(job.start_time, zone), job.jid, job.name, job.state)
        }));
        lines.push(RULE.to_owned());
    }
    lines
}

fn time(unix_ms: i64, zone: &TimeZone) -> String {
    // Out of the calendar's range: nothing better can be said.
    let Ok(timestamp) = Timestamp::from_millisecond(unix_ms) else { return unix_ms.to_string() };
    timestamp.to_zoned(zone.clone()).strftime("%d.%m.%Y %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(start_time: i64, name: &str, state: JobStatus) -> JobSummary {
        let jid = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let (name, tasks) = (name.to_owned(), Default::default());
        JobSummary { jid, name, state, start_time, end_time: -1, duration: 0, last_modification: 0, tasks }
    }

    #[test]
    fn jobs_stand_under_their_headings() {
        let jobs = [
            job(1_795_390_171_968, "win job", JobStatus::Restarting),
            job(0, "waits", JobStatus::Created),
            job(0, "over", JobStatus::Canceled),
        ];
        let all = [Phase::Running, Phase::Scheduled, Phase::Terminated];
        assert_eq!(
            report(&jobs, &all, &TimeZone::UTC),
            [
                "------------------ Running/Restarting Jobs -------------------",
                "22.11.2026 23:29:31 : 0123456789abcdef0123456789abcdef : win job (RESTARTING)",
                RULE,
                "----------------------- Scheduled Jobs -----------------------",
                "01.01.1970 00:00:00 : 0123456789abcdef0123456789abcdef : waits (CREATED)",
                RULE,
                "---------------------- Terminated Jobs -----------------------",
                "01.01.1970 00:00:00 : 0123456789abcdef0123456789abcdef : over (CANCELED)",
                RULE,
            ]
        );
        assert_eq!(report(&[], &all, &TimeZone::UTC), ["No running jobs.", "No scheduled jobs."]);
    }

    #[test]
    fn absurd_times_are_printed_as_they_are() {
        assert_eq!(time(i64::MAX, &TimeZone::UTC), i64::MAX.to_string());
    }
}
