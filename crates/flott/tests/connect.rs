//! Sources and sinks in jobs of this process.
#![cfg(feature = "local")]
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use flott::{
    Batch, NoCommittable, Sink, SinkWriter,
    connectors::{CsvFormat, Malformed, SocketTextSource, TextFileSource},
    prelude::*,
};
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

/// Hands records to the test as they come.
struct Tell(SyncSender<String>);

impl Sink<String> for Tell {
    type Writer = Self;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<Self, BoxError> {
        Ok(Self(self.0.clone()))
    }
}

impl SinkWriter<String> for Tell {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<String>) -> Result<(), BoxError> {
        batch.records.drain(..).try_for_each(|record| self.0.send(record))?;
        Ok(())
    }
}

fn told() -> (Tell, Receiver<String>) {
    let (sender, receiver) = sync_channel(100);
    (Tell(sender), receiver)
}

fn lines_below(directory: &Path, suffix: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.to_str().unwrap().ends_with(suffix), "{}", path.display());
        lines.extend(fs::read_to_string(path).unwrap().lines().map(str::to_owned));
    }
    lines.sort();
    lines
}

#[test]
fn lines_go_from_socket_to_socket_until_the_server_closes() {
    let [server, receiver] = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let [from, to] = [&server, &receiver].map(|listener| listener.local_addr().unwrap().port());
    let job = thread::spawn(move || {
        let env = StreamExecutionEnvironment::new();
        env.set_parallelism(2);
        env.socket_text_stream("127.0.0.1", from)
            .map(|line| line.to_uppercase())
            .write_to_socket("127.0.0.1", to);
        env.execute("sockets")
    });
    let mut input = server.accept().unwrap().0;
    let mut output = receiver.accept().unwrap().0;
    input.write_all(b"toyota, 67\n").unwrap();
    let mut line = [0; 11];
    output.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"TOYOTA, 67\n", "it comes while the connection is open");
    input.write_all(b"volvo, 80").unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "VOLVO, 80\n");
    job.join().unwrap().unwrap();
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Country {
    name: String,
    year: u16,
    expectancy: f64,
}

#[test]
fn csv_becomes_json_and_csv_again() {
    let directory = tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::create_dir(path("in")).unwrap();
    fs::write(path("in/a.csv"), "year,name,expectancy\n2000,\"Korea, South\",75.9\n").unwrap();
    fs::write(path("in/b.csv"), "name,expectancy,year\nChile,76.5,2001\n").unwrap();
    let run = |build: &dyn Fn(&StreamExecutionEnvironment)| {
        let env = StreamExecutionEnvironment::new();
        env.set_parallelism(2);
        build(&env);
        env.execute("files").unwrap();
    };
    run(&|env| drop(env.read_csv::<Country>(path("in")).write_json(path("json"))));
    let expected = [
        r#"{"name":"Chile","year":2001,"expectancy":76.5}"#,
        r#"{"name":"Korea, South","year":2000,"expectancy":75.9}"#,
    ];
    assert_eq!(lines_below(Path::new(&path("json")), ".json"), expected);
    run(&|env| {
        drop(
            env.read_json::<Country>(path("json"))
                .rebalance()
                .map(|c| c)
                .set_parallelism(1)
                .write_csv(path("csv"))
                .set_parallelism(1),
        )
    });
    let expected = ["\"Korea, South\",2000,75.9", "Chile,2001,76.5", "name,year,expectancy"];
    assert_eq!(lines_below(Path::new(&path("csv")), ".csv"), expected);
}

#[test]
fn a_malformed_record_fails_the_job_or_goes_where_the_program_wants() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("in.csv").display().to_string();
    fs::write(&path, "name,year,expectancy\nChile,2001,76.5\nPeru,x,70\n").unwrap();
    let env = StreamExecutionEnvironment::new();
    env.read_csv::<Country>(&*path).filter(|_| false).print_debug();
    let error = env.execute("fails").unwrap_err().to_string();
    assert!(error.contains("in.csv, line 3 (byte 37): field 2 (\"year\"): invalid digit"), "{error}");

    let (tell, bad) = told();
    {
        // The dataflow holds the sink, and so the sender, for as long as it lives.
        let env = StreamExecutionEnvironment::new();
        let results = env.read_files(path, CsvFormat::<Country>::new().results());
        results
            .flat_map(|result: Result<Country, Malformed>, out| {
                out.extend(result.err().map(|bad| bad.record));
            })
            .sink_to(tell, "bad");
        env.execute("goes on").unwrap();
    }
    assert_eq!(bad.iter().collect::<Vec<_>>(), ["Peru,x,70"]);
}

#[test]
fn files_that_appear_are_read_while_the_job_runs() {
    let directory = tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let hidden = directory.path().join(format!(".{name}"));
        fs::write(&hidden, text).unwrap();
        fs::rename(hidden, directory.path().join(name)).unwrap();
    };
    put("first", "a\nb\n");
    let (tell, lines) = told();
    let input = TextFileSource::new(directory.path().to_str().unwrap()).monitor(Duration::from_millis(10));
    let job = thread::spawn(move || {
        let env = StreamExecutionEnvironment::new();
        env.set_parallelism(2);
        env.from_source(input, WatermarkStrategy::no_watermarks(), "incoming")
            .map(|line| if line == "stop" { panic!("stopped") } else { line })
            .sink_to(tell, "tell");
        env.execute("monitor").unwrap_err().to_string()
    });
    assert_eq!([lines.recv().unwrap(), lines.recv().unwrap()], ["a", "b"]);
    put("second", "c");
    assert_eq!(lines.recv().unwrap(), "c");
    put("third", "stop");
    assert!(job.join().unwrap().contains("stopped"));
    assert_eq!(lines.iter().count(), 0, "each file was read once");
}

#[test]
fn a_job_that_waits_for_a_socket_ends_at_once_if_another_part_fails() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let job = thread::spawn(move || {
        let env = StreamExecutionEnvironment::new();
        env.set_parallelism(1);
        let quiet = SocketTextSource::new("127.0.0.1", port);
        let quiet = env.from_source(quiet, WatermarkStrategy::no_watermarks(), "quiet");
        let (tell, lines) = told();
        quiet.map(|line| if line == "fail" { panic!("failed as asked") } else { line }).sink_to(tell, "tell");
        let other = SocketTextSource::new("127.0.0.1", port);
        env.from_source(other, WatermarkStrategy::no_watermarks(), "other").print();
        let error = env.execute("sockets").unwrap_err().to_string();
        drop(lines);
        error
    });
    let mut streams = [server.accept().unwrap().0, server.accept().unwrap().0];
    for stream in &mut streams {
        // One of them is `quiet`.
        let _ = stream.write_all(b"fail\n");
    }
    assert!(job.join().unwrap().contains("failed as asked"));
    for mut stream in streams {
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "the connection is closed");
    }
}
