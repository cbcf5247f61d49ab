//! Who may see and do what: role and jurisdiction.
//!
//! This module only says what a role means. The value that proves a person was authenticated, and that every query
//! on people's data asks for, is built by the gateway's session store alone.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    id::{OwnerId, TownshipCode},
    registry::Place,
};

/// What a person is here to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 管理员: the bureau's IT; people, registry, edge nodes, and all that the centre sees.
    Admin,
    /// 指挥中心: sees and acknowledges everything in the district.
    CentreOperator,
    /// 市场监管所: sees and acknowledges what lies in the townships of one office.
    OfficeOfficer,
    /// 乡镇分中心: sees and acknowledges what lies in one township.
    TownshipOfficer,
    /// 使用单位: sees its own devices and alarms.
    Owner,
}

/// What may be done, where the jurisdiction covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Look at devices, readings, alarms and pictures.
    View,
    /// Acknowledge alarms, and reset latched ones.
    AcknowledgeAlarm,
    /// 搁置: put alarms on the shelf for a time, and take them from it.
    ShelveAlarm,
    /// 停用: take devices and rules out of service, and bring them back.
    ManageService,
    /// 修订规则: word alarm rules anew for devices, sites or everywhere. Not for those who sit in front of the alarms: a limit is
    /// changed by whoever answers for the equipment, not by whoever it wakes.
    AmendRule,
    /// Change owners, sites and devices; enrol edge nodes; see devices that nobody registered.
    ManageRegistry,
    /// Add, change and disable accounts.
    ManageUsers,
    /// Read who did what.
    ReadAudit,
    /// 通知渠道: see how the channels by which people are told are doing, and try them.
    ManageChannels,
    /// See how much room the readings take.
    ViewStorage,
    /// 处置: open cases and take their steps.
    HandleCase,
    /// Add notes and photos to a case.
    ReportOnCase,
    /// 排班: write the roster of the own post and hand duty over.
    KeepRoster,
}

impl Role {
    /// Every role, in the order of the sign-in guide.
    pub const ALL: [Role; 5] =
        [Role::Admin, Role::CentreOperator, Role::OfficeOfficer, Role::TownshipOfficer, Role::Owner];

    /// What this role may do.
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission::{
            AcknowledgeAlarm, AmendRule, HandleCase, KeepRoster, ManageChannels, ManageRegistry, ManageService,
            ManageUsers, ReadAudit, ReportOnCase, ShelveAlarm, View, ViewStorage,
        };
        match self {
            Role::Admin => &[
                View,
                AcknowledgeAlarm,
                ShelveAlarm,
                ManageService,
                AmendRule,
                ManageRegistry,
                ManageUsers,
                ReadAudit,
                ManageChannels,
                ViewStorage,
                HandleCase,
                ReportOnCase,
                KeepRoster,
            ],
            Role::CentreOperator => {
                &[View, AcknowledgeAlarm, ShelveAlarm, ManageService, HandleCase, ReportOnCase, KeepRoster, ViewStorage]
            }
            Role::OfficeOfficer => {
                &[View, AcknowledgeAlarm, ShelveAlarm, ManageService, AmendRule, HandleCase, ReportOnCase, KeepRoster]
            }
            Role::TownshipOfficer => &[View, AcknowledgeAlarm, ShelveAlarm, HandleCase, ReportOnCase, KeepRoster],
            // Who is watched does not silence the watch, and does not judge the own work either.
            Role::Owner => &[View, AcknowledgeAlarm, ReportOnCase],
        }
    }

    /// Whether this role may do that.
    pub fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }
}

/// Whose devices a person may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Jurisdiction {
    /// All of the district, and what nobody registered yet.
    District,
    /// The townships of an office, or the one of a sub-centre.
    Townships {
        /// Their codes.
        codes: Arc<BTreeSet<TownshipCode>>,
    },
    /// The sites of one owner.
    Owner {
        /// Whose.
        id: OwnerId,
    },
}

impl Jurisdiction {
    /// Whether a device at `place` lies within; `None` is a device that nobody registered.
    pub fn covers(&self, place: Option<&Place>) -> bool {
        match (self, place) {
            (Jurisdiction::District, _) => true,
            (_, None) => false,
            (Jurisdiction::Townships { codes }, Some(place)) => codes.contains(&place.township),
            (Jurisdiction::Owner { id }, Some(place)) => *id == place.owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jurisdiction_covers_its_own_places_only() {
        let place = |township: &str, owner: &str| Place {
            township: TownshipCode::new(township).unwrap(),
            owner: OwnerId::new(owner).unwrap(),
        };
        let school = place("500156001", "school");
        let hotel = place("500156003", "hotel");
        let township = Jurisdiction::Townships { codes: Arc::new([school.township.clone()].into()) };
        let owner = Jurisdiction::Owner { id: hotel.owner.clone() };

        assert!(Jurisdiction::District.covers(Some(&school)) && Jurisdiction::District.covers(None));
        assert!(township.covers(Some(&school)) && !township.covers(Some(&hotel)) && !township.covers(None));
        assert!(!owner.covers(Some(&school)) && owner.covers(Some(&hotel)) && !owner.covers(None));
    }
}
