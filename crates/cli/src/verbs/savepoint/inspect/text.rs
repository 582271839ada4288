//! A report for people.

use indicatif::HumanBytes;
use jiff::{Timestamp, tz::TimeZone};

use super::report::{Operator, Report, State};

/// The lines of a report; with `verbose` each subtask has one.
pub(super) fn lines(report: &Report, verbose: bool) -> Vec<String> {
    let mut lines = head(report, &TimeZone::system());
    for operator in &report.operators {
        lines.push(String::new());
        lines.extend(of_operator(operator, verbose));
    }
    let mut rest = Vec::new();
    for source in &report.sources {
        rest.push(format!(
            "Source {}: {} assigned to no subtask, enumeration {}",
            source.uid,
            count(source.unassigned_splits as u64, "split"),
            source.enumeration
        ));
    }
    for chain in &report.chains {
        let uids = chain.uids.join(" -> ");
        if chain.finished_subtasks > 0 {
            let finished = count(chain.finished_subtasks as u64, "subtask");
            rest.push(format!("Chain {uids}: {finished} had finished"));
        }
        if chain.in_flight_size > 0 {
            rest.push(format!("Chain {uids}: {} of records in flight", HumanBytes(chain.in_flight_size)));
        }
    }
    if !rest.is_empty() {
        lines.push(String::new());
        lines.extend(rest);
    }
    lines
}

fn head(report: &Report, zone: &TimeZone) -> Vec<String> {
    let what = match report.kind {
        "CHECKPOINT" => "Checkpoint",
        _ => "Savepoint",
    };
    let taken = match Timestamp::from_millisecond(report.triggered_at) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%d.%m.%Y %H:%M:%S").to_string(),
        Err(_) => report.triggered_at.to_string(), // out of the calendar's range
    };
    let ended = match (report.kind, report.drained) {
        ("SYNC_SAVEPOINT", true) => ", the job was drained with it",
        ("SYNC_SAVEPOINT", false) => ", the job was stopped with it",
        _ => "",
    };
    let files = report.files;
    let elsewhere = match files.elsewhere {
        0 => String::new(),
        elsewhere => format!(", {elsewhere} of them not in its directory"),
    };
    let metadata = HumanBytes(report.metadata_size);
    let place = match files.count {
        0 => format!("all in _metadata with {metadata}"),
        files_count => {
            let size = HumanBytes(files.size);
            format!("{} with {size}{elsewhere}, _metadata with {metadata}", count(files_count, "file"))
        }
    };
    let verified = match (files.verified, report.problems.is_empty()) {
        (true, true) => "; all of it verified",
        _ => "",
    };
    vec![
        format!("{what} {} of job {} ({})", report.checkpoint_id, report.job_id, report.job_name),
        format!("Path:  {}", report.path),
        format!("Taken: {taken}{ended}"),
        format!("Size:  {} of state; {place}{verified}", HumanBytes(report.state_size)),
    ]
}

fn of_operator(operator: &Operator, verbose: bool) -> Vec<String> {
    let ranges: Vec<_> = operator
        .subtasks
        .iter()
        .filter_map(|subtask| subtask.key_groups)
        .map(|[first, last]| format!("{first}-{last}"))
        .collect();
    let mut lines = vec![
        format!("Operator {} (uid {})", operator.name, operator.uid),
        format!(
            "  parallelism {}, max parallelism {}, {} of state",
            operator.parallelism,
            operator.max_parallelism,
            HumanBytes(operator.state_size)
        ),
    ];
    if !ranges.is_empty() && !verbose {
        lines.push(format!("  key groups {}", ranges.join(", ")));
    }
    for state in &operator.states {
        lines.extend(of_state(state));
    }
    if verbose {
        for subtask in &operator.subtasks {
            let groups = subtask.key_groups;
            let groups =
                groups.map(|[first, last]| format!("key groups {first}-{last}, ")).unwrap_or_default();
            let (size, files) = (HumanBytes(subtask.state_size), count(subtask.files.len() as u64, "file"));
            lines.push(format!("  subtask {}: {groups}{size}, {files}", subtask.index));
        }
    }
    lines
}

fn of_state(state: &State) -> Vec<String> {
    let place = match &state.part {
        Some(part) if *part != state.name => format!(" in {part}"),
        _ => String::new(),
    };
    let ttl = if state.ttl { ", with time to live" } else { "" };
    let pieces = count(state.pieces, if state.part.is_some() { "segment" } else { "element" });
    let mut lines =
        vec![format!("  {} ({}{place}{ttl}): {pieces}, {}", state.name, state.kind, HumanBytes(state.size))];
    lines.extend(state.types.iter().map(|(role, name)| format!("    {role}: {name}")));
    lines
}

fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
