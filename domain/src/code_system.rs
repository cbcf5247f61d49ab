//! What a source's raw fault codes mean.
//!
//! The same event has different numbers in different systems (entrapment is 11 in one and 93 in another), so a code
//! says nothing without the code system of its source. The edge maps codes to event metrics; rules look only at those.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    document::{Document, DocumentError},
    id::MetricName,
    profile::Source,
    text::Text,
};

/// The codes of one kind of source.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeSystem {
    /// Its id, such as `chongqing-platform`; also the name of its file in `config/code_systems`.
    pub id: String,
    /// What people call it.
    pub title: Text,
    /// Where the codes come from.
    pub source: Source,
    /// What each code means.
    pub codes: BTreeMap<i64, Code>,
    /// The flag that is true while a source shows a code that is not listed; None: such a code sets nothing.
    pub unknown_event: Option<MetricName>,
}

/// What one code means.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    /// In words.
    pub title: Text,
    /// The flag that is true while a source shows this code; None: no rule looks at it.
    pub event: Option<MetricName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeSystemTable {
    id: String,
    title: Text,
    source: Source,
    unknown_event: Option<MetricName>,
    codes: Vec<Spanned<CodeTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeTable {
    code: i64,
    title: Text,
    event: Option<MetricName>,
}

impl CodeSystem {
    /// Reads a code system from a TOML document.
    ///
    /// # Errors
    /// [`DocumentError`] names the line, what is wrong there and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let document = Document { file, text };
        let table: CodeSystemTable = document.read()?;
        let mut codes = BTreeMap::new();
        for code in table.codes {
            let span = code.span();
            let CodeTable { code, title, event } = code.into_inner();
            if codes.insert(code, Code { title, event }).is_some() {
                return Err(document.error(span, format!("code {code} stands above already")));
            }
        }
        Ok(Self { id: table.id, title: table.title, source: table.source, codes, unknown_event: table.unknown_event })
    }

    /// The flag that is true while a source shows `code`; None: no rule looks at that code, or nobody knows it.
    pub fn event(&self, code: i64) -> Option<&MetricName> {
        self.codes.get(&code)?.event.as_ref()
    }

    /// Every flag that some code sets. While a source shows a code, all the others are false.
    pub fn events(&self) -> BTreeSet<&MetricName> {
        self.codes.values().filter_map(|code| code.event.as_ref()).chain(&self.unknown_event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_nothing_without_its_system() {
        let head = r#"
            id = "a"
            title = { zh = "", en = "" }
            source = { citation = "a", confidence = "verified" }
        "#;
        let text = format!(
            "{head}\n[[codes]]\ncode = 11\ntitle = {{ zh = \"困人\", en = \"entrapment\" }}\nevent = \"elevator.entrapment\"\n"
        );
        let system = CodeSystem::parse("a.toml", &text).unwrap();
        assert_eq!(system.event(11).unwrap().as_str(), "elevator.entrapment");
        assert_eq!(system.event(93), None);

        let twice = format!("{text}\n[[codes]]\ncode = 11\ntitle = {{ zh = \"\", en = \"\" }}\n");
        let error = CodeSystem::parse("a.toml", &twice).unwrap_err();
        assert_eq!(error.to_string(), "a.toml:11: code 11 stands above already");
    }
}
