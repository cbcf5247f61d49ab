//! Telling people: notices that were committed with what made them true go out by every channel that serves their
//! audience, until they have arrived or are given up, visibly. [Why so](../../../docs/design/notify.md).
//!
//! - [`config`]: `[notify]` of the configuration.
//! - `route`: which notice goes by which channel to which address (pure).
//! - `desk`: which of what waits goes now, and what goes as one message (pure).
//! - `group`: what goes as one message (pure).
//! - `message`: what is sent, in words (pure).
//! - `attempt`: what became of an attempt, and when the next one is (pure).
//! - `channel`: one file a kind of channel.
//! - `picture`: the picture of an alarm, behind the words.
//! - `state`: how each channel is doing.
//! - `own`: dead channels as readings of the gateway as a device, from which ordinary rules raise alarms.
//! - `run`: the tasks: one that addresses, one a channel that sends.

mod attempt;
mod channel;
pub mod config;
mod desk;
mod group;
mod message;
pub mod own;
mod picture;
mod route;
mod run;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use domain::{id::UserId, registry::Registry, time::UnixMs};
use protocol::rest;
use tokio::sync::watch;

pub use self::config::Config;
use self::{channel::Channel, config::ChannelConfig, state::States};
pub use self::{
    run::{Parts, start},
    state::ChannelHealth,
};
use crate::{
    broker::Access,
    clock::Clock,
    store::{Actor, Contact, Scope, Store, StoreError, TestTarget},
};

/// Why the channels cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A key of a channel is wrong.
    #[error("notify.channel `{channel}`: {key}: {problem}")]
    Key {
        /// Which channel.
        channel: String,
        /// Which key.
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A file of a channel cannot be read.
    #[error("notify.channel `{channel}`: {key}: cannot read {}", path.display())]
    File {
        /// Which channel.
        channel: String,
        /// Which key.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A key of the section itself is wrong.
    #[error("notify.{key}: {problem}")]
    Section {
        /// Which key.
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// Every configured channel, ready to send.
#[derive(Debug)]
pub struct Channels {
    list: Vec<Arc<Channel>>,
}

impl Channels {
    /// Reads the channels' secrets and checks everything that can be checked without sending. `broker` None: sirens
    /// are only checked.
    ///
    /// # Errors
    /// [`SetUpError`] names the channel, the key, and what would be right.
    pub fn build(config: &Config, registry: &Registry, broker: Option<&Access>) -> Result<Self, SetUpError> {
        config.check(registry)?;
        let build = |one: &ChannelConfig| Channel::build(one, config, broker).map(Arc::new);
        Ok(Self { list: config.channel.iter().map(build).collect::<Result<_, _>>()? })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

/// How people look at the channels and try them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notifier {
    store: Store,
    channels: Arc<Channels>,
    states: States,
    clock: Clock,
}

/// Minutes of a day.
const DAY_MIN: u16 = 24 * 60;

/// Why a channel cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// There is none of that name.
    #[error("there is no such channel")]
    NoChannel,
    /// It carries messages to people, and whoever tries it has no address of that kind.
    #[error("this account has no {0}, to which the test could be sent")]
    NoAddress(&'static str),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why somebody cannot be reached there.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// It is no telephone number.
    #[error("a telephone number is 5 to 20 digits, perhaps with a + before")]
    Phone,
    /// It is no mail address.
    #[error("a mail address is needed, such as wang@example.cn")]
    Email,
    /// It is no span of a day.
    #[error("two different minutes of the day are needed, 0 to 1439")]
    QuietHours,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Notifier {
    /// Every channel with what waits for it and how it is doing, in the order of the configuration.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn channels(&self, scope: &Scope) -> Result<Vec<rest::NotifyChannel>, StoreError> {
        let figures = self.store.channel_figures(Actor::Person(scope)).await?;
        let figures: BTreeMap<&str, _> = figures.iter().map(|one| (one.channel.as_str(), one)).collect();
        let shown = |channel: &Arc<Channel>| {
            let health = self.states.of(channel.name());
            let figures = figures.get(channel.name());
            rest::NotifyChannel {
                name: channel.name().to_owned(),
                kind: channel.kind().to_owned(),
                state: health.state.word(),
                waiting: figures.map_or(0, |figures| figures.waiting),
                given_up: figures.map_or(0, |figures| figures.given_up),
                last_sent_at_ms: figures.and_then(|figures| figures.last_sent_at).map(|at| at.0),
                last_failed_at_ms: health.last_failed_at.map(|at| at.0),
                last_error: health.last_error,
                serves: channel.serves().words(),
                mildest: rest::SeverityNumber(channel.mildest()),
            }
        };
        Ok(self.channels.list.iter().map(shown).collect())
    }

    /// The names of the channels on which nothing gets through, and every change of that.
    pub fn dead_channels(&self) -> watch::Receiver<BTreeSet<String>> {
        self.states.dead_changes()
    }

    /// Where somebody is reached: the caller, or anybody for who manages accounts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn contact(&self, scope: &Scope, of: Option<UserId>) -> Result<rest::ContactDraft, StoreError> {
        let Contact { phone, email, quiet_hours, .. } = self.store.contact(scope, of).await?;
        Ok(rest::ContactDraft { phone, email, quiet_hours })
    }

    /// Changes where somebody is reached; None: the caller.
    ///
    /// # Errors
    /// [`ContactError`].
    pub async fn put_contact(
        &self,
        scope: &Scope,
        of: Option<UserId>,
        draft: rest::ContactDraft,
        at: UnixMs,
    ) -> Result<(), ContactError> {
        if !draft.phone.is_empty() && !channel::is_phone(&draft.phone) {
            return Err(ContactError::Phone);
        }
        if !draft.email.is_empty() && !channel::is_address(&draft.email) {
            return Err(ContactError::Email);
        }
        let is_span = |quiet: rest::QuietHours| {
            quiet.from_min < DAY_MIN && quiet.to_min < DAY_MIN && quiet.from_min != quiet.to_min
        };
        if !draft.quiet_hours.is_none_or(is_span) {
            return Err(ContactError::QuietHours);
        }
        Ok(self.store.put_contact(scope, of, draft, at).await?)
    }

    /// Sends a test message by a channel: to its own place, or to whoever tries it.
    ///
    /// # Errors
    /// [`TestError`].
    pub async fn test(&self, scope: &Scope, name: &str, at: UnixMs) -> Result<(), TestError> {
        let channel = self.channels.list.iter().find(|channel| channel.name() == name).ok_or(TestError::NoChannel)?;
        let targets = match channel.own_addresses() {
            addresses if !addresses.is_empty() => {
                addresses.into_iter().map(|address| TestTarget { address, account: None }).collect()
            }
            _ => {
                let contact = self.store.contact(scope, None).await?;
                let address = channel.address_of(&contact);
                let address = address.ok_or_else(|| TestError::NoAddress(channel.address_word()))?;
                vec![TestTarget { address, account: Some(scope.user_id()) }]
            }
        };
        let notice = message::test_notice(name, scope.username(), at);
        Ok(self.store.write_test(scope, name, notice, targets, self.clock.steady()).await?)
    }
}
