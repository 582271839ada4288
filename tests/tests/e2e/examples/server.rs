//! What the examples read sockets of.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use flott_tests::{eventually, free_port};

/// Listens at a port of 127.0.0.1, for one connection, into which the test writes. When it is dropped the connection ends.
pub(super) struct Server {
    pub(super) port: String,
    side: Side,
}

enum Side {
    /// In the test itself.
    Listener { listener: TcpListener, connection: Option<TcpStream> },
    /// `nc -l`, as users have it.
    Netcat(Child),
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        Self { port, side: Side::Listener { listener, connection: None } }
    }

    /// A real `nc -l`; if it is not installed, or another one than OpenBSD's, what [`start`](Self::start) gives.
    pub(super) fn netcat() -> Self {
        let help = Command::new("nc").arg("-h").output();
        let is_known = help.is_ok_and(|help| String::from_utf8_lossy(&help.stderr).contains("OpenBSD"));
        if !is_known {
            eprintln!("OpenBSD's nc is not installed: a listener of the test stands in for it");
            return Self::start();
        }
        let port = free_port().to_string();
        let child = Command::new("nc")
            .args(["-l", "127.0.0.1", &port])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // To connect would be to take the only connection.
        let listening = format!("{:04X} 00000000:0000 0A", port.parse::<u16>().unwrap());
        eventually("nc listens", || {
            let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
            sockets.contains(&listening).then_some(())
        });
        Self { port, side: Side::Netcat(child) }
    }

    pub(super) fn write(&mut self, text: &str) {
        match &mut self.side {
            Side::Listener { listener, connection } => {
                let connection = connection.get_or_insert_with(|| listener.accept().unwrap().0);
                connection.write_all(text.as_bytes()).unwrap();
            }
            Side::Netcat(child) => child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Side::Netcat(child) = &mut self.side {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
