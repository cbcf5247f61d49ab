//! The table: a header of [`COLUMNS`] in any order, then one owner, site or device a row. Cells that a kind of entry
//! does not have stay empty.

use std::{collections::BTreeMap, str::FromStr};

use domain::{
    id::IdError,
    registry::{Device, Owner, Site},
};

use super::{Entry, Line, LineError};

/// The columns, and what each holds. Only `kind`, `id` and `name` must be there.
pub const COLUMNS: &[(&str, &str)] = &[
    ("kind", "owner, site or device"),
    ("id", "the entry's id"),
    ("name", "what people call it"),
    ("phone", "owner: whom to call"),
    ("township", "site: nine-digit code of the township"),
    ("owner", "site: id of the owner"),
    ("address", "site: street address"),
    ("site", "device: id of the site"),
    ("profile", "device: what kind it is"),
    ("node", "device: the edge node that may speak for it"),
    ("nameplate", "device: numbers such as `allowed_pressure_mpa=1.0; outlet_limit_c=95`"),
];

/// Everything that can be read, and everything that is wrong.
pub(super) fn parse(text: &str) -> (Vec<Line>, Vec<LineError>) {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return (Vec::new(), vec![csv_error(&error)]),
    };
    let columns = match Columns::find(&header) {
        Ok(columns) => columns,
        Err(problem) => return (Vec::new(), vec![LineError { number: 1, problem }]),
    };
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                errors.push(csv_error(&error));
                continue;
            }
        };
        let number = line_number(record.position());
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() > header.len() {
            let problem = format!("{} cells, but the header has {}", record.len(), header.len());
            errors.push(LineError { number, problem });
            continue;
        }
        match (Row { columns: &columns, record: &record }).entry() {
            Ok(entry) => lines.push(Line { number, entry }),
            Err(problem) => errors.push(LineError { number, problem }),
        }
    }
    (lines, errors)
}

fn csv_error(error: &csv::Error) -> LineError {
    LineError { number: line_number(error.position()), problem: error.to_string() }
}

fn line_number(position: Option<&csv::Position>) -> usize {
    position.map_or(1, |position| usize::try_from(position.line()).unwrap_or(usize::MAX))
}

/// Where each column stands.
struct Columns(BTreeMap<&'static str, usize>);

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, String> {
        let mut places = BTreeMap::new();
        for (at, name) in header.iter().enumerate() {
            let Some((column, _)) = COLUMNS.iter().find(|(column, _)| *column == name) else {
                return Err(format!("unknown column `{name}`; the columns are {}", names()));
            };
            if places.insert(*column, at).is_some() {
                return Err(format!("column `{name}` is there twice"));
            }
        }
        for needed in ["kind", "id", "name"] {
            if !places.contains_key(needed) {
                return Err(format!("column `{needed}` is missing; the columns are {}", names()));
            }
        }
        Ok(Self(places))
    }
}

fn names() -> String {
    COLUMNS.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ")
}

/// One row, read by the names of its columns.
struct Row<'a> {
    columns: &'a Columns,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    fn entry(&self) -> Result<Entry, String> {
        let (allowed, entry): (&[&str], Entry) = match self.cell("kind") {
            "owner" => (
                &["phone"],
                Entry::Owner(Owner { id: self.id("id")?, name: self.text("name")?, phone: self.cell("phone").into() }),
            ),
            "site" => (
                &["township", "owner", "address"],
                Entry::Site(Site {
                    id: self.id("id")?,
                    name: self.text("name")?,
                    township: self.id("township")?,
                    owner: self.id("owner")?,
                    address: self.cell("address").into(),
                }),
            ),
            "device" => (
                &["site", "profile", "node", "nameplate"],
                Entry::Device(Device {
                    id: self.id("id")?,
                    name: self.text("name")?,
                    site: self.id("site")?,
                    profile: self.id("profile")?,
                    node: self.id("node")?,
                    nameplate: nameplate(self.cell("nameplate"))?,
                }),
            ),
            other => return Err(format!("kind `{other}` is not known; it is owner, site or device")),
        };
        let kind = entry.kind();
        for (column, _) in &COLUMNS[3..] {
            if !allowed.contains(column) && !self.cell(column).is_empty() {
                return Err(format!("a {kind} has no `{column}`; leave the cell empty"));
            }
        }
        Ok(entry)
    }

    fn cell(&self, column: &str) -> &str {
        self.columns.0.get(column).and_then(|&at| self.record.get(at)).unwrap_or_default()
    }

    fn text(&self, column: &str) -> Result<String, String> {
        let text = self.cell(column);
        if text.is_empty() { Err(format!("`{column}` is empty")) } else { Ok(text.to_owned()) }
    }

    fn id<T: FromStr<Err = IdError>>(&self, column: &str) -> Result<T, String> {
        self.text(column)?.parse().map_err(|error| format!("`{column}`: {error}"))
    }
}

/// `key=number; key=number`.
fn nameplate(cell: &str) -> Result<BTreeMap<String, f64>, String> {
    cell.split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, number) = part
                .split_once('=')
                .and_then(|(key, number)| Some((key.trim(), number.trim().parse::<f64>().ok()?)))
                .filter(|(key, number)| !key.is_empty() && number.is_finite())
                .ok_or_else(|| format!("`nameplate`: `{part}` is not of the form `key=number`"))?;
            Ok((key.to_owned(), number))
        })
        .collect()
}
