//! What the demonstration will show, played in seconds: the machines under their schedule, read through the agents' own
//! register maps, judged by the real rules. It keeps the promises of the first minutes, and shows that ordinary
//! operation raises nothing.

mod day;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fmt, fs,
    path::Path,
    sync::Arc,
};

use demo::{
    district::{Answer as Says, Config as DistrictConfig, District},
    trouble::Schedule,
};
use domain::{
    alarm::{AlarmState, Severity, Transition, What},
    engine::{Action, Deed, Engine, Input, Link, LinkChange},
    id::{AlarmId, DeviceId, MetricName, NodeId, SeriesId, UserName},
    profile::Profiles,
    reading::{Quality, Reading, Value},
    registry::{Device, Owner, Registry, Site, Townships},
    time::{MonoMs, Now, UnixMs},
};
use edge_agent::source::{
    Sample, Source,
    modbus::{
        ModbusDevice,
        decode::Table,
        plan::{Answer, Request},
    },
};
use harness::process::workspace;
use serde::Deserialize;

/// 2026-09-22, midnight in Beijing.
const START: UnixMs = UnixMs(1_790_006_400_000);
/// The agents send everything again after this many seconds.
const REFRESH_S: u64 = 10;

/// An operator answers every alarm after this many seconds, so that it can close and be raised again.
const ANSWERED_AFTER_S: u64 = 60;

/// An alarm of the forecast.
struct Raised {
    after_s: u64,
    device: String,
    rule: String,
    severity: Severity,
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5} s  {:3?}  {:14} {}", self.after_s, self.severity, self.rule, self.device)
    }
}

#[derive(Deserialize)]
struct RegistryFile {
    owner: Vec<Owner>,
    site: Vec<Site>,
    device: Vec<Device>,
}

/// The demonstration without its sockets.
struct Forecast {
    district: District,
    /// Each device with its line's position and its node.
    devices: Vec<(usize, NodeId, ModbusDevice)>,
    profiles: Arc<Profiles>,
    registry: Arc<Registry>,
    engine: Engine,
    series: HashMap<(DeviceId, MetricName), SeriesId>,
    sent: HashMap<SeriesId, Value>,
    failures: HashMap<DeviceId, u32>,
    operator: UserName,
}

