//! A small district whose engine is played by hand, and what it must do.

mod anomaly;
mod clock;
mod crowd;
mod history;
mod kinds;
mod life;
mod links;
mod properties;
mod recovery;
mod registry_change;
mod silence;
mod values;

use std::sync::{Arc, LazyLock};

use super::{Action, ActionError, Deed, Engine, Input, Link, LinkChange};
use crate::{
    alarm::{AlarmState, OpenAlarm, Severity, Transition, What},
    id::{AlarmId, DeviceId, MetricName, NodeId, OwnerId, ProfileId, SeriesId, SiteId, TownshipCode, UserName},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::{Device, Owner, Registry, Site, Township},
    time::{MonoMs, Now, UnixMs},
};

const PROFILES: [(&str, &str); 8] = [
    ("fridge.toml", FRIDGE),
    ("lift.toml", LIFT),
    ("boiler.toml", kinds::BOILER),
    ("cellar.toml", anomaly::CELLAR),
    ("edge_node.toml", EDGE_NODE),
    ("camera.toml", silence::CAMERA),
    ("detector.toml", silence::DETECTOR),
    ("licence.toml", silence::LICENCE),
];

const FRIDGE: &str = r#"
id = "fridge"
title = { zh = "冰箱", en = "Fridge" }
category = "kitchen"

[[metrics]]
name = "temperature"
title = { zh = "温度", en = "Temperature" }
unit = "°C"
decimals = 1
report_interval_s = 10
stale_after_s = 60

[[metrics]]
name = "in_use"
title = { zh = "使用中", en = "In use" }
report_interval_s = 10
stale_after_s = 60

[[rules]]
id = "HIGH"
title = { zh = "温度高", en = "Too warm" }
severity = "III"
condition.limit = { metric = "temperature", above = { default = 8, nameplate = "high_limit_c" }, deadband = 0.5 }
only_while = [{ metric = "in_use", is = [true] }]
on_delay_s = 30
off_delay_s = 10
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "OP-01"
title = { zh = "离线", en = "Offline" }
severity = "IV"
condition = "offline"
on_delay_s = 45
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "OP-03"
title = { zh = "无读数", en = "No readings" }
severity = "IV"
condition.stale = { metrics = ["temperature"] }
on_delay_s = 0
off_delay_s = 5
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

const LIFT: &str = r#"
id = "lift"
title = { zh = "电梯", en = "Lift" }
category = "elevator"

[[metrics]]
name = "trapped"
title = { zh = "困人", en = "Entrapment" }
report_interval_s = 10
stale_after_s = 60

[[metrics]]
name = "people"
title = { zh = "轿内有人", en = "People in the car" }
report_interval_s = 10
stale_after_s = 60

[[metrics]]
name = "door_closed"
title = { zh = "轿门", en = "Door" }
states = [{ code = 0, zh = "开", en = "open" }, { code = 1, zh = "关", en = "closed" }]
report_interval_s = 10
stale_after_s = 60

[[metrics]]
name = "speed"
title = { zh = "速度", en = "Speed" }
unit = "m/s"
decimals = 2
report_interval_s = 10
stale_after_s = 60

[[rules]]
id = "EL-01"
title = { zh = "困人", en = "Entrapment" }
severity = "I"
condition.combination = { any = [
    { all = [{ metric = "trapped", is = [true] }] },
    { all = [{ metric = "people", is = [true] }, { metric = "door_closed", is = [true] }, { metric = "speed", below = 0.05 }], for_s = 90 },
], held_until = [{ metric = "door_closed", is = [false] }] }
on_delay_s = 0
off_delay_s = 10
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }

[[rules]]
id = "EL-04"
title = { zh = "超速", en = "Overspeed" }
severity = "I"
condition.limit = { metric = "speed", at_least = { nameplate = "rated_speed_m_s", factor = 1.15 }, deadband = 0 }
on_delay_s = 0
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

/// A lift's safety circuit: latches, and means nothing while somebody inspects the lift.
const LIFT_CIRCUIT: &str = r#"
[[metrics]]
name = "circuit_open"
title = { zh = "安全回路", en = "Safety circuit open" }
report_interval_s = 10
stale_after_s = 60

[[metrics]]
name = "mode"
title = { zh = "服务模式", en = "Mode" }
states = [{ code = 1, zh = "正常", en = "normal" }, { code = 2, zh = "检修", en = "inspection" }]
report_interval_s = 10
stale_after_s = 60

