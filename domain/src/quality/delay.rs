//! How long people took: the mean, and the median, which one forgotten night does not move.

/// A kind of delay over a time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Delay {
    /// How often somebody did it.
    pub count: u64,
    /// The mean in seconds; None: nobody did.
    pub mean_s: Option<f64>,
    /// The median in seconds; None: nobody did.
    pub median_s: Option<f64>,
}

/// Delays as they come in, four bytes each.
#[derive(Debug, Default)]
pub(super) struct Delays {
    /// In seconds, rounded down.
    seconds: Vec<u32>,
}

impl Delays {
    /// Adds one of so many milliseconds; a clock that was set back makes it 0.
    pub(super) fn add(&mut self, milliseconds: i64) {
        self.seconds.push(u32::try_from(milliseconds.max(0) / 1000).unwrap_or(u32::MAX));
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds and counts are far below 2^53")]
    pub(super) fn figures(mut self) -> Delay {
        let count = self.seconds.len();
        if count == 0 {
            return Delay::default();
        }
        let sum: u64 = self.seconds.iter().map(|&seconds| u64::from(seconds)).sum();
        let (below, middle, _) = self.seconds.select_nth_unstable(count / 2);
        let upper = f64::from(*middle);
        // Of an even number, the mean of the two in the middle.
        let lower = if count.is_multiple_of(2) { below.iter().max().map_or(upper, |&it| f64::from(it)) } else { upper };
        Delay {
            count: count as u64,
            mean_s: Some(sum as f64 / count as f64),
            median_s: Some(f64::midpoint(lower, upper)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_nothing_is_nothing() {
        let of = |seconds: &[i64]| {
            let mut delays = Delays::default();
            for second in seconds {
                delays.add(second * 1000);
            }
            let delay = delays.figures();
            (delay.count, delay.mean_s, delay.median_s)
        };
        assert_eq!(of(&[]), (0, None, None));
        assert_eq!(of(&[30, 10, 3600]), (3, Some(3640.0 / 3.0), Some(30.0)));
        assert_eq!(of(&[40, 10, 20, 30]), (4, Some(25.0), Some(25.0)));
        assert_eq!(of(&[-5]), (1, Some(0.0), Some(0.0)));
    }
}
