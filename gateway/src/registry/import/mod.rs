//! Reading owners, sites and devices from a table (CSV) or a document (TOML). Pure: text in, rows with their lines out,
//! or everything that is wrong by line. Whether the rows fit together and into the district is checked by the caller.

mod document;
mod table;

use domain::registry::{Device, Owner, Site};
use serde::{Deserialize, Serialize};

pub use self::table::COLUMNS;

/// One row of an import.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// 使用单位.
    Owner(Owner),
    /// 场所.
    Site(Site),
    /// 设备.
    Device(Device),
}

impl Entry {
    /// `owner`, `site` or `device`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Owner(_) => "owner",
            Self::Site(_) => "site",
            Self::Device(_) => "device",
        }
    }

    /// Its id, unique within its kind.
    pub fn id(&self) -> &str {
        match self {
            Self::Owner(owner) => owner.id.as_str(),
            Self::Site(site) => site.id.as_str(),
            Self::Device(device) => device.id.as_str(),
        }
    }
}

/// An entry and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Line of the input, from 1 upwards.
    pub number: usize,
    /// What it says.
    pub entry: Entry,
}

/// A wrong line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: {problem}")]
pub struct LineError {
    /// Line of the input, from 1 upwards.
    pub number: usize,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// How an import is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A table, one entry a row.
    Csv,
    /// `[[owner]]`, `[[site]]` and `[[device]]`.
    Toml,
}

impl Format {
    /// By the ending of a file's name; None: neither `.csv` nor `.toml`.
    pub fn of_file(name: &std::path::Path) -> Option<Self> {
        match name.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }

    /// By the media type of a request; None: neither `text/csv` nor `application/toml`.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "text/csv" => Some(Self::Csv),
            "application/toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// Reads an import.
///
/// # Errors
/// Every wrong line, in order.
pub fn parse(format: Format, bytes: &[u8]) -> Result<Vec<Line>, Vec<LineError>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let number = line_of(bytes, error.valid_up_to());
        vec![LineError { number, problem: "this is not UTF-8; save the file as UTF-8 (Excel: “CSV UTF-8”)".into() }]
    })?;
    let (lines, mut errors) = match format {
        Format::Csv => table::parse(text),
        Format::Toml => document::parse(text),
    };
    errors.extend(repeated(&lines));
    errors.sort_by_key(|error| error.number);
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

/// The line of a byte, from 1 upwards.
fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes.iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

/// Entries that stand in the input twice.
fn repeated(lines: &[Line]) -> Vec<LineError> {
    let mut first = std::collections::HashMap::new();
    lines
        .iter()
        .filter_map(|line| {
            let (kind, id) = (line.entry.kind(), line.entry.id());
            let before = *first.entry((kind, id)).or_insert(line.number);
            (before != line.number).then(|| LineError {
                number: line.number,
                problem: format!("{kind} `{id}` stands in line {before} already"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
