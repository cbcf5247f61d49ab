//! Whatever is killed, cut or held up: at the end, everything that the agent took is stored, each once, with its value and
//! time.
//!
//! What the agent took is what its own outbox says it numbered: it keeps committed messages for a day. What is stored is
//! what the API answers. `BRIGHTWATCH_FAULTS` and `BRIGHTWATCH_SEED` choose how many faults and which.

use std::{
    collections::BTreeMap,
    env,
    process::Command,
    time::{Duration, Instant},
};

use domain::access::Role;
use harness::{
    World,
    modbus::{Equipment, cold_store, gas_detector},
    person::Person,
    process::binary,
    proxy::{Link, Proxy},
    world::modbus_source,
};
use protocol::rest::History;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value as Json;

const NODE: &str = "edge-north";
/// Faults when nobody asks for more.
const FAULTS: u32 = 60;
/// For the agent to find everything again and to tell what it kept; it waits up to 15 s between two attempts.
const HEALING: Duration = Duration::from_mins(3);
/// A history is asked for in pieces of this length, in milliseconds, which hold fewer readings than its limit.
const PIECE_MS: i64 = 120_000;
const POINTS_MAX: usize = 5_000;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    KillAgent,
    StopAgent,
    KillGateway,
    KillBroker,
    PauseGateway,
    CutLink,
    StallLink,
}

impl Fault {
    /// A fault, and how long it lasts. Cheap ones are frequent.
    fn any(random: &mut StdRng) -> (Self, Duration) {
        let fault = match random.random_range(0..20) {
            0..4 => Fault::KillAgent,
            4 => Fault::StopAgent,
            5 => Fault::KillGateway,
            6..8 => Fault::KillBroker,
            8..10 => Fault::PauseGateway,
            10..15 => Fault::CutLink,
            _ => Fault::StallLink,
        };
        (fault, Duration::from_millis(random.random_range(10..400)))
    }

    async fn happen(self, lasting: Duration, world: &mut World, proxy: &Proxy) {
        match self {
            Fault::KillAgent => world.agent(NODE).kill(),
            Fault::StopAgent => drop(world.agent(NODE).stop().await),
            Fault::KillGateway => world.gateway().kill(),
            Fault::KillBroker => world.kill_broker(),
            Fault::PauseGateway => world.gateway().signal("STOP"),
            Fault::CutLink => proxy.set(Link::Cut),
            Fault::StallLink => proxy.set(Link::Stalled),
        }
        tokio::time::sleep(lasting).await;
        match self {
            Fault::KillAgent | Fault::StopAgent => world.restart_agent(NODE),
            Fault::KillGateway => world.restart_gateway().await,
            // The gateway starts it again.
            Fault::KillBroker => {}
            Fault::PauseGateway => world.gateway().signal("CONT"),
            Fault::CutLink => proxy.set(Link::Open),
            Fault::StallLink => {
                // What was held up is lost with its connection as often as it arrives late.
                if lasting.as_millis().is_multiple_of(2) {
                    proxy.set(Link::Cut);
                }
                proxy.set(Link::Open);
            }
        }
    }
}

/// Values and times of each series, in order of time.
type Readings = BTreeMap<(String, String), Vec<(i64, String)>>;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// What the agent numbered up to a moment, and the gaps that it reports.
fn taken(world: &World, until_ms: i64) -> (Readings, Vec<Json>) {
    let config = world.folder().join(format!("{NODE}.toml"));
    let output = Command::new(binary("edge-agent")).arg("outbox").arg("--config").arg(config).output();
    let output = output.expect("the agent's command line starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut readings, mut gaps) = (Readings::new(), Vec::new());
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let line: Json = serde_json::from_str(line).expect("a line of JSON");
        let Some(at_ms) = line["at_ms"].as_i64() else {
            gaps.push(line);
            continue;
        };
        let text = |key: &str| line[key].as_str().expect("a text").to_owned();
        if at_ms < until_ms {
            readings.entry((text("device"), text("metric"))).or_default().push((at_ms, line["value"].to_string()));
        }
    }
    for series in readings.values_mut() {
        series.sort();
    }
    (readings, gaps)
}

