//! Reading a segment from its beginning.

use std::io;

use super::{
    disk::Disk,
    record::{self, Damaged, MAGIC, Names, Record},
};

/// Where reading stands in one segment. It holds the segment's bytes that are not read yet, at most some MiB.
#[derive(Debug)]
pub(super) struct Reader {
    file: String,
    bytes: Vec<u8>,
    offset: usize,
    /// Where in the file the bytes end.
    end: u64,
    names: Names,
}

/// A record and its length in the file.
pub(super) type Read = (Record, usize);

impl Reader {
    /// At the first record. None: there is no segment under that name, or one of another version.
    pub(super) fn open(disk: &dyn Disk, file: &str) -> io::Result<Option<Self>> {
        let bytes = disk.read(file, 0, u64::MAX)?;
        let is_segment = bytes.starts_with(MAGIC);
        let end = bytes.len() as u64;
        let reader = Self { file: file.to_owned(), bytes, offset: MAGIC.len(), end, names: Names::default() };
        Ok(is_segment.then_some(reader))
    }

    /// Which file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Where in the file the next record begins.
    pub(super) fn position(&self) -> u64 {
        self.end - (self.bytes.len() - self.offset) as u64
    }

    /// The names up to here.
    pub(super) fn into_names(self) -> Names {
        self.names
    }

    /// The next record; None at the end of what was read.
    pub(super) fn next(&mut self) -> Result<Option<Read>, Damaged> {
        let Some((body, length)) = record::unframe(&self.bytes[self.offset..])? else { return Ok(None) };
        let record = record::decode(body, &mut self.names)?;
        self.offset += length;
        Ok(Some((record, length)))
    }

    /// Reads what was appended since. False: nothing was.
    pub(super) fn read_on(&mut self, disk: &dyn Disk) -> io::Result<bool> {
        let more = disk.read(&self.file, self.end, u64::MAX)?;
        self.bytes.drain(..self.offset);
        self.offset = 0;
        self.end += more.len() as u64;
        self.bytes.extend(&more);
        Ok(!more.is_empty())
    }
}
