//! Shows on stderr how an upload and a job get on: bars on a terminal, lines of text elsewhere.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    time::{Duration, Instant},
};

use flott_client::{JobDetail, VertexDetail};
use flott_core::{ExecutionState, JobStatus, VertexId};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::rates::per_second;
use crate::{clock, console};

/// More vertices than a screen has room for are not shown one by one.
const MAX_ROWS: usize = 24;
/// Uploads that are smaller than this are over before a bar could be read.
const SHOWN_UPLOAD_BYTES: u64 = 8 << 20;
/// How often a line with rates is printed where there is no terminal.
const RATE_LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The bar of an upload.
#[derive(Clone)]
pub(super) struct UploadProgress(ProgressBar);

impl UploadProgress {
    pub(super) fn new(name: &str, size_bytes: u64) -> Self {
        if size_bytes < SHOWN_UPLOAD_BYTES || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = style("Uploading {msg} {wide_bar} {bytes}/{total_bytes}");
        Self(ProgressBar::new(size_bytes).with_style(style).with_message(name.to_owned()))
    }

    pub(super) fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// What is shown of a running job.
pub(super) struct JobProgress {
    last_status: Option<JobStatus>,
    view: View,
}

enum View {
    Terminal(Bars),
    Lines(Lines),
}

impl JobProgress {
    pub(super) fn new() -> Self {
        let view = if std::io::stderr().is_terminal() {
            View::Terminal(Bars::new())
        } else {
            View::Lines(Lines { vertices: BTreeMap::new(), next_rates: clock::now() + RATE_LINE_INTERVAL })
        };
        Self { last_status: None, view }
    }

    /// Shows what has changed.
    pub(super) fn update(&mut self, job: &JobDetail) {
        if self.last_status.replace(job.state) != Some(job.state) {
            self.say(&format!("Job {} is {}", job.jid, job.state));
        }
        match &mut self.view {
            View::Terminal(bars) => bars.update(job),
            View::Lines(lines) => lines.update(job),
        }
    }

    /// Prints a line among what is shown.
    pub(super) fn say(&self, text: &str) {
        match &self.view {
            // Fails if the terminal is gone.
            View::Terminal(bars) => drop(bars.all.println(text)),
            View::Lines(_) => console::error_line(text),
        }
    }

    /// Takes the bars away, for a question to be asked in their place.
    pub(super) fn clear(&self) {
        if let View::Terminal(bars) = &self.view {
            let _ = bars.all.clear();
        }
    }
}

/// A row for the job and one for each vertex.
struct Bars {
    all: MultiProgress,
    job: ProgressBar,
    vertices: BTreeMap<VertexId, ProgressBar>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let job = all.add(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")));
        Self { all, job, vertices: BTreeMap::new() }
    }

    fn update(&mut self, job: &JobDetail) {
        let seconds = job.duration as f64 / 1e3;
        self.job.set_message(format!("{} ({}) {seconds:.1} s", job.name, job.state));
        self.job.tick();
        for vertex in job.vertices.iter().take(MAX_ROWS) {
            let row = self.vertices.entry(vertex.id).or_insert_with(|| {
                let style = style("  {bar:12} {pos}/{len} {wide_msg}");
                self.all.add(ProgressBar::new(vertex.parallelism.into()).with_style(style))
            });
            row.set_position(count(vertex, ExecutionState::Finished).into());
            row.set_message(describe(vertex));
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for row in self.vertices.values().chain([&self.job]) {
            row.finish_and_clear();
        }
        let _ = self.all.clear();
    }
}

/// A line for each change of a vertex, and now and then one with its rates.
struct Lines {
    vertices: BTreeMap<VertexId, ExecutionState>,
    next_rates: Instant,
}

impl Lines {
    fn update(&mut self, job: &JobDetail) {
        let with_rates = clock::now() >= self.next_rates;
        if with_rates {
            self.next_rates = clock::now() + RATE_LINE_INTERVAL;
        }
        for vertex in &job.vertices {
            let changed = self.vertices.insert(vertex.id, vertex.status) != Some(vertex.status);
            if with_rates {
                console::error_line(describe(vertex));
            } else if changed && vertex.status != ExecutionState::Created {
                console::error_line(format_args!("{} is {}", vertex.name, vertex.status));
            }
        }
    }
}

fn describe(vertex: &VertexDetail) -> String {
    format!(
        "{} ({}) in {} out {}, {} in {} out",
        vertex.name,
        vertex.status,
        per_second(vertex.rates.num_records_in_per_second),
        per_second(vertex.rates.num_records_out_per_second),
        vertex.metrics.read_records,
        vertex.metrics.write_records
    )
}

fn count(vertex: &VertexDetail, state: ExecutionState) -> u32 {
    vertex.tasks.get(&state).copied().unwrap_or(0)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well-formed")
}
