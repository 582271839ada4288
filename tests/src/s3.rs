//! A server that speaks S3, on this machine: moto's (`pip install 'moto[server,s3]'`).

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use crate::{ClusterBuilder, workspace};

/// The bucket that it has.
const BUCKET: &str = "flott";

/// A running server. It ends when it is dropped.
pub struct S3Server {
    process: Child,
    port: u16,
}

impl S3Server {
    /// Starts one with the Python that `FLOTT_TEST_S3` names, else with `python3` if it has moto. If there is none it says
    /// SKIPPED and returns `None`.
    ///
    /// # Panics
    /// If `FLOTT_TEST_S3` is set and the server does not start.
    pub fn start() -> Option<Self> {
        let named = std::env::var_os("FLOTT_TEST_S3");
        let python = named.clone().unwrap_or_else(|| "python3".into());
        let errors = if named.is_some() { Stdio::inherit() } else { Stdio::null() };
        let spawned = Command::new(&python)
            .arg(workspace().join("crates/storage/tests/s3_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn();
        let server = spawned.map_err(|error| error.to_string()).and_then(|mut process| {
            let mut line = String::new();
            let stdout = process.stdout.as_mut().ok_or("it has no output")?;
            BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
            let Ok(port) = line.trim().parse() else {
                let _ = process.wait();
                return Err("it has no moto".to_owned());
            };
            Ok(Self { process, port })
        });
        match server {
            Ok(server) => {
                server.send("PUT", &format!("/{BUCKET}"));
                Some(server)
            }
            Err(problem) if named.is_some() => panic!("FLOTT_TEST_S3={python:?}: {problem}"),
            Err(problem) => {
                // Not by a macro, whose output of passed tests is thrown away.
                let text = format!("SKIPPED: S3 was not tested: {python:?}: {problem} (set FLOTT_TEST_S3)\n");
                let _ = std::io::stderr().write_all(text.as_bytes());
                None
            }
        }
    }

    /// The keys of all objects in the bucket.
    pub fn keys(&self) -> Vec<String> {
        let answer = self.send("GET", &format!("/{BUCKET}?list-type=2"));
        let keys = answer.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        keys.map(str::to_owned).collect()
    }

    /// A request that needs no signature; returns the answer.
    fn send(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        assert!(answer.split_whitespace().nth(1) == Some("200"), "{answer}");
        answer
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl ClusterBuilder {
    /// Lets jobs put checkpoints and savepoints into the bucket of a server.
    #[must_use]
    pub fn s3(self, server: &S3Server) -> Self {
        self.set("s3.endpoint", &format!("http://127.0.0.1:{}", server.port))
            .set("s3.path.style.access", "true")
            .set("s3.region", "eu-central-1")
            .set("s3.access-key", "test")
            .set("s3.secret-key", "test-secret")
            .set("execution.checkpointing.dir", &format!("s3://{BUCKET}/checkpoints"))
            .set("execution.checkpointing.savepoint-dir", &format!("s3://{BUCKET}/savepoints"))
    }
}
