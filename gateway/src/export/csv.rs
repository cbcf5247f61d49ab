//! Comma-separated text (RFC 4180) in UTF-8.

use std::fmt::Write as _;

use bytes::Bytes;
use domain::reading::Value;
use jiff::Timestamp;
use protocol::rest::Point;

use super::{BEIJING_AHEAD_MS, Common, ExportError, word_of};

/// Says to Excel that the text is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
const COLUMNS: [&str; 9] =
    ["device", "device_name", "site_name", "metric", "unit", "at_ms", "beijing_time", "value", "quality"];

/// Who is to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvFlavour {
    /// Programs: every text as it is.
    Plain,
    /// Excel: a byte-order mark before all, and an apostrophe before texts that it would take for a formula.
    Excel,
}

/// A table in the making.
#[derive(Debug)]
pub struct CsvWriter {
    flavour: CsvFlavour,
    has_begun: bool,
}

impl CsvWriter {
    /// An empty table.
    pub const fn new(flavour: CsvFlavour) -> Self {
        Self { flavour, has_begun: false }
    }

    pub(super) fn add(&mut self, common: &Common, points: &[Point]) -> Result<Bytes, ExportError> {
        let mut rows = csv::Writer::from_writer(self.begin()?);
        let names = [&common.device, &common.device_name, &common.site_name, &common.metric, &common.unit]
            .map(|text| self.safe(text));
        let (mut at, mut beijing, mut value) = (String::new(), String::new(), String::new());
        for point in points {
            for text in [&mut at, &mut beijing, &mut value] {
                text.clear();
            }
            write!(at, "{}", point.at_ms).expect("writing to a string never fails");
            put_beijing(&mut beijing, point.at_ms);
            match &point.value {
                None => {}
                Some(Value::Bool(flag)) => write!(value, "{flag}").expect("writing to a string never fails"),
                Some(Value::Int(count)) => write!(value, "{count}").expect("writing to a string never fails"),
                Some(Value::Float(number)) => write!(value, "{number}").expect("writing to a string never fails"),
                Some(Value::Text(text)) => value.push_str(&self.safe(text)),
            }
            let rest = [at.as_str(), &beijing, &value, word_of(point.quality)];
            rows.write_record(names.iter().map(String::as_str).chain(rest)).map_err(failed)?;
        }
        rows.into_inner().map(Bytes::from).map_err(failed)
    }

    pub(super) fn finish(mut self) -> Result<Bytes, ExportError> {
        self.begin().map(Bytes::from)
    }

    /// What stands before the first row, once.
    fn begin(&mut self) -> Result<Vec<u8>, ExportError> {
        let mut out = Vec::new();
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(out);
        }
        if self.flavour == CsvFlavour::Excel {
            out.extend_from_slice(BYTE_ORDER_MARK.as_bytes());
        }
        let mut heading = csv::Writer::from_writer(out);
        heading.write_record(COLUMNS).map_err(failed)?;
        heading.into_inner().map_err(failed)
    }

    /// A text that a spreadsheet does not run. Names and texts come from people and from equipment.
    fn safe(&self, text: &str) -> String {
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if self.flavour == CsvFlavour::Excel && is_formula { format!("'{text}") } else { text.to_owned() }
    }
}

/// `2026-09-21 22:13:20.123`.
fn put_beijing(out: &mut String, at_ms: i64) {
    // Beyond the year 9999 the other column says it alone.
    if let Ok(at) = Timestamp::from_millisecond(at_ms.saturating_add(BEIJING_AHEAD_MS)) {
        write!(out, "{}", at.strftime("%Y-%m-%d %H:%M:%S%.3f")).expect("the format is right");
    }
}

fn failed(error: impl std::fmt::Display) -> ExportError {
    ExportError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{common, points},
        *,
    };

    fn text(flavour: CsvFlavour) -> String {
        let mut writer = CsvWriter::new(flavour);
        let mut bytes = writer.add(&common(), &points()[..2]).unwrap().to_vec();
        bytes.extend(writer.add(&common(), &points()[2..]).unwrap());
        bytes.extend(writer.finish().unwrap());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_table_has_one_row_a_reading() {
        let start = "cold-1,\"=冷藏柜, \"\"一\"\"\",一食堂,cold_store.temperature,°C,";
        let rows = [
            "1790000000123,2026-09-21 22:13:20.123,4.5,good",
            "1790000001000,2026-09-21 22:13:21.000,-3,clock_suspect",
            "1790000002000,2026-09-21 22:13:22.000,true,good",
            "1790000003000,2026-09-21 22:13:23.000,+1F,implausible",
            "1790000004000,2026-09-21 22:13:24.000,,bad",
            "1790000005000,2026-09-21 22:13:25.000,NaN,bad",
        ];
        let rows = rows.map(|row| format!("{start}{row}"));
        assert_eq!(text(CsvFlavour::Plain), format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n")));
    }

    #[test]
    fn excel_is_told_the_encoding_and_runs_no_text() {
        let text = text(CsvFlavour::Excel);
        assert!(text.starts_with("\u{feff}device,"));
        assert!(text.contains("\"'=冷藏柜, \"\"一\"\"\"") && text.contains(",'+1F,"));
        assert!(text.contains(",-3,"), "a number is no text");
        assert_eq!(text.matches("device_name").count(), 1);
    }

    #[test]
    fn an_export_without_readings_has_its_heading() {
        let bytes = CsvWriter::new(CsvFlavour::Plain).finish().unwrap();
        assert_eq!(bytes, format!("{}\n", COLUMNS.join(",")));
    }
}
