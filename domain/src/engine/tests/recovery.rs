//! A gateway that is killed and started again: nothing is forgotten, and nothing is said twice.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::engine::{CheckpointError, KeptShard, SHARDS, ShardAt};

/// What the clock of the process after shows: a process counts from a moment of its own.
const LATER_PROCESS: MonoMs = MonoMs(30_000_000_000);

/// A bench with a store behind it: batches, checkpoints and alarms outlive the process.
pub(super) struct Gateway {
    pub(super) bench: Bench,
    batches: Vec<(UnixMs, Vec<Reading>)>,
    kept: BTreeMap<ShardAt, (i64, Vec<u8>)>,
    alarm_count: i64,
    /// What was said of links: after a restart they are unknown, so that it comes at other times.
    of_links: Vec<String>,
}

impl Gateway {
    pub(super) fn start() -> Self {
        Self { bench: Bench::new(), batches: Vec::new(), kept: BTreeMap::new(), alarm_count: 0, of_links: Vec::new() }
    }

    /// Evaluates and commits: a batch that holds anything gets a place in the journal. Says what happened, without the
    /// alarms' numbers, which count those of links too.
    fn commit(&mut self, input: &Input<'_>) -> Vec<String> {
        let (transitions, _) = self.bench.evaluate(input);
        if !transitions.is_empty() || !input.readings.is_empty() {
            self.batches.push((self.bench.now.wall, input.readings.to_vec()));
        }
        self.alarm_count = transitions.iter().map(|it| it.alarm.0).fold(self.alarm_count, i64::max);
        let bare = |it: &Transition| told(it).split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned());
        let (of_links, told) = transitions.iter().map(bare).partition(|told| told.contains(" OP-"));
        self.of_links.extend::<Vec<String>>(of_links);
        told
    }

    pub(super) fn read(&mut self, series: SeriesId, value: impl Into<Value>) -> Vec<String> {
        let reading = self.bench.reading(series, value);
        self.commit(&Input { readings: &[reading], ..Input::default() })
    }

    pub(super) fn read_late(&mut self, series: SeriesId, age_s: i64, value: impl Into<Value>) -> Vec<String> {
        let event_time = self.bench.now.wall.plus_ms(-age_s * 1000);
        let reading = Reading { event_time, ..self.bench.reading(series, value) };
        self.commit(&Input { readings: &[reading], ..Input::default() })
    }

    fn wait_ms(&mut self, milliseconds: u64) -> Vec<String> {
        let end = self.bench.now.mono.plus_ms(milliseconds);
        let mut told = Vec::new();
        while let Some(due) = self.bench.engine.next_due().filter(|&due| due <= end) {
            self.bench.move_to(due);
            told.extend(self.commit(&Input::default()));
        }
        self.bench.move_to(end);
        told
    }

    pub(super) fn wait_s(&mut self, seconds: u64) -> Vec<String> {
        self.wait_ms(seconds * 1000)
    }

    /// The newest batch.
    fn position(&self) -> i64 {
        i64::try_from(self.batches.len()).unwrap()
    }

    pub(super) fn checkpoint(&mut self) {
        for shard in 0..SHARDS {
            self.checkpoint_shard(ShardAt::try_from(shard).unwrap());
        }
    }

    fn checkpoint_shard(&mut self, shard: ShardAt) {
        if let Some(state) = self.bench.engine.checkpoint(shard, self.bench.now) {
            self.kept.insert(shard, (self.position(), state));
        }
    }

    /// Killed, and started again so much later by the wall clock.
    pub(super) fn restart(&mut self, down_ms: i64) -> Vec<(ShardAt, CheckpointError)> {
        let open = self.bench.engine.open_alarms().cloned().collect();
        let now = Now { wall: self.bench.now.wall.plus_ms(down_ms), mono: LATER_PROCESS };
        let mut engine = Engine::new(Arc::clone(&PARSED), AlarmId(self.alarm_count + 1), open);
        for (series, device, metric) in SERIES {
            engine.bind_series(series, DeviceId::new(device).unwrap(), MetricName::new(metric).unwrap());
        }
        engine.restore_latest(self.latest());
        engine.restore_out_of_service(self.bench.engine.out_of_service().cloned());
        let kept = self.kept.iter().map(|(&shard, (through, state))| KeptShard { shard, through: *through, state });
        let (mut recovery, refused) = engine.recover(registry(devices()), kept, now);
        if let Some(after) = recovery.replay_after() {
            for (position, (received, readings)) in (1..).zip(&self.batches).skip(usize::try_from(after).unwrap()) {
                recovery.replay(position, *received, readings);
            }
        }
        let mut engine = recovery.finish();
        // As the pipeline does when it begins.
        engine.set_registry(registry(devices()), now);
        self.bench = Bench { engine, now };
        refused
    }

    /// The newest reading of every series, as the store finds it at a start.
    fn latest(&self) -> Vec<Reading> {
        let mut latest: BTreeMap<SeriesId, Reading> = BTreeMap::new();
        for reading in self.batches.iter().flat_map(|(_, readings)| readings) {
            if latest.get(&reading.series).is_none_or(|known| known.event_time <= reading.event_time) {
                latest.insert(reading.series, reading.clone());
            }
        }
        latest.into_values().collect()
    }
}

