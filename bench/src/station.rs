//! A gateway with its broker for one figure: fresh, with the shipped profiles and rules, on a real disk.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use harness::{
    person::Person,
    process::{Process, free_port, workspace},
};
use protocol::rest::NodeCredential;
use tempfile::TempDir;

use crate::{
    figures_page::FiguresPage,
    load::{self, Shape},
    process::{children, program},
};

/// Township of everything, which is also the Sparkplug group.
pub(crate) const TOWNSHIP: &str = "500156001";
const ADMIN: &str = "bench";
const PASSWORD: &str = "only for figures, nowhere else";
/// Nobody waits longer for a start than this.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running gateway.
pub(crate) struct Station {
    gateway: Process,
    broker: u32,
    /// Where the broker listens.
    pub(crate) mqtt: SocketAddr,
    /// `host:port` of the pages.
    pub(crate) http: SocketAddr,
    /// An administrator, who sees everything.
    pub(crate) person: Person,
    /// Its own figures.
    pub(crate) page: FiguresPage,
    // Last, so that it outlives the processes.
    folder: TempDir,
}

impl Station {
    /// Starts one that knows what `registry` (TOML) says.
    pub(crate) async fn start(registry: &str) -> anyhow::Result<Self> {
        Self::start_after(registry, "", async |_: &Path| Ok(())).await
    }

