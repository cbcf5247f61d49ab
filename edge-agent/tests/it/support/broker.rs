//! mosquitto on a free port.

use std::{
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{eventually, free_port};

/// The broker; it ends with the test.
pub(crate) struct Broker {
    pub(crate) port: u16,
    folder: TempDir,
    child: Child,
}

impl Broker {
    /// Everybody may come in.
    pub(crate) async fn start() -> Self {
        Self::with(|_| "allow_anonymous true".to_owned()).await
    }

    /// With settings of the test's own, which may refer to files that it writes into the folder.
    pub(crate) async fn with(settings: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let settings = format!("listener {port} 127.0.0.1\npersistence false\n{}\n", settings(folder.path()));
        std::fs::write(folder.path().join("mosquitto.conf"), settings).unwrap();
        // Started as root, mosquitto becomes another user, who must be able to read the files.
        open_to_all(folder.path());
        let child = run(folder.path());
        let broker = Self { port, folder, child };
        broker.answers().await;
        broker
    }

    /// The same broker again after [`Self::kill`].
    pub(crate) async fn restart(&mut self) {
        self.child = run(self.folder.path());
        self.answers().await;
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn answers(&self) {
        eventually("mosquitto listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok()).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(folder: &Path) -> Child {
    // Debian keeps it where an ordinary user's PATH does not look.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    Command::new("mosquitto")
        .env("PATH", path)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto is installed")
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
}
