//! The socket: one command and one answer a connection, each a line of JSON. Who may open it may do everything, so only
//! the gateway's own user and root may.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{Answer, Command, Executor, Refused};

/// Its name in the data directory.
const NAME: &str = "control.sock";
/// The longest line, in bytes: an import with what JSON adds.
const LINE_BYTES_MAX: u64 = 32 << 20;
/// How long a command may take: an import of fifty thousand devices.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Connections at the same time.
const CONNECTIONS_MAX: usize = 16;

/// The socket failed.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// It cannot be made.
    #[error("cannot listen on {}", path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The conversation broke.
    #[error("the gateway did not answer")]
    Conversation(#[source] io::Error),
    /// What came is not what was expected.
    #[error("the gateway's answer is not understood; is it of another version?")]
    Line(#[source] serde_json::Error),
    /// The gateway did not do it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// An answer as a line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Done(Answer),
    Refused(String),
}

/// Makes the socket. The data directory must belong to this gateway alone, so a file that is in the way is an old one.
pub fn listen(data_dir: &Path) -> Result<UnixListener, SocketError> {
    let path = data_dir.join(NAME);
    let make = || {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    make().map_err(|source| SocketError::Listen { path: path.clone(), source })
}

/// Answers the command line until told to stop.
pub async fn serve(listener: UnixListener, executor: Executor, stop: CancellationToken) {
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = conversations.join_next() => {}
            accepted = listener.accept(), if conversations.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    let executor = executor.clone();
                    conversations.spawn(async move {
                        match tokio::time::timeout(TIMEOUT, converse(stream, &executor)).await {
                            Ok(Ok(())) => {}
                            Ok(Err(error)) => tracing::warn!(
                                error = &error as &dyn std::error::Error, "a command could not be answered"
                            ),
                            Err(_) => tracing::warn!("a command took too long"),
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket failed");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}

async fn converse(mut stream: UnixStream, executor: &Executor) -> Result<(), SocketError> {
    let command = read_line::<Command>(&mut stream).await?;
    let reply = match executor.execute(command).await {
        Ok(answer) => Reply::Done(answer),
        Err(Refused(why)) => Reply::Refused(why),
    };
    write_line(&mut stream, &reply).await
}

/// Asks the gateway that runs on this data directory; None: none does.
pub async fn ask(data_dir: &Path, command: &Command) -> Option<Result<Answer, SocketError>> {
    let mut stream = UnixStream::connect(data_dir.join(NAME)).await.ok()?;
    let conversation = async {
        write_line(&mut stream, command).await?;
        match read_line(&mut stream).await? {
            Reply::Done(answer) => Ok(answer),
            Reply::Refused(why) => Err(SocketError::Refused(Refused(why))),
        }
    };
    let timed_out = |_| Err(SocketError::Conversation(io::ErrorKind::TimedOut.into()));
    Some(tokio::time::timeout(TIMEOUT, conversation).await.unwrap_or_else(timed_out))
}

/// Whether a gateway runs on this data directory.
pub async fn is_served(data_dir: &Path) -> bool {
    UnixStream::connect(data_dir.join(NAME)).await.is_ok()
}

async fn read_line<T: DeserializeOwned>(stream: &mut UnixStream) -> Result<T, SocketError> {
    let mut line = Vec::new();
    let mut limited = BufReader::new(stream).take(LINE_BYTES_MAX);
    limited.read_until(b'\n', &mut line).await.map_err(SocketError::Conversation)?;
    serde_json::from_slice(&line).map_err(SocketError::Line)
}

async fn write_line(stream: &mut UnixStream, value: &impl Serialize) -> Result<(), SocketError> {
    let mut line = serde_json::to_vec(value).map_err(SocketError::Line)?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(SocketError::Conversation)?;
    stream.flush().await.map_err(SocketError::Conversation)
}
