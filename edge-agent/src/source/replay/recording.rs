//! A recording: a CSV file with the columns `time,device,metric,value` and, when wanted, `unit`. Pure.
//!
//! `time` is a moment as in `2026-03-01T08:00:00.5+08:00`, never earlier than the row before. An empty value is a metric that could
//! not be read. A metric's values are all of one kind: flags (`true`, `false`), whole numbers, numbers, or else texts.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    id::{DeviceId, IdError, MetricName},
    reading::Value,
    time::UnixMs,
};
use serde::Deserialize;

use crate::source::{MetricDeclaration, Sample, ValueKind};

/// The most rows: what fits in memory beside everything else (about 100 MiB).
const MOST_ROWS: usize = 1_000_000;

/// Why a file is not a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Not the columns, or not as many, or not what a column holds.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// An id or a name is wrong.
    #[error("line {line}: {wrong}")]
    Name {
        /// In the file, from 1.
        line: u64,
        /// What is wrong with it.
        wrong: IdError,
    },
    /// A time is not one.
    #[error("line {line}: `{text}` is not a time such as 2026-03-01T08:00:00+08:00")]
    Time {
        /// In the file, from 1.
        line: u64,
        /// What stands there.
        text: String,
    },
    /// A row lies before the one above it.
    #[error("line {line}: the time lies before that of the row above")]
    Backwards {
        /// In the file, from 1.
        line: u64,
    },
    /// There is nothing to play.
    #[error("holds no rows")]
    Empty,
    /// It does not fit.
    #[error("holds more than {MOST_ROWS} rows")]
    TooLong,
}

/// A whole recording in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    rows: Vec<Row>,
    metrics: BTreeMap<DeviceId, Vec<MetricDeclaration>>,
}

/// One recorded value.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    /// Since the first row.
    after: Duration,
    device: DeviceId,
    metric: MetricName,
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    time: String,
    device: String,
    metric: String,
    value: String,
    #[serde(default)]
    unit: String,
}

/// What happened at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment<'a> {
    /// Since the start of the recording.
    pub after: Duration,
    rows: &'a [Row],
}

impl Recording {
    /// Reads a CSV file.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordingError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(bytes);
        let headers = reader.headers()?.clone();
        let mut lines = Vec::new();
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record)? {
            if lines.len() == MOST_ROWS {
                return Err(RecordingError::TooLong);
            }
            let number = record.position().map_or(0, csv::Position::line);
            lines.push((number, record.deserialize::<Line>(Some(&headers))?));
        }
        Self::of_lines(&lines)
    }

    fn of_lines(lines: &[(u64, Line)]) -> Result<Self, RecordingError> {
        let mut kinds: BTreeMap<(DeviceId, MetricName), (Option<ValueKind>, String)> = BTreeMap::new();
        let mut keys = Vec::with_capacity(lines.len());
        for (number, line) in lines {
            let name = |wrong| RecordingError::Name { line: *number, wrong };
            let device = DeviceId::new(&line.device).map_err(name)?;
            let metric = MetricName::new(&line.metric).map_err(name)?;
            let (kind, unit) = kinds.entry((device.clone(), metric.clone())).or_default();
            *kind = common_kind(*kind, kind_of(&line.value));
            if unit.is_empty() {
                unit.clone_from(&line.unit);
            }
            keys.push((device, metric));
        }

        let mut rows: Vec<Row> = Vec::with_capacity(lines.len());
        let mut start = None;
        for ((number, line), key) in lines.iter().zip(keys) {
            let at: jiff::Timestamp =
                line.time.parse().map_err(|_| RecordingError::Time { line: *number, text: line.time.clone() })?;
            let after = at.duration_since(*start.get_or_insert(at));
            let after = Duration::try_from(after).map_err(|_| RecordingError::Backwards { line: *number })?;
            if rows.last().is_some_and(|previous| after < previous.after) {
                return Err(RecordingError::Backwards { line: *number });
            }
            let value = kinds[&key].0.and_then(|kind| value_of(kind, &line.value));
            let (device, metric) = key;
            rows.push(Row { after, device, metric, value });
        }
        if rows.is_empty() {
            return Err(RecordingError::Empty);
        }
        let mut by_device: BTreeMap<DeviceId, Vec<MetricDeclaration>> = BTreeMap::new();
        for ((device, name), (kind, unit)) in kinds {
            // A metric that never has a value may be of any kind.
            let kind = kind.unwrap_or(ValueKind::Float);
            by_device.entry(device).or_default().push(MetricDeclaration { unit, ..MetricDeclaration::new(name, kind) });
        }
        Ok(Self { rows, metrics: by_device })
    }

    /// The devices in it.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.metrics.keys()
    }

    /// What a device reports in it.
    pub fn metrics(&self, device: &DeviceId) -> &[MetricDeclaration] {
        self.metrics.get(device).map_or(&[], Vec::as_slice)
    }

    /// Everything in it, in the order of time.
    pub fn moments(&self) -> impl Iterator<Item = Moment<'_>> {
        self.rows.chunk_by(|left, right| left.after == right.after).map(|rows| Moment { after: rows[0].after, rows })
    }
}

