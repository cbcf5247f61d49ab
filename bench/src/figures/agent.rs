//! What an edge agent without a camera costs: a thousand metrics a second, read from Modbus, kept in its outbox, sent and
//! acknowledged.

use std::{
    fmt::Write as _,
    fs,
    process::Command,
    time::{Duration, Instant},
};

use demo::register::Registers;
use harness::{modbus::Equipment, process::Process};

use crate::{
    process::{Cost, program, proportional_mib, resident_mib},
    station::{Station, TOWNSHIP, registry_device, registry_head},
    table::{Table, Targets, number},
};

const NODE: &str = "bench-agent";
/// Pieces of equipment, and registers of each; all are read once a second.
const UNITS: u8 = 10;
const REGISTERS: u16 = 100;
/// The equipment moves more often than it is read, so that no reading is held back as unchanged.
const MOVES_EVERY: Duration = Duration::from_millis(250);
/// So long after its start the agent is not measured: births, first files.
const WARM_UP: Duration = Duration::from_secs(5);
const TARGET_CORE_PERCENT: f64 = 5.0;
const TARGET_MIB: f64 = 25.0;

/// Measures one agent.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) async fn measure(duration: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    let mut registry = registry_head() + &registry_device(NODE, "bench", "edge_node", NODE, "");
    for unit in 1..=UNITS {
        registry += &registry_device(&device(unit), "bench", "elevator", NODE, "rated_speed_m_per_s = 1.75");
    }
    let station = Station::start(&registry).await?;
    let equipment = Equipment::start().await?;
    let mut moves = (0..=u16::MAX).cycle();
    keep_moving(&equipment, &mut moves, Duration::ZERO).await;
    let agent = start_agent(&station, &equipment).await?;
    keep_moving(&equipment, &mut moves, WARM_UP).await;

    let before = station.page.read().await?.committed;
    let (started, cost) = (Instant::now(), Cost::of(&[agent.id()])?);
    keep_moving(&equipment, &mut moves, duration).await;
    let seconds = started.elapsed().as_secs_f64();
    let core_percent = cost.seconds()? / seconds * 100.0;
    let per_second = (station.page.read().await?.committed - before) as f64 / seconds;
    let resident = resident_mib(agent.id())?;

    let mut table = Table::new(
        "An edge agent without a camera: Modbus TCP → outbox on disk → sent → acknowledged",
        &["", "figure", ""],
    );
    table.row(["metrics read, kept and committed".into(), number(per_second), "readings/s".into()]);
    table.row(["processor".into(), number(core_percent), "% of a core".into()]);
    table.row(["resident memory".into(), number(resident), "MiB".into()]);
    table.row(["  its own part of it (PSS)".into(), number(proportional_mib(agent.id())?), "MiB".into()]);
    table.print();
    targets.at_most("agent at 1 000 metrics/s", core_percent, TARGET_CORE_PERCENT, "% of a core");
    targets.at_most("agent at 1 000 metrics/s, resident", resident, TARGET_MIB, "MiB");
    Ok(())
}

/// Changes every register again and again, for so long.
async fn keep_moving(equipment: &Equipment, moves: &mut impl Iterator<Item = u16>, duration: Duration) {
    let started = Instant::now();
    loop {
        let shift = moves.next().unwrap_or_default();
        for unit in 1..=UNITS {
            let input = (0..REGISTERS).map(|register| register.wrapping_mul(7).wrapping_add(shift)).collect();
            equipment.set(unit, Registers { input, ..Registers::default() });
        }
        if started.elapsed() >= duration {
            return;
        }
        tokio::time::sleep(MOVES_EVERY).await;
    }
}

fn device(unit: u8) -> String {
    format!("{NODE}-unit-{unit}")
}

async fn start_agent(station: &Station, equipment: &Equipment) -> anyhow::Result<Process> {
    let folder = station.folder();
    let credential = station.enrol(NODE).await?;
    fs::write(folder.join("node.password"), credential.password)?;
    let mut text = format!(
        r#"[node]
id = "{NODE}"
group = "{TOWNSHIP}"
[broker]
url = "mqtt://{mqtt}"
password_file = "node.password"
[[modbus]]
name = "bench"
address = "{equipment}"
"#,
        mqtt = station.mqtt,
        equipment = equipment.address(),
    );
    for unit in 1..=UNITS {
        let _ = write!(text, "[[modbus.device]]\nid = \"{}\"\nunit_id = {unit}\nmetric = [\n", device(unit));
        for register in 0..REGISTERS {
            let _ = writeln!(
                text,
                r#"  {{ name = "elevator.channel_{register}", table = "input", address = {register}, type = "u16" }},"#
            );
        }
        text.push_str("]\n");
    }
    let config = folder.join("edge-agent.toml");
    fs::write(&config, text)?;
    let mut start = Command::new(program("edge-agent")?);
    start.arg("run").arg("--config").arg(&config);
    Ok(Process::start("edge-agent", &mut start, folder)?)
}
