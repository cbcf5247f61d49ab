//! `gateway edge enrol|revoke`.

use anyhow::{Context, bail};
use clap::Subcommand;
use domain::id::NodeId;

use super::order;
use crate::{
    config::Config,
    control::{Answer, Command as Order},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Gives a registered edge node a new credential and prints it; an old one stops working at once.
    Enrol {
        /// The edge node.
        node: NodeId,
        /// Write the password to this file, readable by its owner only, instead of printing it.
        #[arg(long, value_name = "FILE")]
        password_file: Option<std::path::PathBuf>,
    },
    /// Takes an edge node's credential away; its connection is closed.
    Revoke {
        /// The edge node.
        node: NodeId,
    },
}

pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<()> {
    match command {
        Command::Enrol { node, password_file } => {
            let answer = order(config, Order::EnrolNode(node)).await?;
            give(answer, password_file.as_deref())?;
        }
        Command::Revoke { node } => {
            order(config, Order::RevokeNode(node)).await?;
        }
    }
    Ok(())
}

/// Prints a credential, or its user alone and the password into a file.
pub(super) fn give(answer: Answer, password_file: Option<&std::path::Path>) -> anyhow::Result<()> {
    let Answer::Credential(credential) = answer else { bail!("the gateway's answer is not understood") };
    match password_file {
        Some(path) => {
            write_private(path, &credential.password).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}", credential.username);
        }
        None => println!("{} {}", credential.username, credential.password),
    }
    Ok(())
}

fn write_private(path: &std::path::Path, password: &str) -> std::io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{password}")
}
