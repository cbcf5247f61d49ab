//! A small district of a story's own: a gateway with its broker, two townships with an owner, an edge node and some
//! devices each, and an account for every role.
//!
//! ```text
//! fengshan (500156001)  owner north   edge-north   gas-north  cold-north  lift-north  camera-1
//! xiannushan (500156003) owner south  edge-south   gas-south
//! ```

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use domain::{access::Role, id::DeviceId};
use tempfile::TempDir;

use crate::{
    disk::SmallDisk,
    eventually,
    person::Person,
    process::{Process, binary, free_port, workspace},
};

/// Debug builds beside other work: ten times what it takes on a quiet machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// The password of every account but the administrator's, which differs only in length.
const PASSWORD: &str = "correct horse battery";

const REGISTRY: &str = include_str!("registry.toml");

/// What a story may want otherwise.
#[derive(Debug, Default)]
pub struct Options {
    /// A PostgreSQL database instead of SQLite.
    pub store_url: Option<String>,
    /// More of the gateway's configuration.
    pub config: String,
    /// Files beside it, with what they hold.
    pub files: Vec<(&'static str, String)>,
    /// Where the gateway keeps its data, instead of beside the story's other files.
    pub data_dir: Option<PathBuf>,
    /// Profiles instead of the shipped ones.
    pub profiles_dir: Option<PathBuf>,
    /// A broker of the site's own instead of the gateway's; it lets everybody in.
    pub broker: Option<SocketAddr>,
    /// The disk of an agent's machine, where it keeps its outbox instead of beside the story's other files.
    pub agent_disk: Option<Arc<SmallDisk>>,
    /// Set in the environment of agents.
    pub agent_environment: Vec<(String, String)>,
    /// Set in the environment of the gateway.
    pub gateway_environment: Vec<(String, String)>,
}

/// A running gateway with its broker.
#[derive(Debug)]
pub struct World {
    gateway: Process,
    http_port: u16,
    mqtt: SocketAddr,
    options: Options,
    agents: HashMap<String, Process>,
    folder: TempDir,
}

impl World {
    /// Starts a gateway on SQLite.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts a gateway.
    pub async fn start_with(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("brightwatch-").tempdir().expect("a temporary folder");
        let http_port = free_port();
        let mqtt = options.broker.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], free_port())));
        write_config(folder.path(), http_port, mqtt, &options);
        let registry = folder.path().join("registry.toml");
        fs::write(&registry, REGISTRY).expect("a writable folder");
        order(folder.path(), &["registry", "import", &registry.display().to_string()], "");
        for (account, role, place) in [
            ("admin", "admin", &[][..]),
            ("centre", "centre_operator", &[]),
            ("office", "office_officer", &["--office", "furong"]),
            ("township", "township_officer", &["--township", "500156003"]),
            ("owner", "owner", &["--owner", "south"]),
        ] {
            let add = ["user", "add", account, "--role", role, "--password-stdin"];
            order(folder.path(), &[&add[..], place].concat(), PASSWORD);
        }
        let gateway = serve(folder.path(), &options);
        let world = Self { gateway, http_port, mqtt, options, agents: HashMap::new(), folder };
        world.until_ready().await;
        world
    }

    async fn until_ready(&self) {
        let address = format!("http://127.0.0.1:{}/readyz", self.http_port);
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::new();
        eventually("the gateway is ready", START_LIMIT, async || {
            client.get(&address).send().await.ok().filter(|answer| answer.status().is_success()).map(drop)
        })
        .await;
    }

    /// `http://HOST:PORT` of the gateway.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// Where the gateway serves people.
    pub fn http_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.http_port))
    }

    /// Where the broker listens.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.mqtt
    }

    /// The account of a role and its password.
    pub fn login(role: Role) -> (&'static str, &'static str) {
        let account = match role {
            Role::Admin => "admin",
            Role::CentreOperator => "centre",
            Role::OfficeOfficer => "office",
            Role::TownshipOfficer => "township",
            Role::Owner => "owner",
        };
        (account, PASSWORD)
    }

    /// Signs somebody in.
    pub async fn sign_in(&self, role: Role) -> Person {
        let (account, password) = Self::login(role);
        Person::sign_in(&self.base(), account, password).await.expect("the account was made")
    }

    /// Enrols an edge node and starts its agent with these sources (`[[modbus]]`, `[[camera]]`), connected to the broker
    /// at `broker`: the real one, or a proxy before it.
    pub fn start_agent(&mut self, node: &str, broker: SocketAddr, sources: &str) {
        let password_file = self.path(&format!("{node}.password"));
        // The site's own broker keeps credentials of its own.
        let is_enrolled = self.options.broker.is_none();
        if is_enrolled && !password_file.exists() {
            let path = password_file.display().to_string();
            order(self.folder.path(), &["edge", "enrol", node, "--password-file", &path], "");
        }
        // A node may speak only under the township that it is registered in.
        let group = if node == "edge-north" { "500156001" } else { "500156003" };
        let password = if is_enrolled { format!("password_file = \"{node}.password\"\n") } else { String::new() };
        let outbox =
            self.options.agent_disk.as_ref().map_or(String::new(), |disk| {
                format!("[outbox]\ndir = \"{}\"\n\n", disk.path().join("outbox").display())
            });
        let config = format!(
            "[node]\nid = \"{node}\"\ngroup = \"{group}\"\nrefresh_ms = 2000\ncode_systems_dir = \"{}\"\n\n\
             [gateway]\nurl = \"ws://{}\"\n\n[broker]\nurl = \"mqtt://{broker}\"\n{password}\n\
             {outbox}{sources}",
            workspace().join("config/code_systems").display(),
            self.http_address(),
        );
        fs::write(self.path(&format!("{node}.toml")), config).expect("a writable folder");
        self.restart_agent(node);
    }

    /// Starts an agent that has been stopped or killed.
    pub fn restart_agent(&mut self, node: &str) {
        let program = binary("edge-agent");
        let mut command = match &self.options.agent_disk {
            Some(disk) => disk.on_machine(&program),
            None => Command::new(program),
        };
        command.arg("run").arg("--config").arg(self.path(&format!("{node}.toml")));
        command.envs(self.options.agent_environment.iter().cloned());
        let agent = Process::start(node, &mut command, self.folder.path()).expect("the agent starts");
        self.agents.insert(node.to_owned(), agent);
    }

    /// The process of an agent, to be stopped or killed.
    pub fn agent(&mut self, node: &str) -> &mut Process {
        self.agents.get_mut(node).expect("the agent was started")
    }

    /// The gateway's process.
    pub fn gateway(&mut self) -> &mut Process {
        &mut self.gateway
    }

    /// Starts the gateway again on the same data.
    pub async fn restart_gateway(&mut self) {
        self.gateway.kill();
        self.gateway = serve(self.folder.path(), &self.options);
        self.until_ready().await;
    }

    /// Runs one command of the gateway's command line to its end and answers what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn order(&self, arguments: &[&str]) -> String {
        order(self.folder.path(), arguments, "")
    }

    /// Kills the broker, which the gateway then starts again. Does nothing while there is none.
    pub fn kill_broker(&self) {
        let data = self.options.data_dir.clone().unwrap_or_else(|| self.path("data"));
        let running = fs::read(data.join("broker.running.json")).unwrap_or_default();
        let running: serde_json::Value = serde_json::from_slice(&running).unwrap_or_default();
        if let Some(pid) = running["pid"].as_u64() {
            // It may have ended already, which is what is wanted.
            Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status().ok();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the story's files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A `[[modbus]]` entry: each device with its unit and the name of its map in `config/demo/registers`.
pub fn modbus_source(address: SocketAddr, devices: &[(&str, u8, &str)]) -> String {
    let registers = workspace().join("config/demo/registers");
    let entry = |(id, unit, map): &(&str, u8, &str)| {
        let map = registers.join(format!("{map}.toml")).display().to_string();
        format!("    {{ id = \"{id}\", unit_id = {unit}, register_map = \"{map}\" }},\n")
    };
    let devices = devices.iter().map(entry).collect::<Vec<_>>().concat();
    format!("[[modbus]]\nname = \"story\"\naddress = \"{address}\"\npoll_interval_ms = 200\ndevice = [\n{devices}]\n\n")
}

/// A device's id.
pub fn device(id: &str) -> DeviceId {
    DeviceId::new(id).expect("a right id")
}

fn write_config(folder: &Path, http_port: u16, mqtt: SocketAddr, options: &Options) {
    for (name, text) in &options.files {
        fs::write(folder.join(name), text).expect("a writable folder");
    }
    let config = workspace().join("config");
    let store = options.store_url.as_ref().map_or(String::new(), |url| format!("[store]\nurl = \"{url}\"\n\n"));
    let broker = match options.broker {
        None => format!("[broker]\nlisten = \"{mqtt}\"\n"),
        Some(external) => format!("[mqtt]\nurl = \"mqtt://{external}\"\n"),
    };
    let text = format!(
        "data_dir = \"{data}\"\nprofiles_dir = \"{profiles}\"\ntownships_file = \"{townships}\"\n\
         offices_file = \"{offices}\"\nis_demo = true\n\n{store}[http]\nlisten = \"127.0.0.1:{http_port}\"\n\n\
         {broker}\n[metrics]\nlisten = \"127.0.0.1:0\"\n\n{more}",
        data = options.data_dir.as_deref().unwrap_or(Path::new("data")).display(),
        profiles = options.profiles_dir.clone().unwrap_or_else(|| config.join("profiles")).display(),
        townships = config.join("townships.toml").display(),
        offices = config.join("offices.toml").display(),
        more = options.config,
    );
    fs::write(folder.join("gateway.toml"), text).expect("a writable folder");
}

fn serve(folder: &Path, options: &Options) -> Process {
    let mut command = Command::new(binary("gateway"));
    command.arg("--config").arg(folder.join("gateway.toml")).arg("serve");
    command.envs(options.gateway_environment.iter().cloned());
    Process::start("gateway", &mut command, folder).expect("the gateway starts")
}

/// Runs one command of the gateway to its end and answers what it prints.
fn order(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(binary("gateway"))
        .arg("--config")
        .arg(folder.join("gateway.toml"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the gateway's command line starts");
    // A command that wants no input may have closed it already.
    child.stdin.take().and_then(|mut stdin| writeln!(stdin, "{input}").ok());
    let output = child.wait_with_output().expect("the command ends");
    assert!(output.status.success(), "gateway {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
