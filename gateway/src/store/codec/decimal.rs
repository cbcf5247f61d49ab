//! Floats that are decimals: exactly a whole number divided by a power of ten, as sensors report them.

use super::{CodecError, bytes::Reader};

const SCALES: [f64; 7] = [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0];

/// How many digits after the point, up to six.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store) struct Decimals(u8);

impl Decimals {
    /// All, fewest digits first.
    fn all() -> impl Iterator<Item = Self> {
        (0_u8..).zip(SCALES).map(|(count, _)| Self(count))
    }

    /// The number of digits.
    pub(in crate::store) const fn count(self) -> u8 {
        self.0
    }

    /// What [`Decimals::count`] wrote.
    pub(in crate::store) fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = reader.byte()?;
        if usize::from(count) < SCALES.len() { Ok(Self(count)) } else { Err(CodecError::Meaningless("decimals")) }
    }

    /// The whole number that stands for `quantity`; None: none does, to the bit.
    pub(in crate::store) fn scaled(self, quantity: f64) -> Option<i64> {
        let product = quantity * self.scale();
        // Rounded; what is not a number or out of range is found out by the way back.
        #[expect(clippy::cast_possible_truncation, reason = "checked by the way back")]
        let scaled = (product + 0.5_f64.copysign(product)) as i64;
        (self.quantity(scaled).to_bits() == quantity.to_bits()).then_some(scaled)
    }

    /// The float that `scaled` stands for.
    #[expect(clippy::cast_precision_loss, reason = "`scaled` takes only what comes back to the bit")]
    pub(in crate::store) fn quantity(self, scaled: i64) -> f64 {
        scaled as f64 / self.scale()
    }

    fn scale(self) -> f64 {
        SCALES[usize::from(self.0)]
    }
}

/// With which digits `quantity` is a decimal: with `usual`, else with the fewest that do.
pub(in crate::store) fn find(quantity: f64, usual: Decimals) -> Option<(Decimals, i64)> {
    std::iter::once(usual).chain(Decimals::all()).find_map(|decimals| Some((decimals, decimals.scaled(quantity)?)))
}

/// The fewest digits with which all are decimals, and the whole numbers; None: some are not.
pub(in crate::store) fn find_all(quantities: &[f64]) -> Option<(Decimals, Vec<i64>)> {
    let mut decimals = Decimals::default();
    for &quantity in quantities {
        if decimals.scaled(quantity).is_none() {
            decimals = Decimals::all().find(|more| more.0 > decimals.0 && more.scaled(quantity).is_some())?;
        }
    }
    let scaled = quantities.iter().map(|&quantity| decimals.scaled(quantity)).collect::<Option<_>>()?;
    Some((decimals, scaled))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_a_decimal_comes_back_to_the_bit(quantity: f64, whole in -1_000_000_i64..1_000_000, count in 0_u8..7) {
            let exact = Decimals(count).quantity(whole);
            for quantity in [quantity, exact, -exact] {
                if let Some((decimals, scaled)) = find(quantity, Decimals(2)) {
                    prop_assert_eq!(decimals.quantity(scaled).to_bits(), quantity.to_bits());
                }
            }
            prop_assert!(find(exact, Decimals(0)).is_some());
        }
    }

    #[test]
    fn what_has_no_whole_number_is_no_decimal() {
        for quantity in [f64::NAN, f64::INFINITY, -0.0, 1e300, 1.0 / 3.0, f64::MIN_POSITIVE] {
            assert_eq!(find(quantity, Decimals(1)), None, "{quantity}");
        }
    }

    #[test]
    fn readings_of_one_sensor_share_their_digits() {
        let found = find_all(&[4.0, 3.95, 4.1]);
        assert_eq!(found, Some((Decimals(2), vec![400, 395, 410])));
        assert_eq!(find_all(&[4.0, -0.0]), None);
    }
}