/// What is stored of the same series.
async fn stored(operator: &Person, of: &Readings, until_ms: i64) -> Readings {
    let mut readings = Readings::new();
    for ((device, metric), expected) in of {
        let mut series = Vec::new();
        let mut from_ms = expected.first().map_or(until_ms, |(at_ms, _)| *at_ms - PIECE_MS);
        while from_ms < until_ms {
            let to_ms = (from_ms + PIECE_MS).min(until_ms);
            let query = format!("metric={metric}&from_ms={from_ms}&to_ms={to_ms}&buckets={POINTS_MAX}");
            let history: History =
                operator.get(&format!("/devices/{device}/history?{query}")).await.expect("a history");
            assert!(history.buckets.is_empty(), "more readings than a piece can hold");
            let value = |value| serde_json::to_value(value).expect("a value").to_string();
            series.extend(history.points.into_iter().map(|point| (point.at_ms, value(point.value))));
            from_ms = to_ms;
        }
        series.sort();
        readings.insert((device.clone(), metric.clone()), series);
    }
    readings
}

/// The first series that differs, with what is missing and what is too many.
fn difference(taken: &Readings, stored: &Readings) -> Option<String> {
    taken.iter().find(|(key, series)| stored.get(key) != Some(series)).map(|(key, series)| {
        let stored = &stored[key];
        let missing: Vec<_> = series.iter().filter(|reading| !stored.contains(reading)).take(5).collect();
        let strange: Vec<_> = stored.iter().filter(|reading| !series.contains(reading)).take(5).collect();
        let (taken, stored) = (series.len(), stored.len());
        format!("{key:?}: {taken} taken, {stored} stored; missing {missing:?}; not taken {strange:?}")
    })
}

/// Values that change all the time, until dropped.
fn liven(equipment: &std::sync::Arc<Equipment>) -> tokio::task::JoinHandle<()> {
    let equipment = std::sync::Arc::clone(equipment);
    tokio::spawn(async move {
        for step in 0_u32.. {
            let tenth = f64::from(step % 50) / 10.0;
            equipment.set(1, gas_detector(tenth));
            equipment.set(2, cold_store(tenth));
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    })
}

#[tokio::test]
async fn everything_the_agent_took_is_stored_once_whatever_is_killed_or_cut() {
    let faults = number("BRIGHTWATCH_FAULTS", FAULTS.into());
    let seed = number("BRIGHTWATCH_SEED", rand::rng().random());
    println!("BRIGHTWATCH_FAULTS={faults} BRIGHTWATCH_SEED={seed} repeats these faults");
    let mut random = StdRng::seed_from_u64(seed);

    let mut world = World::start().await;
    let equipment = std::sync::Arc::new(Equipment::start().await.expect("a free port"));
    let lively = liven(&equipment);
    let proxy = Proxy::start(world.mqtt_address()).await.expect("a free port");
    let devices = [("gas-north", 1, "gas-detector"), ("cold-north", 2, "cold-store")];
    let source = modbus_source(equipment.address(), &devices).replace("interval_ms = 200", "interval_ms = 50");
    world.start_agent(NODE, proxy.address(), &source);
    let started = Instant::now();

    for count in 1..=faults {
        tokio::time::sleep(Duration::from_millis(random.random_range(20..500))).await;
        let (fault, lasting) = Fault::any(&mut random);
        println!("{:6} ms  fault {count}: {fault:?} for {} ms", started.elapsed().as_millis(), lasting.as_millis());
        fault.happen(lasting, &mut world, &proxy).await;
    }
    lively.abort();
    let until_ms = i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis(),
    )
    .expect("a time");

    let operator = world.sign_in(Role::CentreOperator).await;
    let mut outcome = None;
    let healing = Instant::now();
    while healing.elapsed() < HEALING {
        let (taken, gaps) = taken(&world, until_ms);
        let stored = stored(&operator, &taken, until_ms).await;
        let count: usize = taken.values().map(Vec::len).sum();
        outcome = Some((difference(&taken, &stored), gaps, count, taken.len()));
        if outcome.as_ref().is_some_and(|(difference, ..)| difference.is_none()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (difference, gaps, count, series) = outcome.expect("it was asked once");
    println!("{faults} faults, {count} readings of {series} series; healed in {} ms", healing.elapsed().as_millis());
    assert_eq!(difference, None, "BRIGHTWATCH_FAULTS={faults} BRIGHTWATCH_SEED={seed}");
    assert_eq!(gaps, Vec::<Json>::new(), "nothing was lost, and nothing is said to be");
    assert!(count > 100, "the agent was hardly ever alive: {count} readings");
}
