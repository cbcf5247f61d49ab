//! Known sequences and what they must come to.

use super::*;

const START: UnixMs = UnixMs(1_790_000_000_000);
const HOUR_MS: i64 = 3_600_000;

/// One alarm's step, so many seconds after the beginning.
fn step(alarm: i64, device: &str, what: What, state: AlarmState, at_s: i64) -> Step {
    Step {
        alarm: AlarmId(alarm),
        device: DeviceId::new(device).unwrap(),
        rule: RuleId::new("FR-01").unwrap(),
        township: TownshipCode::new(if device.starts_with('b') { "500156101" } else { "500156001" }).unwrap(),
        severity: Severity::III,
        what,
        state: Some(state),
        at: START.plus_ms(at_s * 1000),
        raised_at: START,
        by: (what == What::Acknowledged).then(|| "zhang".to_owned()),
    }
}

/// One office answers for township a.
fn offices() -> HashMap<TownshipCode, OfficeId> {
    [(TownshipCode::new("500156001").unwrap(), OfficeId::new("furong").unwrap())].into()
}

fn assess(hours: i64, steps: &[Step]) -> Quality {
    let mut assessment = Assessment::over(START..START.plus_ms(hours * HOUR_MS), offices());
    for step in steps {
        assessment.take(step);
    }
    assessment.finish([])
}

use AlarmState::{ActiveAcknowledged, ActiveUnacknowledged, Closed, ReturnedUnacknowledged, Shelved};
use What::{Acknowledged, Raised, Reoccurred, Returned};

#[test]
fn one_alarm_answered_and_over() {
    let quality = assess(
        1,
        &[
            step(1, "a", Raised, ActiveUnacknowledged, 0),
            step(1, "a", Acknowledged, ActiveAcknowledged, 90),
            step(1, "a", Returned, Closed, 600),
        ],
    );
    let whole = &quality.whole;
    assert_eq!((whole.call_count, whole.per_10_min_peak, whole.by_severity), (1, 1, [0, 0, 1, 0]));
    assert!((whole.per_10_min_mean - 1.0 / 6.0).abs() < 1e-9);
    assert_eq!(whole.acknowledge, Delay { count: 1, mean_s: Some(90.0), median_s: Some(90.0) });
    assert_eq!(whole.close.median_s, Some(600.0));
    assert_eq!(quality.slots, [1, 0, 0, 0, 0, 0]);
    assert!((quality.top_10_percent - 100.0).abs() < 1e-9, "the only source made all calls");
}

#[test]
fn a_flood_of_one_township_is_not_a_flood_of_the_other() {
    let flood = (0..12).map(|n| step(n, "a", Raised, ActiveUnacknowledged, 600 + n * 60));
    let quality = assess(1, &flood.chain([step(99, "b", Raised, ActiveUnacknowledged, 2_000)]).collect::<Vec<_>>());
    let percents: Vec<_> = quality.townships.iter().map(|(_, figures)| figures.flood_percent.round()).collect();
    assert_eq!(percents, [17.0, 0.0], "ten of the twelve fall in one slot of six");
    assert!((quality.whole.flood_percent - 100.0 / 6.0).abs() < 1e-9);
    assert_eq!(quality.whole.per_10_min_peak, 10);
}

#[test]
fn what_was_set_aside_called_nobody() {
    let quality = assess(
        1,
        &[
            step(1, "a", Raised, ActiveUnacknowledged, 0),
            step(1, "a", What::Shelved, Shelved, 10),
            step(1, "a", Returned, Shelved, 60),
            step(1, "a", Reoccurred, Shelved, 70),
        ],
    );
    assert_eq!(quality.whole.call_count, 1);
}

#[test]
fn chattering_and_fleeting_are_counted_by_source() {
    let mut steps = Vec::new();
    for round in 0..4 {
        let what = if round == 0 { Raised } else { Reoccurred };
        steps.push(step(1, "a", what, ActiveUnacknowledged, round * 20));
        steps.push(step(1, "a", Returned, ReturnedUnacknowledged, round * 20 + 9));
    }
    steps.push(step(2, "b", Raised, ActiveUnacknowledged, 200));
    steps.push(step(2, "b", Returned, ReturnedUnacknowledged, 210));
    let quality = assess(1, &steps);
    assert_eq!((quality.whole.chattering_count, quality.whole.fleeting_count), (1, 4), "ten seconds are not fleeting");
    let worst = &quality.bad_actors[0];
    assert_eq!((worst.device.as_str(), worst.call_count, worst.chatter_count), ("a", 4, 1));
    assert!((worst.share_percent - 80.0).abs() < 1e-9);
    assert_eq!(quality.devices[0].0.as_str(), "a", "the loudest first");
}

#[test]
fn an_alarm_from_before_the_time_is_answered_in_it() {
    let quality =
        assess(1, &[Step { raised_at: START.plus_ms(-30_000), ..step(1, "a", Acknowledged, ActiveAcknowledged, 30) }]);
    assert_eq!((quality.whole.call_count, quality.whole.acknowledge.median_s), (0, Some(60.0)));
}

#[test]
fn what_lies_outside_the_time_does_not_count() {
    let steps = [step(1, "a", Raised, ActiveUnacknowledged, -1), step(2, "a", Raised, ActiveUnacknowledged, 3600)];
    assert_eq!(assess(1, &steps).whole, Figures::default());
}

#[test]
fn what_stands_at_the_end_is_told_apart() {
    let standing = |state, hours| Standing {
        device: DeviceId::new("a").unwrap(),
        township: TownshipCode::new("500156001").unwrap(),
        state,
        active_since: START.plus_ms(HOUR_MS - hours * HOUR_MS),
    };
    let quality = Assessment::over(START..START.plus_ms(HOUR_MS), offices()).finish([
        standing(ActiveAcknowledged, 25),
        standing(ActiveUnacknowledged, 24),
        standing(ReturnedUnacknowledged, 99),
        standing(Shelved, 99),
        standing(AlarmState::OutOfService, 99),
    ]);
    let whole = quality.whole;
    assert_eq!((whole.standing_count, whole.stale_count, whole.shelved_count), (3, 1, 1));
    assert_eq!(quality.townships[0].1.standing_count, 3);
}

#[test]
fn a_person_has_answers_and_ends_and_an_office_has_its_townships() {
    let quality = assess(
        1,
        &[
            step(1, "a", Raised, ActiveUnacknowledged, 0),
            step(2, "b", Raised, ActiveUnacknowledged, 10),
            step(1, "a", Acknowledged, ActiveAcknowledged, 90),
            step(1, "a", Returned, Closed, 600),
            step(2, "b", Returned, ReturnedUnacknowledged, 100),
            step(2, "b", Acknowledged, Closed, 130),
        ],
    );
    let [zhang] = &quality.operators[..] else { panic!("one person: {:?}", quality.operators) };
    assert_eq!((zhang.name.as_str(), zhang.acknowledge.count, zhang.acknowledge.mean_s), ("zhang", 2, Some(105.0)));
    assert_eq!((zhang.close.count, zhang.close.median_s), (1, Some(130.0)), "the other came to its end by itself");
    let [(office, figures)] = &quality.offices[..] else { panic!("one office: {:?}", quality.offices) };
    assert_eq!((office.as_str(), figures.call_count), ("furong", 1), "the other township has no office");
    assert_eq!(figures.measured(Measure::Per10MinPeak), Some(1.0));
    assert_eq!(figures.measured(Measure::Top10Percent), None, "of the whole alone");
}
