//! PostgreSQL is killed again and again under load: nothing that an agent took is lost or stored twice, and an alarm that
//! was raised meanwhile is raised once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::access::Role;
use harness::{
    World, eventually,
    modbus::Equipment,
    postgres::Postgres,
    skipped::skipped,
    world::{Options, modbus_source},
};
use protocol::rest::{AlarmDetail, AlarmEventKind, AlarmPage};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::watch;

use super::books::{liven, now_ms, until_equal};

const NODE: &str = "edge-north";
/// Kills of the server.
const KILLS: u32 = 6;
/// A gas alarm needs this concentration, in % LEL.
const DANGEROUS: f64 = 60.0;
/// A server that recovers, and a gateway that finds it again.
const RECOVERY: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_server_killed_under_load_loses_nothing_and_doubles_nothing() {
    let Some(mut postgres) = Postgres::start().await.expect("a temporary cluster") else {
        return skipped("PostgreSQL is not installed");
    };
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut world =
        World::start_with(Options { store_url: Some(postgres.url().to_owned()), ..Options::default() }).await;
    let equipment = Arc::new(Equipment::start().await.expect("a free port"));
    let (gas, concentration) = watch::channel(0.0);
    let lively = liven(&equipment, concentration);
    let devices = [("gas-north", 1, "gas-detector"), ("cold-north", 2, "cold-store")];
    let source = modbus_source(equipment.address(), &devices).replace("interval_ms = 200", "interval_ms = 50");
    let broker = world.mqtt_address();
    world.start_agent(NODE, broker, &source);
    let operator = world.sign_in(Role::CentreOperator).await;

    for kill in 1..=KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(500..1500))).await;
        // Just before the kill, so that the commit of the alarm is what is cut in its middle.
        if kill == KILLS / 2 {
            gas.send_replace(DANGEROUS);
            tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        }
        postgres.kill();
        println!("kill {kill}");
        tokio::time::sleep(Duration::from_millis(random.random_range(10..1500))).await;
        postgres.restart().await;
        if kill == KILLS / 2 {
            eventually("the gas alarm is raised all the same", RECOVERY, async || {
                let page: AlarmPage = operator.get("/alarms?state=open").await.ok()?;
                page.alarms.iter().any(|alarm| alarm.rule.as_str() == "GA-03").then_some(())
            })
            .await;
        }
    }
    lively.abort();
    let count = until_equal(&world, NODE, &operator, now_ms()).await;
    println!("{KILLS} kills, {count} readings taken and stored");
    assert!(count > 200, "{count} readings");

    let page: AlarmPage = operator.get("/alarms?state=all&limit=200").await.expect("a page");
    let of_gas: Vec<_> = page.alarms.iter().filter(|alarm| alarm.device.as_str() == "gas-north").collect();
    let rules: BTreeSet<_> = of_gas.iter().map(|alarm| alarm.rule.as_str()).collect();
    assert!(rules.contains("GA-03"), "{of_gas:?}");
    assert_eq!(rules.len(), of_gas.len(), "a rule has raised twice: {of_gas:?}");
    for alarm in of_gas {
        let detail: AlarmDetail = operator.get(&format!("/alarms/{}", alarm.id)).await.expect("a detail");
        let raised = detail.history.iter().filter(|event| event.what == AlarmEventKind::Raised).count();
        assert_eq!(raised, 1, "{:?}", detail.history);
    }
    let report = world.order(&["check"]);
    assert!(report.contains("nothing is wrong"), "{report}");
}
