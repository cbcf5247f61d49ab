//! The MQTT broker: a mosquitto that this gateway starts, configures and watches, or the site's own.
//!
//! What is promised of our own: nobody connects without a credential; an edge node reaches the topics of its own group
//! and id only; credentials come and go while it runs; it is restarted when it dies, and an orphan of a killed gateway
//! is replaced. Nothing of the readings rests on it: it keeps no messages on disk.
//!
//! - [`config`]: `[broker]` and `[mqtt]` of the configuration.
//! - [`install`]: where the program and its plugin are, and as which user it runs.
//! - [`conf_file`], [`security_file`], [`secrets`]: the three files made for it.
//! - [`process`]: starting, watching, stopping the child.
//! - [`control`], [`enrolment`]: credentials of edge nodes, changed while it runs.
//! - [`access`]: how the gateway itself connects.

pub mod access;
mod conf_file;
pub mod config;
mod control;
pub mod enrolment;
mod install;
mod process;
mod secrets;
mod security_file;

use std::{
    fs::File,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub use self::{
    access::{Access, Credential},
    config::{Config, ExternalConfig},
    control::ControlError,
    enrolment::{EnrolError, Enrolment, SIREN_TOPIC},
    install::InstallError,
};
use self::{
    process::{Child, Running},
    secrets::Secrets,
};

/// Folder of the broker's own files, under the data directory.
const FOLDER: &str = "broker";
/// Held as long as a gateway uses the data directory's broker.
const LOCK_FILE: &str = "broker.lock";

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The program or its plugin is not there.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// A file could not be read or written.
    #[error("broker file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error(
        "broker file {path} is damaged; move it away to have a new one made (all nodes must then be enrolled anew)"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Another gateway uses the same data directory.
    #[error("another gateway is using the data directory {0}")]
    InUse(PathBuf),
    /// A plain listener that the whole network could read.
    #[error(
        "broker.listen {0} is no loopback address: set broker.tls, or broker.is_plain_network_allowed on a closed network"
    )]
    PlainNetwork(SocketAddr),
    /// A broker left over from a killed gateway cannot be ended.
    #[error("the broker of an earlier gateway (process {pid}) is still running and cannot be ended")]
    Orphan {
        /// Its process id.
        pid: i32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The child did not come up.
    #[error("mosquitto did not start: {0}")]
    Start(String),
    /// `[mqtt]` cannot be used.
    #[error("mqtt.{key}: {problem}")]
    External {
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
}

impl BrokerError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }
}

/// How the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is running, as far as its process tells.
    Up,
    /// It died and is being restarted; in words, why.
    Down(String),
    /// It is the site's own: its health is seen by the connection only.
    External,
}

/// The broker and all that comes with it.
#[derive(Debug)]
pub struct Broker {
    /// How the gateway connects.
    pub access: Access,
    /// Credentials of edge nodes; None: the site's own broker keeps them.
    pub enrolment: Option<Enrolment>,
    /// How it is.
    pub status: watch::Receiver<Status>,
    /// The client ids of those who were put out by another connection under the same credential.
    pub takeovers: broadcast::Sender<Arc<str>>,
    supervisor: Option<JoinHandle<()>>,
    _lock: File,
}

impl Broker {
    /// Starts our own broker, or takes the site's (`[mqtt] url`). Returns when it accepts connections.
    ///
    /// # Errors
    /// [`BrokerError`] says which file, program or setting is wrong.
    pub async fn start(
        config: &Config,
        external: &ExternalConfig,
        data_dir: &Path,
        stop: CancellationToken,
    ) -> Result<Self, BrokerError> {
        let (takeovers, _) = broadcast::channel(256);
        let lock = lock(data_dir)?;
        if let Some(access) = external.access()? {
            let (_, status) = watch::channel(Status::External);
            return Ok(Self { access, enrolment: None, status, takeovers, supervisor: None, _lock: lock });
        }
        config.check()?;
        let installation = install::find(config)?;
        Running::end_orphan(data_dir).await?;

        let folder = data_dir.join(FOLDER);
        let secrets = Secrets::load_or_create(data_dir)?;
        let listen = process::concrete_address(config.listen).map_err(BrokerError::file(&folder))?;
        prepare_folder(&folder, config, listen, &installation, &secrets)?;

        let access = Access::own(listen, &secrets);
        let enrolment = Enrolment::new(listen, secrets.admin.clone());
        let child = Child::start(&installation, &folder, data_dir, listen, takeovers.clone())?;
        let (status_sender, status) = watch::channel(Status::Up);
        let ready = enrolment.clone();
        let child = child.until_ready(async move || ready.is_reachable().await).await?;
        let supervisor = tokio::spawn(child.supervise(status_sender, stop));
        Ok(Self { access, enrolment: Some(enrolment), status, takeovers, supervisor: Some(supervisor), _lock: lock })
    }

    /// Waits until the child has ended; the stop signal given to [`Self::start`] ends it.
    pub async fn stopped(self) {
        if let Some(supervisor) = self.supervisor
            && let Err(error) = supervisor.await
        {
            tracing::error!(error = %error, "the broker's supervisor failed");
        }
    }
}

/// Ends the broker that a killed gateway left behind in a data directory, if there is one.
///
/// # Errors
/// [`BrokerError::InUse`]: that gateway is alive; [`BrokerError::Orphan`].
pub async fn end_orphan(data_dir: &Path) -> Result<(), BrokerError> {
    let _lock = lock(data_dir)?;
    Running::end_orphan(data_dir).await
}

fn lock(data_dir: &Path) -> Result<File, BrokerError> {
    let path = data_dir.join(LOCK_FILE);
    std::fs::create_dir_all(data_dir).map_err(BrokerError::file(data_dir))?;
    let file = File::create(&path).map_err(BrokerError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(BrokerError::InUse(data_dir.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(BrokerError::File { path, source }),
    }
}

/// Writes the broker's files and gives them to the user it runs as. The child is started *in* the folder and knows its
/// files by name only, so that it needs no right to the folders above.
fn prepare_folder(
    folder: &Path,
    config: &Config,
    listen: SocketAddr,
    installation: &install::Installation,
    secrets: &Secrets,
) -> Result<(), BrokerError> {
    std::fs::create_dir_all(folder).map_err(BrokerError::file(folder))?;
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        secrets::write_private(&path, content).map_err(BrokerError::file(&path))
    };
    let copy = |from: &Path, name: &str| {
        let content = std::fs::read(from).map_err(BrokerError::file(from))?;
        write(name, &content)
    };
    if let Some(tls) = &config.tls {
        copy(&tls.certificate_file, conf_file::CERTIFICATE)?;
        copy(&tls.key_file, conf_file::KEY)?;
    }
    write(conf_file::NAME, conf_file::text(config, listen, installation).as_bytes())?;
    let path = folder.join(conf_file::SECURITY);
    let existing = match std::fs::read(&path) {
        Ok(content) => Some(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(BrokerError::File { path, source }),
    };
    let security = security_file::with_gateway_users(existing.as_deref(), secrets)
        .map_err(|source| BrokerError::Damaged { path, source })?;
    write(conf_file::SECURITY, security.as_bytes())?;
    installation.give(folder).map_err(BrokerError::file(folder))
}

#[cfg(test)]
mod tests;
