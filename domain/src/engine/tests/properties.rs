//! What holds for every sequence of inputs.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happening {
    Read { series: u32, tenths: i32, age_ms: i64, quality: Quality },
    Link { device: &'static str, is_online: bool },
    Act { kind: u8, alarm: i64, for_ms: i64 },
    Wait { milliseconds: u64 },
}

fn happening() -> impl Strategy<Value = Happening> {
    let quality = prop_oneof![
        8 => Just(Quality::Good),
        1 => Just(Quality::Bad),
        1 => Just(Quality::Implausible),
        1 => Just(Quality::ClockSuspect),
    ];
    let age_ms = prop_oneof![4 => Just(0i64), 1 => 0..20_000i64, 1 => -200_000..0i64];
    let device = prop_oneof![Just("fridge-1"), Just("lift-1"), Just("node-1"), Just("stranger-1")];
    prop_oneof![
        6 => (series(), -20..120i32, age_ms, quality)
            .prop_map(|(series, tenths, age_ms, quality)| Happening::Read { series, tenths, age_ms, quality }),
        2 => (device, any::<bool>()).prop_map(|(device, is_online)| Happening::Link { device, is_online }),
        2 => (0..6u8, 1..6i64, 1..200_000i64).prop_map(|(kind, alarm, for_ms)| Happening::Act { kind, alarm, for_ms }),
        3 => (0..100_000u64).prop_map(|milliseconds| Happening::Wait { milliseconds }),
    ]
}

/// A series of the fridge, the lift, the boiler or the cellar, or one that nobody knows.
fn series() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 1..=9u32, 6 => 11..=16u32]
}

fn story() -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec(happening(), 0..60)
}

fn value_of(series: u32, tenths: i32) -> Value {
    recovery::value_of(SeriesId(series), tenths)
}

/// What somebody does, whether or not it fits.
fn deed(bench: &Bench, kind: u8, alarm: i64, for_ms: i64) -> Deed {
    let (device, until) = (DeviceId::new("lift-1").unwrap(), bench.now.wall.plus_ms(for_ms));
    let alarm = AlarmId(alarm);
    match kind {
        0 => Deed::Acknowledge(alarm),
        1 => Deed::Reset(alarm),
        2 => Deed::Shelve { alarm, until },
        3 => Deed::Unshelve(alarm),
        4 => Deed::TakeOutOfService { device, rule: None, until },
        _ => Deed::ReturnToService { device, rule: None },
    }
}

/// Plays a story one happening at a time, the wall clock jumping by `jump_ms` before every wait.
fn play(story: &[Happening], jump_ms: i64) -> Vec<Transition> {
    let mut bench = Bench::new();
    // The edges' clock, which no jump of the gateway's touches.
    let edge_wall = |bench: &Bench| WALL_AT_START + i64::try_from(bench.now.mono.0).unwrap();
    let mut transitions = Vec::new();
    for happening in story {
        match happening {
            Happening::Read { series, tenths, age_ms, quality } => {
                let reading = Reading {
                    series: SeriesId(*series),
                    event_time: UnixMs(edge_wall(&bench) - age_ms),
                    value: Some(value_of(*series, *tenths)),
                    quality: *quality,
                };
                transitions.extend(bench.evaluate(&Input { readings: &[reading], ..Input::default() }).0);
            }
            Happening::Link { device, is_online } => {
                let change = bench.link(device, if *is_online { Link::Online } else { Link::Offline });
                transitions.extend(bench.evaluate(&Input { links: &[change], ..Input::default() }).0);
            }
            Happening::Act { kind, alarm, for_ms } => {
                let (deed, by) = (deed(&bench, *kind, *alarm, *for_ms), UserName::new("officer").unwrap());
                let actions = [Action { deed, by, note: String::new() }];
                transitions.extend(bench.evaluate(&Input { actions: &actions, ..Input::default() }).0);
            }
            Happening::Wait { milliseconds } => {
                bench.now.wall = bench.now.wall.plus_ms(jump_ms);
                let end = bench.now.mono.plus_ms(*milliseconds);
                while let Some(due) = bench.engine.next_due().filter(|&due| due <= end) {
                    bench.move_to(due);
                    transitions.extend(bench.evaluate(&Input::default()).0);
                }
                bench.move_to(end);
            }
        }
        check_open_alarms(&bench, &transitions);
    }
    transitions
}

/// At most one open alarm for a device and rule, and the open ones are what the transitions say.
fn check_open_alarms(bench: &Bench, transitions: &[Transition]) {
    let mut expected: BTreeMap<AlarmId, AlarmState> = BTreeMap::new();
    for transition in transitions {
        expected.insert(transition.alarm, transition.state);
    }
    expected.retain(|_, state| state.is_open());
    let open: BTreeMap<AlarmId, AlarmState> = bench.engine.open_alarms().map(|alarm| (alarm.id, alarm.state)).collect();
    assert_eq!(open, expected);
    let places: BTreeSet<_> = bench.engine.open_alarms().map(|alarm| (&alarm.device, &alarm.rule)).collect();
    assert_eq!(places.len(), open.len(), "at most one open alarm for a device and rule");
}

