//! Readings as a file for other programs. Pure: rows in, bytes out. Whoever calls brings the readings a page at a time and
//! passes the bytes on, so that a year takes no more memory than a minute.
//!
//! One row a reading, with these columns:
//!
//! | column | |
//! |---|---|
//! | `device`, `device_name`, `site_name` | which device, what people call it, and where it stands |
//! | `metric`, `unit` | what was measured |
//! | `at_ms` | event time: milliseconds since 1970 UTC |
//! | `beijing_time` | the same moment on Beijing's clocks |
//! | `value` | as measured; empty: it could not be read. In Parquet `number` (flags as 0 and 1) or `text` |
//! | `quality` | `good`, `clock_suspect`, `implausible` or `bad` |

mod csv;
mod parquet;

use bytes::Bytes;
use domain::reading::Quality;
use protocol::rest::Point;

pub use self::{csv::CsvFlavour, csv::CsvWriter, parquet::ParquetWriter};

/// Beijing's clocks are ahead of UTC by this, in milliseconds, all the year round.
const BEIJING_AHEAD_MS: i64 = 8 * 3600 * 1000;

/// What all rows of a series have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// Its id.
    pub device: String,
    /// What people call it.
    pub device_name: String,
    /// Where it stands.
    pub site_name: String,
    /// What was measured.
    pub metric: String,
    /// In what; empty: a plain number, or a state.
    pub unit: String,
}

/// A file in the making.
#[derive(Debug)]
pub enum Writer {
    /// Text.
    Csv(CsvWriter),
    /// Columns.
    Parquet(Box<ParquetWriter>),
}

/// Rows that cannot be written: this program's mistake.
#[derive(Debug, thiserror::Error)]
#[error("an export cannot be written: {0}")]
pub struct ExportError(String);

impl Writer {
    /// Adds rows of one series and answers what of the file is ready, which may be nothing.
    pub fn add(&mut self, common: &Common, points: &[Point]) -> Result<Bytes, ExportError> {
        match self {
            Self::Csv(csv) => csv.add(common, points),
            Self::Parquet(parquet) => parquet.add(common, points),
        }
    }

    /// The rest of the file.
    pub fn finish(self) -> Result<Bytes, ExportError> {
        match self {
            Self::Csv(csv) => csv.finish(),
            Self::Parquet(parquet) => parquet.finish(),
        }
    }
}

/// The word for a quality, as everywhere in the API.
const fn word_of(quality: Quality) -> &'static str {
    match quality {
        Quality::Good => "good",
        Quality::ClockSuspect => "clock_suspect",
        Quality::Implausible => "implausible",
        Quality::Bad => "bad",
    }
}

#[cfg(test)]
mod tests {
    use domain::reading::Value;

    use super::*;

    pub(super) fn common() -> Common {
        Common {
            device: "cold-1".into(),
            device_name: "=冷藏柜, \"一\"".into(),
            site_name: "一食堂".into(),
            metric: "cold_store.temperature".into(),
            unit: "°C".into(),
        }
    }

    pub(super) fn points() -> Vec<Point> {
        let point = |at_ms, value, quality| Point { at_ms, value, quality };
        vec![
            point(1_790_000_000_123, Some(Value::Float(4.5)), Quality::Good),
            point(1_790_000_001_000, Some(Value::Int(-3)), Quality::ClockSuspect),
            point(1_790_000_002_000, Some(Value::Bool(true)), Quality::Good),
            point(1_790_000_003_000, Some(Value::Text("+1F".into())), Quality::Implausible),
            point(1_790_000_004_000, None, Quality::Bad),
            point(1_790_000_005_000, Some(Value::Float(f64::NAN)), Quality::Bad),
        ]
    }

    #[test]
    fn qualities_are_called_what_the_api_calls_them() {
        for number in 0..4 {
            let quality = Quality::from_u8(number).unwrap();
            assert_eq!(serde_json::to_value(quality).unwrap(), word_of(quality));
        }
    }
}
