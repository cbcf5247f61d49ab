//! The configuration: one TOML file that says who this node is, where the centre is and what stands here.
//!
//! Loading reads files and checks everything that can be checked without a connection; it has no effect on anything.
//! Whatever is wrong is told with file, line, key, reason and the right keys.

mod error;
pub(crate) mod value;

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use domain::{
    code_system::CodeSystem,
    id::{DeviceId, NodeId, TownshipCode},
};
use protocol::sparkplug::topic::HostId;
use serde::{Deserialize, de::DeserializeOwned};

pub use self::{
    error::{ConfigError, Fault, KeyPath},
    value::{BrokerUrl, HostPort, Security},
};
use crate::{
    outbox,
    source::{Source, camera, modbus, replay},
};

/// The whole file as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who this node is.
    pub node: Node,
    /// Where live pictures go.
    pub gateway: Option<Gateway>,
    /// Where everything else goes.
    pub broker: Broker,
    /// What waits to be sent.
    #[serde(default)]
    pub outbox: Outbox,
    /// Cameras.
    #[serde(default)]
    pub camera: Vec<camera::Config>,
    /// Modbus TCP connections.
    #[serde(default)]
    pub modbus: Vec<modbus::Config>,
    /// Recordings to play back.
    #[serde(default)]
    pub replay: Vec<replay::Config>,
}

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its id, unique in the district; also its Sparkplug edge node id and the name it signs in with at the broker.
    pub id: NodeId,
    /// Its Sparkplug group: the township's code. A routing hint only; what belongs where is the gateway's registry.
    pub group: TownshipCode,
    /// A folder of the agent's own, for what must survive a restart; made when it is not there. `ID.state` beside this
    /// file when absent.
    pub state_dir: Option<PathBuf>,
    /// Where the code systems lie that sources name.
    #[serde(default = "default_code_systems_dir")]
    pub code_systems_dir: PathBuf,
    /// Unchanged values are sent again after this many milliseconds, so that the centre can tell still from dead.
    #[serde(default = "default_refresh_ms", deserialize_with = "value::within::<_, 1_000, 3_600_000>")]
    pub refresh_ms: u64,
}

/// Beside this file, as in the installed configuration.
fn default_code_systems_dir() -> PathBuf {
    "code_systems".into()
}

/// Ten seconds: the report interval that the profiles' stale times are made for.
fn default_refresh_ms() -> u64 {
    10_000
}

impl Node {
    /// Unchanged values are sent again after this time.
    pub fn refresh(&self) -> Duration {
        Duration::from_millis(self.refresh_ms)
    }
}

/// Where live pictures go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// `ws://host:port` or `wss://host:port`; the agent adds the path.
    #[serde(deserialize_with = "value::websocket_url")]
    pub url: String,
    /// Certificates (PEM) that may sign the gateway's; the well-known ones when absent.
    pub ca_file: Option<PathBuf>,
}

impl Gateway {
    fn prepare(self, folder: &Folder) -> Result<camera::Gateway, Fault> {
        let authorities = self.ca_file.as_deref().map(|file| folder.read(file)).transpose();
        let authorities = authorities.map_err(|fault| fault.under("ca_file"))?;
        camera::Gateway::new(self.url, authorities.as_deref())
            .map_err(|wrong| Fault::here(wrong.to_string()).under("ca_file"))
    }
}

/// The MQTT broker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// `mqtt://host:port`, or `mqtts://host:port` for TLS.
    pub url: BrokerUrl,
    /// The name to sign in with; the node's id when absent.
    pub username: Option<String>,
    /// A file that holds the password and nothing else. Without it the node signs in without credentials.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) that may sign the broker's; needed for TLS.
    pub ca_file: Option<PathBuf>,
    /// The Sparkplug host this node is for: it is born only while this host says it is online.
    pub primary_host: Option<String>,
}

