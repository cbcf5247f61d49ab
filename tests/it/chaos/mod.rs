//! Whatever is killed, cut, held up, filled, set wrong or brought twice: at the end, everything that the agent took is
//! stored, each once, with its value and time; and every alarm was raised once.
//!
//! What the agent took is what its own outbox says it numbered: it keeps committed messages for a day. What is stored is
//! what the API answers. `BRIGHTWATCH_FAULTS` and `BRIGHTWATCH_SEED` choose how many faults and which.

mod alarms;
mod fault;

use std::{
    env, fs,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::access::Role;
use harness::{
    World,
    clock::WallClock,
    disk::SmallDisk,
    modbus::{Equipment, cold_store, gas_detector},
    mosquitto::Mosquitto,
    postgres::Postgres,
    process::workspace,
    proxy::Proxy,
    skipped::skipped,
    world::{Options, modbus_source},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value as Json;
use tokio::task::JoinHandle;

use self::{
    alarms::Gas,
    fault::{Fault, Scene, Site},
};
use super::books::{HEALING, difference, now_ms, stored, taken};

const NODE: &str = "edge-north";
/// Faults when nobody asks for more; how many of each hundred are done with a broker of the site's own, and as many with a
/// database server.
const FAULTS: u64 = 60;
const OTHER_PERCENT: u64 = 15;
/// One of so many faults lasts long.
const LONG_EVERY: u64 = 40;
/// The gateway's store of a story is a few MiB, the agent's outbox a segment or two.
const DISK_MIB: u32 = 48;
/// What was sent while the agent could number nothing may carry a time a little before or after, in milliseconds; the
/// clock may be wrong besides.
const UNNUMBERED_MS: i64 = 10_000;
/// What was sent in so many milliseconds before the agent's power was cut may have arrived, and its outbox forgot it: twice
/// the time between two flushes, and what is on the way.
const UNFLUSHED_MS: i64 = 3_000;
/// A gateway or an agent that grows by more between the second quarter of a story and its last holds on to something, in
/// KiB. Sealing, the allocator and caches breathe less than that.
const GROWTH_KIB: u64 = 48 * 1024;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Profiles in which gas is called after two seconds, and off after one: so that a story sees many alarms.
fn quick_profiles(folder: &std::path::Path) {
    for entry in fs::read_dir(workspace().join("config/profiles")).expect("profiles are there") {
        let entry = entry.expect("a file");
        let text = fs::read_to_string(entry.path()).expect("a text");
        let text = if entry.file_name() == "gas_detector.toml" {
            text.replace("off_delay_s = 60", "off_delay_s = 1").replace("on_delay_s = 3\n", "on_delay_s = 2\n")
        } else {
            text
        };
        fs::write(folder.join(entry.file_name()), text).expect("a writable folder");
    }
}

/// Values that change all the time, until dropped.
fn liven(equipment: &Arc<Equipment>, gas: Gas) -> JoinHandle<()> {
    let equipment = Arc::clone(equipment);
    tokio::spawn(async move {
        for step in 0_u32.. {
            let tenth = f64::from(step % 50) / 10.0;
            equipment.set(1, gas_detector(gas.level() + tenth));
            equipment.set(2, cold_store(tenth));
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    })
}

/// Memory over a story: the most in each quarter; None: the process was dead whenever it was looked at.
#[derive(Debug, Default)]
struct Memory([Option<u64>; 4]);

impl Memory {
    fn note(&mut self, done: u64, of: u64, kib: Option<u64>) {
        let quarter = usize::try_from(done * 4 / of.max(1)).map_or(3, |quarter| quarter.min(3));
        self.0[quarter] = self.0[quarter].max(kib);
    }

    fn check(&self, whose: &str) {
        let Self([_, second, third, last]) = *self;
        println!("{whose}: {:?} KiB by quarters", self.0);
        let (Some(settled), Some(last)) = (second.or(third), last) else { return };
        assert!(last <= settled + GROWTH_KIB, "{whose} grows: {:?} KiB by quarters of the story", self.0);
    }
}

#[tokio::test]
async fn everything_the_agent_took_is_stored_once_whatever_fails() {
    let disks = (SmallDisk::mount(DISK_MIB), SmallDisk::mount(DISK_MIB));
    let (gateway_disk, agent_disk) = disks;
    if gateway_disk.is_none() || agent_disk.is_none() {
        skipped("faults of a full disk: this user may not mount a file system");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let agent_clock = WallClock::right(folder.path(), "agent");
    let gateway_clock = WallClock::right(folder.path(), "gateway");
    if agent_clock.is_none() {
        skipped("faults of a wrong clock: libfaketime is not installed");
    }
    let faults = number("BRIGHTWATCH_FAULTS", FAULTS);
    let faults = faults - 2 * (faults * OTHER_PERCENT / 100);
    let agent_disk = agent_disk.map(Arc::new);
    let site = Site { agent_clock, gateway_clock, agent_disk, gateway_disk, ..Site::default() };
    endure("own broker", faults, &folder, site).await;
}

#[tokio::test]
async fn everything_is_stored_once_with_a_broker_of_the_sites_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let faults = number("BRIGHTWATCH_FAULTS", FAULTS) * OTHER_PERCENT / 100;
    let site = Site { broker: Some(Mosquitto::start().await), ..Site::default() };
    endure("external broker", faults, &folder, site).await;
}

#[tokio::test]
async fn everything_is_stored_once_in_a_database_server() {
    let Some(server) = Postgres::start().await.expect("a temporary cluster") else {
        return skipped("PostgreSQL is not installed");
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let faults = number("BRIGHTWATCH_FAULTS", FAULTS) * OTHER_PERCENT / 100;
    let site = Site { server: Some(server), ..Site::default() };
    endure("database server", faults, &folder, site).await;
}

async fn endure(name: &str, faults: u64, folder: &tempfile::TempDir, site: Site) {
    let seed = number("BRIGHTWATCH_SEED", rand::rng().random());
    println!("{name}: {faults} faults; BRIGHTWATCH_SEED={seed} repeats them");
    let mut random = StdRng::seed_from_u64(seed);
    quick_profiles(folder.path());
    let environment = |clock: &Option<WallClock>| clock.as_ref().map(WallClock::environment).unwrap_or_default();
    let options = Options {
        store_url: site.server.as_ref().map(|server| server.url().to_owned()),
        data_dir: site.gateway_disk.as_ref().map(|disk| disk.path().join("data")),
        agent_disk: site.agent_disk.clone(),
        profiles_dir: Some(folder.path().to_owned()),
        broker: site.broker.as_ref().map(Mosquitto::address),
        agent_environment: environment(&site.agent_clock),
        gateway_environment: environment(&site.gateway_clock),
        ..Options::default()
    };
    let mut world = World::start_with(options).await;
    let equipment = Arc::new(Equipment::start().await.expect("a free port"));
    let leak = Gas::new();
    let lively = liven(&equipment, leak.clone());
    let proxy = Proxy::start(world.mqtt_address()).await.expect("a free port");
    let devices = [("gas-north", 1, "gas-detector"), ("cold-north", 2, "cold-store")];
    let source = modbus_source(equipment.address(), &devices).replace("interval_ms = 200", "interval_ms = 50");
    world.start_agent(NODE, proxy.address(), &source);
    let operator = world.sign_in(Role::CentreOperator).await;
    let rising = tokio::spawn(leak.clone().rise_and_fall(operator.clone()));
    let mut scene = Scene { world, proxy, site };

    let started = Instant::now();
    let (mut gateway_memory, mut agent_memory, mut unnumbered) = (Memory::default(), Memory::default(), Vec::new());
    // Since when the agent's clock is right again; None: it was never wrong.
    let mut right_since: Option<Instant> = None;
    let mut count = 1;
    while count <= faults {
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        let (fault, lasting) =
            if count.is_multiple_of(LONG_EVERY) { Fault::long(&mut random) } else { Fault::any(&mut random) };
        let ran = started.elapsed().as_millis();
        if !fault.is_possible(&scene.site) {
            // Only what happens counts.
            println!("{ran:6} ms  {fault:?} is not possible here");
            continue;
        }
        if fault == Fault::CutAgentPower
            && let Some(right_since) = right_since
        {
            // What was sent by a wrong clock and is then forgotten would be stored at times that nobody here knows.
            let unflushed = Duration::from_millis(UNFLUSHED_MS.unsigned_abs());
            tokio::time::sleep(unflushed.saturating_sub(right_since.elapsed())).await;
        }
        println!("{ran:6} ms  fault {count}: {fault:?} for {} ms", lasting.as_millis());
        let began = now_ms();
        fault.happen(lasting, &mut scene).await;
        match fault {
            Fault::FillAgentDisk => unnumbered.push(began - UNNUMBERED_MS..now_ms() + UNNUMBERED_MS),
            Fault::CutAgentPower => unnumbered.push(began - UNFLUSHED_MS..now_ms()),
            Fault::SetClock(_) => right_since = Some(Instant::now()),
            _ => {}
        }
        gateway_memory.note(count - 1, faults, scene.world.gateway().resident_kib());
        agent_memory.note(count - 1, faults, scene.world.agent(NODE).resident_kib());
        count += 1;
    }
    leak.end();
    let rose = tokio::time::timeout(HEALING, rising).await.expect("the last alarm is over in time").expect("no panic");
    lively.abort();
    let until_ms = now_ms();

    let mut outcome = None;
    let healing = Instant::now();
    while healing.elapsed() < HEALING {
        let (taken, gaps) = taken(&scene.world, NODE, until_ms);
        let stored = stored(&operator, &taken, until_ms).await;
        outcome = Some((difference(&taken, &stored, &unnumbered), gaps, taken.len(), taken.readings.len()));
        if outcome.as_ref().is_some_and(|(difference, ..)| difference.is_none()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (difference, gaps, count, series) = outcome.expect("it was asked once");
    println!(
        "{name}: {faults} faults, {count} readings of {series} series, {rose} alarms; healed in {} ms",
        healing.elapsed().as_millis()
    );
    assert_eq!(difference, None, "BRIGHTWATCH_SEED={seed}");
    if unnumbered.is_empty() {
        assert_eq!(gaps, Vec::<Json>::new(), "nothing was lost, and nothing is said to be");
    }
    assert!(count > 100, "the agent was hardly ever alive: {count} readings");
    assert!(rose > 0, "no alarm was ever over");
    alarms::check(&operator, rose).await;
    gateway_memory.check("gateway");
    agent_memory.check("agent");
}
