//! The rule engine alone, on one core, in this process: what a reading costs, how fast a rule is tried on history, and what
//! it takes to keep in mind what the rules remember.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Instant};

use anyhow::Context as _;
use domain::{
    backtest::{self, Column},
    engine::{Engine, Input, SHARDS, ShardAt},
    id::{AlarmId, DeviceId, MetricName, NodeId, OwnerId, ProfileId, SeriesId, SiteId, TownshipCode},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::{Device, Owner, Registry, Site, Township},
    time::{MonoMs, Now, UnixMs},
};

use crate::table::{Table, Targets, number, whole};

const START: UnixMs = UnixMs(1_790_000_000_000);
/// A process does not begin at the beginning of its clock.
const MONO_START: u64 = 1 << 40;
/// Of each of the two kinds, for the cost of a reading.
const DEVICES: u32 = 1_000;
const BATCH: u32 = 20_000;
const BATCHES: u32 = 200;
/// Readings of a back-test over plain columns, and of one that is played through the engine.
const COLUMN: u32 = 10_000_000;
const PLAYED: u32 = 500_000;
/// Devices with a series each, for what is kept in mind.
const MANY: u32 = 100_000;

/// Measures all three.
pub(crate) fn measure(targets: &mut Targets) -> anyhow::Result<()> {
    readings(targets)?;
    back_tests(targets)?;
    checkpoints(targets)
}

fn readings(targets: &mut Targets) -> anyhow::Result<()> {
    let mut table = Table::new(
        "Rules on one core: shipped profiles, batches of 20 000 readings that all change",
        &["", "ns a reading", "readings/s", "rules looked at /s", "transitions"],
    );
    let kinds = [("gas_detector", "gas.concentration"), ("cold_store", "cold_store.temperature")];
    for (kind, metric) in kinds {
        let profiles = profiles(&[kind])?;
        let metric = MetricName::new(metric)?;
        let profile = profiles.iter().next().context("one profile")?;
        let rules = profile.rules.iter().filter(|rule| rule.metrics().contains(&metric)).count();
        let mut engine = engine(profiles, kind, &metric, DEVICES)?;
        let (mut seconds, mut transitions) = (0.0, 0);
        for batch in 0..BATCHES {
            let readings = batch_of(batch, BATCH, DEVICES);
            let started = Instant::now();
            let outcome = engine.evaluate(&Input { readings: &readings, ..Input::default() }, now(batch));
            transitions += outcome.transitions.len();
            engine.apply(outcome.delta);
            seconds += started.elapsed().as_secs_f64();
        }
        let count = f64::from(BATCH) * f64::from(BATCHES);
        let looked_at = count * f64::from(u32::try_from(rules)?) / seconds;
        table.row([
            format!("{kind}, {rules} rules over the metric"),
            number(seconds / count * 1e9),
            number(count / seconds),
            number(looked_at),
            whole(transitions as u64),
        ]);
        if kind == "cold_store" {
            targets.at_most("a reading with a detector among its rules", seconds / count * 1e6, 2.0, "µs");
        }
    }
    table.note("A cold store's rules include the detector of what is unlike its past.");
    table.print();
    Ok(())
}

