//! The evidence of all views as one.
//!
//! No single way of combining is best against every alternative: a plain mean is strong when many views see a little,
//! and misses what only a few see (Birnbaum, "Combining independent tests of significance", 1954). The quadratic mean leans to
//! those few. Both are ranked among their own history, and the two ranks are averaged: the views need not be independent.

use serde::{Deserialize, Serialize};

use super::parameters::TOGETHER_EXCESS;
use super::rarity::Rarity;
use super::views::VIEWS;

/// Both means' histories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Together {
    plain: Rarity,
    quadratic: Rarity,
}

impl Together {
    /// How rare the views' evidence is taken together, in powers of ten. Evidence below 0 is none.
    pub(super) fn judge(&mut self, evidence: [f64; VIEWS as usize]) -> f64 {
        let mean = |of: fn(f64) -> f64| evidence.iter().map(|&it| of(it.max(0.0))).sum::<f64>() / f64::from(VIEWS);
        let plain = self.plain.judge(mean(|it| it), TOGETHER_EXCESS);
        let quadratic = self.quadratic.judge(mean(|it| it * it).sqrt(), TOGETHER_EXCESS);
        f64::midpoint(plain, quadratic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evidence of all views but the last, and of the last.
    fn views(others: f64, last: f64) -> [f64; VIEWS as usize] {
        let mut evidence = [others; VIEWS as usize];
        evidence[VIEWS as usize - 1] = last;
        evidence
    }

    fn after_a_thousand() -> Together {
        let mut together = Together::default();
        (0..1000).map(|row| f64::from(row % 7) / 10.0).for_each(|evidence| {
            together.judge(views(evidence, 0.3));
        });
        together
    }

    #[test]
    fn what_all_views_find_strange_is_rare_and_so_is_what_one_finds_very_strange() {
        let usual = after_a_thousand().judge(views(0.3, 0.3));

        let all = after_a_thousand().judge(views(1.5, 1.5));
        let one = after_a_thousand().judge(views(0.3, 6.0));

        assert!(all > usual + 2.0 && one > usual + 2.0, "{usual} {all} {one}");
    }

    #[test]
    fn a_view_that_finds_nothing_takes_nothing_from_the_others() {
        let [none, less] = [0.0, -1.0].map(|last| after_a_thousand().judge(views(2.0, last)));

        assert_eq!(none.to_bits(), less.to_bits());
    }
}
