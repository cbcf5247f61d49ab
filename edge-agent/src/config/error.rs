//! What is wrong with a configuration, told so that the reader can go to the line and mend it.

use std::{
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is read, but something in it is wrong.
    #[error("{}, line {line}: {reason}\n  {excerpt}", path.display())]
    Wrong {
        /// The configuration file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
        /// The line itself.
        excerpt: String,
    },
}

/// Something wrong that only shows when the keys are looked at together, or when the files they name are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key it is about.
    pub path: KeyPath,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Fault {
    /// Wrong at this very value; the caller says which key that is.
    pub fn here(reason: impl Into<String>) -> Self {
        Self { path: KeyPath::default(), reason: reason.into() }
    }

    /// The same fault seen from the table that has the value under `key`.
    #[must_use]
    pub fn under(mut self, key: &'static str) -> Self {
        self.path.0.insert(0, Step::Key(key));
        self
    }

    /// The same fault seen from the list that has the value at `index`.
    #[must_use]
    pub fn at(mut self, index: usize) -> Self {
        self.path.0.insert(0, Step::Index(index));
        self
    }
}

/// The way to a value: `modbus[1].device[0].id`, counted from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Key(&'static str),
    Index(usize),
}

impl KeyPath {
    /// One entry of a list at the top of the file.
    pub fn entry(list: &'static str, index: usize) -> Self {
        Self(vec![Step::Key(list), Step::Index(index)])
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

pub(super) fn from_toml(path: &Path, text: &str, wrong: &toml::de::Error) -> ConfigError {
    let at = wrong.span().unwrap_or(0..0);
    at_offset(path, text, at.start, wrong.message().to_owned())
}

pub(super) fn from_fault(path: &Path, text: &str, fault: &Fault) -> ConfigError {
    let at = locate(text, &fault.path).unwrap_or(0..0);
    at_offset(path, text, at.start, format!("`{}`: {}", fault.path, fault.reason))
}

fn at_offset(path: &Path, text: &str, offset: usize, reason: String) -> ConfigError {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let excerpt = text.lines().nth(line - 1).unwrap_or_default().trim().to_owned();
    ConfigError::Wrong { path: path.to_owned(), line, reason, excerpt }
}

/// Where the value stands in the text, or the nearest value around it when the key is absent.
fn locate(text: &str, path: &KeyPath) -> Option<Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    let mut steps = path.0.iter();
    let Some(Step::Key(first)) = steps.next() else { return None };
    let mut value = document.get_ref().get(*first)?;
    for step in steps {
        let inner = match (step, value.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => table.get(*key),
            (Step::Index(index), DeValue::Array(list)) => list.get(*index),
            _ => None,
        };
        let Some(inner) = inner else { break };
        value = inner;
    }
    Some(value.span())
}
