//! Services of one test's own, started by the project's scripts, to be killed and paused at will.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use scribed_tests::build::root;
use scribed_tests::cluster::skip;

/// A Kafka or a Cassandra of one test's own; it ends with this value, and with this process.
#[derive(Debug)]
pub(crate) struct Own {
    script: PathBuf,
    name: String,
    addresses: Vec<String>,
}

impl Own {
    /// Starts a service with so many nodes; `None`, and says so loudly, where that cannot be done.
    pub(crate) fn up(service: &str, nodes: u32, more: &[&str]) -> Option<Self> {
        let (script, owner) = (root().join("tests/services").join(service), std::process::id());
        let count = if service == "kafka" { "--brokers" } else { "--nodes" };
        let name = format!("chaos-{owner}");
        let mut up = Command::new(&script);
        up.args(["--name", &name, "up", "--fresh", "--port", "0"]);
        up.args(["--owner", &owner.to_string(), count, &nodes.to_string()]).args(more);
        let output = up.stdin(Stdio::null()).output().unwrap();
        let mut own = Self { script, name, addresses: Vec::new() };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            skip("chaos", said.trim().lines().last().unwrap_or("a service does not start"));
            return None;
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        own.addresses = printed.trim().split(',').map(str::to_owned).collect();
        Some(own)
    }

    /// Returns where clients find the nodes.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }

    /// Kills a node, from 1, as `kill -9` does.
    #[track_caller]
    pub(crate) fn kill(&self, node: u32) {
        self.run("kill", node);
    }

    /// Starts a killed node, and waits until it works.
    #[track_caller]
    pub(crate) fn restart(&self, node: u32) {
        self.run("restart", node);
    }

    /// Stops a node without ending it: alive, yet silent.
    #[track_caller]
    pub(crate) fn pause(&self, node: u32) {
        self.run("pause", node);
    }

    /// Lets a paused node go on.
    #[track_caller]
    pub(crate) fn resume(&self, node: u32) {
        self.run("resume", node);
    }

    #[track_caller]
    fn run(&self, command: &str, node: u32) {
        let mut run = Command::new(&self.script);
        run.args(["--name", &self.name, command, &node.to_string()]);
        let output = run.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{command} {node}: {output:?}");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut down = Command::new(&self.script);
        down.args(["--name", &self.name, "down"]).stdin(Stdio::null());
        // Its owner's end would do the same.
        down.output().ok();
    }
}