#[test]
fn a_delay_that_had_begun_ends_when_it_would_have() {
    let mut gateway = Gateway::start();
    gateway.read(TEMPERATURE, 5.0);
    gateway.checkpoint();
    gateway.wait_s(1);
    gateway.read(TEMPERATURE, 9.1);
    gateway.wait_s(10);
    gateway.restart(5000);
    assert_eq!(gateway.wait_ms(14_999), QUIET);
    assert_eq!(gateway.wait_ms(1), ["fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
}

#[test]
fn what_came_due_while_the_gateway_was_down_is_raised_at_once() {
    let mut gateway = Gateway::start();
    gateway.read(TEMPERATURE, 9.1);
    gateway.checkpoint();
    gateway.wait_s(10);
    gateway.restart(25_000);
    assert_eq!(gateway.wait_ms(0), ["fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
    gateway.restart(1000);
    assert_eq!(gateway.wait_s(5), QUIET, "and not again");
}

#[test]
fn what_was_raised_after_the_checkpoint_is_not_raised_again() {
    let mut gateway = Gateway::start();
    gateway.checkpoint();
    gateway.read(TEMPERATURE, 9.1);
    assert_eq!(gateway.wait_s(30), ["fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
    gateway.restart(1000);
    assert_eq!(gateway.wait_s(8), QUIET);
    assert_eq!(gateway.bench.engine.open_alarms().filter(|it| it.rule.as_str() == "HIGH").count(), 1);
    gateway.read(TEMPERATURE, 5.0);
    gateway.wait_s(4);
    gateway.restart(2000);
    assert_eq!(gateway.wait_ms(3999), QUIET, "the off-delay goes on");
    assert_eq!(gateway.wait_ms(1), ["fridge-1 HIGH Returned: 5.0 °C"]);
}

#[test]
fn severity_rises_with_time_across_a_restart() {
    let mut gateway = Gateway::start();
    gateway.read(kinds::OUTLET, 96.0);
    assert_eq!(gateway.wait_s(60), ["boiler-1 TIMED Raised: 96.0 °C > 95 °C for 60 s"]);
    gateway.checkpoint();
    gateway.wait_s(300);
    gateway.restart(1000);
    assert_eq!(gateway.wait_ms(238_999), QUIET);
    assert_eq!(gateway.wait_ms(1), ["boiler-1 TIMED SeverityChanged: 96.0 °C > 95 °C for 10 min"]);
}

#[test]
fn a_rate_goes_on_from_the_points_before() {
    let mut gateway = Gateway::start();
    gateway.read(kinds::PRESSURE, 0.5);
    gateway.checkpoint();
    gateway.wait_s(20);
    gateway.read(kinds::PRESSURE, 0.52);
    gateway.wait_s(20);
    gateway.restart(1000);
    let told = gateway.read(kinds::PRESSURE, 0.65);
    assert!(told.iter().any(|told| told.contains("RATE Raised")), "{told:?}");
}

#[test]
fn nobody_is_blamed_for_the_time_in_which_the_gateway_was_deaf() {
    let mut gateway = Gateway::start();
    gateway.bench.links(&[("node-1", Link::Online)]);
    gateway.bench.links(&[("node-1", Link::Offline)]);
    gateway.wait_s(12);
    gateway.checkpoint();
    gateway.read(IN_USE, false);
    gateway.restart(3_600_000);
    let is_raised = |gateway: &Gateway| gateway.of_links.iter().any(|told| told.contains("node-1 OP-01 Raised"));
    gateway.wait_ms(7990);
    assert!(!is_raised(&gateway), "{:?}", gateway.of_links);
    gateway.wait_ms(10);
    assert!(is_raised(&gateway), "{:?}", gateway.of_links);
}

#[test]
fn a_shard_that_cannot_be_read_is_named_and_its_devices_start_from_their_latest_values() {
    for spoil in [
        |state: &mut Vec<u8>| state[0] = 200,
        |state: &mut Vec<u8>| state.truncate(state.len() / 2),
        |state: &mut Vec<u8>| state.clear(),
    ] {
        let mut gateway = Gateway::start();
        gateway.read(TEMPERATURE, 9.1);
        gateway.checkpoint();
        gateway.wait_s(20);
        gateway.kept.values_mut().for_each(|(_, state)| spoil(state));
        let refused = gateway.restart(1000);
        assert_eq!(refused.len(), gateway.kept.len());
        assert_eq!(gateway.wait_ms(29_999), QUIET);
        assert_eq!(gateway.wait_ms(1), ["fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
    }
}

#[test]
fn a_rule_that_was_reworded_starts_anew() {
    let mut gateway = Gateway::start();
    gateway.read(TEMPERATURE, 9.1);
    gateway.checkpoint();
    let mut reworded = (*PARSED).as_ref().clone();
    reworded.number_versions(|_, _| Some(2));
    let mut engine = Engine::new(Arc::new(reworded), AlarmId(1), Vec::new());
    for (series, device, metric) in SERIES {
        engine.bind_series(series, DeviceId::new(device).unwrap(), MetricName::new(metric).unwrap());
    }
    let now = Now { wall: gateway.bench.now.wall.plus_ms(20_000), mono: LATER_PROCESS };
    let kept = gateway.kept.iter().map(|(&shard, (through, state))| KeptShard { shard, through: *through, state });
    let (recovery, _) = engine.recover(registry(devices()), kept, now);
    gateway.bench = Bench { engine: recovery.finish(), now };
    assert_eq!(gateway.wait_ms(29_999), QUIET);
    assert_eq!(gateway.wait_ms(1), ["fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
}

#[test]
fn a_clock_that_was_put_back_while_the_gateway_was_down_lets_no_time_pass() {
    let mut gateway = Gateway::start();
    gateway.read(TEMPERATURE, 9.1);
    gateway.checkpoint();
    gateway.wait_s(20);
    gateway.read(IN_USE, true);
    gateway.restart(-3_600_000);
    // What had passed before the end cannot be told from the clock alone: at least nothing is raised early.
    assert_eq!(gateway.wait_ms(9_000), QUIET);
    assert_eq!(gateway.wait_ms(21_000), ["fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s"]);
}

/// One thing that happens to a gateway.
#[derive(Debug, Clone)]
enum Happening {
    Read {
        series: u32,
        tenths: i32,
        age_ms: i64,
        quality: Quality,
    },
    Wait {
        seconds: u64,
    },
    /// The oldest open alarm of this device that is not about a link.
    Acknowledge {
        device: &'static str,
    },
    Checkpoint {
        first: u8,
        count: u8,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let quality = prop_oneof![10 => Just(Quality::Good), 1 => Just(Quality::Bad), 1 => Just(Quality::ClockSuspect)];
    let age_ms = prop_oneof![6 => Just(0i64), 1 => 0..20_000i64, 1 => 0..200_000i64];
    let series = prop_oneof![1..=6u32, 8..=9u32, 11..=15u32];
    prop_oneof![
        8 => (series, -20..120i32, age_ms, quality)
            .prop_map(|(series, tenths, age_ms, quality)| Happening::Read { series, tenths, age_ms, quality }),
        5 => (1..90u64).prop_map(|seconds| Happening::Wait { seconds }),
        1 => prop_oneof![Just("fridge-1"), Just("lift-1"), Just("boiler-1")]
            .prop_map(|device| Happening::Acknowledge { device }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(first, count)| Happening::Checkpoint { first, count }),
    ]
}

/// A value that its series may have, on either side of the limits.
pub(super) fn value_of(series: SeriesId, tenths: i32) -> Value {
    let tenths = f64::from(tenths);
    match series {
        TEMPERATURE | SPEED | anomaly::AIR => Value::Float(tenths / 10.0),
        kinds::PRESSURE => Value::Float(tenths / 100.0),
        kinds::OUTLET | kinds::INLET => Value::Float(60.0 + tenths / 2.0),
        _ => Value::Bool(tenths > 50.0),
    }
}

fn happen(gateway: &mut Gateway, happening: &Happening, told: &mut Vec<String>) {
    match *happening {
        Happening::Read { series, tenths, age_ms, quality } => {
            let series = SeriesId(series);
            let event_time = gateway.bench.now.wall.plus_ms(-age_ms);
            let reading = Reading { series, event_time, value: Some(value_of(series, tenths)), quality };
            told.extend(gateway.commit(&Input { readings: &[reading], ..Input::default() }));
        }
        Happening::Wait { seconds } => told.extend(gateway.wait_s(seconds)),
        Happening::Acknowledge { device } => {
            let is_meant = |it: &&OpenAlarm| it.device.as_str() == device && !it.rule.as_str().starts_with("OP-");
            let Some(alarm) = gateway.bench.engine.open_alarms().find(is_meant) else { return };
            let deed = Deed::Acknowledge(alarm.id);
            let actions = [Action { deed, by: UserName::new("officer").unwrap(), note: String::new() }];
            told.extend(gateway.commit(&Input { actions: &actions, ..Input::default() }));
        }
        Happening::Checkpoint { first, count } => {
            (first..first.saturating_add(count)).for_each(|shard| gateway.checkpoint_shard(shard));
        }
    }
}

proptest! {
    #[test]
    fn a_restart_changes_nothing_that_rules_over_values_say(
        before in prop::collection::vec(happening(), 0..50),
        after in prop::collection::vec(happening(), 0..30),
    ) {
        let play = |is_killed: bool| {
            let mut gateway = Gateway::start();
            // Whatever is known later, every shard was kept once.
            gateway.read(TEMPERATURE, 1.0);
            gateway.checkpoint();
            let mut told = Vec::new();
            for happening in &before {
                happen(&mut gateway, happening, &mut told);
            }
            if is_killed {
                gateway.restart(5);
                told.extend(gateway.wait_ms(0));
            } else {
                told.extend(gateway.wait_ms(5));
            }
            for happening in &after {
                happen(&mut gateway, happening, &mut told);
            }
            told.extend(gateway.wait_s(900));
            told
        };
        prop_assert_eq!(play(true), play(false));
    }
}
