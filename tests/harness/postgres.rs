//! A PostgreSQL server of a story's own: temporary cluster, Unix socket and free port, run as an unprivileged user
//! because `initdb` refuses root.

use std::{
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    eventually,
    process::{Process, free_port},
};

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    // Stopped before its folder goes: fields are dropped in this order.
    _server: Process,
    _folder: TempDir,
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
        let server = Process::start(
            "postgres",
            unprivileged(&programs.join("postgres"))
                .arg("-D")
                .arg(&cluster)
                .args(["-c", &format!("port={port}"), "-c", "listen_addresses=127.0.0.1"])
                .args(["-c", &format!("unix_socket_directories={}", folder.path().display())])
                .current_dir(folder.path()),
            folder.path(),
        )?;
        let database = format!("postgres://brightwatch@127.0.0.1:{port}");
        eventually("PostgreSQL takes connections", Duration::from_mins(1), async || {
            create_database(&programs, port).then_some(())
        })
        .await;
        Ok(Some(Self { url: format!("{database}/brightwatch"), _server: server, _folder: folder }))
    }

    /// Where the database is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn create_database(programs: &Path, port: u16) -> bool {
    Command::new(programs.join("psql"))
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "brightwatch", "-d", "postgres", "-q"])
        .args(["-c", "CREATE DATABASE brightwatch"])
        .output()
        .is_ok_and(|output| output.status.success())
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
