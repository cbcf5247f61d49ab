//! Whatever is killed, cut or held up: at the end, everything that the agent took is stored, each once, with its value and
//! time.
//!
//! `BRIGHTWATCH_FAULTS` and `BRIGHTWATCH_SEED` choose how many faults and which.

use std::{
    env,
    time::{Duration, Instant},
};

use domain::access::Role;
use harness::{
    World,
    modbus::Equipment,
    proxy::{Link, Proxy},
    world::modbus_source,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value as Json;
use tokio::sync::watch;

use super::proof::{Proof, liven, now_ms, prove};

const NODE: &str = "edge-north";
/// Faults when nobody asks for more.
const FAULTS: u32 = 60;

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

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[tokio::test]
async fn everything_the_agent_took_is_stored_once_whatever_is_killed_or_cut() {
    let faults = number("BRIGHTWATCH_FAULTS", FAULTS.into());
    let seed = number("BRIGHTWATCH_SEED", rand::rng().random());
    println!("BRIGHTWATCH_FAULTS={faults} BRIGHTWATCH_SEED={seed} repeats these faults");
    let mut random = StdRng::seed_from_u64(seed);

    let mut world = World::start().await;
    let equipment = std::sync::Arc::new(Equipment::start().await.expect("a free port"));
    let (_gas, concentration) = watch::channel(0.0);
    let lively = liven(&equipment, concentration);
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
    let until_ms = now_ms();

    let operator = world.sign_in(Role::CentreOperator).await;
    let healing = Instant::now();
    let Proof { difference, gaps, count, series } = prove(&world, NODE, &operator, until_ms).await;
    println!("{faults} faults, {count} readings of {series} series; healed in {} ms", healing.elapsed().as_millis());
    assert_eq!(difference, None, "BRIGHTWATCH_FAULTS={faults} BRIGHTWATCH_SEED={seed}");
    assert_eq!(gaps, Vec::<Json>::new(), "nothing was lost, and nothing is said to be");
    assert!(count > 100, "the agent was hardly ever alive: {count} readings");
}
