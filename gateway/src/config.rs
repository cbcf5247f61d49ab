//! `gateway.toml`: one section a part of the gateway, each described beside that part. Reading it changes nothing.
//!
//! Files that it names lie relative to its own folder. A wrong key is told with its line and the keys that would be right.

use std::{
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use domain::{
    case,
    document::{Document, DocumentError},
    profile::Profiles,
    registry::{Offices, Townships},
};
use serde::Deserialize;

use crate::{api, broker, identity, ingest, ledger, live, notify, ops, pipeline, store::StoreConfig, video};

/// Everything that can be configured; `config/gateway.toml` explains each key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Database, generated secrets and the broker's files. Made when it is not there, readable by its owner only.
    pub data_dir: PathBuf,
    /// Profiles of devices, one TOML file each.
    pub profiles_dir: PathBuf,
    /// The district's townships.
    pub townships_file: PathBuf,
    /// The offices and the townships each answers for.
    pub offices_file: PathBuf,
    /// Every page then says that what it shows is a demonstration.
    pub is_demo: bool,
    /// Where people and cameras connect.
    pub http: api::Config,
    /// Signing in.
    pub identity: identity::Config,
    /// The database.
    pub store: StoreConfig,
    /// The broker that the gateway starts itself.
    pub broker: broker::Config,
    /// The site's own broker instead.
    pub mqtt: broker::ExternalConfig,
    /// What edge nodes say.
    pub ingest: ingest::Config,
    /// Rules and commits.
    pub pipeline: pipeline::Config,
    /// Cases, escalation.
    pub duty: case::Policy,
    /// What became of readings.
    pub ledger: ledger::Config,
    /// Live streams.
    pub live: live::Config,
    /// Telling people.
    pub notify: notify::Config,
    /// Live pictures.
    pub video: video::Config,
    /// Figures for Prometheus.
    pub metrics: ops::metrics::Config,
    /// Log lines.
    pub log: ops::logging::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            profiles_dir: "profiles".into(),
            townships_file: "townships.toml".into(),
            offices_file: "offices.toml".into(),
            is_demo: false,
            http: api::Config::default(),
            identity: identity::Config::default(),
            store: StoreConfig::default(),
            broker: broker::Config::default(),
            mqtt: broker::ExternalConfig::default(),
            ingest: ingest::Config::default(),
            pipeline: pipeline::Config::default(),
            duty: case::Policy::default(),
            ledger: ledger::Config::default(),
            live: live::Config::default(),
            notify: notify::Config::default(),
            video: video::Config::default(),
            metrics: ops::metrics::Config::default(),
            log: ops::logging::Config::default(),
        }
    }
}

/// What stands in the files that the configuration names.
#[derive(Debug, Clone)]
pub struct District {
    /// The townships.
    pub townships: Townships,
    /// The offices.
    pub offices: Offices,
    /// The kinds of devices.
    pub profiles: Profiles,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The data directory cannot be made.
    #[error("cannot make {}", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file says something wrong; the text names file, line, key and what would be right.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// The limits of section `[duty]` contradict each other.
    #[error("{}: {source}", path.display())]
    Duty {
        /// In which file.
        path: PathBuf,
        /// Which.
        #[source]
        source: case::PolicyError,
    },
}

impl Config {
    /// Reads a configuration file. Relative paths in the answer start where the file lies.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_file(path)?;
        let mut config: Self = Document { file: &path.display().to_string(), text: &text }.read()?;
        config.duty.check().map_err(|source| ConfigError::Duty { path: path.to_owned(), source })?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads the files that describe the district.
    pub fn read_district(&self) -> Result<District, ConfigError> {
        let townships =
            Townships::parse(&self.townships_file.display().to_string(), &read_file(&self.townships_file)?)?;
        let offices = Offices::parse(&self.offices_file.display().to_string(), &read_file(&self.offices_file)?)?;
        let profiles = Profiles::parse(read_folder(&self.profiles_dir)?)?;
        Ok(District { townships, offices, profiles })
    }

