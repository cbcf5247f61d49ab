//! `demo-district --district FILE --troubles FILE`: serves the demonstration district on Modbus TCP.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Parser;
use demo::{
    camera::Cameras,
    district::{Config, District},
    server::Servers,
    trouble::Schedule,
};

/// Simulates the equipment of a district behind real Modbus TCP servers on loopback.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Which machines there are, on which line.
    #[arg(long)]
    district: PathBuf,
    /// What goes wrong with them, and when.
    #[arg(long)]
    troubles: PathBuf,
    /// Control port of the RTSP server that plays the cameras; absent: no camera gets into trouble.
    #[arg(long)]
    rtsp_control_port: Option<u16>,
    /// Only check both files.
    #[arg(long)]
    check: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init();
    let arguments = Arguments::parse();
    let config: Config = parse(&arguments.district)?;
    let schedule: Schedule = parse(&arguments.troubles)?;
    let district = District::new(&config, &schedule)?;
    if arguments.check {
        return Ok(());
    }
    let servers = Servers::bind(&config, district).await?;
    for (line, address) in config.lines.iter().zip(servers.addresses()?) {
        tracing::info!(line = line.name, %address, devices = line.devices.len(), "listening");
    }
    let cameras = Cameras::new(&schedule, config.seed);
    tokio::select! {
        () = cameras.play(arguments.rtsp_control_port) => Ok(()),
        ended = servers.serve() => ended.context("a Modbus server ended"),
        signal = stop_signal() => signal.context("no signals can be received"),
    }
}

fn parse<T>(path: &Path) -> anyhow::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("in {}", path.display()))
}

async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        signal = tokio::signal::ctrl_c() => signal,
        _ = terminate.recv() => Ok(()),
    }
}
