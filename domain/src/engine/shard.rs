//! The engine's memory in portions: a device, its links, its series and its rules stand in one shard, so that each shard
//! can be kept, and be taken up again, for itself.

use super::plan::{SeriesAt, SlotAt};
use crate::id::DeviceId;

/// How many portions. With 100 000 series one is some 400 of them: a write of milliseconds, whatever they remember.
pub const SHARDS: usize = 256;

/// A portion's number.
pub type ShardAt = u8;

/// What stands in one portion.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard {
    pub(super) series: Vec<SeriesAt>,
    pub(super) slots: Vec<SlotAt>,
}

/// The portion of a device. It is on disk, so it must never change: FNV-1a, folded to eight bits.
pub(super) fn shard_of(device: &DeviceId) -> ShardAt {
    let hash =
        device.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    a ^ b ^ c ^ d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portion_of_a_device_never_changes() {
        let of = |id: &str| shard_of(&DeviceId::new(id).unwrap());
        assert_eq!([of("fs-school-cold-1"), of("a"), of("lift-17")], [248, 237, 93]);
    }

    #[test]
    fn many_devices_stand_in_all_portions_evenly() {
        let mut counts = [0_u32; SHARDS];
        for number in 0..25_600 {
            counts[usize::from(shard_of(&DeviceId::new(format!("device-{number}")).unwrap()))] += 1;
        }
        assert!(counts.iter().all(|count| (30..300).contains(count)), "{counts:?}");
    }
}
