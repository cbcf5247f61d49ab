//! `gateway rule test`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use domain::id::{DeviceId, RuleId};
use jiff::{Timestamp, tz::TimeZone};
use protocol::rest::{RuleTest, RuleTestOutcome};

use super::order;
use crate::{
    clock::Clock,
    config::Config,
    control::{Answer, Command as Order},
};

const DAY_MS: i64 = 24 * 3600 * 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Says when a rule would have fired on a device's stored history, and when its present wording would have.
    Test {
        /// The device.
        device: DeviceId,
        /// Its rule.
        rule: RuleId,
        /// The rule as it would be: TOML as in a profile's file, without the heading `[[rules]]`.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// How many days back from now.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
    },
}

pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<()> {
    let Command::Test { device, rule, file, days } = command;
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
    let definition = file.map(read).transpose()?;
    let to_ms = Clock::start().now().wall.0;
    let test = RuleTest { from_ms: to_ms - i64::from(days) * DAY_MS, to_ms, definition };
    let Answer::RuleTest(report) = order(config, Order::TestRule { device, rule, test }).await? else {
        bail!("the gateway's answer is not understood");
    };
    println!("{} stored readings in {days} days", report.reading_count);
    print("as it is", &report.present);
    if let Some(proposed) = &report.proposed {
        print("as proposed", proposed);
    }
    Ok(())
}

fn print(heading: &str, outcome: &RuleTestOutcome) {
    let minutes = outcome.active_ms / 60_000;
    println!("\n{heading}: fired {} times, {minutes} min in all", outcome.count);
    for firing in &outcome.firings {
        let returned = firing.returned_at_ms.map_or_else(|| "still there".to_owned(), beijing);
        println!("  {}  to  {returned}", beijing(firing.raised_at_ms));
    }
}

/// `2026-10-01 08:00:00`, Beijing time.
fn beijing(at_ms: i64) -> String {
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| at_ms.to_string(), |at| at.to_zoned(zone).strftime("%F %T").to_string())
}