fn text(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

impl Forecast {
    fn new(troubles: &str) -> Self {
        let config: DistrictConfig = text("config/demo/district.toml").parse().expect("a district");
        let schedule: Schedule = troubles.parse().expect("a schedule");
        let names = fs::read_dir(workspace().join("config/profiles")).expect("profiles");
        let files = names.filter_map(Result::ok).map(|entry| entry.path());
        let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
        let profiles = files.map(|path| (path.display().to_string(), fs::read_to_string(path).expect("a profile")));
        let profiles = Arc::new(Profiles::parse(profiles).expect("right profiles"));
        let rows: RegistryFile = toml::from_str(&text("config/demo/registry.toml")).expect("a registry");
        let townships = Townships::parse("townships.toml", &text("config/townships.toml")).expect("townships");
        // Cameras are played by the RTSP server and watched by the agents themselves.
        let watched = rows.device.into_iter().filter(|device| device.profile.as_str() != "kitchen_camera").collect();
        let registry = Registry::build(townships.township, Vec::new(), rows.owner, rows.site, watched);
        let registry = Arc::new(registry.expect("a sound registry"));
        let mut engine = Engine::new(Arc::clone(&profiles), AlarmId(1), Vec::new());
        engine.set_registry(Arc::clone(&registry), now(0));
        Self {
            district: District::new(&config, &schedule).expect("the schedule fits"),
            devices: devices(&config),
            profiles,
            registry,
            engine,
            series: HashMap::new(),
            sent: HashMap::new(),
            failures: HashMap::new(),
            operator: UserName::new("operator").expect("a name"),
        }
    }

    /// Plays some seconds and says what is raised.
    fn play(self, seconds: u64) -> Vec<Raised> {
        let mut raised = Vec::new();
        self.tell(seconds, |second, transition| {
            if transition.what == What::Raised {
                raised.push(Raised {
                    after_s: second,
                    device: transition.device.to_string(),
                    rule: transition.rule.to_string(),
                    severity: transition.severity,
                });
            }
        });
        raised
    }

    /// Plays some seconds and tells every step in the life of every alarm. An operator answers each alarm, and resets
    /// what latches.
    fn tell(mut self, seconds: u64, mut told: impl FnMut(u64, &Transition)) {
        let mut unanswered = VecDeque::new();
        for second in 1..=seconds {
            for _ in 0..4 {
                self.district.step(0.25);
            }
            let (links, readings) = self.listen(second);
            let mut actions = Vec::new();
            let is_time = |(since_s, _): &mut (u64, Deed)| *since_s + ANSWERED_AFTER_S <= second;
            while let Some((_, deed)) = unanswered.pop_front_if(is_time) {
                actions.push(Action { deed, by: self.operator.clone(), note: String::new() });
            }
            let input = Input { readings: &readings, links: &links, actions: &actions };
            let outcome = self.engine.evaluate(&input, now(second));
            for transition in &outcome.transitions {
                told(second, transition);
                match transition.state {
                    AlarmState::ActiveUnacknowledged => {
                        unanswered.push_back((second, Deed::Acknowledge(transition.alarm)));
                    }
                    AlarmState::LatchedAcknowledged => unanswered.push_back((second, Deed::Reset(transition.alarm))),
                    _ => {}
                }
            }
            self.engine.apply(outcome.delta);
        }
    }

    /// What the agents send in this second.
    fn listen(&mut self, second: u64) -> (Vec<LinkChange>, Vec<Reading>) {
        let (mut links, mut readings) = (Vec::new(), Vec::new());
        if second == 1 {
            let nodes: BTreeSet<&NodeId> = self.devices.iter().map(|(_, node, _)| node).collect();
            let at = now(second).wall;
            links.extend(nodes.into_iter().map(|node| LinkChange {
                device: node.as_device(),
                node: node.clone(),
                link: Link::Online,
                at,
            }));
        }
        for (line, node, device) in std::mem::take(&mut self.devices) {
            let change = |device: &DeviceId, link| LinkChange {
                device: device.clone(),
                node: node.clone(),
                link,
                at: now(second).wall,
            };
            let samples = match self.district.ask(line, device.unit_id) {
                Says::Registers(registers) => {
                    let read = |request: &Request| request.samples(&answer(request, &registers), now(second).wall);
                    Some(device.requests.iter().flat_map(read).collect())
                }
                Says::Failure => {
                    let bad = device.requests.iter().flat_map(|request| request.bad_samples(now(second).wall));
                    Some(bad.collect::<Vec<Sample>>())
                }
                Says::Unreachable | Says::Silence => None,
            };
            let failures = self.failures.entry(device.id.clone()).or_insert(2);
            if let Some(samples) = samples {
                if *failures >= 2 {
                    links.push(change(&device.id, Link::Online));
                }
                *failures = 0;
                readings.extend(samples.into_iter().filter_map(|sample| self.reading(&device.id, &sample, second)));
            } else {
                *failures += 1;
                if *failures == 2 {
                    links.push(change(&device.id, Link::Offline));
                }
            }
            self.devices.push((line, node, device));
        }
        (links, readings)
    }

    fn reading(&mut self, device: &DeviceId, sample: &Sample, second: u64) -> Option<Reading> {
        let next = SeriesId(u32::try_from(self.series.len()).expect("few series") + 1);
        let key = (device.clone(), sample.metric.clone());
        let series = *self.series.entry(key).or_insert_with(|| {
            self.engine.bind_series(next, device.clone(), sample.metric.clone());
            next
        });
        let is_new = self.sent.get(&series) != sample.value.as_ref();
        if !is_new && !second.is_multiple_of(REFRESH_S) {
            return None;
        }
        let Some(value) = sample.value.clone() else {
            self.sent.remove(&series);
            return Some(Reading { series, event_time: sample.at, value: None, quality: Quality::Bad });
        };
        let profile = &self.registry.device(device).expect("registered").profile;
        let quality = self.profiles.quality_of(profile, &sample.metric, &value);
        self.sent.insert(series, value.clone());
        Some(Reading { series, event_time: sample.at, value: Some(value), quality })
    }
}

fn now(second: u64) -> Now {
    let mono = MonoMs(second * 1000);
    Now { wall: START.plus_ms(i64::try_from(mono.0).expect("a short play")), mono }
}

/// The agents' devices as their own loader reads them, from a copy with passwords beside it.
fn devices(district: &DistrictConfig) -> Vec<(usize, NodeId, ModbusDevice)> {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&workspace().join("config"), copy.path());
    let mut devices = Vec::new();
    for node in ["edge-furong", "edge-xiannushan", "edge-baima"] {
        let folder = copy.path().join("demo");
        fs::write(folder.join(format!("{node}.password")), "of no use").expect("a writable copy");
        let setup = edge_agent::config::load(&folder.join(format!("{node}.toml"))).expect("an agent's configuration");
        for source in setup.sources {
            let Source::Modbus(modbus) = source else { continue };
            let line = district.lines.iter().position(|line| line.port == modbus.address.port);
            let line = line.expect("every connection leads to a line");
            devices.extend(modbus.devices.into_iter().map(|device| (line, setup.node.id.clone(), device)));
        }
    }
    devices
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable copy");
    for entry in fs::read_dir(from).expect("a readable folder").filter_map(Result::ok) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a writable copy");
        }
    }
}

