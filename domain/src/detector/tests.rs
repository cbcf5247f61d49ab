//! What must hold for every series, and what a person would expect of some.

use proptest::prelude::*;

use super::*;

const FIVE_MINUTES_MS: i64 = 300_000;

fn judge_all(detector: &mut Detector, values: &[f64]) -> Vec<Option<Finding>> {
    (0_i64..).zip(values).map(|(row, &value)| detector.judge(UnixMs(row * FIVE_MINUTES_MS), value)).collect()
}

fn score(findings: &[Option<Finding>], row: usize) -> f64 {
    findings[row].map_or(0.0, |finding| finding.score)
}

/// A day's wave with a deterministic roughness, `rows` readings five minutes apart.
fn wave(rows: u32) -> Vec<f64> {
    (0..rows)
        .map(|row| {
            let roughness = f64::from(row.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
            4.0 + 2.0 * (f64::from(row) * std::f64::consts::TAU / 288.0).sin() + 0.3 * roughness
        })
        .collect()
}

#[test]
fn a_state_fits_in_four_kibibytes() {
    assert!(size_of::<Detector>() <= 4096, "{} bytes", size_of::<Detector>());
}

#[test]
fn a_spike_is_the_strangest_reading_and_the_wave_is_hardly_ever_an_alert() {
    let mut values = wave(3000);
    values[2500] = 15.0;

    let findings = judge_all(&mut Detector::default(), &values);
    let strangest = (1000..3000).max_by(|&a, &b| score(&findings, a).total_cmp(&score(&findings, b)));
    let false_alerts = (1000..2500).filter(|&row| score(&findings, row) >= ALERT_SCORE).count();

    assert_eq!(strangest, Some(2500));
    assert!(score(&findings, 2500) >= ALERT_SCORE);
    assert!(false_alerts <= 2, "{false_alerts}");
    let finding = findings[2500].unwrap();
    assert!((finding.value - finding.expected) > 5.0, "{finding:?}");
    assert_eq!(finding.reason, Reason::Record);
}

#[test]
fn an_ordinary_value_at_the_wrong_hour_is_an_alert() {
    let mut values = wave(4000);
    // The wave's own valley, where its peak should be.
    for row in 3670..3690 {
        values[row] = values[row - 144];
    }

    let findings = judge_all(&mut Detector::default(), &values);

    let found = (3670..3690).find(|&row| score(&findings, row) >= ALERT_SCORE);
    assert!(found.is_some());
}

#[test]
fn what_comes_every_night_is_less_strange_than_the_same_at_noon() {
    const READINGS_A_DAY: usize = 288;
    let mut values = wave(10 * 288);
    (0..9).for_each(|day| values[day * READINGS_A_DAY + 40] += 6.0);
    let peak_after = |reading: usize| {
        let mut values = values.clone();
        values[9 * READINGS_A_DAY + reading] += 6.0;
        let findings = judge_all(&mut Detector::default(), &values);
        score(&findings, 9 * READINGS_A_DAY + reading)
    };

    let [at_night, at_noon] = [40, 150].map(peak_after);

    assert!(at_night < at_noon, "{at_night} {at_noon}");
    assert!(at_noon >= ALERT_SCORE, "{at_noon}");
}

#[test]
fn a_value_that_is_no_number_is_not_judged_and_teaches_nothing() {
    let mut detector = Detector::default();
    judge_all(&mut detector, &wave(500));
    let before = detector.clone();

    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(detector.judge(UnixMs(0), value), None);
    }
    assert_eq!(detector, before);
}

#[test]
fn a_constant_series_gives_no_alert() {
    let findings = judge_all(&mut Detector::default(), &vec![21.5; 5000]);

    assert!(findings.iter().flatten().all(|finding| finding.score < ALERT_SCORE));
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -100.0..100.0, 1 => any::<f64>(), 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn never_panics_and_never_says_what_is_not_a_number(
        readings in proptest::collection::vec((any::<i64>(), any_value()), 0..400),
    ) {
        let mut detector = Detector::default();
        for (at, value) in readings {
            if let Some(finding) = detector.judge(UnixMs(at), value) {
                prop_assert!((0.0..=1.0).contains(&finding.score));
                prop_assert!(finding.expected.is_finite(), "{finding:?}");
                prop_assert!(finding.scale.is_finite() && finding.scale >= 0.0, "{finding:?}");
            } else {
                prop_assert!(!value.is_finite());
            }
        }
    }

    #[test]
    fn is_blind_to_the_unit(steps in proptest::collection::vec(-1000_i32..1000, 1..400), exponent in -20_i32..20, shift in -1000_i32..1000) {
        // Powers of two and whole numbers: exact in floating point, so the scores must be too.
        let plain: Vec<f64> = steps.iter().map(|&step| f64::from(step)).collect();
        let other: Vec<f64> = plain.iter().map(|step| (step + f64::from(shift)) * f64::from(exponent).exp2()).collect();
        let score = |values: &[f64]| -> Vec<f64> {
            judge_all(&mut Detector::default(), values).into_iter().flatten().map(|finding| finding.score).collect()
        };

        prop_assert_eq!(score(&plain), score(&other));
    }
}
