//! Any rule over readings, played through the engine with a clock made of the readings' own times.

use std::{collections::BTreeMap, sync::Arc};

use super::{Column, Firing};
use crate::{
    alarm::What,
    engine::{Engine, Input, Link, LinkChange},
    id::{AlarmId, DeviceId, MetricName, NodeId, OwnerId, SeriesId, SiteId, TownshipCode},
    profile::{Profile, Profiles, Rule},
    reading::{Quality, Reading},
    registry::{Device, Owner, Registry, Site, Township},
    time::{MonoMs, Now, UnixMs},
};

pub(super) fn test(
    profile: &Profile,
    rule: &Rule,
    nameplate: &BTreeMap<String, f64>,
    columns: &BTreeMap<MetricName, Column>,
    end: UnixMs,
) -> Vec<Firing> {
    let Some(start) = columns.values().filter_map(|column| column.at.first().copied()).min() else {
        return Vec::new();
    };
    let mut stage = Stage::new(profile, rule, nameplate, columns, start);
    let mut cursors: Vec<(&Column, usize)> = columns.values().map(|column| (column, 0)).collect();
    let mut readings = Vec::new();
    while let Some(at) = cursors.iter().filter_map(|(column, next)| column.at.get(*next).copied()).min() {
        readings.clear();
        for (number, (column, next)) in (1..).zip(&mut cursors) {
            while column.at.get(*next) == Some(&at) {
                let value = Some(column.value(*next));
                readings.push(Reading { series: SeriesId(number), event_time: at, value, quality: Quality::Good });
                *next += 1;
            }
        }
        stage.pass_time(at);
        stage.evaluate(at, &Input { readings: &readings, ..Input::default() });
    }
    stage.pass_time(end);
    stage.firings
}

/// One device with one rule, and the moments that have passed.
struct Stage {
    engine: Engine,
    start: UnixMs,
    firings: Vec<Firing>,
}

impl Stage {
    fn new(
        profile: &Profile,
        rule: &Rule,
        nameplate: &BTreeMap<String, f64>,
        columns: &BTreeMap<MetricName, Column>,
        start: UnixMs,
    ) -> Self {
        let alone = Profile { rules: vec![rule.clone()], ..profile.clone() };
        let id = alone.id.clone();
        let mut engine = Engine::new(Arc::new(Profiles::new(vec![alone])), AlarmId(1), Vec::new());
        let (device, registry) = registry(id, nameplate.clone());
        for (number, metric) in (1..).zip(columns.keys()) {
            engine.bind_series(SeriesId(number), device.id.clone(), metric.clone());
        }
        engine.set_registry(Arc::new(registry), Now { wall: start, mono: MonoMs(0) });
        let mut stage = Self { engine, start, firings: Vec::new() };
        let links = [LinkChange { device: device.id, node: device.node, link: Link::Online, at: start }];
        stage.evaluate(start, &Input { links: &links, ..Input::default() });
        stage
    }

    /// What comes due by itself up to a moment.
    fn pass_time(&mut self, until: UnixMs) {
        while let Some(due) = self.engine.next_due() {
            let at = self.start.plus_ms(i64::try_from(due.0).unwrap_or(i64::MAX));
            if at > until {
                break;
            }
            self.evaluate(at, &Input::default());
        }
    }

    fn evaluate(&mut self, at: UnixMs, input: &Input<'_>) {
        let now = Now { wall: at, mono: MonoMs(u64::try_from(at.since_ms(self.start)).unwrap_or(0)) };
        let outcome = self.engine.evaluate(input, now);
        for transition in &outcome.transitions {
            // Suppressed by design it would have called nobody.
            match transition.what {
                What::Raised | What::Reoccurred if !transition.state.is_set_aside() => {
                    self.firings.push(Firing { raised_at: at, returned_at: None });
                }
                What::Returned => {
                    if let Some(last) = self.firings.last_mut() {
                        last.returned_at.get_or_insert(at);
                    }
                }
                _ => {}
            }
        }
        self.engine.apply(outcome.delta);
    }
}

/// A registry of one device; its names are of no matter.
fn registry(profile: crate::id::ProfileId, nameplate: BTreeMap<String, f64>) -> (Device, Registry) {
    fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("a right id")
    }
    let (township, owner, site): (TownshipCode, OwnerId, SiteId) = (id("000000000"), id("nobody"), id("nowhere"));
    let device = Device {
        id: id::<DeviceId>("tested"),
        name: String::new(),
        site: site.clone(),
        profile,
        node: id::<NodeId>("node"),
        nameplate,
    };
    let townships = vec![Township {
        code: township.clone(),
        name_zh: String::new(),
        name_en: String::new(),
        latitude_deg: 0.0,
        longitude_deg: 0.0,
    }];
    let owners = vec![Owner { id: owner.clone(), name: String::new(), phone: String::new() }];
    let sites = vec![Site { id: site, name: String::new(), township, owner, address: String::new() }];
    let registry = Registry::build(townships, Vec::new(), owners, sites, vec![device.clone()]);
    (device, registry.expect("one device on one site"))
}
