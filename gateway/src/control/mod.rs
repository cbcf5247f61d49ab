//! What the command line asks of a gateway. A running one is asked through a socket in its data directory, so that there
//! is one writer and changes count at once; otherwise the same [`Executor`] runs in the command line's own process.

pub mod socket;

use domain::id::{DeviceId, NodeId, RuleId, TownshipCode};
use protocol::rest::{FieldError, ImportReport, NodeCredential, RuleTest, RuleTestReport, User, UserDraft};
use serde::{Deserialize, Serialize};

use crate::{
    backtest,
    identity::{Identity, node::NodeCredentials},
    registry::{
        Mode, Registrar, RegistrarError,
        import::{self, Format},
    },
    store::{Actor, Store},
};

/// Something to do.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Adds an account.
    AddUser(UserDraft),
    /// Sets the password of an account. Its sessions end.
    ResetPassword {
        /// Whose.
        username: String,
        /// The new one.
        password: String,
    },
    /// All accounts.
    ListUsers,
    /// Imports owners, sites and devices.
    ImportRegistry {
        /// How it is written.
        format: Format,
        /// What is written.
        text: Vec<u8>,
        /// Whether it is done.
        mode: Mode,
    },
    /// Gives an edge node a credential.
    EnrolNode(NodeId),
    /// Takes it away.
    RevokeNode(NodeId),
    /// Gives a siren a credential.
    EnrolSiren {
        /// Its name.
        name: NodeId,
        /// What it hears of.
        township: TownshipCode,
    },
    /// Tries a rule on a device's stored history.
    TestRule {
        /// Which device.
        device: DeviceId,
        /// Which of its rules.
        rule: RuleId,
        /// Over which stretch, and by which wording.
        test: RuleTest,
    },
}

/// What came of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The account that was added.
    User(User),
    /// All accounts.
    Users(Vec<User>),
    /// What the import did, or would do; with errors it did nothing.
    Imported(ImportReport),
    /// The credential, shown this once.
    Credential(NodeCredential),
    /// When a rule would have fired.
    RuleTest(RuleTestReport),
}

/// Does what the command line asks.
#[derive(Clone)]
pub struct Executor {
    /// Accounts are listed here.
    pub store: Store,
    /// Accounts are changed here.
    pub identity: Identity,
    /// The registry is changed here.
    pub registrar: Registrar,
    /// Credentials of edge nodes.
    pub nodes: NodeCredentials,
}

/// Why it was not done, in words for the person at the shell.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Executor {
    /// Does it.
    pub async fn execute(&self, command: Command) -> Result<Answer, Refused> {
        match command {
            Command::AddUser(draft) => {
                let registry = self.registrar.current();
                self.identity.add_user(Actor::Shell, draft, &registry).await.map(Answer::User).map_err(refused)
            }
            Command::ResetPassword { username, password } => self.reset_password(&username, password).await,
            Command::ListUsers => self.store.users(Actor::Shell).await.map(Answer::Users).map_err(refused),
            Command::ImportRegistry { format, text, mode } => self.import(format, &text, mode).await,
            Command::EnrolNode(node) => {
                self.nodes.enrol(Actor::Shell, &node).await.map(Answer::Credential).map_err(refused)
            }
            Command::RevokeNode(node) => {
                self.nodes.revoke(Actor::Shell, &node).await.map(|()| Answer::Done).map_err(refused)
            }
            Command::EnrolSiren { name, township } => {
                let enrolled = self.nodes.enrol_siren(Actor::Shell, &name, &township).await;
                enrolled.map(Answer::Credential).map_err(refused)
            }
            Command::TestRule { device, rule, test } => self.test_rule(&device, &rule, &test).await,
        }
    }

    async fn test_rule(&self, device: &DeviceId, rule: &RuleId, test: &RuleTest) -> Result<Answer, Refused> {
        let registry = self.registrar.current();
        let device = registry.device(device).ok_or_else(|| Refused(format!("there is no device `{device}`")))?;
        let profile = self.registrar.profiles().get(&device.profile);
        let profile = profile.ok_or_else(|| Refused(format!("there is no profile `{}`", device.profile)))?;
        let present = registry.rule_on(profile, device, rule);
        let present = present.ok_or_else(|| Refused(format!("the device has no rule `{rule}`")))?;
        backtest::run(&self.store, profile, device, present, test).await.map(Answer::RuleTest).map_err(refused)
    }

    async fn reset_password(&self, username: &str, password: String) -> Result<Answer, Refused> {
        let known = self.store.credential(username).await.map_err(refused)?;
        let user = known.ok_or_else(|| Refused(format!("there is no account `{username}`")))?.user;
        self.identity.reset_password(Actor::Shell, &user, password).await.map_err(refused)?;
        Ok(Answer::Done)
    }

    async fn import(&self, format: Format, text: &[u8], mode: Mode) -> Result<Answer, Refused> {
        let errors = match import::parse(format, text) {
            Err(errors) => errors.into_iter().map(FieldError::from).collect(),
            Ok(lines) => match self.registrar.import(Actor::Shell, lines, mode).await {
                Ok(report) => return Ok(Answer::Imported(report)),
                Err(RegistrarError::Misfit(errors)) => errors,
                Err(error) => return Err(refused(error)),
            },
        };
        Ok(Answer::Imported(ImportReport { errors, ..ImportReport::default() }))
    }
}

/// The error with everything that caused it.
fn refused(error: impl std::error::Error) -> Refused {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Refused(text)
}

#[cfg(test)]
mod tests;
