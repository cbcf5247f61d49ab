//! The command line: `edge-agent run`, `edge-agent check-config` and `edge-agent outbox`.

use std::{
    io::{BufWriter, IsTerminal, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing_subscriber::EnvFilter;

use crate::{
    app, config,
    outbox::{self, Folder},
};

#[derive(Parser)]
#[command(name = "edge-agent", version, about = "Reads the equipment of one place and speaks for it to the centre")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read the equipment and speak for it, until told to stop (SIGTERM, SIGINT).
    Run(ConfigFile),
    /// Say whether a configuration is right: exits with 0, or names file, line, key and reason.
    CheckConfig(ConfigFile),
    /// Print what the outbox holds, also while the agent runs: a line of JSON for each reading and each reported gap.
    Outbox(ConfigFile),
}

#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file; what it names lies relative to its folder.
    #[arg(long = "config", default_value = "config/edge-agent.toml")]
    path: PathBuf,
}

/// Does what the command line asks; what failed goes to standard error.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(file) => run(&file.path),
        Command::CheckConfig(file) => check_config(&file.path),
        Command::Outbox(file) => print_outbox(&file.path),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("error: {wrong:#}");
            ExitCode::FAILURE
        }
    }
}

fn check_config(path: &Path) -> anyhow::Result<()> {
    let setup = config::load(path)?;
    let devices: usize = setup.sources.iter().map(|source| source.devices().len()).sum();
    println!("{}: right; sources: {}, devices: {devices}", path.display(), setup.sources.len());
    Ok(())
}

fn print_outbox(path: &Path) -> anyhow::Result<()> {
    let setup = config::load(path)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let disk = Folder::to_read(&setup.outbox.dir);
    outbox::read_all(&disk, |entry| {
        for line in outbox::lines(&entry, &setup.node.id) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    })
    .with_context(|| format!("cannot read the outbox in {}", setup.outbox.dir.display()))?;
    out.flush().context("cannot print")
}

/// One thread is enough for all parts; what needs more brings its own.
#[tokio::main(flavor = "current_thread")]
async fn run(path: &Path) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let has_colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(has_colours).with_writer(std::io::stderr).init();
    // Several libraries speak TLS and none brings its own cryptography.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let setup = config::load(path)?;
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let pass_on_signals = async {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: stopping"),
            _ = interrupt.recv() => info!("SIGINT: stopping"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
    };
    let agent = async {
        let outcome = app::run(setup, stop.clone()).await;
        stop.cancel();
        outcome
    };
    tokio::join!(agent, pass_on_signals).0
}
