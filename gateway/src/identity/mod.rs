//! Who somebody is: signing in, passwords, accounts, and the end of sessions. Whose data a person may see is decided by
//! the [`Scope`](crate::store::Scope) of the session.
//!
//! - [`password`]: which passwords are good enough and how they are kept (pure).
//! - [`throttle`]: how often somebody may try (pure).
//! - [`account`]: accounts that make sense (pure).
//! - [`attendance`]: noticing within a second that a session has ended.
//! - [`node`]: credentials of edge nodes.

pub mod account;
pub mod attendance;
mod config;
pub mod node;
pub mod password;
pub mod throttle;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{access::Role, id::UserId, registry::Registry};
use protocol::rest;
use tokio::sync::Semaphore;

pub use self::config::Config;
use self::{
    account::DraftError,
    password::{HashError, WeakPassword},
    throttle::Throttle,
};
use crate::{
    clock::Clock,
    store::{Actor, AuditEntry, Session, SessionLimits, SessionToken, Store, StoreError},
};

/// Passwords hashed at the same time: each takes 19 MiB and a core.
const PARALLEL_HASHES: usize = 2;
/// How long somebody waits for a turn at hashing before being sent away.
const HASH_QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// Name of the account that is made at the first start.
pub const FIRST_ADMIN: &str = "admin";

/// Signs people in and keeps their accounts. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    config: Config,
    throttle: Mutex<Throttle>,
    hashing: Semaphore,
    /// Hash of a password that nobody has: checked for unknown accounts, so that they take as long as known ones.
    decoy: String,
}

