//! `gateway backup`, `gateway restore` and `gateway check`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::bail;
use clap::Args;

use crate::{
    backup::{self, Mode},
    clock::Clock,
    config::Config,
    store::{self, CheckCounts, CheckReport},
};

/// How often a long check says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Takes a backup; the gateway may be running.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder to make, such as /mnt/backup/2026-11-26. It holds secrets, as the data directory does.
    to: PathBuf,
    /// Do not look through the copy afterwards.
    #[arg(long)]
    no_check: bool,
}

/// Puts a backup back; the gateway must not be running.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder that `gateway backup` made.
    from: PathBuf,
    /// Move what is there aside, into a folder (SQLite) or a schema (PostgreSQL) named before-restore-TIME.
    #[arg(long)]
    replace: bool,
}

/// Says whether what is stored is whole; the gateway may be running.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A backup instead of the configured database.
    #[arg(long, value_name = "FOLDER")]
    backup: Option<PathBuf>,
}

pub(super) async fn back_up(arguments: Backup, config: &Config) -> anyhow::Result<()> {
    let Backup { to, no_check } = arguments;
    let at = Clock::start().now().wall;
    let mut tell = |bytes: u64, of: Option<u64>| match of {
        Some(of) => eprintln!("copying the database: {} of at most {}", mebibytes(bytes), mebibytes(of)),
        None => eprintln!("copying the database: {}", mebibytes(bytes)),
    };
    let (manifest, digest) = backup::take(config, &to, at, &mut tell).await?;
    println!("{}: {} files, {}", to.display(), manifest.files.len(), mebibytes(manifest.bytes()));
    println!("sha256 of its manifest: {digest}");
    if no_check {
        return Ok(());
    }
    check(Check { backup: Some(to) }, config).await
}

pub(super) async fn restore(arguments: Restore, config: &Config) -> anyhow::Result<()> {
    let Restore { from, replace } = arguments;
    let mode = if replace { Mode::Replace } else { Mode::IntoEmpty };
    let restored = backup::restore(config, &from, mode, Clock::start().now().wall).await?;
    for place in &restored.moved_aside {
        println!("what was there is now {place}");
    }
    println!("restored what was taken {} (gateway {})", restored.manifest.taken_at, restored.manifest.gateway_version);
    println!(
        "history {} begins: edge nodes send again what it has not stored; everybody signs in again",
        restored.epoch
    );
    Ok(())
}

pub(super) async fn check(arguments: Check, config: &Config) -> anyhow::Result<()> {
    let mut told = Instant::now();
    let mut tell = |counts: &CheckCounts| {
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            eprintln!("{} chunks with {} readings so far", counts.chunks, counts.sealed_readings);
        }
    };
    let report = match arguments.backup {
        None => store::check(&config.store, &config.data_dir, &mut tell).await?,
        Some(folder) => {
            let (manifest, report) = backup::check(&folder, &mut tell).await?;
            println!("{} files are what they were at {}", manifest.files.len(), manifest.taken_at);
            let Some(report) = report else {
                println!("a dump of PostgreSQL is looked into by restoring it: then run `gateway check`");
                return Ok(());
            };
            report
        }
    };
    print(&report);
    if report.is_sound() {
        println!("nothing is wrong");
        return Ok(());
    }
    let count = report.findings.len() as u64 + report.left_out_count;
    bail!("{count} findings")
}

fn print(report: &CheckReport) {
    let counts = &report.counts;
    println!(
        "looked at {} series, {} chunks with {} readings, {} rollups, {} journal rows with {} readings, {} outboxes, \
         {} alarms, {} audit entries",
        counts.series,
        counts.chunks,
        counts.sealed_readings,
        counts.rollups,
        counts.journal_rows,
        counts.journal_readings,
        counts.outboxes,
        counts.alarms,
        counts.audit_entries,
    );
    for finding in &report.findings {
        println!("WRONG  {}: {}", finding.place, finding.problem);
    }
    if report.left_out_count > 0 {
        println!("and {} more", report.left_out_count);
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}
