//! The district's fixed entries from TOML: townships and offices.

use serde::Deserialize;

use super::{Office, Township};
use crate::document::{Document, DocumentError};

/// `config/townships.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Townships {
    /// The townships.
    pub township: Vec<Township>,
}

/// `config/offices.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offices {
    /// The division is a sample, not the bureau's own; the screens say so.
    #[serde(default)]
    pub is_sample: bool,
    /// The offices.
    pub office: Vec<Office>,
}

impl Townships {
    /// Reads townships from a TOML document.
    ///
    /// # Errors
    /// [`DocumentError`] names the line, what is wrong there and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        Document { file, text }.read()
    }
}

impl Offices {
    /// Reads offices from a TOML document.
    ///
    /// # Errors
    /// [`DocumentError`] names the line, what is wrong there and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        Document { file, text }.read()
    }
}