    /// The same with further keys of gateway.toml, after `prepare` has put into its database what it is to find there.
    pub(crate) async fn start_after(
        registry: &str,
        settings: &str,
        prepare: impl AsyncFnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let program = program("gateway")?;
        let folder = folder()?;
        let [http, mqtt, metrics] = [0; 3].map(|_| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let config = folder.path().join("gateway.toml");
        fs::write(&config, gateway_toml("data", http, mqtt, metrics) + settings)?;
        let (registry_file, password_file) = (folder.path().join("registry.toml"), folder.path().join("password"));
        fs::write(&registry_file, registry)?;
        fs::write(&password_file, PASSWORD)?;
        let command = |arguments: &[&str]| run(&program, &config, arguments);
        command(&["registry", "import", text(&registry_file)?])?;
        command(&["user", "add", ADMIN, "--role", "admin", "--password-file", text(&password_file)?])?;
        prepare(&folder.path().join("data/brightwatch.db")).await?;
        let mut start = Command::new(&program);
        start.arg("--config").arg(&config).arg("serve").env("BRIGHTWATCH_LOG", "warn");
        let mut gateway = Process::start("gateway", &mut start, folder.path())?;
        until_ready(&mut gateway, http).await?;
        let broker = *children(gateway.id()).first().context("the gateway has started no broker")?;
        let person = Person::sign_in(&format!("http://{http}"), ADMIN, PASSWORD).await?;
        let page = FiguresPage::new(metrics)?;
        Ok(Self { gateway, broker, mqtt, http, person, page, folder })
    }

    /// Starts one on data that are there already, and tells after how long it answers.
    pub(crate) async fn reopen(data_dir: &Path) -> anyhow::Result<(Self, Duration)> {
        let (program, folder) = (program("gateway")?, folder()?);
        let [http, mqtt, metrics] = [0; 3].map(|_| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let config = folder.path().join("gateway.toml");
        fs::write(&config, gateway_toml(text(data_dir)?, http, mqtt, metrics))?;
        let password_file = folder.path().join("password");
        fs::write(&password_file, PASSWORD)?;
        // A name of its own: earlier runs have left theirs in the data.
        let name = format!("bench-{}", std::process::id());
        run(&program, &config, &["user", "add", &name, "--role", "admin", "--password-file", text(&password_file)?])?;
        let mut start = Command::new(&program);
        start.arg("--config").arg(&config).arg("serve").env("BRIGHTWATCH_LOG", "warn");
        let started = Instant::now();
        let mut gateway = Process::start("gateway", &mut start, folder.path())?;
        until_ready(&mut gateway, http).await?;
        let serving = started.elapsed();
        let broker = *children(gateway.id()).first().context("the gateway has started no broker")?;
        let person = Person::sign_in(&format!("http://{http}"), &name, PASSWORD).await?;
        let page = FiguresPage::new(metrics)?;
        Ok((Self { gateway, broker, mqtt, http, person, page, folder }, serving))
    }

    /// Starts one with a fleet's nodes registered and enrolled, and further keys of gateway.toml.
    pub(crate) async fn with_nodes(shape: Shape, settings: &str) -> anyhow::Result<(Self, Vec<NodeCredential>)> {
        Self::with_lifts(shape, "rated_speed_m_per_s = 1.75", settings).await
    }

    /// The same with lifts of another nameplate.
    pub(crate) async fn with_lifts(
        shape: Shape,
        nameplate: &str,
        settings: &str,
    ) -> anyhow::Result<(Self, Vec<NodeCredential>)> {
        let station = Self::start_after(&registry_of(shape, nameplate), settings, async |_: &Path| Ok(())).await?;
        let mut credentials = Vec::with_capacity(shape.nodes);
        for node in 0..shape.nodes {
            credentials.push(station.enrol(load::node_id(node).as_str()).await?);
        }
        Ok((station, credentials))
    }

    /// Enrols a node, as an administrator does.
    pub(crate) async fn enrol(&self, node: &str) -> anyhow::Result<NodeCredential> {
        self.person.post(&format!("/nodes/{node}/enrol"), &()).await
    }

    /// The gateway's process.
    pub(crate) fn gateway(&self) -> u32 {
        self.gateway.id()
    }

    /// The broker's process.
    pub(crate) const fn broker(&self) -> u32 {
        self.broker
    }

    /// A folder for what belongs to this figure.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A folder on disk. Not below `/tmp`, which may be memory, where a sync costs nothing.
pub(crate) fn folder() -> std::io::Result<TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    // The broker runs as a user of its own and must reach its folder.
    let permissions = fs::Permissions::from_mode(0o711);
    tempfile::Builder::new().prefix("brightwatch-bench-").permissions(permissions).tempdir_in("/var/tmp")
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path is not UTF-8")
}

fn gateway_toml(data_dir: &str, http: SocketAddr, mqtt: SocketAddr, metrics: SocketAddr) -> String {
    let config = workspace().join("config");
    let config = config.display();
    format!(
        r#"data_dir = "{data_dir}"
profiles_dir = "{config}/profiles"
townships_file = "{config}/townships.toml"
offices_file = "{config}/offices.toml"
http.listen = "{http}"
broker.listen = "{mqtt}"
metrics.listen = "{metrics}"
"#
    )
}

/// Owner and site, which any registry of the bench begins with.
pub(crate) fn registry_head() -> String {
    format!(
        r#"[[owner]]
id = "bench"
name = "Bench"
phone = ""

[[site]]
id = "bench"
name = "Bench"
township = "{TOWNSHIP}"
owner = "bench"
address = ""
"#
    )
}

/// A site of that owner.
pub(crate) fn registry_site(id: &str, township: &str) -> String {
    format!(
        r#"
[[site]]
id = "{id}"
name = "{id}"
township = "{township}"
owner = "bench"
address = ""
"#
    )
}

/// A device of a site.
pub(crate) fn registry_device(id: &str, site: &str, profile: &str, node: &str, nameplate: &str) -> String {
    format!(
        r#"
[[device]]
id = "{id}"
name = "{id}"
site = "{site}"
profile = "{profile}"
node = "{node}"
nameplate = {{ {nameplate} }}
"#
    )
}

fn registry_of(shape: Shape, nameplate: &str) -> String {
    let mut registry = registry_head();
    for node in 0..shape.nodes {
        let id = load::node_id(node);
        registry += &registry_device(id.as_str(), "bench", "edge_node", id.as_str(), "");
        for device in 0..shape.devices_per_node {
            let lift = load::device_id(node, device);
            registry += &registry_device(lift.as_str(), "bench", "elevator", id.as_str(), nameplate);
        }
    }
    registry
}

fn run(program: &Path, config: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(program).arg("--config").arg(config).args(arguments).output()?;
    if !done.status.success() {
        bail!("gateway {}: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8(done.stdout)?)
}

async fn until_ready(gateway: &mut Process, http: SocketAddr) -> anyhow::Result<()> {
    let started = Instant::now();
    let client = reqwest::Client::new();
    loop {
        if client.get(format!("http://{http}/readyz")).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if gateway.ended().is_some() || started.elapsed() > START_LIMIT {
            bail!("the gateway does not start:\n{}", gateway.log());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
