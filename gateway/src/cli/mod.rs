//! The command line: what `gateway …` means.

mod backup;
mod check_config;
mod edge;
mod registry;
mod rule;
mod serve;
mod siren;
mod user;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use arc_swap::ArcSwap;
use clap::{Parser, Subcommand};

use crate::{
    api,
    clock::Clock,
    config::Config,
    control::{Answer, Command as Order, Executor, socket},
    identity::{Identity, node::NodeCredentials},
    registry::{Registrar, amendments, assemble},
    store::Store,
};

/// Brightwatch gateway: watches kitchens and special equipment of one district.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, about, max_term_width = 100)]
struct Arguments {
    /// The configuration file; what it names lies relative to its folder.
    #[arg(long, global = true, env = "BRIGHTWATCH_CONFIG", default_value = "config/gateway.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway until it is told to stop.
    Serve,
    /// Says whether the configuration and all that it names are right.
    CheckConfig,
    /// Accounts of people.
    #[command(subcommand)]
    User(user::Command),
    /// Credentials of edge nodes.
    #[command(subcommand)]
    Edge(edge::Command),
    /// Credentials of sirens.
    #[command(subcommand)]
    Siren(siren::Command),
    /// Owners, sites and devices.
    #[command(subcommand)]
    Registry(registry::Command),
    /// Rules over stored history.
    #[command(subcommand)]
    Rule(rule::Command),
    /// Takes a backup of everything stored; the gateway may be running.
    Backup(backup::Backup),
    /// Puts a backup back; the gateway must not be running.
    Restore(backup::Restore),
    /// Says whether what is stored, or a backup, is whole.
    Check(backup::Check),
    /// Prints the OpenAPI document.
    Openapi,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let done = match command {
        Command::Openapi => {
            print!("{}", api::openapi::document());
            Ok(())
        }
        Command::Serve => serve::run(&config),
        Command::CheckConfig => check_config::run(&config),
        Command::User(command) => in_runtime(async { user::run(command, &read(&config)?).await }),
        Command::Edge(command) => in_runtime(async { edge::run(command, &read(&config)?).await }),
        Command::Siren(command) => in_runtime(async { siren::run(command, &read(&config)?).await }),
        Command::Registry(command) => in_runtime(async { registry::run(command, &read(&config)?).await }),
        Command::Rule(command) => in_runtime(async { rule::run(command, &read(&config)?).await }),
        Command::Backup(arguments) => in_runtime(async { backup::back_up(arguments, &read(&config)?).await }),
        Command::Restore(arguments) => in_runtime(async { backup::restore(arguments, &read(&config)?).await }),
        Command::Check(arguments) => in_runtime(async { backup::check(arguments, &read(&config)?).await }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<Config> {
    Ok(Config::read(path)?)
}

/// Commands are short: one thread is enough.
fn in_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")?.block_on(work)
}

/// Has the running gateway do it, or does it here when none runs.
async fn order(config: &Config, order: Order) -> anyhow::Result<Answer> {
    if let Some(answer) = socket::ask(&config.data_dir, &order).await {
        return Ok(answer?);
    }
    let district = config.read_district()?;
    config.make_data_dir()?;
    let (store, task) = Store::open(&config.store, &config.data_dir).await?;
    let rows = store.load_registry().await?;
    let registry =
        assemble(&district, rows)?.with_amendments(amendments(&district.profiles, store.load_amendments().await?));
    let registry = Arc::new(ArcSwap::from_pointee(registry));
    let clock = Clock::start();
    let registrar = Registrar::new(store.clone(), clock, Arc::new(district.profiles), registry);
    let executor = Executor {
        store: store.clone(),
        identity: Identity::new(store.clone(), clock, config.identity.clone())?,
        nodes: NodeCredentials::new(None, registrar.clone(), store.clone(), clock),
        registrar,
    };
    let answer = executor.execute(order).await;
    drop((executor, store));
    task.finished().await?;
    Ok(answer?)
}
