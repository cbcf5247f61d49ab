//! The mosquitto process: started, watched, restarted, stopped; an orphan of a killed gateway replaced.

use std::{
    collections::VecDeque,
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{ChildStderr, Command},
    sync::{broadcast, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{BrokerError, Status, conf_file, install::Installation, secrets::write_private};

const FILE: &str = "broker.running.json";
/// How long mosquitto may take to accept connections.
const READY_LIMIT: Duration = Duration::from_secs(10);
/// How long mosquitto may take to end after SIGTERM, before SIGKILL.
const END_LIMIT: Duration = Duration::from_secs(5);
/// Pause before the first restart; doubled with each that follows closely, up to the limit.
const RESTART_PAUSE: Duration = Duration::from_millis(250);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(30);
/// A child that lived so long starts the pauses anew.
const HEALTHY_AFTER: Duration = Duration::from_mins(1);
/// How many of the child's last words are kept to say why it died.
const LAST_WORDS: usize = 5;

/// What is written down about the running child: for the next gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) pid: i32,
    pub(super) address: SocketAddr,
}

impl Running {
    pub(super) fn load(data_dir: &Path) -> Result<Option<Self>, BrokerError> {
        let path = data_dir.join(FILE);
        match fs::read(&path) {
            Ok(content) => {
                serde_json::from_slice(&content).map(Some).map_err(|source| BrokerError::Damaged { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BrokerError::File { path, source }),
        }
    }

    fn save(&self, data_dir: &Path) -> Result<(), BrokerError> {
        let path = data_dir.join(FILE);
        let content = serde_json::to_vec(self).map_err(|source| BrokerError::Damaged { path: path.clone(), source })?;
        write_private(&path, &content).map_err(BrokerError::file(&path))
    }

    fn forget(data_dir: &Path) {
        let path = data_dir.join(FILE);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), error = %error, "cannot remove the broker's process file");
        }
    }

    /// Ends a mosquitto that a killed gateway left behind: it keeps the port, and old users.
    pub(super) async fn end_orphan(data_dir: &Path) -> Result<(), BrokerError> {
        let Some(Running { pid, .. }) = Self::load(data_dir)? else { return Ok(()) };
        if !is_our_mosquitto(pid, data_dir) {
            return Ok(());
        }
        tracing::warn!(process.id = pid, "ending the broker that an earlier gateway left behind");
        let orphan = |error: rustix::io::Errno| BrokerError::Orphan { pid, source: error.into() };
        let Some(process) = Pid::from_raw(pid) else { return Ok(()) };
        for signal in [Signal::TERM, Signal::KILL] {
            match kill_process(process, signal) {
                Ok(()) => {}
                Err(rustix::io::Errno::SRCH) => return Ok(()),
                Err(error) => return Err(orphan(error)),
            }
            let deadline = Instant::now() + END_LIMIT;
            while is_our_mosquitto(pid, data_dir) && Instant::now() < deadline {
                sleep(Duration::from_millis(20)).await;
            }
            if !is_our_mosquitto(pid, data_dir) {
                return Ok(());
            }
        }
        Err(BrokerError::Orphan { pid, source: io::ErrorKind::TimedOut.into() })
    }
}

/// Whether the process of that number is a mosquitto started in our folder: numbers are given again after a while.
fn is_our_mosquitto(pid: i32, data_dir: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let Ok(command_line) = fs::read(process.join("cmdline")) else { return false };
    let program = command_line.split(|&byte| byte == 0).next().unwrap_or_default();
    if !program.ends_with(b"/mosquitto") {
        return false;
    }
    // Unreadable for an ordinary user when the process is another's: then it is not one of ours to end.
    let (Ok(actual), Ok(expected)) =
        (fs::read_link(process.join("cwd")), fs::canonicalize(data_dir.join(super::FOLDER)))
    else {
        return false;
    };
    actual == expected
}

/// The address with a real port. Port 0 is for tests: the port may be taken by another before mosquitto takes it.
pub(super) fn concrete_address(listen: SocketAddr) -> io::Result<SocketAddr> {
    if listen.port() == 0 { TcpListener::bind(listen)?.local_addr() } else { Ok(listen) }
}

/// A running mosquitto and what is needed to start it again.
pub(super) struct Child {
    installation: Installation,
    folder: PathBuf,
    data_dir: PathBuf,
    address: SocketAddr,
    takeovers: broadcast::Sender<Arc<str>>,
    process: tokio::process::Child,
    log: Option<Lines<BufReader<ChildStderr>>>,
    last_words: VecDeque<String>,
}

