//! A real Prometheus reads what we tell. Needs `FLOTT_TEST_PROMETHEUS`, the path of its program, beside which `promtool` lies;
//! without it nothing is tested, and the test says SKIPPED.
#![allow(clippy::unwrap_used, reason = "what fails here is a failed test")]

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use flott_core::{
    config::{Port, PortRange},
    metrics::{HistogramSummary, MetricValue, OperatorMetric, Reading},
};
use flott_reporter::{Exposition, Scope, bind, serve};
use futures::FutureExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long Prometheus may take to start and to scrape.
const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> Option<PathBuf> {
    let program = std::env::var_os("FLOTT_TEST_PROMETHEUS").map(PathBuf::from);
    if program.is_none() {
        println!("SKIPPED: FLOTT_TEST_PROMETHEUS is not set");
    }
    program
}

fn exposition() -> Exposition {
    let mut exposition = Exposition::default();
    let task_manager = Scope::task_manager("host", "host:1-ab");
    exposition.add(&task_manager, "Status.JVM.CPU.Load", Reading::Gauge(0.25));
    let job = task_manager.task_manager_job(&"1".repeat(32), "a \"job\"\\ with\nlines and ü");
    for subtask in 0..3 {
        let task = job.task(&"2".repeat(32), "Source: a -> b", subtask);
        exposition.add(&task, "numRecordsIn", Reading::Count(100 + u64::from(subtask)));
        exposition.add(&task, "isBackPressured", Reading::Flag(true));
        for (name, value) in [
            (
                "latency",
                MetricValue::Histogram(HistogramSummary { count: 2, p99: 1.5, ..Default::default() }),
            ),
            ("nothing", MetricValue::Float(f64::NAN)),
            ("endless", MetricValue::Float(f64::INFINITY)),
            ("odd näme-1", MetricValue::Integer(-7)),
        ] {
            let metric = OperatorMetric { operator: "b".into(), name: name.into(), value };
            exposition.add_metric(&task.operator("b"), &metric);
        }
    }
    exposition
}

#[test]
fn promtool_can_parse_it() {
    let Some(prometheus) = program() else { return };
    let mut promtool = Command::new(prometheus.with_file_name("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(exposition().text().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    // 3: names are not to its taste. They are Flink's.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn prometheus_scrapes_it() {
    let Some(prometheus) = program() else { return };
    let listener = bind("127.0.0.1", &PortRange::single(Port(0))).await.unwrap();
    let target = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(serve(
        listener,
        Vec::new(),
        Arc::new(|| std::future::ready(exposition()).boxed()),
        CancellationToken::new(),
    ));
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("prometheus-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    // Free a moment ago; nobody else is likely to take it.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let _running = start(&prometheus, &dir, target, address);

    let query = "/api/v1/query?query=flink_taskmanager_job_task_numRecordsIn%7Bsubtask_index%3D%222%22%7D";
    let found = timeout(PATIENCE, async {
        loop {
            let answer = get(address, query).await.unwrap_or_default();
            if answer.contains("\"102\"") {
                return answer;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    let found = found.await.expect("Prometheus has scraped");
    for label in [r#""tm_id":"host:1-ab""#, r#""job_name":"a \"job\"\\ with\nlines and ü""#] {
        assert!(found.contains(label), "{found}");
    }
    let quantile =
        "/api/v1/query?query=flink_taskmanager_job_task_operator_latency%7Bquantile%3D%220.99%22%7D";
    assert!(get(address, quantile).await.unwrap().contains("\"1.5\""));
    drop(_running);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn start(program: &Path, dir: &Path, target: SocketAddr, address: SocketAddr) -> Running {
    let config = dir.join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: flott\n    static_configs: \
         [{{targets: ['{target}']}}]\n"
    );
    std::fs::write(&config, text).unwrap();
    let log = std::fs::File::create(dir.join("log")).unwrap();
    let child = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    Running(child.unwrap())
}

/// The answer with its headers; `None` if nobody listens yet.
async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
