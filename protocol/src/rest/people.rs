//! Signing in, and accounts.

use domain::{
    access::{Permission, Role},
    id::{OfficeId, OwnerId, TownshipCode, UserId, UserName},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::vocabulary::{PermissionSchema, RoleSchema};

/// `POST /session`: sign in. The answer sets the session cookie.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Account name.
    pub username: String,
    /// Password, at most 256 characters.
    pub password: String,
}

/// `GET /session`: who is signed in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The account.
    pub user: User,
    /// What this person may do.
    #[schema(value_type = Vec<PermissionSchema>)]
    pub permissions: Vec<Permission>,
    /// Whether this gateway runs the demonstration district; the dashboard then says so on every page.
    pub is_demo: bool,
    /// Version of the gateway, such as `0.1.0`.
    pub gateway_version: String,
}

/// One account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Number.
    #[schema(value_type = i64)]
    pub id: UserId,
    /// Account name.
    #[schema(value_type = String)]
    pub username: UserName,
    /// The person's name as shown beside what they did.
    pub display_name: String,
    /// What the person is here to do.
    #[schema(value_type = RoleSchema)]
    pub role: Role,
    /// For an office officer: which office.
    #[schema(value_type = Option<String>)]
    pub office: Option<OfficeId>,
    /// For a township officer: which township.
    #[schema(value_type = Option<String>)]
    pub township: Option<TownshipCode>,
    /// For an owner: which owner.
    #[schema(value_type = Option<String>)]
    pub owner: Option<OwnerId>,
    /// A disabled account cannot sign in, and its open sessions end at once.
    pub is_disabled: bool,
    /// When the account was added.
    pub created_at_ms: i64,
    /// When the person last signed in; None: never.
    pub last_sign_in_at_ms: Option<i64>,
}

/// `POST /users` and `PUT /users/{id}`: an account as an administrator writes it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserDraft {
    /// Account name.
    #[schema(value_type = String)]
    pub username: UserName,
    /// The person's name.
    pub display_name: String,
    /// What the person is here to do; exactly the one of office, township, owner that the role needs must be given.
    #[schema(value_type = RoleSchema)]
    pub role: Role,
    /// For an office officer.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub office: Option<OfficeId>,
    /// For a township officer.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub township: Option<TownshipCode>,
    /// For an owner.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub owner: Option<OwnerId>,
    /// Whether the account is closed.
    #[serde(default)]
    pub is_disabled: bool,
    /// New password of 10 to 256 characters; absent when changing an account: keep the old one.
    #[serde(default)]
    pub password: Option<String>,
}

/// `PUT /session/password`: change one's own password. All other sessions of the account end.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present password.
    pub current: String,
    /// The new one, 10 to 256 characters.
    pub new: String,
}
