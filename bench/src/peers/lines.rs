//! InfluxDB 1 and VictoriaMetrics: both take InfluxDB's line protocol over HTTP, and are asked each in its own language.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context as _;
use harness::{
    eventually,
    process::{Process, free_port},
};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::{database::Kind, subscriber::Row};
use crate::station::folder;

const START_LIMIT: Duration = Duration::from_secs(30);
/// InfluxDB compacts a shard that nobody writes to after a second, as it is configured here; this is ample.
const COMPACTION: Duration = Duration::from_secs(12);

/// A running server.
pub(super) struct Lines {
    kind: Kind,
    client: Client,
    base: String,
    text: String,
    first_ms: i64,
    last_ms: i64,
    server: Process,
    data: PathBuf,
    // Last, so that it outlives the process.
    _folder: TempDir,
}

impl Lines {
    pub(super) async fn start(kind: Kind) -> anyhow::Result<Option<Self>> {
        let program = PathBuf::from(match kind {
            Kind::Influx => "/usr/bin/influxd",
            Kind::Victoria | Kind::Postgres => "/usr/bin/victoria-metrics",
        });
        if !program.is_file() {
            return Ok(None);
        }
        let folder = folder()?;
        let (port, data) = (free_port(), folder.path().join("data"));
        let mut start = Command::new(program);
        if kind == Kind::Influx {
            let config = folder.path().join("influxdb.conf");
            fs::write(&config, influx_conf(folder.path(), port))?;
            start.arg("-config").arg(config);
        } else {
            start.arg(format!("-storageDataPath={}", data.display())).arg(format!("-httpListenAddr=127.0.0.1:{port}"));
            // Without the offset it hides the newest half minute, which is all there is.
            start.args(["-retentionPeriod=1y", "-search.latencyOffset=0s"]);
        }
        let server = Process::start("server", &mut start, folder.path())?;
        let (client, base) = (Client::builder().timeout(START_LIMIT).build()?, format!("http://127.0.0.1:{port}"));
        eventually("the server answers", START_LIMIT, async || {
            let health = if kind == Kind::Influx { "/ping" } else { "/health" };
            client.get(format!("{base}{health}")).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
        let lines = Self {
            kind,
            client,
            base,
            text: String::new(),
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            server,
            data,
            _folder: folder,
        };
        if kind == Kind::Influx {
            lines.post("/query?q=CREATE%20DATABASE%20bench", String::new()).await?;
        }
        Ok(Some(lines))
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn process(&self) -> u32 {
        self.server.id()
    }

    pub(super) async fn write(&mut self, names: &[String], rows: &[Row]) -> anyhow::Result<()> {
        self.text.clear();
        for row in rows {
            let name = names.get(row.series as usize).context("a row of no series")?;
            // VictoriaMetrics takes milliseconds as such only when they are told in nanoseconds.
            let _ = writeln!(self.text, "reading,series={name} value={} {}000000", row.value, row.at_ms);
            self.first_ms = self.first_ms.min(row.at_ms);
            self.last_ms = self.last_ms.max(row.at_ms);
        }
        self.post("/write?db=bench", self.text.clone()).await
    }

    pub(super) async fn tidy_up(&mut self) -> anyhow::Result<()> {
        if self.kind == Kind::Influx {
            tokio::time::sleep(COMPACTION).await;
            return Ok(());
        }
        self.get("/internal/force_flush").await?;
        self.get("/internal/force_merge").await?;
        tokio::time::sleep(COMPACTION).await;
        Ok(())
    }

    pub(super) fn bytes(&self) -> anyhow::Result<u64> {
        Ok(size_of(&self.data)?)
    }

    pub(super) async fn buckets(&mut self, series: &str, count: u32) -> anyhow::Result<usize> {
        let width_ms = ((self.last_ms - self.first_ms) / i64::from(count) + 1).max(1);
        if self.kind == Kind::Influx {
            let query = format!(
                "SELECT MIN(value), MAX(value), MEAN(value), COUNT(value) FROM reading WHERE \"series\" = '{series}' \
                 AND time >= {}ms AND time <= {}ms GROUP BY time({width_ms}ms) fill(none)",
                self.first_ms, self.last_ms
            );
            let answer = self.asked("/query", &[("db", "bench"), ("q", &query)]).await?;
            return Ok(answer.pointer("/results/0/series/0/values").and_then(Value::as_array).map_or(0, Vec::len));
        }
        // One query each, as its own dashboards do it.
        let (start, end, step) = (seconds(self.first_ms), seconds(self.last_ms), format!("{width_ms}ms"));
        let mut found = 0;
        for function in ["min_over_time", "max_over_time", "avg_over_time", "count_over_time"] {
            let query = format!("{function}(reading_value{{series=\"{series}\"}}[{step}])");
            let parameters =
                [("query", query.as_str()), ("start", &start), ("end", &end), ("step", &step), ("nocache", "1")];
            let answer = self.asked("/api/v1/query_range", &parameters).await?;
            found = answer.pointer("/data/result/0/values").and_then(Value::as_array).map_or(0, Vec::len);
        }
        Ok(found)
    }

    async fn asked(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let text = self.get(&format!("{path}?{}", query.join("&"))).await?;
        Ok(serde_json::from_str(&text)?)
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.client.get(format!("{}{path}", self.base)).send().await?.error_for_status()?.text().await?)
    }

    async fn post(&self, path: &str, body: String) -> anyhow::Result<()> {
        let answer = self.client.post(format!("{}{path}", self.base)).body(body).send().await?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "{path}: {status}: {}", answer.text().await?);
        Ok(())
    }
}

fn influx_conf(folder: &Path, port: u16) -> String {
    let (folder, rpc) = (folder.display(), free_port());
    format!(
        r#"reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
cache-snapshot-write-cold-duration = "1s"
compact-full-write-cold-duration = "1s"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
max-body-size = 0
"#
    )
}

#[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
fn seconds(ms: i64) -> String {
    format!("{:.3}", ms as f64 / 1000.0)
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}

/// Bytes of all files below a folder.
fn size_of(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
