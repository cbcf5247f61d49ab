//! Makes a camera's timestamps fit for a player: they rise, they do not leap, and there is always one. Pure.
//!
//! Cameras send their first pictures without a time, jump when their clock is set, wrap around and repeat themselves.

/// A step beyond this is no time between two pictures but a clock that was set: 10 s in ticks.
const LARGEST_STEP: i64 = 10 * TICKS_PER_SECOND;
/// The longest time a picture is shown before it is decoded in another order, in ticks: one second.
const LARGEST_REORDERING: i64 = TICKS_PER_SECOND;
/// All times here are in the 90 kHz ticks of RTP video.
pub(super) const TICKS_PER_SECOND: i64 = 90_000;

/// When a picture is to be decoded and shown, in ticks since the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) decode: i64,
    pub(super) show: i64,
}

/// The times of one stream so far.
#[derive(Debug, Default)]
pub(super) struct Timing {
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    /// The camera's own decoding time, if it gave one.
    stamp: Option<i64>,
    arrived: i64,
    decode: i64,
}

impl Timing {
    /// The times of the next picture from what the camera said (`show`, `decode`) and when it arrived, all in ticks.
    pub(super) fn next(&mut self, show: Option<i64>, decode: Option<i64>, arrived: i64) -> Times {
        let stamp = decode.or(show);
        let decode_out = match &self.last {
            None => 0,
            Some(last) => {
                let by_camera = match (stamp, last.stamp) {
                    (Some(now), Some(before)) => Some(now.saturating_sub(before)),
                    _ => None,
                };
                let by_arrival = arrived.saturating_sub(last.arrived).clamp(1, LARGEST_STEP);
                let step = by_camera.filter(|step| (1..=LARGEST_STEP).contains(step)).unwrap_or(by_arrival);
                last.decode + step
            }
        };
        let reordering = match (show, decode) {
            (Some(show), Some(decode)) => show.saturating_sub(decode),
            _ => 0,
        };
        self.last = Some(Last { stamp, arrived, decode: decode_out });
        let reordering = if (0..=LARGEST_REORDERING).contains(&reordering) { reordering } else { 0 };
        Times { decode: decode_out, show: decode_out + reordering }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode_times(pictures: &[(Option<i64>, Option<i64>, i64)]) -> Vec<i64> {
        let mut timing = Timing::default();
        pictures.iter().map(|&(show, decode, arrived)| timing.next(show, decode, arrived).decode).collect()
    }

    #[test]
    fn the_camera_is_believed_while_it_makes_sense() {
        let steady: Vec<_> = (0..4).map(|n| (Some(500 + n * 6000), Some(500 + n * 6000), n * 6100)).collect();
        assert_eq!(decode_times(&steady), [0, 6000, 12000, 18000]);
    }

    #[test]
    fn arrival_steps_in_where_the_camera_gives_none_or_leaps() {
        let pictures = [
            (None, None, 0), // before the first RTCP report
            (None, None, 6000),
            (Some(1 << 40), None, 12_100), // now it has a time: no step is known yet
            ((Some((1 << 40) + 6000)), None, 18_000), // this step is the camera's own
            (Some(77), None, 24_500),      // its clock was set back
            (Some(77), None, 24_500),      // the same again: at least one tick
        ];
        assert_eq!(decode_times(&pictures), [0, 6000, 12_100, 18_100, 24_600, 24_601]);
    }

    #[test]
    fn pictures_in_another_order_keep_it() {
        let mut timing = Timing::default();
        assert_eq!(timing.next(Some(106_000), Some(100_000), 0), Times { decode: 0, show: 6000 });
        assert_eq!(timing.next(Some(118_000), Some(106_000), 0), Times { decode: 6000, show: 18_000 });
        assert_eq!(timing.next(Some(0), Some(112_000), 0), Times { decode: 12_000, show: 12_000 });
    }

    proptest! {
        #[test]
        fn times_always_rise_and_nothing_overflows(
            pictures in prop::collection::vec((any::<Option<i64>>(), any::<Option<i64>>(), any::<i64>()), 1..50),
        ) {
            let mut timing = Timing::default();
            let mut before = -1;
            for (show, decode, arrived) in pictures {
                let times = timing.next(show, decode, arrived);
                prop_assert!(times.decode > before && times.show >= times.decode);
                before = times.decode;
            }
        }
    }
}
