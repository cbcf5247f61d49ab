//! The passwords of the gateway's own broker users: made once, kept in a file that only the gateway's user can read.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{BrokerError, access::Credential};

/// Names that begin so belong to the gateway; no node may have one.
pub(super) const RESERVED_PREFIX: &str = "brightwatch-";
const FILE: &str = "broker.secrets.json";

/// The gateway's own users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secrets {
    /// Hears all nodes.
    pub(super) ingest: Credential,
    /// Sends commands.
    pub(super) publish: Credential,
    /// Changes credentials.
    pub(super) admin: Credential,
    /// Sounds sirens. Files of earlier versions have none: it is made for this run, and put right in the broker's file
    /// like the others.
    #[serde(default = "new_siren")]
    pub(super) siren: Credential,
}

/// A password of 192 random bits, in 32 letters that need no quoting anywhere.
pub(super) fn new_password() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>())
}

fn new_siren() -> Credential {
    new_credential("siren")
}

fn new_credential(name: &str) -> Credential {
    Credential { username: format!("{RESERVED_PREFIX}{name}"), password: new_password() }
}

impl Secrets {
    fn new() -> Self {
        Self {
            ingest: new_credential("ingest"),
            publish: new_credential("publish"),
            admin: new_credential("admin"),
            siren: new_siren(),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> [&Credential; 4] {
        [&self.ingest, &self.publish, &self.admin, &self.siren]
    }

    /// Reads those of a data directory; None when no gateway has run there yet.
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

    /// Reads those of a data directory, or makes them.
    pub(super) fn load_or_create(data_dir: &Path) -> Result<Self, BrokerError> {
        if let Some(secrets) = Self::load(data_dir)? {
            return Ok(secrets);
        }
        let secrets = Self::new();
        let path = data_dir.join(FILE);
        let content = serde_json::to_vec_pretty(&secrets)
            .map_err(|source| BrokerError::Damaged { path: path.clone(), source })?;
        write_private(&path, &content).map_err(BrokerError::file(&path))?;
        Ok(secrets)
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub(super) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    // A draft left by a crash may have another owner or mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}
