//! Sign-ins. The browser holds a random token, the database its SHA-256: who reads the database can take over nobody.

use std::fmt::Write as _;

use domain::{
    access::{Jurisdiction, Role},
    id::UserId,
    time::UnixMs,
};
use protocol::rest;
use sha2::{Digest as _, Sha256};
use sqlx::AnyConnection;
use tokio::sync::watch;

use super::{Store, audit, error::StoreError, row::Columns, scope::Scope, user, writer::Priority};

const OPERATION: &str = "changing sessions";
/// Bytes of a token: 256 random bits.
const TOKEN_BYTES: usize = 32;
/// The use of a session is written down at most this often, in milliseconds: its idle time is right to a minute, and
/// reading costs no write.
const USE_NOTED_EVERY_MS: i64 = 60_000;

/// What the browser keeps in its cookie. Never logged, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken([u8; TOKEN_BYTES]);

impl SessionToken {
    /// A new one from a cryptographic source of randomness.
    pub fn generate(random: &mut impl rand::CryptoRng) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        random.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The token of a cookie; None: it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != TOKEN_BYTES * 2 {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }

    /// The text for the cookie: 64 hexadecimal digits.
    pub fn reveal(&self) -> String {
        self.0.iter().fold(String::with_capacity(TOKEN_BYTES * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string never fails");
            text
        })
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// Number of a session; may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// From signing in, in milliseconds, however busy.
    pub lifetime_ms: i64,
    /// Without use, in milliseconds.
    pub idle_ms: i64,
}

/// A session that is valid at this moment.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Who is signed in.
    pub user: rest::User,
    /// What this person may see and do.
    pub scope: Scope,
    /// When it ends, however busy.
    pub expires: UnixMs,
}

impl Store {
    /// Signs a person in: the caller has checked the password. Sessions that are over are cleared away on the way.
    pub async fn open_session(
        &self,
        user: UserId,
        token: &SessionToken,
        limits: SessionLimits,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let hash = token.hash();
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| Box::pin(async move { insert(connection, user, hash, limits, at).await }),
                |()| {},
            )
            .await
    }

    /// Looks a session up. None: no such session, or it is over, or its account is closed.
    pub async fn session(&self, token: &SessionToken, now: UnixMs) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query(
            "SELECT account.*, session.id AS session_id, session.last_used_at_ms, session.expires_at_ms \
             FROM session JOIN account ON account.id = session.account_id WHERE session.token_hash = $1 \
             AND session.expires_at_ms > $2 AND session.last_used_at_ms + session.idle_limit_ms > $2 \
             AND account.is_disabled = 0",
        )
        .bind(token.hash())
        .bind(now.0)
        .fetch_optional(self.readers())
        .await
        .map_err(StoreError::read("looking up a session"))?;
        let Some(row) = row else { return Ok(None) };
        let id = SessionId(row.get_as("session_id")?);
        if now.since_ms(row.time("last_used_at_ms")?) >= USE_NOTED_EVERY_MS {
            self.note_use(id, now);
        }
        let user = user::user_of(&row)?;
        let scope = Scope::of_session(user.id, user.username.clone(), user.role, self.jurisdiction_of(&user)?);
        Ok(Some(Session { id, user, scope, expires: row.time("expires_at_ms")? }))
    }

    /// Signs out.
    pub async fn end_session(&self, id: SessionId) -> Result<(), StoreError> {
        let store = self.clone();
        self.writer()
            .write(
                Priority::Ordinary,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        sqlx::query("DELETE FROM session WHERE id = $1")
                            .bind(id.0)
                            .execute(connection)
                            .await
                            .map(drop)
                            .map_err(StoreError::failed(OPERATION))
                    })
                },
                move |()| store.sessions_have_changed(),
            )
            .await
    }

    /// Changes whenever a session ended or an account changed: whoever serves a session for longer than one request
    /// then looks it up again. (A session that merely expires changes nothing here.)
    pub fn session_changes(&self) -> watch::Receiver<u64> {
        self.session_change_counter().subscribe()
    }

    pub(super) fn sessions_have_changed(&self) {
        self.session_change_counter().send_modify(|counter| *counter += 1);
    }

    /// Notes the use without waiting: when the writer is busy, the next use will be noted.
    fn note_use(&self, id: SessionId, now: UnixMs) {
        self.writer().offer(Priority::Ordinary, "noting the use of a session", move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE session SET last_used_at_ms = $2 WHERE id = $1 AND last_used_at_ms < $2")
                    .bind(id.0)
                    .bind(now.0)
                    .execute(connection)
                    .await
                    .map(drop)
                    .map_err(StoreError::failed(OPERATION))
            })
        });
    }

    /// Whose devices an account may see.
    pub(super) fn jurisdiction_of(&self, user: &rest::User) -> Result<Jurisdiction, StoreError> {
        let missing = || StoreError::damaged("account")("the place that its role needs is missing");
        Ok(match user.role {
            Role::Admin | Role::CentreOperator => Jurisdiction::District,
            Role::OfficeOfficer => {
                let office = user.office.as_ref().ok_or_else(missing)?;
                // An office that the configuration no longer knows has no townships: its officers see nothing.
                let codes = self.offices().get(office).cloned().unwrap_or_default();
                Jurisdiction::Townships { codes }
            }
            Role::TownshipOfficer => {
                let township = user.township.clone().ok_or_else(missing)?;
                Jurisdiction::Townships { codes: std::sync::Arc::new([township].into()) }
            }
            Role::Owner => Jurisdiction::Owner { id: user.owner.clone().ok_or_else(missing)? },
        })
    }
}

async fn insert(
    connection: &mut AnyConnection,
    user: UserId,
    hash: Vec<u8>,
    limits: SessionLimits,
    at: UnixMs,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE expires_at_ms <= $1 OR last_used_at_ms + idle_limit_ms <= $1")
        .bind(at.0)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    sqlx::query(
        "INSERT INTO session (token_hash, account_id, created_at_ms, last_used_at_ms, idle_limit_ms, expires_at_ms) \
         VALUES ($1, $2, $3, $3, $4, $5)",
    )
    .bind(hash)
    .bind(user.0)
    .bind(at.0)
    .bind(limits.idle_ms)
    .bind(at.plus_ms(limits.lifetime_ms).0)
    .execute(&mut *connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    sqlx::query("UPDATE account SET last_sign_in_at_ms = $2 WHERE id = $1")
        .bind(user.0)
        .bind(at.0)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    let name = user::username_of(connection, user).await?;
    audit::note(connection, name.as_str(), "session.open", "", String::new(), at).await
}

/// Ends all sessions of an account, but one where given.
pub(super) async fn end_all(
    connection: &mut AnyConnection,
    user: UserId,
    except: Option<SessionId>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE account_id = $1 AND id <> $2")
        .bind(user.0)
        .bind(except.map_or(0, |id| id.0))
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::failed(OPERATION))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_token_survives_its_cookie_and_is_never_shown() {
        let token = SessionToken::generate(&mut rand::rngs::StdRng::seed_from_u64(1));
        assert_eq!(SessionToken::parse(&token.reveal()), Some(token.clone()));
        assert_eq!(token.reveal().len(), 64);
        assert_eq!(format!("{token:?}"), "SessionToken(…)");
        for wrong in ["", "00", &"g".repeat(64), &"a".repeat(63), &"é".repeat(32)] {
            assert_eq!(SessionToken::parse(wrong), None, "{wrong}");
        }
    }
}