/// What waits to be sent, on this machine's disk.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbox {
    /// Its folder; `outbox` in the agent's own folder when absent.
    pub dir: Option<PathBuf>,
    /// Beyond this many MiB the oldest is given up, counted and reported.
    #[serde(deserialize_with = "value::within::<_, 1, 1_048_576>")]
    pub max_mib: u64,
    /// What the centre did not take is given up after this many hours, counted and reported.
    #[serde(deserialize_with = "value::within::<_, 1, 87_600>")]
    pub max_age_hours: u64,
    /// What was taken is made durable so often, in milliseconds: a power cut loses at most that.
    #[serde(deserialize_with = "value::within::<_, 10, 60_000>")]
    pub fsync_ms: u64,
    /// What the centre has is kept for this many hours, should it be restored from a backup that old.
    #[serde(deserialize_with = "value::within::<_, 0, 8_760>")]
    pub keep_committed_hours: u64,
}

impl Default for Outbox {
    /// 512 MiB hold a week of fifty readings a second; a backup is a day old at most.
    fn default() -> Self {
        Self { dir: None, max_mib: 512, max_age_hours: 7 * 24, fsync_ms: 1_000, keep_committed_hours: 24 }
    }
}

impl Outbox {
    fn prepare(self, state_dir: &Path) -> OutboxSetup {
        const HOUR_MS: u64 = 3_600_000;
        OutboxSetup {
            dir: state_dir.join(self.dir.unwrap_or_else(|| "outbox".into())),
            limits: outbox::Limits {
                max_bytes: self.max_mib * 1024 * 1024,
                max_age_ms: self.max_age_hours * HOUR_MS,
                keep_committed_ms: self.keep_committed_hours * HOUR_MS,
                flush_ms: self.fsync_ms,
            },
            flush_interval: Duration::from_millis(self.fsync_ms),
        }
    }
}

/// How messages are kept: what the outbox is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxSetup {
    /// Its folder.
    pub dir: PathBuf,
    /// How much, and how long.
    pub limits: outbox::Limits,
    /// How often it is made durable.
    pub flush_interval: Duration,
}

/// A checked configuration with all it refers to: what the agent runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Who this node is.
    pub node: Node,
    /// The agent's own folder, for what must survive a restart.
    pub state_dir: PathBuf,
    /// How messages are kept.
    pub outbox: OutboxSetup,
    /// Where everything else goes.
    pub broker: Broker,
    /// What it signs in with; None when the broker asks for nothing.
    pub credentials: Option<Credentials>,
    /// Certificates (PEM) that may sign the broker's.
    pub broker_ca: Option<Vec<u8>>,
    /// Everything that stands here.
    pub sources: Vec<Source>,
}

/// What a node signs in with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The secret.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Where the configuration file lies; the files it names lie relative to here.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    code_systems: PathBuf,
}

impl Folder {
    /// Reads a file that the configuration names.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Fault> {
        let path = self.path.join(path);
        fs::read(&path).map_err(|wrong| Fault::here(format!("cannot read {}: {wrong}", path.display())))
    }

    /// Reads a text file that the configuration names.
    pub fn read_text(&self, path: &Path) -> Result<String, Fault> {
        String::from_utf8(self.read(path)?)
            .map_err(|_| Fault::here(format!("{} is not UTF-8 text", self.path.join(path).display())))
    }

    /// Reads and checks a further TOML file; what is wrong in it is told with its own name and line.
    pub fn read_toml<T: DeserializeOwned, U>(
        &self,
        path: &Path,
        check: impl FnOnce(T) -> Result<U, Fault>,
    ) -> Result<U, Fault> {
        let text = self.read_text(path)?;
        parse(&self.path.join(path), &text, check).map_err(|wrong| Fault::here(wrong.to_string()))
    }

    /// Reads the code system of that name.
    pub fn code_system(&self, name: &str) -> Result<CodeSystem, Fault> {
        let path = self.code_systems.join(format!("{name}.toml"));
        let text = self.read_text(&path)?;
        CodeSystem::parse(&path.display().to_string(), &text).map_err(|wrong| Fault::here(wrong.to_string()))
    }
}

