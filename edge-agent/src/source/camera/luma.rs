//! Numbers of a picture's brightness that tell a living picture from a black or a frozen one. Pure.

use serde::{Deserialize, Serialize};

/// What one decoded key frame looked like. Levels run from 0 (black) to 255 (white).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Luma {
    /// Mean brightness.
    pub mean: f64,
    /// Standard deviation of the brightness: how much there is to see.
    pub deviation: f64,
    /// Mean change per pixel against the key frame before; None: there was none of this size.
    pub change: Option<f64>,
}

/// A picture's brightness, pixel by pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LumaPlane {
    width: usize,
    pixels: Vec<u8>,
}

impl LumaPlane {
    /// Copies the visible part of a plane whose rows lie `stride` bytes apart. What is missing at the end of `plane`
    /// is left out.
    pub fn copy(plane: &[u8], stride: usize, width: usize, height: usize) -> Self {
        let rows = plane.chunks(stride.max(1)).take(height);
        let pixels = rows.flat_map(|row| &row[..width.min(row.len())]).copied().collect();
        Self { width, pixels }
    }

    /// The picture's numbers, compared with the key frame before.
    pub fn judge(&self, before: Option<&LumaPlane>) -> Luma {
        let count = self.pixels.len().max(1);
        let (sum, squares) = self.pixels.iter().fold((0_u64, 0_u64), |(sum, squares), &level| {
            let level = u64::from(level);
            (sum + level, squares + level * level)
        });
        let mean = ratio(sum, count);
        let variance = (ratio(squares, count) - mean * mean).max(0.0);
        let change = before.filter(|before| before.width == self.width && before.pixels.len() == self.pixels.len());
        let change = change.map(|before| {
            let pairs = self.pixels.iter().zip(&before.pixels);
            ratio(pairs.map(|(&now, &then)| u64::from(now.abs_diff(then))).sum(), count)
        });
        Luma { mean, deviation: variance.sqrt(), change }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sums of a picture's pixels lie far below 2^53")]
fn ratio(sum: u64, count: usize) -> f64 {
    sum as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_not_part_of_the_picture() {
        let plane = LumaPlane::copy(&[10, 20, 99, 30, 40, 99], 3, 2, 2);
        assert_eq!(plane.judge(None), Luma { mean: 25.0, deviation: 125.0_f64.sqrt(), change: None });
    }

    #[test]
    fn change_is_per_pixel_and_only_between_pictures_of_one_size() {
        let before = LumaPlane::copy(&[10, 20, 30, 40], 2, 2, 2);
        let after = LumaPlane::copy(&[10, 20, 30, 42], 2, 2, 2);
        assert_eq!(after.judge(Some(&before)).change, Some(0.5));
        assert_eq!(after.judge(Some(&after)).change, Some(0.0));
        assert_eq!(after.judge(Some(&LumaPlane::copy(&[1, 2, 3, 4], 4, 4, 1))).change, None);
    }

    #[test]
    fn a_short_or_empty_plane_does_no_harm() {
        let even = |mean| Luma { mean, deviation: 0.0, change: None };
        assert_eq!(LumaPlane::copy(&[], 0, 4, 4).judge(None), even(0.0));
        assert_eq!(LumaPlane::copy(&[9, 9, 9], 2, 2, 2).judge(None), even(9.0));
    }
}
