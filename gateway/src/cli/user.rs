//! `gateway user add|passwd|list`.

use std::{io::BufRead as _, path::PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use domain::{
    access::Role,
    id::{OfficeId, OwnerId, TownshipCode, UserName},
};
use protocol::rest::{User, UserDraft};

use super::order;
use crate::{
    config::Config,
    control::{Answer, Command as Order},
    identity::password,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds an account.
    Add(Add),
    /// Sets an account's password; its sessions end.
    Passwd {
        /// Account name.
        username: UserName,
        #[command(flatten)]
        password: Password,
    },
    /// Lists the accounts.
    List,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Account name.
    username: UserName,
    /// What the person is here to do.
    #[arg(long)]
    role: RoleName,
    /// The person's name; the account's name when absent.
    #[arg(long)]
    display_name: Option<String>,
    /// For an office officer: id of the office.
    #[arg(long)]
    office: Option<OfficeId>,
    /// For a township officer: nine-digit code.
    #[arg(long)]
    township: Option<TownshipCode>,
    /// For an owner: id of the owner.
    #[arg(long)]
    owner: Option<OwnerId>,
    #[command(flatten)]
    password: Password,
}

/// Where a password comes from. Not from the command line itself: everybody on the machine can read that.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct Password {
    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from the standard input. Without this and a file, one is made and printed.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum RoleName {
    Admin,
    CentreOperator,
    OfficeOfficer,
    TownshipOfficer,
    Owner,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::CentreOperator => Self::CentreOperator,
            RoleName::OfficeOfficer => Self::OfficeOfficer,
            RoleName::TownshipOfficer => Self::TownshipOfficer,
            RoleName::Owner => Self::Owner,
        }
    }
}

pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<()> {
    match command {
        Command::Add(Add { username, role, display_name, office, township, owner, password }) => {
            let display_name = display_name.unwrap_or_else(|| username.to_string());
            let (password, is_made) = password.read()?;
            let draft = UserDraft {
                username: username.clone(),
                display_name,
                role: role.into(),
                office,
                township,
                owner,
                is_disabled: false,
                password: Some(password.clone()),
            };
            order(config, Order::AddUser(draft)).await?;
            tell(&username, &password, is_made);
        }
        Command::Passwd { username, password } => {
            let (password, is_made) = password.read()?;
            order(config, Order::ResetPassword { username: username.to_string(), password: password.clone() }).await?;
            tell(&username, &password, is_made);
        }
        Command::List => {
            if let Answer::Users(users) = order(config, Order::ListUsers).await? {
                users.iter().for_each(print);
            }
        }
    }
    Ok(())
}

/// A made password is shown this once; one that the person chose is not shown.
fn tell(username: &UserName, password: &str, is_made: bool) {
    if is_made {
        println!("{username} {password}");
    }
}

fn print(user: &User) {
    let role =
        serde_json::to_value(user.role).ok().and_then(|role| Some(role.as_str()?.to_owned())).unwrap_or_default();
    let place = [
        user.office.as_ref().map(ToString::to_string),
        user.township.as_ref().map(ToString::to_string),
        user.owner.as_ref().map(ToString::to_string),
    ];
    let place = place.into_iter().flatten().next().unwrap_or_else(|| "-".to_owned());
    let state = if user.is_disabled { "disabled" } else { "enabled" };
    println!("{:<24} {role:<16} {place:<20} {state:<8} {}", user.username.as_str(), user.display_name);
}

impl Password {
    /// The password, and whether it was made here.
    fn read(self) -> anyhow::Result<(String, bool)> {
        let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        if let Some(path) = self.password_file {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            return Ok((first_line(&text), false));
        }
        if self.password_stdin {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
            return Ok((first_line(&line), false));
        }
        Ok((password::make(&mut rand::rng()), true))
    }
}