    /// Makes the data directory when it is not there; what is in it concerns nobody else on the machine.
    pub fn make_data_dir(&self) -> Result<(), ConfigError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.data_dir).map_err(|source| ConfigError::DataDir { path: self.data_dir.clone(), source })
    }

    fn resolve(&mut self, folder: &Path) {
        let paths = [&mut self.data_dir, &mut self.profiles_dir, &mut self.townships_file, &mut self.offices_file];
        let of_http = self.http.tls.iter_mut().flat_map(|tls| [&mut tls.certificate_file, &mut tls.key_file]);
        let of_broker = self.broker.tls.iter_mut().flat_map(|tls| [&mut tls.certificate_file, &mut tls.key_file]);
        let of_mqtt =
            [&mut self.mqtt.ingest_password_file, &mut self.mqtt.publish_password_file, &mut self.mqtt.ca_file];
        let of_parts = of_http.chain(of_broker).chain(&mut self.store.password_file).chain(self.notify.files_mut());
        for path in paths.into_iter().chain(of_parts).chain(of_mqtt.into_iter().flatten()) {
            *path = folder.join(&path);
        }
    }
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })
}

/// The TOML files of a folder, by name.
fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let failed = |source| ConfigError::File { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| Ok((path.display().to_string(), read_file(&path)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/gateway.toml")
    }

    #[test]
    fn the_sample_is_complete_and_says_the_defaults() {
        let text = std::fs::read_to_string(sample()).unwrap();
        let mut config: Config = Document { file: "gateway.toml", text: &text }.read().unwrap();
        assert_eq!(format!("{config:#?}"), format!("{:#?}", Config::default()));

        // A key that is left out, such as those for which absent means something, stands there as a comment.
        config.resolve(Path::new("/etc/brightwatch"));
        let keys = format!("{config:#?}");
        for key in keys.lines().filter_map(|line| line.trim().split_once(": ").map(|(key, _)| key)) {
            assert!(text.contains(key), "config/gateway.toml does not explain `{key}`");
        }
    }

    #[test]
    fn the_channels_that_the_sample_shows_are_right() {
        let text = std::fs::read_to_string(sample()).unwrap();
        let (_, shown) = text.split_once("# [[notify.channel]]\n").unwrap();
        let (shown, _) = shown.split_once("\n\n").unwrap();
        let shown: Vec<&str> = shown.lines().map(|line| line.strip_prefix('#').unwrap().trim_start()).collect();
        let text = format!("[[notify.channel]]\n{}", shown.join("\n"));
        let config: Config = Document { file: "gateway.toml", text: &text }.read().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut notify = config.notify;
        for file in notify.files_mut() {
            *file = folder.path().join(file.file_name().unwrap());
            std::fs::write(&*file, "https://robot.example/send?key=0123456789\n").unwrap();
        }
        rustls::crypto::ring::default_provider().install_default().ok();
        let registry = domain::registry::Registry::default();
        assert_eq!(notify::Channels::build(&notify, &registry, None).unwrap().count(), 7);
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, "[duty.entrapment]\ncontact_s = 1\naccept_s = 9\non_site_s = 5\naccident_s = 9\n")
            .unwrap();
        assert_eq!(
            Config::read(&path).unwrap_err().to_string(),
            format!("{}: duty.entrapment: `accept_s`, `on_site_s` and `accident_s` must rise", path.display())
        );
    }

    #[test]
    fn the_district_of_the_sample_is_read() {
        let district = Config::read(&sample()).unwrap().read_district().unwrap();
        assert_eq!(district.townships.township.len(), 26);
        assert_eq!(district.offices.office.len(), 7);
        assert!(district.profiles.iter().count() >= 10);
    }

    #[test]
    fn a_wrong_key_is_told_with_its_line_and_the_right_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, "is_demo = true\n\n[http]\nport = 8080\n").unwrap();
        assert_eq!(
            Config::read(&path).unwrap_err().to_string(),
            format!(
                "{}:4: unknown field `port`, expected one of `listen`, `tls`, `is_behind_tls`, `trusted_proxies`, \
                 `allowed_origins`",
                path.display()
            )
        );
        std::fs::write(&path, "[metrics]\nlisten = \"nowhere\"\n").unwrap();
        assert_eq!(
            Config::read(&path).unwrap_err().to_string(),
            format!("{}:2: invalid socket address syntax", path.display())
        );
    }
}