impl Moment<'_> {
    /// The samples of this moment by device, as if they were taken at `at`.
    pub fn samples(&self, at: UnixMs) -> BTreeMap<DeviceId, Vec<Sample>> {
        let mut samples: BTreeMap<DeviceId, Vec<Sample>> = BTreeMap::new();
        for row in self.rows {
            let sample = match &row.value {
                Some(value) => Sample::good(row.metric.clone(), at, value.clone()),
                None => Sample::bad(row.metric.clone(), at),
            };
            samples.entry(row.device.clone()).or_default().push(sample);
        }
        samples
    }
}

/// The narrowest kind that holds this text; None for no value.
fn kind_of(text: &str) -> Option<ValueKind> {
    match text {
        "" => None,
        "true" | "false" => Some(ValueKind::Bool),
        _ if text.parse::<i64>().is_ok() => Some(ValueKind::Int),
        _ if text.parse::<f64>().is_ok_and(f64::is_finite) => Some(ValueKind::Float),
        _ => Some(ValueKind::Text),
    }
}

/// The narrowest kind that holds both.
fn common_kind(left: Option<ValueKind>, right: Option<ValueKind>) -> Option<ValueKind> {
    use ValueKind::{Float, Int, Text};
    match (left, right) {
        (None, kind) | (kind, None) => kind,
        (Some(left), Some(right)) if left == right => Some(left),
        (Some(Int), Some(Float)) | (Some(Float), Some(Int)) => Some(Float),
        _ => Some(Text),
    }
}

fn value_of(kind: ValueKind, text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    match kind {
        ValueKind::Bool => Some(Value::Bool(text == "true")),
        ValueKind::Int => text.parse().ok().map(Value::Int),
        ValueKind::Float => text.parse().ok().map(Value::Float),
        ValueKind::Text | ValueKind::Blob => Some(Value::Text(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(rows: &str) -> Result<Recording, RecordingError> {
        Recording::parse(format!("time,device,metric,value\n{rows}").as_bytes())
    }

    #[test]
    fn moments_come_in_order_with_one_kind_of_value_a_metric() {
        let recording = parse(
            "2026-03-01T08:00:00+08:00,store-1,cold_store.temperature,4\n\
             2026-03-01T08:00:00+08:00,store-1,cold_store.door_open,false\n\
             # the probe breaks\n\
             2026-03-01T00:00:01.5Z,store-1,cold_store.temperature,\n\
             2026-03-01T00:00:02Z,store-1,cold_store.temperature,4.5\n",
        )
        .unwrap();
        let device = DeviceId::new("store-1").unwrap();
        let kinds: Vec<_> =
            recording.metrics(&device).iter().map(|metric| (metric.name.as_str(), metric.kind)).collect();
        assert_eq!(kinds, [("cold_store.door_open", ValueKind::Bool), ("cold_store.temperature", ValueKind::Float)]);
        let moments: Vec<_> = recording
            .moments()
            .map(|moment| {
                let samples = moment.samples(UnixMs(9)).remove(&device).unwrap();
                (moment.after.as_millis(), samples.into_iter().map(|sample| sample.value).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            moments,
            [
                (0, vec![Some(Value::Float(4.0)), Some(Value::Bool(false))]),
                (1_500, vec![None]),
                (2_000, vec![Some(Value::Float(4.5))]),
            ]
        );
    }

    #[test]
    fn mixed_texts_are_texts() {
        for (left, right, expected) in [
            ("1", "2", ValueKind::Int),
            ("1", "2.5", ValueKind::Float),
            ("true", "1", ValueKind::Text),
            ("", "false", ValueKind::Bool),
            ("", "", ValueKind::Float),
            ("B2", "3", ValueKind::Text),
        ] {
            let recording =
                parse(&format!("2026-03-01T00:00:00Z,d,m,{left}\n2026-03-01T00:00:00Z,d,m,{right}")).unwrap();
            assert_eq!(recording.metrics(&DeviceId::new("d").unwrap())[0].kind, expected, "{left} and {right}");
        }
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        let check = |rows: &str, expected: &str| {
            let wrong = parse(rows).unwrap_err().to_string();
            assert!(wrong.contains(expected), "{wrong}");
        };
        check("", "holds no rows");
        check("2026-03-01T00:00:00Z,d,m\n", "line: 2");
        check("yesterday,d,m,1", "line 2: `yesterday` is not a time");
        check("2026-03-01T00:00:01Z,d,m,1\n2026-03-01T00:00:00Z,d,m,1", "line 3: the time lies before");
        check("2026-03-01T00:00:01Z,d,m,1\n2026-03-01T00:00:03Z,d,m,1\n2026-03-01T00:00:02Z,d,m,1", "line 4: the time");
        check("2026-03-01T00:00:00Z,a/b,m,1", "line 2: `a/b` holds `/`");
        let wrong = Recording::parse(b"at,device,metric,value\n2026-03-01T00:00:00Z,d,m,1").unwrap_err().to_string();
        assert!(wrong.contains("unknown field `at`, expected one of `time`"), "{wrong}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_recording_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Recording::parse(&bytes);
            let _ = Recording::parse(&[b"time,device,metric,value\n2026-03-01T00:00:00Z,d,m,1\n".as_slice(), &bytes].concat());
        }
    }
}
