//! A gateway that was lost comes back from a backup, and what it had stored since comes back from the edge.

use std::{process::Command, sync::Arc};

use domain::access::Role;
use harness::{
    World, eventually,
    modbus::Equipment,
    postgres::Postgres,
    process::binary,
    skipped::skipped,
    world::{Options, modbus_source},
};
use protocol::rest::{AuditPage, History};
use tokio::sync::watch;

use super::{
    LIMIT,
    books::{liven, now_ms, until_equal},
};

const NODE: &str = "edge-north";

#[tokio::test]
async fn a_gateway_restored_from_a_backup_gets_back_from_the_edge_what_came_after() {
    tell(World::start().await).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let Some(postgres) = Postgres::start().await.expect("a temporary cluster") else {
        return skipped("PostgreSQL is not installed");
    };
    let options = Options { store_url: Some(postgres.url().to_owned()), ..Options::default() };
    tell(World::start_with(options).await).await;
}

async fn tell(mut world: World) {
    let started_ms = now_ms();
    let equipment = Arc::new(Equipment::start().await.expect("a free port"));
    let (_gas, concentration) = watch::channel(0.0);
    let lively = liven(&equipment, concentration);
    let devices = [("gas-north", 1, "gas-detector"), ("cold-north", 2, "cold-store")];
    let broker = world.mqtt_address();
    world.start_agent(NODE, broker, &modbus_source(equipment.address(), &devices));
    let operator = world.sign_in(Role::CentreOperator).await;
    let history =
        format!("/devices/cold-north/history?metric=cold_store.temperature&from_ms={started_ms}&buckets=5000");
    let stored = async |at_least: usize| {
        eventually("readings are stored", LIMIT, async || {
            let history: History = operator.get(&format!("{history}&to_ms={}", now_ms())).await.ok()?;
            (history.points.len() >= at_least).then_some(history.points.len())
        })
        .await
    };
    let before = stored(20).await;

    // Given a backup of the running gateway, and readings that it stored and acknowledged afterwards.
    let folder = world.folder().join("backup");
    let folder = folder.display().to_string();
    world.order(&["backup", &folder]);
    stored(before + 20).await;

    // When it is killed, put back to the backup and started again.
    world.gateway().kill();
    let refused = Command::new(binary("gateway"))
        .arg("--config")
        .arg(world.folder().join("gateway.toml"))
        .args(["restore", &folder])
        .output()
        .expect("the command line starts");
    assert!(!refused.status.success(), "what is there is not covered up without being told");
    // A server takes a moment to notice that its client is gone.
    eventually("the backup is put back", LIMIT, async || {
        let config = world.folder().join("gateway.toml");
        let restore = ["restore", &folder, "--replace"];
        let restored = Command::new(binary("gateway")).arg("--config").arg(config).args(restore).output().ok()?;
        let why = String::from_utf8_lossy(&restored.stderr).into_owned();
        assert!(restored.status.success() || why.contains("connected to the database"), "{why}");
        restored.status.success().then_some(())
    })
    .await;
    world.restart_gateway().await;
    lively.abort();
    let until_ms = now_ms();

    // Then the agent, whose credential came back too, sends again what is missing: taken is stored, each once.
    assert_eq!(operator.status("/devices").await.expect("an answer"), 401, "sessions end with a restore");
    let operator = world.sign_in(Role::CentreOperator).await;
    let count = until_equal(&world, NODE, &operator, until_ms).await;
    println!("{count} readings taken and stored");
    assert!(count > before, "{count} readings");
    let report = world.order(&["check"]);
    assert!(report.contains("nothing is wrong"), "{report}");
    let admin = world.sign_in(Role::Admin).await;
    let log: AuditPage = admin.get("/audit?limit=100").await.expect("a page");
    assert!(log.entries.iter().any(|entry| entry.action == "store.restore"), "{:?}", log.entries);
}
