//! What the tests stand on.

pub(crate) mod broker;
pub(crate) mod equipment;
pub(crate) mod host;

use std::{net::TcpListener, path::PathBuf, time::Duration};

use edge_agent::config::{self, ConfigError, Setup};
use tempfile::TempDir;

/// For anything that must happen; far longer than it takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A port that nobody listens on. Ports given out here are not given out again by the system for a while.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + LIMIT;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A folder with a configuration.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
}

impl Site {
    pub(crate) fn new(configuration: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        site.write("edge-agent.toml", configuration);
        site
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("edge-agent.toml")
    }

    pub(crate) fn load(&self) -> Result<Setup, ConfigError> {
        config::load(&self.config_path())
    }
}
