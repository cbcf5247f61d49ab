//! A PostgreSQL server of a story's own: temporary cluster, Unix socket and free port, run as an unprivileged user
//! because `initdb` refuses root.

use std::{
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    eventually,
    process::{Process, free_port},
};

/// For a cluster to start, or to recover after a crash.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    programs: PathBuf,
    port: u16,
    // Stopped before its folder goes: fields are dropped in this order.
    server: Process,
    folder: TempDir,
}

impl Postgres {
    /// Starts a server with an empty database `brightwatch`; None where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When an installed server does not start.
    pub async fn start() -> io::Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("brightwatch-postgres-").tempdir()?;
        // The server's user must reach its cluster through this folder.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
        let cluster = folder.path().join("cluster");
        let created = unprivileged(&programs.join("initdb"))
            .args(["--auth=trust", "--username=brightwatch", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&cluster)
            .current_dir(folder.path())
            .output()?;
        assert!(created.status.success(), "initdb: {}", String::from_utf8_lossy(&created.stderr));

        let port = free_port();
        let server = serve(&programs, port, folder.path())?;
        let url = format!("postgres://brightwatch@127.0.0.1:{port}/brightwatch");
        let postgres = Self { url, programs, port, server, folder };
        eventually("PostgreSQL takes connections", START_LIMIT, async || {
            postgres.answers("CREATE DATABASE brightwatch").then_some(())
        })
        .await;
        Ok(Some(postgres))
    }

    /// Kills the server and all its processes at once, as a power cut would; a commit that is under way ends in its middle.
    pub fn kill(&mut self) {
        let id = self.server.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        // The first may have ended its children already.
        let ids = std::iter::once(id.to_string()).chain(children.split_whitespace().map(str::to_owned));
        Command::new("kill").arg("-KILL").args(ids).stderr(Stdio::null()).status().ok();
        self.server.kill();
    }

    /// Starts it again on what is on its disk, and waits until it has recovered.
    pub async fn restart(&mut self) {
        eventually("PostgreSQL recovers", START_LIMIT, async || {
            if self.server.ended().is_some() {
                // Its killed processes may hold the shared memory for a moment longer.
                self.server = serve(&self.programs, self.port, self.folder.path()).expect("the server starts");
            }
            self.answers("SELECT 1").then_some(())
        })
        .await;
    }

    fn answers(&self, sql: &str) -> bool {
        Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "brightwatch", "-d", "postgres", "-q"])
            .args(["-c", sql])
            .output()
            .is_ok_and(|output| output.status.success())
    }

    /// Where the database is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn serve(programs: &Path, port: u16, folder: &Path) -> io::Result<Process> {
    Process::start(
        "postgres",
        unprivileged(&programs.join("postgres"))
            .arg("-D")
            .arg(folder.join("cluster"))
            .args(["-c", &format!("port={port}"), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &format!("unix_socket_directories={}", folder.display())])
            .current_dir(folder),
        folder,
    )
}

/// The folder of the newest server programs, which Debian keeps out of PATH.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .max()
}

/// As root, runs as Debian's user `postgres`; else as oneself.
fn unprivileged(program: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}