fn answer(request: &Request, registers: &demo::register::Registers) -> Answer {
    let (from, count) = (usize::from(request.address), usize::from(request.count));
    match request.table {
        Table::Input => Answer::Registers(registers.input[from..from + count].to_vec()),
        Table::Holding => Answer::Registers(registers.holding[from..from + count].to_vec()),
        Table::Coil => Answer::Bits(registers.coils[from..from + count].to_vec()),
        Table::Discrete => Answer::Bits(registers.discrete_inputs[from..from + count].to_vec()),
    }
}

#[test]
fn an_hour_of_ordinary_operation_raises_nothing() {
    let raised = Forecast::new("trouble = []").play(3600);
    assert!(raised.is_empty(), "{raised:#?}");
}

#[test]
fn the_first_alarm_comes_within_forty_seconds_and_every_severity_within_ten_minutes() {
    let raised = Forecast::new(&text("config/demo/troubles.toml")).play(2400);
    assert!(raised[0].after_s <= 40, "{:?}", raised[0]);
    let early: Vec<&Raised> = raised.iter().filter(|it| it.after_s <= 600).collect();
    let severities: BTreeSet<Severity> = early.iter().map(|it| it.severity).collect();
    assert!(severities.len() == 4, "{severities:?} of {early:#?}");
    let devices: BTreeSet<&str> = early.iter().map(|it| it.device.as_str()).collect();
    assert!(devices.len() >= 8, "{early:#?}");

    let first_of: BTreeMap<&str, u64> = raised.iter().rev().map(|it| (it.rule.as_str(), it.after_s)).collect();
    for (rule, from_s, to_s) in [("EL-02", 20, 40), ("EL-01", 300, 420), ("FR-01", 1800, 2100), ("FR-04", 900, 1500)] {
        let first = first_of.get(rule).copied().unwrap_or(0);
        assert!((from_s..=to_s).contains(&first), "{rule} first after {first} s: {raised:#?}");
    }
    let later = raised.iter().filter(|it| it.after_s > 1200).count();
    assert!(later >= 10, "the district goes quiet: {raised:#?}");
    for alarm in &raised {
        eprintln!("{alarm:?}");
    }
}
