//! How a recording is named in the configuration.

use std::{path::PathBuf, sync::Arc};

use serde::Deserialize;

use super::{Replay, recording::Recording};
use crate::config::{Fault, Folder, value};

/// One `[[replay]]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What people call it; for logs.
    pub name: String,
    /// The recording, a CSV file.
    pub file: PathBuf,
    /// How many times faster than it was recorded.
    #[serde(default = "default_speed", deserialize_with = "value::finite")]
    pub speed: f64,
    /// Whether it starts again at its end. Without it the devices are down after the last row.
    #[serde(default)]
    pub repeat: bool,
}

/// As recorded.
fn default_speed() -> f64 {
    1.0
}

impl Config {
    /// Reads and checks the recording.
    pub fn prepare(self, folder: &Folder) -> Result<Replay, Fault> {
        if self.speed <= 0.0 || self.speed > 10_000.0 {
            return Err(Fault::here(format!("{} is not above 0 and at most 10000", self.speed)).under("speed"));
        }
        let recording = folder.read(&self.file).and_then(|bytes| {
            Recording::parse(&bytes).map_err(|wrong| Fault::here(format!("{}, {wrong}", self.file.display())))
        });
        let recording = recording.map_err(|fault| fault.under("file"))?;
        Ok(Replay { name: self.name, speed: self.speed, repeat: self.repeat, recording: Arc::new(recording) })
    }
}
