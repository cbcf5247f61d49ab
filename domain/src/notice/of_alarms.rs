//! What steps in the lives of alarms say to whom.
//!
//! A batch may hold several steps of one alarm: only where it stood before and where it stands afterwards counts, so
//! that what came and went, or was raised behind a suppression, calls nobody.

use std::collections::BTreeMap;

use super::{Audience, Notice, Occasion, Subject, words};
use crate::{
    alarm::{AlarmState, OpenAlarm, Severity, Transition, What},
    id::AlarmId,
    profile::Profiles,
    registry::Registry,
};

/// The mildest severity that each is told of at once. What nobody answers climbs further by escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The owner of the equipment.
    pub owner: Severity,
    /// The sub-centre of its township.
    pub township: Severity,
    /// The office that answers for the township.
    pub office: Severity,
    /// The district's centre.
    pub centre: Severity,
    /// Of these, the mildest whose end is told too.
    pub returned: Severity,
}

impl Default for Policy {
    /// Owner and sub-centre act, so they hear of everything; office and centre of danger. The end of a mild alarm is on
    /// screen, and one message less.
    fn default() -> Self {
        Self {
            owner: Severity::IV,
            township: Severity::IV,
            office: Severity::II,
            centre: Severity::II,
            returned: Severity::II,
        }
    }
}

/// What decides who is told, and in which words.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// Where devices stand, and who answers for them.
    pub registry: &'a Registry,
    /// What their rules advise.
    pub profiles: &'a Profiles,
    /// Who is told of which severity.
    pub policy: &'a Policy,
}

/// What `transitions`, which happened together and in this order, say to whom. `before` is the open alarm as it was
/// before them; None: it was raised by them. A device that is in no registry concerns nobody.
pub fn notices_of<'a>(
    telling: &Telling<'_>,
    transitions: &[Transition],
    before: impl Fn(AlarmId) -> Option<&'a OpenAlarm>,
) -> Vec<Notice> {
    let mut steps_of: BTreeMap<AlarmId, Vec<&Transition>> = BTreeMap::new();
    for transition in transitions {
        steps_of.entry(transition.alarm).or_default().push(transition);
    }
    let mut notices = Vec::new();
    for (alarm, steps) in steps_of {
        let last = steps[steps.len() - 1];
        let has_returned = steps.iter().any(|step| step.what == What::Returned);
        let Some(occasion) = occasion_of(before(alarm), last, has_returned) else { continue };
        // What raised or changed it, rather than that it has gone meanwhile.
        let told = match occasion {
            Occasion::Returned => last,
            _ => steps.iter().rfind(|step| step.what != What::Returned).copied().unwrap_or(last),
        };
        tell(telling, told, last, occasion, &mut notices);
    }
    notices
}

/// What an alarm's way from `before` to `last` is to be called; None: it calls nobody.
fn occasion_of(before: Option<&OpenAlarm>, last: &Transition, has_returned: bool) -> Option<Occasion> {
    use AlarmState::{ActiveUnacknowledged, LatchedUnacknowledged, ReturnedUnacknowledged};
    if last.state.is_set_aside() {
        return None;
    }
    let calls = matches!(last.state, ActiveUnacknowledged | ReturnedUnacknowledged | LatchedUnacknowledged);
    let Some(before) = before else {
        return calls.then_some(Occasion::Raised);
    };
    let is_active = matches!(last.state, ActiveUnacknowledged | AlarmState::ActiveAcknowledged);
    if calls && before.state.is_set_aside() {
        return Some(Occasion::Resumed);
    }
    if calls && last.severity < before.severity {
        return Some(Occasion::Worsened);
    }
    let was_answered = matches!(before.state, AlarmState::ActiveAcknowledged | AlarmState::LatchedAcknowledged);
    if last.state == ActiveUnacknowledged && was_answered {
        return Some(Occasion::Recurred);
    }
    let has_gone = has_returned && !is_active && before.is_active() && !before.state.is_set_aside();
    has_gone.then_some(Occasion::Returned)
}

fn tell(telling: &Telling<'_>, told: &Transition, last: &Transition, occasion: Occasion, notices: &mut Vec<Notice>) {
    let Telling { registry, profiles, policy } = telling;
    let Some(device) = registry.device(&last.device) else { return };
    let Some(site) = registry.site(&device.site) else { return };
    let severity = last.severity;
    if occasion == Occasion::Returned && severity > policy.returned {
        return;
    }
    let rule = profiles.get(&device.profile).and_then(|profile| registry.rule_on(profile, device, &last.rule));
    let (title, body) = words::of_alarm(&words::Matter { registry, device, site, rule, told, last, occasion });
    let office = registry.office_of(&site.township).map(|office| Audience::Office(office.id.clone()));
    let audiences = [
        (Some(Audience::Owner(site.owner.clone())), policy.owner),
        (Some(Audience::Township(site.township.clone())), policy.township),
        (office, policy.office),
        (Some(Audience::Centre), policy.centre),
    ];
    for (audience, mildest) in audiences {
        let Some(audience) = audience.filter(|_| severity <= mildest) else { continue };
        notices.push(Notice {
            subject: Subject::Alarm(last.alarm),
            occasion,
            severity,
            audience,
            device: Some(device.id.clone()),
            site: Some(site.id.clone()),
            node: Some(device.node.clone()),
            matter: last.title.clone(),
            at: last.at,
            title: title.clone(),
            body: body.clone(),
        });
    }
}