impl Child {
    pub(super) fn start(
        installation: &Installation,
        folder: &Path,
        data_dir: &Path,
        address: SocketAddr,
        takeovers: broadcast::Sender<Arc<str>>,
    ) -> Result<Self, BrokerError> {
        let process = spawn(installation, folder, data_dir, address)?;
        let mut child = Self {
            installation: installation.clone(),
            folder: folder.to_owned(),
            data_dir: data_dir.to_owned(),
            address,
            takeovers,
            process,
            log: None,
            last_words: VecDeque::with_capacity(LAST_WORDS),
        };
        child.take_log();
        Ok(child)
    }

    fn take_log(&mut self) {
        self.log = self.process.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        self.last_words.clear();
    }

    /// Waits until the broker accepts us, or died.
    pub(super) async fn until_ready(mut self, is_ready: impl AsyncFn() -> bool) -> Result<Self, BrokerError> {
        let ready = async {
            while !is_ready().await {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let outcome = tokio::select! {
            () = ready => Ok(()),
            why = self.died() => Err(why),
            () = sleep(READY_LIMIT) => Err(format!("no connection within {} s", READY_LIMIT.as_secs())),
        };
        match outcome {
            Ok(()) => Ok(self),
            Err(why) => {
                self.end().await;
                Err(BrokerError::Start(why))
            }
        }
    }

    /// Watches the child, and starts it again whenever it dies, until told to stop.
    pub(super) async fn supervise(mut self, status: watch::Sender<Status>, stop: CancellationToken) {
        let mut pause = RESTART_PAUSE;
        loop {
            let started = Instant::now();
            let why = tokio::select! {
                () = stop.cancelled() => break,
                why = self.died() => why,
            };
            if started.elapsed() >= HEALTHY_AFTER {
                pause = RESTART_PAUSE;
            }
            metrics::counter!("gateway_broker_restarts_total").increment(1);
            tracing::error!(why, pause_ms = pause.as_millis(), "the broker died; it is being restarted");
            status.send_replace(Status::Down(why));
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(RESTART_PAUSE_MAX);
            match spawn(&self.installation, &self.folder, &self.data_dir, self.address) {
                Ok(process) => {
                    self.process = process;
                    self.take_log();
                    status.send_replace(Status::Up);
                }
                Err(error) => tracing::error!(error = %error, "the broker could not be restarted"),
            }
        }
        self.end().await;
        status.send_replace(Status::Down("stopped".into()));
        Running::forget(&self.data_dir);
    }

    /// Reads the child's log until it ends, and says why it did.
    pub(super) async fn died(&mut self) -> String {
        while let Some(log) = &mut self.log {
            match log.next_line().await {
                Ok(Some(line)) => self.note(line),
                Ok(None) | Err(_) => self.log = None,
            }
        }
        let status = self.process.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        let words: Vec<&str> = self.last_words.iter().map(String::as_str).collect();
        format!("{status}; its last words: {}", words.join(" | "))
    }

    fn note(&mut self, line: String) {
        if let Some(client) = taken_over(&line) {
            // Nobody listening is no fault: the ingest may not have started yet.
            let _ = self.takeovers.send(client.into());
        }
        if line.starts_with("Error") || line.starts_with("Warning") {
            tracing::warn!(broker.log = line, "the broker complains");
        } else {
            tracing::debug!(broker.log = line, "broker");
        }
        if self.last_words.len() == LAST_WORDS {
            self.last_words.pop_front();
        }
        self.last_words.push_back(line);
    }

    /// Ends the child, politely first.
    async fn end(&mut self) {
        if let Some(pid) = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
            && kill_process(pid, Signal::TERM).is_ok()
            && timeout(END_LIMIT, self.process.wait()).await.is_ok()
        {
            return;
        }
        if let Err(error) = self.process.kill().await {
            tracing::warn!(error = %error, "the broker could not be ended");
        }
    }
}

/// The client whose connection was ended because another came under the same name; None: the line says something else.
fn taken_over(line: &str) -> Option<&str> {
    line.strip_prefix("Client ")?.strip_suffix(" already connected, closing old connection.")
}

fn spawn(
    installation: &Installation,
    folder: &Path,
    data_dir: &Path,
    address: SocketAddr,
) -> Result<tokio::process::Child, BrokerError> {
    let process = Command::new(&installation.program)
        .args(["-c", conf_file::NAME])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(BrokerError::file(&installation.program))?;
    let pid = process.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
    Running { pid, address }.save(data_dir)?;
    tracing::info!(process.id = pid, address = %address, "broker started");
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_takeover_is_read_from_the_log() {
        assert_eq!(taken_over("Client edge-1 already connected, closing old connection."), Some("edge-1"));
        assert_eq!(taken_over("Client edge-1 disconnected."), None);
    }

    #[test]
    fn only_a_mosquitto_in_our_folder_is_an_orphan_of_ours() {
        let data_dir = tempfile::tempdir().unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(!is_our_mosquitto(me, data_dir.path()));
        assert!(!is_our_mosquitto(i32::MAX, data_dir.path()));
    }
}
