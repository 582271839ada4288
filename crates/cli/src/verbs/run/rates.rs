//! Records per second of each vertex, from the totals of two looks at a job.

use std::{collections::BTreeMap, time::Duration};

use flott_client::{JobDetail, VertexDetail};
use flott_core::VertexId;

/// Rates over shorter times than this jump about.
const SHORTEST: Duration = Duration::from_millis(400);

/// Records read and written so far, by vertex.
type Totals = BTreeMap<VertexId, (u64, u64)>;

/// Records per second that go into and come out of a vertex.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate {
    pub(super) records_in: f64,
    pub(super) records_out: f64,
}

/// Remembers the totals of an earlier look, and the rates since.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// The server's clock, in milliseconds, and the totals at that time.
    earlier: Option<(i64, Totals)>,
    rates: BTreeMap<VertexId, Rate>,
}

impl Rates {
    /// Takes note of the totals in `job`.
    pub(super) fn update(&mut self, job: &JobDetail) {
        let Some((time, totals)) = &self.earlier else {
            self.earlier = Some((job.now, totals_of(job)));
            return;
        };
        let Ok(passed_ms) = u64::try_from(job.now.saturating_sub(*time)) else {
            self.earlier = Some((job.now, totals_of(job))); // the server's clock was put back
            return;
        };
        let passed = Duration::from_millis(passed_ms);
        if passed < SHORTEST {
            return;
        }
        let rate = |vertex: &VertexDetail| {
            let (earlier_in, earlier_out) = totals.get(&vertex.id).copied().unwrap_or_default();
            let metrics = &vertex.metrics;
            // Totals start again from 0 when a vertex is restarted.
            let per_second =
                |now: u64, earlier: u64| now.saturating_sub(earlier) as f64 / passed.as_secs_f64();
            Rate {
                records_in: per_second(metrics.read_records, earlier_in),
                records_out: per_second(metrics.write_records, earlier_out),
            }
        };
        self.rates = job.vertices.iter().map(|vertex| (vertex.id, rate(vertex))).collect();
        self.earlier = Some((job.now, totals_of(job)));
    }

    /// The rate of a vertex; zero until it is known.
    pub(super) fn of(&self, vertex: VertexId) -> Rate {
        self.rates.get(&vertex).copied().unwrap_or_default()
    }
}

fn totals_of(job: &JobDetail) -> Totals {
    let totals =
        |vertex: &VertexDetail| (vertex.id, (vertex.metrics.read_records, vertex.metrics.write_records));
    job.vertices.iter().map(totals).collect()
}

/// A rate for people, such as `1.25 M/s`.
pub(super) fn per_second(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} M/s", rate / 1e6),
        rate if rate >= 1e4 => format!("{:.1} k/s", rate / 1e3),
        rate => format!("{rate:.0} /s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look(now: i64, read: u64, written: u64) -> JobDetail {
        let id = "0123456789abcdef0123456789abcdef";
        serde_json::from_value(json!({
            "jid": id, "name": "job", "state": "RUNNING", "start-time": 0, "end-time": -1, "duration": 0, "now": now,
            "timestamps": {}, "status-counts": {}, "plan": {"name": "job", "nodes": []},
            "vertices": [{"id": id, "name": "v", "parallelism": 1, "status": "RUNNING", "start-time": 0,
                "end-time": -1, "duration": 0, "tasks": {},
                "metrics": {"read-records": read, "write-records": written}}],
        }))
        .unwrap()
    }

    fn rates(looks: &[(i64, u64, u64)]) -> Rate {
        let mut rates = Rates::default();
        for &(now, read, written) in looks {
            rates.update(&look(now, read, written));
        }
        rates.of("0123456789abcdef0123456789abcdef".parse().unwrap())
    }

    #[test]
    fn rates_are_differences_over_the_servers_time() {
        assert_eq!(rates(&[(1000, 0, 0)]), Rate::default());
        assert_eq!(rates(&[(1000, 0, 10), (3000, 500, 10)]), Rate { records_in: 250.0, records_out: 0.0 });
        // Looks in between that are too close are left out.
        let close = [(1000, 0, 0), (1020, 400, 0), (1040, 500, 0), (2000, 1000, 3)];
        assert_eq!(rates(&close), Rate { records_in: 1000.0, records_out: 3.0 });
    }

    #[test]
    fn restarts_and_clocks_put_back_do_no_harm() {
        assert_eq!(rates(&[(1000, 500, 0), (2000, 100, 0)]).records_in, 0.0);
        assert_eq!(rates(&[(5000, 0, 0), (1000, 100, 0), (2000, 200, 0)]).records_in, 100.0);
    }

    #[test]
    fn rates_are_short_texts() {
        let texts = [0.4, 999.0, 12_340.0, 1_254_000.0].map(per_second);
        assert_eq!(texts, ["0 /s", "999 /s", "12.3 k/s", "1.25 M/s"]);
    }
}
