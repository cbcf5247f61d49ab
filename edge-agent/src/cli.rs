//! The command line: `edge-agent run` and `edge-agent check-config`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::config;

#[derive(Parser)]
#[command(name = "edge-agent", version, about = "Reads the equipment of one place and speaks for it to the centre")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say whether a configuration is right; exits 0, or names file, line, key and reason.
    CheckConfig {
        /// The configuration file.
        #[arg(long, default_value = "config/edge-agent.toml")]
        config: PathBuf,
    },
}

/// Does what the command line asks; what failed goes to standard error.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::CheckConfig { config } => check_config(&config),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("error: {wrong:#}");
            ExitCode::FAILURE
        }
    }
}

fn check_config(path: &std::path::Path) -> anyhow::Result<()> {
    let setup = config::load(path)?;
    let devices: usize = setup.sources.iter().map(|source| source.devices().len()).sum();
    println!("{}: right; {} sources, {devices} devices", path.display(), setup.sources.len());
    Ok(())
}
