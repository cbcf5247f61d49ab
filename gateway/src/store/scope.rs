//! Who asks. A [`Scope`] cannot be made outside the store, and inside it only by the look-up of a session: a query on
//! people's data that is not bound to a signed-in person therefore does not compile.

use domain::{
    access::{Jurisdiction, Permission, Role},
    id::{UserId, UserName},
    registry::Place,
};

use super::error::StoreError;

/// What a signed-in person may see and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    user: UserId,
    username: UserName,
    role: Role,
    jurisdiction: Jurisdiction,
}

impl Scope {
    /// Of a session that was looked up and found valid.
    pub(super) const fn of_session(user: UserId, username: UserName, role: Role, jurisdiction: Jurisdiction) -> Self {
        Self { user, username, role, jurisdiction }
    }

    /// For unit tests of modules that take a scope and have no store.
    #[cfg(test)]
    pub(crate) fn for_tests(role: Role, jurisdiction: Jurisdiction) -> Self {
        Self { user: UserId(1), username: UserName::new("tester").expect("a slug"), role, jurisdiction }
    }

    /// Whose.
    pub const fn user_id(&self) -> UserId {
        self.user
    }

    /// The name the person signed in with.
    pub const fn username(&self) -> &UserName {
        &self.username
    }

    /// What the person is here to do.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whose devices the person may see.
    pub const fn jurisdiction(&self) -> &Jurisdiction {
        &self.jurisdiction
    }

    /// Whether the person may do that, where the jurisdiction covers it.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.may(permission)
    }

    /// Whether a device at `place` may be seen; `None` is a device that nobody registered.
    pub fn covers(&self, place: Option<&Place>) -> bool {
        self.jurisdiction.covers(place)
    }
}

/// Who changes something: the audit log names them.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    /// A signed-in person.
    Person(&'a Scope),
    /// Whoever has a shell on the server, through the gateway's command line: may do everything.
    Shell,
}

impl Actor<'_> {
    /// What the audit log calls them.
    pub fn name(self) -> String {
        match self {
            Actor::Person(scope) => scope.username.to_string(),
            // A blank cannot be in a user name, so nobody can sign in under this name.
            Actor::Shell => "server shell".into(),
        }
    }

    pub(super) fn require(self, permission: Permission) -> Result<(), StoreError> {
        match self {
            Actor::Person(scope) if !scope.may(permission) => Err(StoreError::NotPermitted),
            Actor::Person(_) | Actor::Shell => Ok(()),
        }
    }
}