/// Reads and checks a configuration file and the files it names; their paths are relative to its folder.
pub fn load(path: &Path) -> Result<Setup, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    parse(path, &text, |config: Config| {
        let folder = Folder { path: folder, code_systems: config.node.code_systems_dir.clone() };
        prepare(config, &folder)
    })
}

fn parse<T: DeserializeOwned, U>(
    path: &Path,
    text: &str,
    check: impl FnOnce(T) -> Result<U, Fault>,
) -> Result<U, ConfigError> {
    let written = toml::from_str(text).map_err(|wrong| error::from_toml(path, text, &wrong))?;
    check(written).map_err(|fault| error::from_fault(path, text, &fault))
}

fn prepare(config: Config, folder: &Folder) -> Result<Setup, Fault> {
    let Config { node, gateway, broker, outbox, camera, modbus, replay } = config;
    let state_dir = node.state_dir.clone().unwrap_or_else(|| format!("{}.state", node.id).into());
    let state_dir = folder.path.join(state_dir);
    let outbox = outbox.prepare(&state_dir);
    let credentials =
        credentials(&node, &broker, folder).map_err(|fault| fault.under("password_file").under("broker"))?;
    let broker_ca = broker.ca_file.as_deref().map(|file| folder.read(file)).transpose();
    let broker_ca = broker_ca.map_err(|fault| fault.under("ca_file").under("broker"))?;

    if broker.url.security == Security::Tls && broker_ca.is_none() {
        let reason = "is needed for `mqtts`; /etc/ssl/certs/ca-certificates.crt has the public authorities";
        return Err(Fault::here(reason).under("ca_file").under("broker"));
    }
    let gateway = gateway.map(|entry| entry.prepare(folder)).transpose().map_err(|fault| fault.under("gateway"))?;

    if let Some(host) = &broker.primary_host {
        let named = HostId::new(host).map_err(|wrong| Fault::here(wrong.to_string()));
        named.map_err(|fault| fault.under("primary_host").under("broker"))?;
    }

    let mut sources = Vec::new();
    for (index, entry) in camera.into_iter().enumerate() {
        let prepared = entry.prepare(folder, gateway.as_ref()).map_err(|fault| fault.at(index).under("camera"))?;
        sources.push((KeyPath::entry("camera", index), Source::Camera(prepared)));
    }
    for (index, entry) in modbus.into_iter().enumerate() {
        let prepared = entry.prepare(folder).map_err(|fault| fault.at(index).under("modbus"))?;
        sources.push((KeyPath::entry("modbus", index), Source::Modbus(prepared)));
    }
    for (index, entry) in replay.into_iter().enumerate() {
        let prepared = entry.prepare(folder).map_err(|fault| fault.at(index).under("replay"))?;
        sources.push((KeyPath::entry("replay", index), Source::Replay(prepared)));
    }
    each_device_once(&node, &sources)?;
    let sources = sources.into_iter().map(|(_, source)| source).collect();
    Ok(Setup { node, state_dir, outbox, broker, credentials, broker_ca, sources })
}

fn credentials(node: &Node, broker: &Broker, folder: &Folder) -> Result<Option<Credentials>, Fault> {
    let Some(file) = &broker.password_file else { return Ok(None) };
    let password = folder.read_text(file)?.trim().to_owned();
    if password.is_empty() {
        return Err(Fault::here(format!("{} is empty", file.display())));
    }
    let username = broker.username.clone().unwrap_or_else(|| node.id.to_string());
    Ok(Some(Credentials { username, password }))
}

/// A device that two sources speak for would jump between them.
fn each_device_once(node: &Node, sources: &[(KeyPath, Source)]) -> Result<(), Fault> {
    let mut seen: HashMap<DeviceId, String> = HashMap::from([(node.id.as_device(), "this node itself".to_owned())]);
    for (path, source) in sources {
        for device in source.devices() {
            if let Some(other) = seen.insert(device.clone(), source.label()) {
                let reason =
                    format!("device `{device}` is already spoken for by {other}; ids are unique in the district");
                return Err(Fault { path: path.clone(), reason });
            }
        }
    }
    Ok(())
}
