//! Hosts of a network that exists only for one test: Linux namespaces, whose connections can be cut in one direction or both.
//!
//! ```text
//!   host 1 ──veth── router ──veth── host 2
//!                     │ the test itself is here, and reaches every host
//! ```
//! A test that needs a network runs a second time, alone, in a process of its own ([`Network::inside`]), which has new
//! namespaces of network, processes and mounts. So nothing of the machine changes, and when that process ends, in whatever
//! way, the system ends all that it has started.
//!
//! What is cut is dropped by the router without a word, as a broken line does: nobody is told that anything was lost.

mod host;
mod sandbox;

use std::{cell::RefCell, fs, net::Ipv4Addr, process::Command, time::Duration};

pub use host::Host;

use crate::run;

/// How long the tools of the network may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Every host has a network of this prefix with the router, in which its own number is the third part.
const PREFIX: [u8; 2] = [10, 213];

/// The network of one test.
pub struct Network {
    cut: RefCell<Vec<(Ipv4Addr, Ipv4Addr)>>,
    hosts: RefCell<u8>,
}

impl Network {
    /// The network of the test with this full name (`module::function`). `None`: go no further. Then the test has run to
    /// its end in a process of its own, or namespaces can't be made here, which it says by SKIPPED.
    ///
    /// # Panics
    /// If the test has failed in the other process; or if `FLOTT_TEST_NETWORK` is set and there can be no network.
    #[track_caller]
    pub fn inside(test: &str) -> Option<Self> {
        if sandbox::is_inside() {
            sandbox::end_with_parent();
            return Some(Self::new());
        }
        sandbox::run_alone(test);
        None
    }

    fn new() -> Self {
        ip(&["link", "set", "lo", "up"]);
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("the router may forward");
        Self { cut: RefCell::default(), hosts: RefCell::new(0) }
    }

    /// Adds a host.
    pub fn host(&self) -> Host {
        let mut count = self.hosts.borrow_mut();
        *count += 1;
        Host::start(*count, PREFIX)
    }

    /// Adds several.
    pub fn hosts(&self, count: usize) -> Vec<Host> {
        (0..count).map(|_| self.host()).collect()
    }

    /// From now on nothing that one of `from` sends arrives at one of `to`.
    pub fn cut(&self, from: &[&Host], to: &[&Host]) {
        for from in from {
            for to in to {
                let pair = (from.address(), to.address());
                if pair.0 != pair.1 && !self.cut.borrow().contains(&pair) {
                    rule("add", pair);
                    self.cut.borrow_mut().push(pair);
                }
            }
        }
    }

    /// From now on nothing arrives from one side at the other.
    pub fn split(&self, one: &[&Host], other: &[&Host]) {
        self.cut(one, other);
        self.cut(other, one);
    }

    /// Mends everything that is cut.
    pub fn heal(&self) {
        for pair in self.cut.take() {
            rule("del", pair);
        }
    }
}

/// The router looks at such rules for each packet, those of connections that there are already among them.
fn rule(action: &str, (from, to): (Ipv4Addr, Ipv4Addr)) {
    ip(&["rule", action, "from", &from.to_string(), "to", &to.to_string(), "blackhole"]);
}

fn ip(args: &[&str]) {
    run(Command::new("ip").args(args), LIMIT).expect_code(0);
}
