//! Apache Parquet: columns, compressed, with their types. Rows are gathered into groups, each written as soon as it is
//! full, so that memory holds one group.

use std::sync::Arc;

use bytes::Bytes;
use domain::reading::Value;
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter, writer::SerializedRowGroupWriter},
    schema::parser::parse_message_type,
};
use protocol::rest::Point;

use super::{BEIJING_AHEAD_MS, Common, ExportError, word_of};

/// Rows of a group: some megabytes in memory, and enough for columns to pack well.
const ROWS_PER_GROUP: usize = 65_536;
/// `number` as measured, a flag as 0 or 1; `text` where it is one; neither: it could not be read.
const SCHEMA: &str = "message readings {
    required binary device (STRING);
    required binary device_name (STRING);
    required binary site_name (STRING);
    required binary metric (STRING);
    required binary unit (STRING);
    required int64 at_ms (TIMESTAMP(MILLIS, true));
    required int64 beijing_time (TIMESTAMP(MILLIS, false));
    optional double number;
    optional binary text (STRING);
    required binary quality (STRING);
}";

/// A file in the making.
pub struct ParquetWriter {
    file: SerializedFileWriter<Vec<u8>>,
    rows: Rows,
}

/// The rows of the group that is being gathered, by column.
#[derive(Default)]
struct Rows {
    /// Device, its name, site, metric, unit.
    names: [Vec<ByteArray>; 5],
    times: Vec<i64>,
    numbers: Vec<f64>,
    texts: Vec<ByteArray>,
    /// 1 where a row has a number, or a text; 0 where not.
    has_number: Vec<i16>,
    has_text: Vec<i16>,
    qualities: Vec<ByteArray>,
}

impl std::fmt::Debug for ParquetWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter").field("rows", &self.rows.times.len()).finish_non_exhaustive()
    }
}

impl ParquetWriter {
    /// An empty file.
    ///
    /// # Errors
    /// None that is known.
    pub fn new() -> Result<Self, ExportError> {
        let schema = parse_message_type(SCHEMA).map_err(failed)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(Self { file, rows: Rows::default() })
    }

    pub(super) fn add(&mut self, common: &Common, points: &[Point]) -> Result<Bytes, ExportError> {
        let names = [&common.device, &common.device_name, &common.site_name, &common.metric, &common.unit]
            .map(|text| ByteArray::from(text.as_str()));
        for point in points {
            self.rows.push(&names, point);
            if self.rows.times.len() == ROWS_PER_GROUP {
                self.write_group().map_err(failed)?;
            }
        }
        self.ready()
    }

    pub(super) fn finish(mut self) -> Result<Bytes, ExportError> {
        if !self.rows.times.is_empty() {
            self.write_group().map_err(failed)?;
        }
        self.file.into_inner().map(Bytes::from).map_err(failed)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        for names in &rows.names {
            put::<ByteArrayType>(&mut group, names, None)?;
        }
        put::<Int64Type>(&mut group, &rows.times, None)?;
        let beijing: Vec<i64> = rows.times.iter().map(|at| at.saturating_add(BEIJING_AHEAD_MS)).collect();
        put::<Int64Type>(&mut group, &beijing, None)?;
        put::<DoubleType>(&mut group, &rows.numbers, Some(&rows.has_number))?;
        put::<ByteArrayType>(&mut group, &rows.texts, Some(&rows.has_text))?;
        put::<ByteArrayType>(&mut group, &rows.qualities, None)?;
        group.close().map(drop)
    }

    /// What is written so far and has not been handed out.
    fn ready(&mut self) -> Result<Bytes, ExportError> {
        self.file.flush().map_err(failed)?;
        Ok(std::mem::take(self.file.inner_mut()).into())
    }
}

impl Rows {
    fn push(&mut self, names: &[ByteArray; 5], point: &Point) {
        for (column, name) in self.names.iter_mut().zip(names) {
            column.push(name.clone());
        }
        self.times.push(point.at_ms);
        let number = point.value.as_ref().and_then(Value::as_f64);
        self.has_number.push(i16::from(number.is_some()));
        self.numbers.extend(number);
        let text = match &point.value {
            Some(Value::Text(text)) => Some(ByteArray::from(&**text)),
            _ => None,
        };
        self.has_text.push(i16::from(text.is_some()));
        self.texts.extend(text);
        self.qualities.push(ByteArray::from(word_of(point.quality)));
    }
}

/// Writes the next column of a group; `present` says in which rows it has a value.
fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("the schema has as many columns as are written");
    column.typed::<T>().write_batch(values, present, None)?;
    column.close()
}

fn failed(error: impl std::fmt::Display) -> ExportError {
    ExportError(error.to_string())
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader as _, SerializedFileReader},
        record::RowAccessor as _,
    };

    use super::{
        super::tests::{common, points},
        *,
    };

    #[test]
    fn a_file_says_what_was_written() {
        let mut writer = ParquetWriter::new().unwrap();
        let mut bytes = writer.add(&common(), &points()).unwrap().to_vec();
        bytes.extend(writer.finish().unwrap());
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 6);
        let first = &rows[0];
        assert_eq!(first.get_string(0).unwrap(), "cold-1");
        assert_eq!(first.get_string(1).unwrap(), "=冷藏柜, \"一\"");
        assert_eq!(first.get_timestamp_millis(5).unwrap(), 1_790_000_000_123);
        assert_eq!(first.get_timestamp_millis(6).unwrap() - 1_790_000_000_123, BEIJING_AHEAD_MS);
        assert!((first.get_double(7).unwrap() - 4.5).abs() < f64::EPSILON && first.is_null(8).unwrap());
        assert!((rows[1].get_double(7).unwrap() + 3.0).abs() < f64::EPSILON);
        assert!((rows[2].get_double(7).unwrap() - 1.0).abs() < f64::EPSILON);
        assert_eq!(rows[3].get_string(8).unwrap(), "+1F");
        assert!(rows[4].is_null(7).unwrap() && rows[4].is_null(8).unwrap());
        assert!(rows[5].get_double(7).unwrap().is_nan());
        let qualities: Vec<_> = rows.iter().map(|row| row.get_string(9).unwrap().as_str()).collect();
        assert_eq!(qualities, ["good", "clock_suspect", "good", "implausible", "bad", "bad"]);
    }

    #[test]
    fn groups_leave_memory_as_soon_as_they_are_full() {
        let mut writer = ParquetWriter::new().unwrap();
        let points: Vec<Point> = points().into_iter().cycle().take(1000).collect();
        let (mut bytes, mut parts) = (Vec::new(), 0);
        for _ in 0..150 {
            let ready = writer.add(&common(), &points).unwrap();
            parts += usize::from(!ready.is_empty());
            bytes.extend(ready);
            assert!(writer.rows.times.len() < ROWS_PER_GROUP && writer.file.inner().is_empty());
        }
        bytes.extend(writer.finish().unwrap());
        assert!(parts >= 2, "{parts} parts before the end");
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 150_000);
        assert_eq!(reader.metadata().num_row_groups(), 3);
        assert_eq!(reader.get_row_iter(None).unwrap().flatten().count(), 150_000);
    }

    #[test]
    fn an_export_without_readings_is_a_file_all_the_same() {
        let bytes = ParquetWriter::new().unwrap().finish().unwrap();
        let reader = SerializedFileReader::new(bytes).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
        assert_eq!(reader.metadata().file_metadata().schema_descr().num_columns(), 10);
    }
}
