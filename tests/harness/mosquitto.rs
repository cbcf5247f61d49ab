//! A broker of the site's own, which the gateway has not started and does not watch.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{
    eventually,
    process::{Process, free_port},
};

/// A mosquitto that lets everybody in.
#[derive(Debug)]
pub struct Mosquitto {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Mosquitto {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("brightwatch-mqtt-").tempdir().expect("a temporary folder");
        let port = free_port();
        let settings = format!("listener {port} 127.0.0.1\npersistence false\nallow_anonymous true\n");
        fs::write(folder.path().join("mosquitto.conf"), settings).expect("a writable folder");
        // Started as root it becomes another user, who must be able to read it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("our own folder");
        let broker = Self { process: run(&folder), port, folder };
        broker.until_it_listens().await;
        broker
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Kills it, with everything it had not passed on.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub async fn restart(&mut self) {
        self.process = run(&self.folder);
        self.until_it_listens().await;
    }

    async fn until_it_listens(&self) {
        eventually("mosquitto listens", Duration::from_secs(20), async || {
            std::net::TcpStream::connect(self.address()).ok().map(drop)
        })
        .await;
    }
}

fn run(folder: &TempDir) -> Process {
    // Debian keeps it where an ordinary user's PATH does not look.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("mosquitto");
    command.env("PATH", path).arg("-c").arg(folder.path().join("mosquitto.conf"));
    Process::start("mosquitto", &mut command, folder.path()).expect("mosquitto is installed")
}
