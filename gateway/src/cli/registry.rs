//! `gateway registry import`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use protocol::rest::{ImportReport, ImportedGap};

use super::order;
use crate::{
    config::Config,
    control::{Answer, Command as Order},
    registry::{Mode, import::Format},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Imports owners, sites and devices from a CSV table or a TOML document; all or nothing.
    Import {
        /// The file, ending with .csv or .toml.
        file: PathBuf,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<()> {
    let Command::Import { file, dry_run } = command;
    let Some(format) = Format::of_file(&file) else { bail!("{}: name a .csv or a .toml file", file.display()) };
    let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    let Answer::Imported(report) = order(config, Order::ImportRegistry { format, text, mode }).await? else {
        bail!("the gateway's answer is not understood");
    };
    for error in &report.errors {
        eprintln!("{}: {}: {}", file.display(), error.at, error.message);
    }
    if !report.errors.is_empty() {
        bail!("{} errors; nothing was changed", report.errors.len());
    }
    print(&report);
    Ok(())
}

fn print(report: &ImportReport) {
    let done = if report.is_applied { "" } else { "would be " };
    for (what, counts) in [("added", &report.added), ("changed", &report.changed), ("unchanged", &report.unchanged)] {
        for (kind, count) in counts {
            println!("{kind}: {count} {done}{what}");
        }
    }
    for ImportedGap { device, gap } in &report.gaps {
        println!("{device}: {} / {}", gap.words.zh, gap.words.en);
    }
    let unlisted = report.gap_count.saturating_sub(report.gaps.len() as u64);
    if unlisted > 0 {
        println!("and {unlisted} more rules that are not judged");
    }
}
