//! What it costs to measure: the same job with all that there is, and without.
//!
//! With: subtasks report every 500 ms, the numbers travel with heartbeats, the JobManager records them, and both daemons are
//! scraped each second. Without: subtasks report nothing while they run, and nobody asks. What stays is that they count, in
//! cells of their own.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use anyhow::ensure;

use crate::{keyed_aggregate, measure::Answer};

/// How many ports the two daemons choose from.
const PORTS: u16 = 8;

/// How long an answer may take. At one of the ports there may be somebody who says nothing.
const SCRAPE_TIMEOUT: Duration = Duration::from_millis(500);

/// How often both are scraped.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// A job that is measured and scraped.
pub(crate) fn with(keys: u64, records: u64) -> anyhow::Result<Answer> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port().min(u16::MAX - PORTS);
    let done = Arc::new(AtomicBool::new(false));
    let scraper = thread::spawn({
        let done = done.clone();
        move || scrape_until(&done, first)
    });
    let ports = format!("{first}-{}", first + PORTS);
    let answer = keyed_aggregate::flott_with(keys, records, |env| {
        env.configure_local("metrics.reporter.prom.port", ports.as_str());
    })?;
    done.store(true, Relaxed);
    let scraped = scraper.join().map_err(|_| anyhow::anyhow!("the scraper panicked"))?;
    ensure!(scraped > 0, "nobody has told any metrics");
    Ok(answer)
}

/// The same job, of which nobody hears anything.
pub(crate) fn without(keys: u64, records: u64) -> anyhow::Result<Answer> {
    keyed_aggregate::flott_with(keys, records, |env| {
        env.set_metrics_update_interval(Duration::ZERO);
    })
}

/// Asks all that listen, and returns how many answers with metrics of subtasks there were.
fn scrape_until(done: &AtomicBool, first: u16) -> usize {
    let mut scraped = 0;
    while !done.load(Relaxed) {
        let answers = (first..=first + PORTS).filter_map(scrape);
        scraped += answers.filter(|text| text.contains("flink_taskmanager_job_task_")).count();
        thread::sleep(SCRAPE_INTERVAL);
    }
    scraped
}

fn scrape(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(SCRAPE_TIMEOUT)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
