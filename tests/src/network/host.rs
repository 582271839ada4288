use std::{
    fs,
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
};

use super::{LIMIT, ip};
use crate::{eventually_within, run};

/// A host of the network: a namespace that is there as long as something runs in it.
pub struct Host {
    address: Ipv4Addr,
    /// Ends when its stdin does, which this process holds.
    holder: Child,
}

impl Host {
    pub(super) fn start(number: u8, [first, second]: [u8; 2]) -> Self {
        let [address, router] = [2, 1].map(|last| Ipv4Addr::new(first, second, number, last));
        let holder = Command::new("unshare").args(["--net", "cat"]).stdin(Stdio::piped()).spawn();
        let host = Self { address, holder: holder.expect("namespaces were tried before") };
        let pid = host.holder.id().to_string();
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        eventually_within(LIMIT, "a host has a network of its own", || {
            namespace(&pid).filter(|it| Some(it) != namespace("self").as_ref())
        });
        let device = format!("host{number}");
        ip(&["link", "add", &device, "type", "veth", "peer", "name", "eth0", "netns", &pid]);
        ip(&["addr", "add", &format!("{router}/24"), "dev", &device]);
        ip(&["link", "set", &device, "up"]);
        host.ip(&["link", "set", "lo", "up"]);
        host.ip(&["addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        host.ip(&["link", "set", "eth0", "up"]);
        host.ip(&["route", "add", "default", "via", &router.to_string()]);
        host
    }

    /// Where the others reach it.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The same command, run on this host.
    pub fn on(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg("--");
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            inside.current_dir(directory);
        }
        inside
    }

    fn ip(&self, args: &[&str]) {
        run(&mut self.on(Command::new("ip").args(args)), LIMIT).expect_code(0);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
