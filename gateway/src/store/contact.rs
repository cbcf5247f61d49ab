//! Where people are reached: telephone number and mail address of an account.

use domain::{access::Permission, id::UserId, time::UnixMs};
use protocol::rest;
use sqlx::any::AnyRow;

use super::{
    Store, audit,
    error::StoreError,
    row::Columns,
    scope::{Actor, Scope},
    user,
    writer::Priority,
};

const OPERATION: &str = "changing where somebody is reached";

/// Who can be reached where.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Who.
    pub account: UserId,
    /// What the person is here to do.
    pub user: rest::User,
    /// Telephone number; empty: none.
    pub phone: String,
    /// Mail address; empty: none.
    pub email: String,
    /// When the person is not to be called for III and IV; None: at no time.
    pub quiet_hours: Option<rest::QuietHours>,
}

impl Store {
    /// Everybody whose account is open and who can be reached. For the gateway, not for people.
    pub async fn contacts(&self) -> Result<Vec<Contact>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM account WHERE is_disabled = 0 AND (phone <> '' OR email <> '') ORDER BY id")
                .fetch_all(self.readers())
                .await
                .map_err(StoreError::read("reading where people can be reached"))?;
        rows.iter().map(contact_of).collect()
    }

    /// Where somebody is reached: the caller, or anybody for who manages accounts.
    pub async fn contact(&self, scope: &Scope, of: Option<UserId>) -> Result<Contact, StoreError> {
        let id = whose(scope, of)?;
        let row = sqlx::query("SELECT * FROM account WHERE id = $1")
            .bind(id.0)
            .fetch_optional(self.readers())
            .await
            .map_err(StoreError::read("reading where people can be reached"))?;
        contact_of(&row.ok_or(StoreError::NotFound("account"))?)
    }

    /// Changes where somebody is reached; audited.
    pub async fn put_contact(
        &self,
        scope: &Scope,
        of: Option<UserId>,
        contact: rest::ContactDraft,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let (id, actor) = (whose(scope, of)?, scope.username().to_string());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move {
                        let name = user::username_of(connection, id).await?;
                        let rest::ContactDraft { phone, email, quiet_hours } = contact;
                        let sql = "UPDATE account SET phone = $2, email = $3, quiet_from_min = $4, quiet_to_min = $5 \
                                   WHERE id = $1";
                        sqlx::query(sql)
                            .bind(id.0)
                            .bind(phone)
                            .bind(email)
                            .bind(quiet_hours.map(|quiet| i64::from(quiet.from_min)))
                            .bind(quiet_hours.map(|quiet| i64::from(quiet.to_min)))
                            .execute(&mut *connection)
                            .await
                            .map_err(StoreError::failed(OPERATION))?;
                        // Where somebody is reached is nobody else's business, so the log does not repeat it.
                        audit::note(connection, &actor, "user.contact", name.as_str(), String::new(), at).await
                    })
                },
                |()| {},
            )
            .await
    }
}

/// Oneself, or somebody else for who manages accounts.
fn whose(scope: &Scope, of: Option<UserId>) -> Result<UserId, StoreError> {
    match of {
        None => Ok(scope.user_id()),
        Some(id) => Actor::Person(scope).require(Permission::ManageUsers).map(|()| id),
    }
}

fn contact_of(row: &AnyRow) -> Result<Contact, StoreError> {
    Ok(Contact {
        account: UserId(row.get_as("id")?),
        user: user::user_of(row)?,
        phone: row.get_as("phone")?,
        email: row.get_as("email")?,
        quiet_hours: quiet_of(row)?,
    })
}

/// A person's quiet hours; None: the person has none.
pub(super) fn quiet_of(row: &AnyRow) -> Result<Option<rest::QuietHours>, StoreError> {
    let minute = |column: &'static str| -> Result<Option<u16>, StoreError> {
        let minute: Option<i64> = row.get_as(column)?;
        minute.map(|minute| u16::try_from(minute).map_err(StoreError::damaged(column))).transpose()
    };
    let (from, to) = (minute("quiet_from_min")?, minute("quiet_to_min")?);
    Ok(from.zip(to).map(|(from_min, to_min)| rest::QuietHours { from_min, to_min }))
}
