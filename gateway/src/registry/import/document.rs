//! The document: `[[owner]]`, `[[site]]` and `[[device]]` tables with the fields of the registry.

use domain::registry::{Device, Owner, Site};
use serde::Deserialize;
use toml::Spanned;

use super::{Entry, Line, LineError, line_of};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    owner: Vec<Spanned<Owner>>,
    #[serde(default)]
    site: Vec<Spanned<Site>>,
    #[serde(default)]
    device: Vec<Spanned<Device>>,
}

/// Everything that can be read, and the first thing that is wrong.
pub(super) fn parse(text: &str) -> (Vec<Line>, Vec<LineError>) {
    let document: Document = match toml::from_str(text) {
        Ok(document) => document,
        Err(error) => {
            let number = line_of(text.as_bytes(), error.span().unwrap_or_default().start);
            return (Vec::new(), vec![LineError { number, problem: error.message().replace('\n', " ") }]);
        }
    };
    let mut lines = Vec::new();
    gather(&mut lines, text, document.owner, Entry::Owner);
    gather(&mut lines, text, document.site, Entry::Site);
    gather(&mut lines, text, document.device, Entry::Device);
    lines.sort_by_key(|line| line.number);
    (lines, Vec::new())
}

fn gather<T>(lines: &mut Vec<Line>, text: &str, entries: Vec<Spanned<T>>, entry: fn(T) -> Entry) {
    lines.extend(entries.into_iter().map(|spanned| {
        let number = line_of(text.as_bytes(), spanned.span().start);
        Line { number, entry: entry(spanned.into_inner()) }
    }));
}
