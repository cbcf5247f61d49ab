//! Reads from an initialisation segment what a player must be told before it gets it: codec and size. Pure.

use protocol::video::PictureSize;

/// Length of a box's own length and name, in bytes.
const BOX_HEADER_BYTES: usize = 8;
/// Boxes from the file down to the sample description.
const PATH_TO_DESCRIPTION: [[u8; 4]; 6] = [*b"moov", *b"trak", *b"mdia", *b"minf", *b"stbl", *b"stsd"];
/// Version, flags and entry count before the first sample description.
const DESCRIPTION_PREAMBLE_BYTES: usize = 8;
/// Fixed fields of a visual sample entry before its own boxes (ISO/IEC 14496-12, 12.1.3).
const VISUAL_ENTRY_BYTES: usize = 78;

/// What a player is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    /// For Media Source Extensions.
    pub(super) mime: String,
    /// Of the picture.
    pub(super) size: PictureSize,
}

/// Finds the H.264 description; None: there is none, or it is cut short.
pub(super) fn describe(init_segment: &[u8]) -> Option<Description> {
    let mut content = init_segment;
    for name in PATH_TO_DESCRIPTION {
        content = find(content, name)?;
    }
    let entry = find(content.get(DESCRIPTION_PREAMBLE_BYTES..)?, *b"avc1")?;
    let number = |at: usize| Some(u32::from(u16::from_be_bytes([*entry.get(at)?, *entry.get(at + 1)?])));
    let size = PictureSize { width: number(24)?, height: number(26)? };
    // Profile, compatibility and level follow the version byte (ISO/IEC 14496-15, 5.3.3.1).
    let [_, profile, compatibility, level] = *find(entry.get(VISUAL_ENTRY_BYTES..)?, *b"avcC")?.first_chunk()?;
    let mime = format!("video/mp4; codecs=\"avc1.{profile:02x}{compatibility:02x}{level:02x}\"");
    Some(Description { mime, size })
}

/// The content of the first box of that name.
fn find(mut boxes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    loop {
        let length = usize::try_from(u32::from_be_bytes(*boxes.first_chunk()?)).ok()?;
        let this = boxes.get(..length).filter(|this| this.len() >= BOX_HEADER_BYTES)?;
        if this[4..BOX_HEADER_BYTES] == name {
            return Some(&this[BOX_HEADER_BYTES..]);
        }
        boxes = &boxes[length..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrap(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(BOX_HEADER_BYTES + content.len()).unwrap();
        [&length.to_be_bytes()[..], &name, content].concat()
    }

    fn segment() -> Vec<u8> {
        let mut entry = vec![0; VISUAL_ENTRY_BYTES];
        entry[24..28].copy_from_slice(&[5, 0, 2, 0xd0]);
        entry.extend(wrap(*b"avcC", &[1, 0x4d, 0x40, 0x1f, 0xff]));
        let mut content = [vec![0; DESCRIPTION_PREAMBLE_BYTES], wrap(*b"avc1", &entry)].concat();
        for name in PATH_TO_DESCRIPTION.iter().rev() {
            content = [wrap(*b"free", b"padding"), wrap(*name, &content)].concat();
        }
        content
    }

    #[test]
    fn codec_and_size_are_found_behind_other_boxes() {
        let mime = "video/mp4; codecs=\"avc1.4d401f\"".to_owned();
        let size = PictureSize { width: 1280, height: 720 };
        assert_eq!(describe(&segment()), Some(Description { mime, size }));
    }

    #[test]
    fn a_segment_cut_short_anywhere_has_no_description() {
        let whole = segment();
        for length in 0..whole.len() {
            assert_eq!(describe(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(at in 0..200_usize, byte: u8) {
            let mut bytes = segment();
            let length = bytes.len();
            bytes[at % length] = byte;
            let _ = describe(&bytes);
        }
    }
}