/// Why something about accounts was refused.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Wrong name, wrong password, or a closed account; which of them is not told.
    #[error("the account name or the password is wrong")]
    WrongCredentials,
    /// Too many attempts.
    #[error("too many attempts to sign in")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many people sign in at this moment.
    #[error("too many people are signing in")]
    Busy,
    /// The new password is not good enough.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// The account does not make sense.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Nobody could change accounts any more.
    #[error("this is the last administrator that can sign in")]
    LastAdmin,
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// Nobody has tried to sign in yet.
    pub fn new(store: Store, clock: Clock, config: Config) -> Result<Self, IdentityError> {
        let throttle = Mutex::new(Throttle::new(config.account(), config.address()));
        let decoy = password::hash(&password::make(&mut rand::rng()))?;
        let hashing = Semaphore::new(PARALLEL_HASHES);
        Ok(Self { inner: Arc::new(Inner { store, clock, config, throttle, hashing, decoy }) })
    }

    /// Makes the first administrator of an empty gateway and answers the password, which stands nowhere else; None:
    /// there are accounts already.
    pub async fn first_start(&self) -> Result<Option<String>, IdentityError> {
        if !self.inner.store.users(Actor::Shell).await?.is_empty() {
            return Ok(None);
        }
        let password = password::make(&mut rand::rng());
        let draft = account::first_admin(password.clone());
        self.add_user(Actor::Shell, draft, &Registry::default()).await?;
        Ok(Some(password))
    }

    /// Checks name and password and opens a session. Takes as long for an unknown account as for a wrong password.
    pub async fn sign_in(
        &self,
        credentials: rest::SignIn,
        address: IpAddr,
    ) -> Result<(SessionToken, Session), IdentityError> {
        let inner = &self.inner;
        let rest::SignIn { username, password } = credentials;
        if password.chars().count() > password::LONGEST || username.chars().count() > account::LONGEST_NAME {
            return Err(IdentityError::WrongCredentials);
        }
        self.throttle(|throttle| throttle.take(&username, address, inner.clock.now().mono))
            .map_err(|retry_after| IdentityError::TooMany { retry_after })?;

        let credential = inner.store.credential(&username).await?;
        let hash = credential.as_ref().map_or_else(|| inner.decoy.clone(), |known| known.password_hash.clone());
        let is_right = self.verify(password, hash).await?;
        let user = credential.map(|known| known.user).filter(|user| is_right && !user.is_disabled);
        let Some(user) = user else {
            tracing::info!(user.name = %username.escape_debug(), client.address = %address, "a sign-in was refused");
            metrics::counter!("gateway_sign_ins_total", "outcome" => "refused").increment(1);
            self.note(username, "session.refused", format!("from {address}")).await?;
            return Err(IdentityError::WrongCredentials);
        };

        self.throttle(|throttle| throttle.give_back(&username, address));
        let token = SessionToken::generate(&mut rand::rng());
        let now = inner.clock.now().wall;
        inner.store.open_session(user.id, &token, self.limits(), now).await?;
        // Between the two calls the account may have been closed.
        let session = inner.store.session(&token, now).await?.ok_or(IdentityError::WrongCredentials)?;
        tracing::info!(user.name = %user.username, client.address = %address, "signed in");
        metrics::counter!("gateway_sign_ins_total", "outcome" => "accepted").increment(1);
        Ok((token, session))
    }

    /// Ends a session.
    pub async fn sign_out(&self, session: &Session) -> Result<(), IdentityError> {
        self.inner.store.end_session(session.id).await?;
        self.note(session.user.username.to_string(), "session.close", String::new()).await
    }

    /// Changes one's own password. Guessing the present one is throttled like signing in.
    pub async fn change_own_password(
        &self,
        session: &Session,
        change: rest::PasswordChange,
        address: IpAddr,
    ) -> Result<(), IdentityError> {
        let inner = &self.inner;
        let username = session.user.username.to_string();
        self.throttle(|throttle| throttle.take(&username, address, inner.clock.now().mono))
            .map_err(|retry_after| IdentityError::TooMany { retry_after })?;
        let known = inner.store.credential(&username).await?.ok_or(IdentityError::WrongCredentials)?;
        let is_right = change.current.chars().count() <= password::LONGEST
            && self.verify(change.current, known.password_hash).await?;
        if !is_right {
            return Err(IdentityError::WrongCredentials);
        }
        self.throttle(|throttle| throttle.give_back(&username, address));
        password::check(&change.new, &username)?;
        let hash = self.hash(change.new).await?;
        let now = inner.clock.now().wall;
        Ok(inner.store.change_own_password(&session.scope, session.id, hash, now).await?)
    }

    /// Adds an account.
    pub async fn add_user(
        &self,
        actor: Actor<'_>,
        mut draft: rest::UserDraft,
        registry: &Registry,
    ) -> Result<rest::User, IdentityError> {
        account::check(&draft, registry)?;
        let password = draft.password.take().ok_or(DraftError::NoPassword)?;
        password::check(&password, draft.username.as_str())?;
        let hash = self.hash(password).await?;
        Ok(self.inner.store.add_user(actor, draft, hash, self.inner.clock.now().wall).await?)
    }

    /// Changes an account. Its sessions end.
    pub async fn change_user(
        &self,
        actor: Actor<'_>,
        id: UserId,
        mut draft: rest::UserDraft,
        registry: &Registry,
    ) -> Result<rest::User, IdentityError> {
        account::check(&draft, registry)?;
        let users = self.inner.store.users(actor).await?;
        let can_administrate = |user: &rest::User| user.role == Role::Admin && !user.is_disabled;
        let stays_admin = draft.role == Role::Admin && !draft.is_disabled;
        if !stays_admin && users.iter().all(|user| user.id == id || !can_administrate(user)) {
            return Err(IdentityError::LastAdmin);
        }
        let hash = match draft.password.take() {
            None => None,
            Some(password) => {
                password::check(&password, draft.username.as_str())?;
                Some(self.hash(password).await?)
            }
        };
        Ok(self.inner.store.change_user(actor, id, draft, hash, self.inner.clock.now().wall).await?)
    }

    /// Sets anybody's password. All sessions of the account end.
    pub async fn reset_password(
        &self,
        actor: Actor<'_>,
        user: &rest::User,
        password: String,
    ) -> Result<(), IdentityError> {
        password::check(&password, user.username.as_str())?;
        let hash = self.hash(password).await?;
        Ok(self.inner.store.reset_password(actor, user.id, hash, self.inner.clock.now().wall).await?)
    }

    fn limits(&self) -> SessionLimits {
        let config = &self.inner.config;
        SessionLimits {
            lifetime_ms: i64::from(config.session_hours) * 3_600_000,
            idle_ms: i64::from(config.session_idle_minutes) * 60_000,
        }
    }

    fn throttle<T>(&self, ask: impl FnOnce(&mut Throttle) -> T) -> T {
        ask(&mut self.inner.throttle.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn note(&self, actor: String, action: &'static str, detail: String) -> Result<(), IdentityError> {
        let at = self.inner.clock.now().wall;
        Ok(self.inner.store.audit(AuditEntry { at, actor, action, object: String::new(), detail }).await?)
    }

    async fn verify(&self, password: String, hash: String) -> Result<bool, IdentityError> {
        self.off_thread(move || password::verify(&password, &hash)).await
    }

    async fn hash(&self, password: String) -> Result<String, IdentityError> {
        self.off_thread(move || password::hash(&password)).await
    }

    /// Runs something slow apart from the async threads, a few at a time.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, IdentityError> {
        let turn = tokio::time::timeout(HASH_QUEUE_TIMEOUT, self.inner.hashing.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(IdentityError::Busy) };
        let worked = tokio::task::spawn_blocking(work).await.expect("hashing never panics");
        Ok(worked?)
    }
}

#[cfg(test)]
mod tests;