[[rules]]
id = "EL-06"
title = { zh = "安全回路断开", en = "Safety circuit open" }
severity = "II"
condition.state = { metric = "circuit_open", is = [true] }
suppressed_while = [{ metric = "mode", is = [2] }]
is_latching = true
on_delay_s = 0
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

const EDGE_NODE: &str = r#"
id = "edge_node"
title = { zh = "边缘节点", en = "Edge node" }
category = "edge"

[[rules]]
id = "OP-01"
title = { zh = "离线", en = "Offline" }
severity = "III"
condition = "offline"
only_between = { from_h = { default = 0, nameplate = "opens_h" }, to_h = { default = 24, nameplate = "closes_h" } }
on_delay_s = 20
off_delay_s = 0
source = { citation = "test", confidence = "proposal" }
guidance = { zh = "", en = "" }
"#;

const TEMPERATURE: SeriesId = SeriesId(1);
const IN_USE: SeriesId = SeriesId(2);
const TRAPPED: SeriesId = SeriesId(3);
const PEOPLE: SeriesId = SeriesId(4);
const DOOR_CLOSED: SeriesId = SeriesId(5);
const SPEED: SeriesId = SeriesId(6);

const CIRCUIT_OPEN: SeriesId = SeriesId(8);
const MODE: SeriesId = SeriesId(9);

const SERIES: [(SeriesId, &str, &str); 14] = [
    (TEMPERATURE, "fridge-1", "temperature"),
    (IN_USE, "fridge-1", "in_use"),
    (TRAPPED, "lift-1", "trapped"),
    (PEOPLE, "lift-1", "people"),
    (DOOR_CLOSED, "lift-1", "door_closed"),
    (SPEED, "lift-1", "speed"),
    (CIRCUIT_OPEN, "lift-1", "circuit_open"),
    (MODE, "lift-1", "mode"),
    (kinds::PRESSURE, "boiler-1", "pressure"),
    (kinds::OUTLET, "boiler-1", "outlet"),
    (kinds::INLET, "boiler-1", "inlet"),
    (kinds::BURNER, "boiler-1", "burner"),
    (kinds::MOTION, "boiler-1", "motion"),
    (anomaly::AIR, "cellar-1", "air"),
];

/// 2026-10-01T00:00:00Z.
const WALL_AT_START: i64 = 1_790_812_800_000;

/// Read once: the properties build thousands of engines.
static PARSED: LazyLock<Arc<Profiles>> = LazyLock::new(|| {
    let files = PROFILES.map(|(file, text)| {
        // The tables of one profile may stand in any order.
        let more = match file {
            "lift.toml" => LIFT_CIRCUIT,
            "boiler.toml" => kinds::CERTIFICATE,
            _ => "",
        };
        (file.to_owned(), format!("{text}{more}"))
    });
    Arc::new(Profiles::parse(files).unwrap())
});

fn device(id: &str, profile: &str, nameplate: &[(&str, f64)]) -> Device {
    Device {
        id: DeviceId::new(id).unwrap(),
        name: id.to_owned(),
        site: SiteId::new("site").unwrap(),
        profile: ProfileId::new(profile).unwrap(),
        node: NodeId::new("node-1").unwrap(),
        nameplate: nameplate.iter().map(|&(key, number)| (key.to_owned(), number)).collect(),
    }
}

fn devices() -> Vec<Device> {
    vec![
        device("fridge-1", "fridge", &[]),
        device("lift-1", "lift", &[("rated_speed_m_s", 2.0)]),
        device("boiler-1", "boiler", &[]),
        device("cellar-1", "cellar", &[]),
        device("node-1", "edge_node", &[]),
    ]
}

fn registry(devices: Vec<Device>) -> Arc<Registry> {
    let township = TownshipCode::new("500156003").unwrap();
    let owner = OwnerId::new("owner").unwrap();
    let townships = vec![Township {
        code: township.clone(),
        name_zh: String::new(),
        name_en: String::new(),
        latitude_deg: 29.4,
        longitude_deg: 107.8,
    }];
    let owners = vec![Owner { id: owner.clone(), name: String::new(), phone: String::new() }];
    let site = SiteId::new("site").unwrap();
    let sites = vec![Site { id: site, name: String::new(), township, owner, address: String::new() }];
    Arc::new(Registry::build(townships, Vec::new(), owners, sites, devices).unwrap())
}

/// No transition.
const QUIET: [&str; 0] = [];

