//! Accounts that make sense: the place that a role needs, and no other. Pure.

use domain::{
    access::Role,
    id::{OfficeId, OwnerId, TownshipCode, UserName},
    registry::Registry,
};
use protocol::rest::UserDraft;

use super::FIRST_ADMIN;

/// The longest account name, in characters, as [`UserName`] allows.
pub const LONGEST_NAME: usize = 32;
/// The longest name of a person, in characters.
const LONGEST_DISPLAY_NAME: usize = 64;

/// Why an account does not make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The role needs one place, and this is not it.
    #[error("a {role} needs {needed} and nothing else")]
    Place {
        /// Which role.
        role: &'static str,
        /// What it needs.
        needed: &'static str,
    },
    /// Nobody would know who it is.
    #[error("the person's name has 1 to {LONGEST_DISPLAY_NAME} characters")]
    DisplayName,
    /// The place does not exist.
    #[error("there is no such {0}")]
    UnknownPlace(&'static str),
    /// A new account cannot go without.
    #[error("a new account needs a password")]
    NoPassword,
}

impl DraftError {
    /// The field that is wrong.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Place { .. } => "role",
            Self::UnknownPlace(field) => field,
            Self::DisplayName => "display_name",
            Self::NoPassword => "password",
        }
    }
}

/// Whether the role has the place that it needs, and no other, and whether that place exists.
pub fn check(draft: &UserDraft, registry: &Registry) -> Result<(), DraftError> {
    let length = draft.display_name.trim().chars().count();
    if length == 0 || length > LONGEST_DISPLAY_NAME {
        return Err(DraftError::DisplayName);
    }
    let has = (draft.office.is_some(), draft.township.is_some(), draft.owner.is_some());
    let (needed, role, words) = match draft.role {
        Role::Admin => ((false, false, false), "admin", "no place"),
        Role::CentreOperator => ((false, false, false), "centre_operator", "no place"),
        Role::OfficeOfficer => ((true, false, false), "office_officer", "an office"),
        Role::TownshipOfficer => ((false, true, false), "township_officer", "a township"),
        Role::Owner => ((false, false, true), "owner", "an owner"),
    };
    if has != needed {
        return Err(DraftError::Place { role, needed: words });
    }
    let knows_office = draft.office.as_ref().is_none_or(|id| registry.office(id).is_some());
    let knows_township = draft.township.as_ref().is_none_or(|code| registry.township(code).is_some());
    let knows_owner = draft.owner.as_ref().is_none_or(|id| registry.owner(id).is_some());
    match (knows_office, knows_township, knows_owner) {
        (true, true, true) => Ok(()),
        (false, _, _) => Err(DraftError::UnknownPlace("office")),
        (_, false, _) => Err(DraftError::UnknownPlace("township")),
        (_, _, false) => Err(DraftError::UnknownPlace("owner")),
    }
}

/// The account with which everything begins.
pub(super) fn first_admin(password: String) -> UserDraft {
    UserDraft {
        username: UserName::new(FIRST_ADMIN).expect("five letters are a name"),
        display_name: "管理员".into(),
        role: Role::Admin,
        office: None::<OfficeId>,
        township: None::<TownshipCode>,
        owner: None::<OwnerId>,
        is_disabled: false,
        password: Some(password),
    }
}

#[cfg(test)]
mod tests {
    use domain::registry::{Office, Owner, Township};

    use super::*;

    #[test]
    fn a_role_has_the_place_it_needs_and_no_other() {
        let admin = first_admin("-".into());
        let (office, township) = (OfficeId::new("north").unwrap(), TownshipCode::new("500156001").unwrap());
        let owner = OwnerId::new("school").unwrap();
        let registry = registry();
        let check = |role, office: Option<&OfficeId>, township: Option<&TownshipCode>, owner: Option<&OwnerId>| {
            let draft = UserDraft {
                role,
                office: office.cloned(),
                township: township.cloned(),
                owner: owner.cloned(),
                ..admin.clone()
            };
            super::check(&draft, &registry).is_ok()
        };
        assert!(check(Role::Admin, None, None, None));
        assert!(check(Role::CentreOperator, None, None, None));
        assert!(check(Role::OfficeOfficer, Some(&office), None, None));
        assert!(check(Role::TownshipOfficer, None, Some(&township), None));
        assert!(check(Role::Owner, None, None, Some(&owner)));

        assert!(!check(Role::Admin, Some(&office), None, None));
        assert!(!check(Role::OfficeOfficer, None, None, None));
        assert!(!check(Role::TownshipOfficer, Some(&office), Some(&township), None));
        assert!(!check(Role::Owner, None, Some(&township), None));
        assert!(!check(Role::Owner, None, None, Some(&OwnerId::new("nobody").unwrap())));
        assert!(!check(Role::TownshipOfficer, None, Some(&TownshipCode::new("500156999").unwrap()), None));
        let nameless = UserDraft { display_name: " ".into(), ..admin };
        assert_eq!(super::check(&nameless, &registry), Err(DraftError::DisplayName));
    }

    fn registry() -> Registry {
        let township = Township {
            code: TownshipCode::new("500156001").unwrap(),
            name_zh: "凤山街道".into(),
            name_en: "Fengshan".into(),
            latitude_deg: 29.3,
            longitude_deg: 107.7,
        };
        let office = Office {
            id: OfficeId::new("north").unwrap(),
            name_zh: "北所".into(),
            name_en: "North".into(),
            townships: vec![township.code.clone()],
        };
        let owner = Owner { id: OwnerId::new("school").unwrap(), name: "School".into(), phone: String::new() };
        Registry::build(vec![township], vec![office], vec![owner], vec![], vec![]).unwrap()
    }
}