fn without_wall(transitions: &[Transition]) -> Vec<(AlarmId, String, AlarmState)> {
    transitions.iter().map(|transition| (transition.alarm, told(transition), transition.state)).collect()
}

proptest! {
    #[test]
    fn the_same_story_gives_the_same_transitions(story in story()) {
        prop_assert_eq!(play(&story, 0), play(&story, 0));
    }

    #[test]
    fn wall_clock_jumps_change_nothing(story in story(), jump_ms in -100_000_000..100_000_000i64) {
        prop_assert_eq!(without_wall(&play(&story, jump_ms)), without_wall(&play(&story, 0)));
    }

    #[test]
    fn every_alarm_lives_by_the_machine_and_never_changes_after_it_closed(story in story()) {
        let mut states: BTreeMap<AlarmId, AlarmState> = BTreeMap::new();
        for transition in play(&story, 0) {
            match (states.get(&transition.alarm), transition.what) {
                (None, What::Raised) => prop_assert!(matches!(
                    transition.state,
                    AlarmState::ActiveUnacknowledged | AlarmState::Suppressed | AlarmState::OutOfService
                )),
                (Some(state), what) => {
                    prop_assert!(state.is_open());
                    prop_assert!(what != What::Raised);
                    prop_assert!(what != What::Acknowledged || transition.by.is_some());
                }
                (None, what) => prop_assert!(false, "{what:?} of an alarm that was never raised"),
            }
            prop_assert_eq!(transition.state.is_set_aside(), transition.set_aside.is_some());
            prop_assert!(transition.state != AlarmState::Shelved || transition.severity != Severity::I);
            states.insert(transition.alarm, transition.state);
        }
        let numbers: Vec<i64> = states.keys().map(|alarm| alarm.0).collect();
        let expected: Vec<i64> = (1..=i64::try_from(numbers.len()).unwrap()).collect();
        prop_assert_eq!(numbers, expected, "alarms are numbered without holes");
    }

    #[test]
    fn splitting_a_batch_changes_nothing(
        before in story(),
        readings in prop::collection::vec((series(), -20..120i32, 0..20_000i64), 0..40),
        cuts in prop::collection::btree_set(0..40usize, 0..6),
    ) {
        let readings = |bench: &Bench| -> Vec<Reading> {
            let reading = |&(series, tenths, age_ms): &(u32, i32, i64)| Reading {
                series: SeriesId(series),
                event_time: bench.now.wall.plus_ms(-age_ms),
                value: Some(value_of(series, tenths)),
                quality: Quality::Good,
            };
            readings.iter().map(reading).collect()
        };
        let whole = {
            let mut bench = replay(&before);
            let readings = readings(&bench);
            let mut transitions = bench.evaluate(&Input { readings: &readings, ..Input::default() }).0;
            transitions.extend(aftermath(&mut bench));
            transitions
        };
        let split = {
            let mut bench = replay(&before);
            let readings = readings(&bench);
            let mut transitions = Vec::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([readings.len()]).map(|cut| cut.min(readings.len())) {
                transitions.extend(
                    bench.evaluate(&Input { readings: &readings[start..cut], ..Input::default() }).0,
                );
                start = cut;
            }
            transitions.extend(aftermath(&mut bench));
            transitions
        };
        prop_assert_eq!(whole, split);
    }
}

/// An engine after a story.
fn replay(story: &[Happening]) -> Bench {
    let mut bench = Bench::new();
    for happening in story {
        match happening {
            Happening::Read { series, tenths, .. } => {
                bench.read(SeriesId(*series), value_of(*series, *tenths));
            }
            Happening::Link { device, is_online } => {
                bench.links(&[(*device, if *is_online { Link::Online } else { Link::Offline })]);
            }
            Happening::Act { kind, alarm, for_ms } => drop(bench.act(deed(&bench, *kind, *alarm, *for_ms))),
            Happening::Wait { milliseconds } => drop(bench.wait_s(milliseconds / 1000)),
        }
    }
    bench
}

/// What the timers still bring about.
fn aftermath(bench: &mut Bench) -> Vec<Transition> {
    let mut transitions = Vec::new();
    let end = bench.now.mono.plus_ms(600_000);
    while let Some(due) = bench.engine.next_due().filter(|&due| due <= end) {
        bench.move_to(due);
        transitions.extend(bench.evaluate(&Input::default()).0);
    }
    transitions
}
