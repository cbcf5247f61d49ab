//! How the OpenAPI document spells out words of the domain, so that generated clients get closed sets instead of plain
//! text. The domain itself knows nothing of OpenAPI; a test keeps these lists equal to what the domain writes. None of
//! these is ever a value.

use utoipa::ToSchema;

/// What a person is here to do.
#[derive(ToSchema)]
#[schema(as = Role, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum RoleSchema {
    Admin,
    CentreOperator,
    OfficeOfficer,
    TownshipOfficer,
    Owner,
}

/// What may be done, where the jurisdiction covers it.
#[derive(ToSchema)]
#[schema(as = Permission, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum PermissionSchema {
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
}

/// Where an alarm stands in its life.
#[derive(ToSchema)]
#[schema(as = AlarmState, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum AlarmStateSchema {
    ActiveUnacknowledged,
    ActiveAcknowledged,
    ReturnedUnacknowledged,
    LatchedUnacknowledged,
    LatchedAcknowledged,
    Shelved,
    Suppressed,
    OutOfService,
    Closed,
}

/// Which way a case goes.
#[derive(ToSchema)]
#[schema(as = CasePlan, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum PlanSchema {
    Ordinary,
    Entrapment,
}

/// Where a case stands.
#[derive(ToSchema)]
#[schema(as = CaseState, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum CaseStateSchema {
    Opened,
    Assigned,
    Accepted,
    OnSite,
    Handled,
    Verified,
    Closed,
}

/// What happened to a case.
#[derive(ToSchema)]
#[schema(as = CaseWhat, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum CaseWhatSchema {
    Opened,
    AlarmAdded,
    Assigned,
    Accepted,
    Contacted,
    ArrivedOnSite,
    Freed,
    Handled,
    FalseAlarm,
    Returned,
    Verified,
    Closed,
    Noted,
    PhotoAdded,
    Overdue,
    Milestone,
    BecameAccident,
}

/// What turned out to be behind it.
#[derive(ToSchema)]
#[schema(as = CauseCode, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum CauseCodeSchema {
    Equipment,
    Operation,
    Supply,
    Maintenance,
    Monitoring,
    External,
    Other,
}

/// How far up the tree: owner and sub-centre, office, centre.
#[derive(ToSchema)]
#[schema(as = Rung, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum RungSchema {
    Ground,
    Office,
    Centre,
}

/// How far a reading can be trusted.
#[derive(ToSchema)]
#[schema(as = Quality, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum QualitySchema {
    Good,
    ClockSuspect,
    Implausible,
    Bad,
}

/// What was measured: a switch, a count or quantity, or a text.
#[derive(ToSchema)]
#[schema(as = Value)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum ValueSchema {
    Bool(bool),
    Number(f64),
    Text(String),
}

/// 1 (I, red: life is in danger now), 2 (II, orange), 3 (III, yellow), 4 (IV, blue).
#[derive(ToSchema)]
#[schema(as = Severity, minimum = 1, maximum = 4)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct SeveritySchema(u8);

#[cfg(test)]
mod tests {
    use domain::{
        access::Role,
        alarm::AlarmState,
        case::{CaseState, CaseWhat, CauseCode, Plan},
        escalation::Rung,
        reading::Quality,
    };
    use serde::Serialize;
    use utoipa::PartialSchema;

    use super::*;

    fn check<Schema: PartialSchema>(of_domain: &[impl Serialize]) {
        let schema = serde_json::to_value(Schema::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::to_value(of_domain).unwrap());
    }

    #[test]
    fn the_document_lists_exactly_the_words_of_the_domain() {
        check::<RoleSchema>(&Role::ALL);
        check::<PermissionSchema>(Role::Admin.permissions());
        check::<AlarmStateSchema>(&AlarmState::ALL);
        check::<PlanSchema>(&[Plan::Ordinary, Plan::Entrapment]);
        check::<CaseStateSchema>(&CaseState::ALL);
        check::<CaseWhatSchema>(&CaseWhat::ALL);
        check::<CauseCodeSchema>(&CauseCode::ALL);
        check::<RungSchema>(&Rung::ALL);
        check::<QualitySchema>(&[Quality::Good, Quality::ClockSuspect, Quality::Implausible, Quality::Bad]);
    }
}
