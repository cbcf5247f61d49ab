//! As little of H.264 as is needed to notice that a camera changed its format in the middle of a stream. Pure.

/// Type of a sequence parameter set (ITU-T H.264, table 7-1).
const SEQUENCE_PARAMETER_SET: u8 = 7;

/// The sequence parameter set that a picture in byte stream format (ITU-T H.264, annex B) begins with; None: it carries
/// none.
pub(super) fn sequence_parameter_set(picture: &[u8]) -> Option<&[u8]> {
    // The slices come after the parameter sets and are long: no need to search them.
    let is_slice = |unit: &&[u8]| matches!(unit_type(unit), Some(1..=5));
    let set = units(picture)
        .take_while(|unit| !is_slice(unit))
        .find(|unit| unit_type(unit) == Some(SEQUENCE_PARAMETER_SET))?;
    // Zeros behind a unit belong to the next start code.
    set.iter().rposition(|&byte| byte != 0).map(|last| &set[..=last])
}

fn unit_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|header| header & 0x1f)
}

/// The units between start codes (00 00 01).
fn units(picture: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(picture);
    std::iter::from_fn(move || {
        let unit = rest?;
        rest = after_start_code(unit);
        let end = rest.map_or(unit.len(), |next| unit.len() - next.len() - 3);
        Some(&unit[..end])
    })
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    let at = bytes.windows(3).position(|window| window == [0, 0, 1])?;
    Some(&bytes[at + 3..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_parameter_set_is_found_before_the_slices() {
        let picture = [
            &[0, 0, 0, 1, 9, 0x10][..],
            &[0, 0, 0, 1, 0x67, 0x4d, 0x40],
            &[0, 0, 1, 0x68, 0xee],
            &[0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x67, 0xff],
        ]
        .concat();
        assert_eq!(sequence_parameter_set(&picture), Some(&[0x67, 0x4d, 0x40][..]));
        assert_eq!(sequence_parameter_set(&[0, 0, 1, 0x41, 0x9a, 0, 0, 1, 0x67, 0xff]), None);
        assert_eq!(sequence_parameter_set(&[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(0..3_u8, 0..60)) {
            let _ = sequence_parameter_set(&bytes);
        }
    }
}