const FRIDGE: &str = r#"
id = "fridge"
title = { zh = "冰箱", en = "Fridge" }
category = "kitchen"
metrics = [{ name = "temperature", title = { zh = "温度", en = "Temperature" }, report_interval_s = 10, stale_after_s = 60 }]
rules = [
    { id = "limit", severity = "III", condition.limit = { metric = "temperature", above = 8, deadband = 0.5 }, on_delay_s = 60, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "rate", severity = "III", condition.rate = { metric = "temperature", over_s = 60, rise = 2 }, on_delay_s = 0, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "stuck", severity = "III", condition.stuck = { metric = "temperature", after_s = 600 }, on_delay_s = 0, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "expression", severity = "III", condition.expression = "temperature > 8.0", on_delay_s = 60, off_delay_s = 60, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
    { id = "anomaly", severity = "IV", condition.anomaly = { metric = "temperature" }, on_delay_s = 600, off_delay_s = 0, title = { zh = "", en = "" }, source = { citation = "none", confidence = "proposal" }, guidance = { zh = "", en = "" } },
]
"#;

fn back_tests(targets: &mut Targets) -> anyhow::Result<()> {
    let mut table = Table::new(
        "A rule tried on stored readings, on one core",
        &["", "million readings/s", "readings", "times it would have fired"],
    );
    let profiles = Profiles::parse([("fridge.toml".to_owned(), FRIDGE.to_owned())])?;
    let profile = profiles.iter().next().context("one profile")?;
    for rule in &profile.rules {
        let is_columnar = ["limit", "rate", "stuck"].contains(&rule.id.as_str());
        let count = if is_columnar { COLUMN } else { PLAYED };
        let reading = |row: u32| {
            // A slow swing between 2 °C and 10 °C with a step every ten seconds.
            let value = (f64::from(row) / 400.0).sin().mul_add(4.0, 6.0);
            (START.plus_ms(i64::from(row) * 10_000), Value::Float((value * 10.0).round() / 10.0))
        };
        let column = Column::new((0..count).map(reading).collect());
        let end = *column.at.last().context("readings")?;
        let columns = BTreeMap::from([(MetricName::new("temperature")?, column)]);
        let started = Instant::now();
        let firings = backtest::test(profile, rule, &BTreeMap::new(), &columns, end)?;
        let millions = f64::from(count) / started.elapsed().as_secs_f64() / 1e6;
        table.row([rule.id.to_string(), number(millions), whole(count.into()), whole(firings.len() as u64)]);
        if is_columnar {
            targets.at_least(&format!("back-test of a {} rule", rule.id), millions, 10.0, "million readings/s");
        }
    }
    table.note("An expression (CEL) and a detector are played through the engine, one reading at a time.");
    table.print();
    Ok(())
}

fn checkpoints(targets: &mut Targets) -> anyhow::Result<()> {
    let mut table = Table::new(
        "What the rules remember of 100 000 series, written down",
        &["", "bytes", "bytes a series", "ms to take", "ms for the longest portion", "largest portion, bytes"],
    );
    for (what, kind, metric) in [
        ("limits, levels, stale", "gas_detector", "gas.concentration"),
        ("the same and a detector each", "cold_store", "cold_store.temperature"),
    ] {
        let mut engine = engine(profiles(&[kind])?, kind, &MetricName::new(metric)?, MANY)?;
        for batch in 0..2 {
            let readings = batch_of(batch, MANY, MANY);
            let outcome = engine.evaluate(&Input { readings: &readings, ..Input::default() }, now(batch * 600));
            engine.apply(outcome.delta);
        }
        let (mut bytes, mut largest, mut longest_ms, mut all_ms) = (0, 0, 0.0_f64, 0.0);
        for shard in 0..SHARDS {
            let started = Instant::now();
            let state = engine.checkpoint(ShardAt::try_from(shard)?, now(600));
            let ms = started.elapsed().as_secs_f64() * 1e3;
            let length = state.map_or(0, |state| state.len());
            (bytes, largest) = (bytes + length, largest.max(length));
            (longest_ms, all_ms) = (longest_ms.max(ms), all_ms + ms);
        }
        table.row([
            what.to_owned(),
            whole(bytes as u64),
            whole(bytes as u64 / u64::from(MANY)),
            number(all_ms),
            number(longest_ms),
            whole(largest as u64),
        ]);
        targets.at_most(&format!("longest portion of what is remembered: {what}"), longest_ms, 5.0, "ms");
    }
    table.note("A portion is taken between two batches and written by itself; a round takes 10 s or more.");
    table.print();
    Ok(())
}

fn profiles(kinds: &[&str]) -> anyhow::Result<Arc<Profiles>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/profiles");
    let read = |kind: &&str| {
        let path = folder.join(format!("{kind}.toml"));
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((format!("{kind}.toml"), text))
    };
    let files = kinds.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Arc::new(Profiles::parse(files)?))
}

/// An engine over so many devices of a kind, each with one series.
fn engine(profiles: Arc<Profiles>, kind: &str, metric: &MetricName, count: u32) -> anyhow::Result<Engine> {
    let devices = (0..count).map(|number| device(kind, number)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut engine = Engine::new(profiles, AlarmId(1), Vec::new());
    for (number, device) in (0..).zip(&devices) {
        engine.bind_series(SeriesId(number), device.id.clone(), metric.clone());
    }
    engine.set_registry(Arc::new(registry(devices)?), now(0));
    Ok(engine)
}

/// Readings one after another over all series, each other than the one before.
fn batch_of(batch: u32, count: u32, series: u32) -> Vec<Reading> {
    let reading = |row: u32| Reading {
        series: SeriesId(row % series),
        event_time: now(batch).wall.plus_ms(i64::from(row / series)),
        value: Some(Value::Float(2.0 + f64::from((batch * 13 + row) % 59) / 10.0)),
        quality: Quality::Good,
    };
    (0..count).map(reading).collect()
}

fn now(second: u32) -> Now {
    let ms = u64::from(second) * 1000;
    Now { wall: START.plus_ms(i64::from(second) * 1000), mono: MonoMs(MONO_START + ms) }
}

fn device(kind: &str, number: u32) -> anyhow::Result<Device> {
    Ok(Device {
        id: DeviceId::new(format!("{kind}-{number}"))?,
        name: String::new(),
        site: SiteId::new("site")?,
        profile: ProfileId::new(kind)?,
        node: NodeId::new("node")?,
        nameplate: BTreeMap::new(),
    })
}

fn registry(devices: Vec<Device>) -> anyhow::Result<Registry> {
    let (township, owner, site) = (TownshipCode::new("500156003")?, OwnerId::new("owner")?, SiteId::new("site")?);
    let townships = vec![Township {
        code: township.clone(),
        name_zh: String::new(),
        name_en: String::new(),
        latitude_deg: 29.4,
        longitude_deg: 107.8,
    }];
    let owners = vec![Owner { id: owner.clone(), name: String::new(), phone: String::new() }];
    let sites = vec![Site { id: site, name: String::new(), township, owner, address: String::new() }];
    Registry::build(townships, Vec::new(), owners, sites, devices).map_err(|errors| anyhow::anyhow!("{errors:?}"))
}
