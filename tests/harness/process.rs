//! A real binary, started with its log in a file and killed when its story ends.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::eventually;

/// The workspace's root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

/// A binary of this workspace, as built beside the running test.
///
/// # Panics
/// When it was not built: `cargo build --workspace` does.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    // target/debug/deps/it-0123 → target/debug/NAME
    let path = test.parent().and_then(Path::parent).expect("tests lie two folders deep").join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --workspace`", path.display());
    path
}

/// A port that was free a moment ago. Something else may take it before it is used: start-up then fails loudly.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has free ports")
        .port()
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with standard output and error in `folder/NAME.log`, appended to when it is started again.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// All it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; None while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When it does not end within 20 s.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        let name = self.name.clone();
        eventually(&format!("{name} ends after SIGTERM"), Duration::from_secs(20), async || self.ended()).await
    }

    /// Kills it at once, as a power cut would.
    pub fn kill(&mut self) {
        // Fails only when it has ended already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Memory that it really uses, in KiB; None: it has ended.
    pub fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Sends a signal by name, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} takes no SIG{name}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.signal("TERM");
            // A gateway takes its broker with it when it may end by itself.
            for _ in 0..100 {
                if self.ended().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- log of {} ----\n{}", self.name, self.log());
        }
    }
}
