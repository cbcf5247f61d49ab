//! Accounts. Passwords come here hashed and leave only for being checked.

use domain::{
    access::Permission,
    id::{UserId, UserName},
    time::UnixMs,
};
use protocol::rest;
use sqlx::{AnyConnection, any::AnyRow};

use super::{
    Store, audit,
    error::StoreError,
    row::{Columns, word_of},
    scope::{Actor, Scope},
    session::{self, SessionId},
    writer::Priority,
};

const OPERATION: &str = "changing an account";

/// What signing in needs: the account, closed or not, and its password's PHC string.
pub struct Credential {
    /// The account.
    pub user: rest::User,
    /// The hash to check the password against.
    pub password_hash: String,
}

impl Store {
    /// The account of that name, upper and lower case being the same, for checking a password.
    pub async fn credential(&self, username: &str) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query("SELECT * FROM account WHERE lower(username) = lower($1)")
            .bind(username)
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read("looking up an account"))?;
        row.map(|row| Ok(Credential { user: user_of(&row)?, password_hash: row.get_as("password_hash")? })).transpose()
    }

    /// All accounts, by name.
    pub async fn users(&self, actor: Actor<'_>) -> Result<Vec<rest::User>, StoreError> {
        actor.require(Permission::ManageUsers)?;
        let rows = sqlx::query("SELECT * FROM account ORDER BY lower(username)")
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("listing accounts"))?;
        rows.iter().map(user_of).collect()
    }

    /// Adds an account. The draft's own password is not looked at.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the name is taken, in whatever case.
    pub async fn add_user(
        &self,
        actor: Actor<'_>,
        draft: rest::UserDraft,
        password_hash: String,
        at: UnixMs,
    ) -> Result<rest::User, StoreError> {
        actor.require(Permission::ManageUsers)?;
        let actor = actor.name();
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| Box::pin(async move { insert(connection, &actor, &draft, password_hash, at).await }),
                |_| {},
            )
            .await
    }

    /// Changes an account, and its password where one is given. All its sessions end: the person signs in again with
    /// what is true now. The draft's own password is not looked at.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Exists`] when the name is taken.
    pub async fn change_user(
        &self,
        actor: Actor<'_>,
        id: UserId,
        draft: rest::UserDraft,
        password_hash: Option<String>,
        at: UnixMs,
    ) -> Result<rest::User, StoreError> {
        actor.require(Permission::ManageUsers)?;
        let (actor, store) = (actor.name(), self.clone());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move { update(connection, &actor, id, &draft, password_hash, at).await })
                },
                move |_| store.sessions_have_changed(),
            )
            .await
    }

    /// Changes a person's own password. All other sessions of the account end; `kept` stays.
    pub async fn change_own_password(
        &self,
        scope: &Scope,
        kept: SessionId,
        password_hash: String,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        self.write_password(scope.user_id(), scope.username().to_string(), Some(kept), password_hash, at).await
    }

    /// Changes anybody's password. All sessions of the account end.
    pub async fn reset_password(
        &self,
        actor: Actor<'_>,
        id: UserId,
        password_hash: String,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        actor.require(Permission::ManageUsers)?;
        self.write_password(id, actor.name(), None, password_hash, at).await
    }

    async fn write_password(
        &self,
        id: UserId,
        actor: String,
        kept: Option<SessionId>,
        password_hash: String,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        let name = username_of(connection, id).await?;
                        sqlx::query("UPDATE account SET password_hash = $2 WHERE id = $1")
                            .bind(id.0)
                            .bind(password_hash)
                            .execute(&mut *connection)
                            .await
                            .map_err(StoreError::failed(OPERATION))?;
                        session::end_all(connection, id, kept).await?;
                        audit::note(connection, &actor, "user.password", name.as_str(), String::new(), at).await
                    })
                },
                move |()| store.sessions_have_changed(),
            )
            .await
    }
}

async fn insert(
    connection: &mut AnyConnection,
    actor: &str,
    draft: &rest::UserDraft,
    password_hash: String,
    at: UnixMs,
) -> Result<rest::User, StoreError> {
    let row = sqlx::query(
        "INSERT INTO account (username, display_name, role, office_id, township_code, owner_id, is_disabled, \
         password_hash, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *",
    )
    .bind(draft.username.as_str())
    .bind(draft.display_name.as_str())
    .bind(word_of(&draft.role))
    .bind(draft.office.as_ref().map(ToString::to_string))
    .bind(draft.township.as_ref().map(ToString::to_string))
    .bind(draft.owner.as_ref().map(ToString::to_string))
    .bind(i64::from(draft.is_disabled))
    .bind(password_hash)
    .bind(at.0)
    .fetch_one(&mut *connection)
    .await
    .map_err(name_taken)?;
    audit::note(connection, actor, "user.add", draft.username.as_str(), described(draft), at).await?;
    user_of(&row)
}

async fn update(
    connection: &mut AnyConnection,
    actor: &str,
    id: UserId,
    draft: &rest::UserDraft,
    password_hash: Option<String>,
    at: UnixMs,
) -> Result<rest::User, StoreError> {
    let row = sqlx::query(
        "UPDATE account SET username = $2, display_name = $3, role = $4, office_id = $5, township_code = $6, \
         owner_id = $7, is_disabled = $8, password_hash = COALESCE($9, password_hash) WHERE id = $1 RETURNING *",
    )
    .bind(id.0)
    .bind(draft.username.as_str())
    .bind(draft.display_name.as_str())
    .bind(word_of(&draft.role))
    .bind(draft.office.as_ref().map(ToString::to_string))
    .bind(draft.township.as_ref().map(ToString::to_string))
    .bind(draft.owner.as_ref().map(ToString::to_string))
    .bind(i64::from(draft.is_disabled))
    .bind(password_hash)
    .fetch_optional(&mut *connection)
    .await
    .map_err(name_taken)?
    .ok_or(StoreError::NotFound("account"))?;
    session::end_all(connection, id, None).await?;
    audit::note(connection, actor, "user.change", draft.username.as_str(), described(draft), at).await?;
    user_of(&row)
}

fn name_taken(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(refusal) if refusal.is_unique_violation() => StoreError::Exists("an account of this name"),
        _ => StoreError::failed(OPERATION)(error),
    }
}

/// The account without its password, for the audit log.
fn described(draft: &rest::UserDraft) -> String {
    serde_json::json!({
        "role": draft.role, "office": draft.office, "township": draft.township, "owner": draft.owner,
        "is_disabled": draft.is_disabled,
    })
    .to_string()
}

/// The name of an account that must exist.
pub(super) async fn username_of(connection: &mut AnyConnection, id: UserId) -> Result<UserName, StoreError> {
    sqlx::query("SELECT username FROM account WHERE id = $1")
        .bind(id.0)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?
        .ok_or(StoreError::NotFound("account"))?
        .id("username")
}

/// The account of a row with all its columns.
pub(super) fn user_of(row: &AnyRow) -> Result<rest::User, StoreError> {
    Ok(rest::User {
        id: UserId(row.get_as("id")?),
        username: row.id("username")?,
        display_name: row.get_as("display_name")?,
        role: row.word("role")?,
        office: row.id_or_none("office_id")?,
        township: row.id_or_none("township_code")?,
        owner: row.id_or_none("owner_id")?,
        is_disabled: row.flag("is_disabled")?,
        created_at_ms: row.get_as("created_at_ms")?,
        last_sign_in_at_ms: row.get_as("last_sign_in_at_ms")?,
    })
}
