//! A real PostgreSQL server in a directory of its own, on a Unix socket, gone with the test.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

use super::fixture::Fixture;
use crate::store::StoreConfig;

/// The system account that PostgreSQL runs as when the tests run as root, which it refuses to.
const SYSTEM_ACCOUNT: &str = "postgres";
const START_LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Server {
    process: Child,
    directory: Arc<TempDir>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (binaries, data) = (binaries(), directory.path().join("data"));
        if is_root() {
            run(Command::new("chown").arg(SYSTEM_ACCOUNT).arg(directory.path()));
        }
        let mut initialise = unprivileged(&binaries.join("initdb"));
        initialise.args(["-U", "brightwatch", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"]);
        run(initialise.arg(&data));
        let mut server = unprivileged(&binaries.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(directory.path());
        // Durability is the server's promise, not ours: waiting for its disk would only make the tests slow.
        server.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"]);
        let process = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { process, directory: Arc::new(directory) };
        server.wait_until_ready().await;
        server
    }

    /// A fixture with a fresh database.
    pub(super) async fn database(&self, name: &str) -> Fixture {
        let mut connection = AnyConnection::connect(&self.url("postgres")).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let config = StoreConfig { url: self.url(name), reader_count: 2, ..StoreConfig::default() };
        Fixture { config, directory: Arc::clone(&self.directory), name: Some(name.to_owned()) }
    }

    async fn wait_until_ready(&self) {
        sqlx::any::install_default_drivers();
        let connected = async {
            while AnyConnection::connect(&self.url("postgres")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(START_LIMIT, connected).await.expect("PostgreSQL starts within half a minute");
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://brightwatch@localhost/{database}?host={}", self.directory.path().display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT is PostgreSQL's immediate shutdown; it takes its children along, which SIGKILL would not.
        let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// The newest installed version's programs.
fn binaries() -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|path| path.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().expect("PostgreSQL is installed under /usr/lib/postgresql (Debian: `apt install postgresql`)")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The program under an account that PostgreSQL accepts. `setpriv` replaces itself by it, so that our child's number is
/// the server's, and has it killed should the test be killed.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid", SYSTEM_ACCOUNT, "--regid", SYSTEM_ACCOUNT, "--init-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
