//! Numbers and texts as few bytes, and a checked way back.

use super::CodecError;

/// Bytes of the CRC-32 at the end of a frame.
const CHECKSUM_BYTES: usize = 4;

/// Seven bits a byte, low ones first; the top bit says that more follow.
pub(in crate::store) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// A signed number so that small ones of either sign are short.
pub(in crate::store) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_varint(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// A length and that many bytes.
pub(in crate::store) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends the checksum of everything written so far.
pub(in crate::store) fn seal(mut frame: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&frame);
    frame.extend_from_slice(&checksum.to_le_bytes());
    frame
}

/// Takes the checksum off, if it is right.
pub(in crate::store) fn unseal(frame: &[u8]) -> Result<&[u8], CodecError> {
    let (body, checksum) = frame.split_last_chunk::<CHECKSUM_BYTES>().ok_or(CodecError::Truncated)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(CodecError::Checksum);
    }
    Ok(body)
}

/// Bytes read from the front.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub(in crate::store) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// One byte.
    pub(in crate::store) fn byte(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.rest.split_first().ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// `N` bytes.
    pub(in crate::store) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// `length` bytes.
    pub(in crate::store) fn slice(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (first, rest) = self.rest.split_at_checked(length).ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// What [`put_varint`] wrote.
    pub(in crate::store) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(CodecError::Meaningless("number"));
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(CodecError::Meaningless("number"))
    }

    /// What [`put_signed`] wrote.
    pub(in crate::store) fn signed(&mut self) -> Result<i64, CodecError> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A length that fits into memory.
    pub(in crate::store) fn length(&mut self) -> Result<usize, CodecError> {
        usize::try_from(self.varint()?).map_err(|_| CodecError::Truncated)
    }

    /// What [`put_text`] wrote.
    pub(in crate::store) fn text(&mut self) -> Result<&'a str, CodecError> {
        let length = self.length()?;
        str::from_utf8(self.slice(length)?).map_err(|_| CodecError::Meaningless("text"))
    }

    /// Whether everything was read.
    pub(in crate::store) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Checks that everything was read.
    pub(in crate::store) fn finish(self) -> Result<(), CodecError> {
        if self.is_empty() { Ok(()) } else { Err(CodecError::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_and_texts_come_back(unsigned: u64, signed: i64, text in ".{0,20}") {
            let mut out = Vec::new();
            put_varint(&mut out, unsigned);
            put_signed(&mut out, signed);
            put_text(&mut out, &text);
            let frame = seal(out);
            let mut reader = Reader::new(unseal(&frame).unwrap());
            prop_assert_eq!(reader.varint().unwrap(), unsigned);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            prop_assert_eq!(reader.text().unwrap(), text);
            reader.finish().unwrap();
        }

        #[test]
        fn a_changed_byte_is_noticed(body in proptest::collection::vec(any::<u8>(), 0..60), at: usize, flip in 1_u8..) {
            let mut frame = seal(body);
            let at = at % frame.len();
            frame[at] ^= flip;
            prop_assert_eq!(unseal(&frame), Err(CodecError::Checksum));
        }
    }

    #[test]
    fn an_overlong_number_is_refused() {
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(CodecError::Meaningless("number")));
        assert_eq!(Reader::new(&[0x80]).varint(), Err(CodecError::Truncated));
    }
}