/// An engine and its clocks, moved by hand.
struct Bench {
    engine: Engine,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        Self::continuing(Vec::new())
    }

    fn continuing(open: Vec<OpenAlarm>) -> Self {
        let now = Now { wall: UnixMs(WALL_AT_START), mono: MonoMs(0) };
        let next_alarm = AlarmId(open.iter().map(|alarm| alarm.id.0).max().unwrap_or(0) + 1);
        let mut engine = Engine::new(Arc::clone(&PARSED), next_alarm, open);
        for (series, device, metric) in SERIES {
            engine.bind_series(series, DeviceId::new(device).unwrap(), MetricName::new(metric).unwrap());
        }
        engine.set_registry(registry(devices()), now);
        Self { engine, now }
    }

    /// All links up.
    fn online() -> Self {
        let mut bench = Self::new();
        assert_eq!(
            bench.links(&[("node-1", Link::Online), ("fridge-1", Link::Online), ("lift-1", Link::Online)]),
            QUIET
        );
        bench
    }

    fn evaluate(&mut self, input: &Input<'_>) -> (Vec<Transition>, Vec<(usize, ActionError)>) {
        let outcome = self.engine.evaluate(input, self.now);
        self.engine.apply(outcome.delta);
        assert!(self.engine.next_due().is_none_or(|due| due > self.now.mono), "what was due is done");
        (outcome.transitions, outcome.rejected)
    }

    fn play(&mut self, input: &Input<'_>) -> Vec<String> {
        self.evaluate(input).0.iter().map(told).collect()
    }

    fn read(&mut self, series: SeriesId, value: impl Into<Value>) -> Vec<String> {
        let reading = self.reading(series, value);
        self.play(&Input { readings: &[reading], ..Input::default() })
    }

    fn reading(&self, series: SeriesId, value: impl Into<Value>) -> Reading {
        Reading { series, event_time: self.now.wall, value: Some(value.into()), quality: Quality::Good }
    }

    fn play_reading(&mut self, reading: Reading) -> Vec<String> {
        self.play(&Input { readings: &[reading], ..Input::default() })
    }

    /// Time passes, without any message, from one due timer to the next.
    fn wait_s(&mut self, seconds: u64) -> Vec<String> {
        let end = self.now.mono.plus_ms(seconds * 1000);
        let mut told = Vec::new();
        while let Some(due) = self.engine.next_due().filter(|&due| due <= end) {
            self.move_to(due);
            told.extend(self.play(&Input::default()));
        }
        self.move_to(end);
        told
    }

    /// As [`Self::wait_s`], but told only what happened to the lift.
    fn wait_at_lift_s(&mut self, seconds: u64) -> Vec<String> {
        self.wait_s(seconds).into_iter().filter(|told| told.contains("lift-1")).collect()
    }

    fn move_to(&mut self, mono: MonoMs) {
        let elapsed_ms = i64::try_from(mono.since_ms(self.now.mono)).unwrap();
        self.now = Now { wall: self.now.wall.plus_ms(elapsed_ms), mono: mono.max(self.now.mono) };
    }

    fn links(&mut self, changes: &[(&str, Link)]) -> Vec<String> {
        let links: Vec<LinkChange> = changes.iter().map(|&(device, link)| self.link(device, link)).collect();
        self.play(&Input { links: &links, ..Input::default() })
    }

    fn link(&self, device: &str, link: Link) -> LinkChange {
        let node = NodeId::new("node-1").unwrap();
        LinkChange { device: DeviceId::new(device).unwrap(), node, link, at: self.now.wall }
    }

    fn acknowledge(&mut self, alarm: i64) -> Result<Vec<String>, ActionError> {
        self.act(Deed::Acknowledge(AlarmId(alarm)))
    }

    fn act(&mut self, deed: Deed) -> Result<Vec<String>, ActionError> {
        let actions = [Action { deed, by: UserName::new("officer").unwrap(), note: "on my way".to_owned() }];
        let (transitions, rejected) = self.evaluate(&Input { actions: &actions, ..Input::default() });
        match rejected.first() {
            Some(&(0, error)) => Err(error),
            _ => Ok(transitions.iter().map(told).collect()),
        }
    }

    fn open(&self) -> Vec<(i64, AlarmState)> {
        self.engine.open_alarms().map(|alarm| (alarm.id.0, alarm.state)).collect()
    }
}

/// A transition in short: `1 fridge-1 HIGH Raised: 9.1 °C > 8 °C for 30 s`.
fn told(transition: &Transition) -> String {
    let Transition { alarm, device, rule, what, cause, by, .. } = transition;
    match what {
        _ if by.is_some() => format!("{alarm} {device} {rule} {what:?} by {}", by.as_ref().unwrap()),
        _ => format!("{alarm} {device} {rule} {what:?}: {}", cause.en),
    }
}
