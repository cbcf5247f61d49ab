//! `gateway siren enrol`.

use clap::Subcommand;
use domain::id::{NodeId, TownshipCode};

use super::{edge::give, order};
use crate::{config::Config, control::Command as Order};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Gives a siren a new credential and prints it; an old one stops working at once. It may subscribe to
    /// `brightwatch/siren/TOWNSHIP`, and to nothing else.
    Enrol {
        /// Its name: letters, digits, `_`, `-` and `.`.
        name: NodeId,
        /// The township whose alarms it sounds.
        #[arg(long, value_name = "CODE")]
        township: TownshipCode,
        /// Write the password to this file, readable by its owner only, instead of printing it.
        #[arg(long, value_name = "FILE")]
        password_file: Option<std::path::PathBuf>,
    },
}

pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<()> {
    let Command::Enrol { name, township, password_file } = command;
    give(order(config, Order::EnrolSiren { name, township }).await?, password_file.as_deref())
}
