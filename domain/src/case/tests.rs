//! The machine by random stories, and its clock by travelling through time.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    Case, CaseInput, CaseRefusal,
    CaseState::{self, Accepted, Assigned, Closed, Handled, OnSite, Opened, Verified},
    CaseWhat, CauseCode, EntrapmentLimits, Look, Outcome, Plan, Policy, PolicyError, StepLimits, Watch,
};
use crate::{
    alarm::Severity,
    escalation::{BySeverity, Ladder, Rung},
    id::UserName,
    roster::{Assignee, Post},
    time::UnixMs,
};

const START: UnixMs = UnixMs(1_790_000_000_000);
const LADDER: Ladder = Ladder { office_s: Some(100), centre_s: Some(200) };
const STEPS: StepLimits =
    StepLimits { assign_s: 10, accept_s: 20, on_site_s: 30, handle_s: 40, verify_s: 50, close_s: 60 };
const POLICY: Policy = Policy {
    escalation: BySeverity { one: LADDER, two: LADDER, three: LADDER, four: LADDER },
    steps: BySeverity { one: STEPS, two: STEPS, three: STEPS, four: STEPS },
    entrapment: EntrapmentLimits {
        contact_s: 60,
        accept_s: 180,
        on_site_s: 1800,
        accident_s: 7200,
        milestone: Vec::new(),
    },
    entrapment_rules: BTreeSet::new(),
};

fn name(index: u8) -> UserName {
    UserName::new(["zhang", "li", "wang"][usize::from(index % 3)]).unwrap()
}

fn input() -> impl Strategy<Value = CaseInput> {
    prop_oneof![
        (0_u8..3).prop_map(|person| CaseInput::Assign(Assignee::Person(name(person)))),
        Just(CaseInput::Assign(Assignee::Post(Post::Centre))),
        Just(CaseInput::Accept),
        Just(CaseInput::Contact),
        Just(CaseInput::Arrive),
        Just(CaseInput::Free),
        Just(CaseInput::Handle(CauseCode::Equipment)),
        Just(CaseInput::FalseAlarm),
        Just(CaseInput::Return),
        Just(CaseInput::Verify),
        Just(CaseInput::Close),
    ]
}

fn story() -> impl Strategy<Value = Vec<(CaseInput, u8, i64, bool)>> {
    prop::collection::vec((input(), 0_u8..3, 0_i64..60_000, prop::bool::weighted(0.2)), 0..40)
}

fn new_case() -> impl Strategy<Value = Case> {
    (prop::bool::ANY, 1_u8..=4, -60_000_i64..60_000).prop_map(|(is_entrapment, severity, began)| {
        let plan = if is_entrapment { Plan::Entrapment } else { Plan::Ordinary };
        Case::opened(plan, Severity::from_u8(severity).unwrap(), START.plus_ms(began), START)
    })
}

fn case(plan: Plan, severity: Severity) -> Case {
    Case::opened(plan, severity, START, START)
}

/// What `zhang` does, one step a second.
fn play(mut case: Case, inputs: &[CaseInput]) -> Result<Case, CaseRefusal> {
    for input in inputs {
        case = case.after(input, &name(0), case.entered.plus_ms(1000), false)?.0;
    }
    Ok(case)
}

#[test]
fn a_case_goes_its_way_and_every_step_has_a_name() {
    let office = Assignee::Post("office:furong".parse().unwrap());
    let done = play(
        case(Plan::Ordinary, Severity::II),
        &[
            CaseInput::Assign(office.clone()),
            CaseInput::Accept,
            CaseInput::Arrive,
            CaseInput::Handle(CauseCode::Supply),
        ],
    )
    .unwrap();
    assert_eq!((done.state, done.assignee.as_ref()), (Handled, Some(&office)));
    assert_eq!((done.handler.as_ref(), done.handled_by.as_ref()), (Some(&name(0)), Some(&name(0))));
    assert_eq!(done.outcome, Some(Outcome::Handled(CauseCode::Supply)));
    assert_eq!(play(done.clone(), &[CaseInput::Verify]), Err(CaseRefusal::OwnWork));
    let (verified, _) = done.after(&CaseInput::Verify, &name(1), START, false).unwrap();
    assert_eq!(play(verified, &[CaseInput::Close]).unwrap().state, Closed);
}

#[test]
fn the_grave_ones_are_handled_on_site_and_the_others_may_be_by_telephone() {
    let from_afar = [CaseInput::Accept, CaseInput::Handle(CauseCode::Operation)];
    assert_eq!(play(case(Plan::Ordinary, Severity::II), &from_afar), Err(CaseRefusal::NotOnSite));
    assert_eq!(play(case(Plan::Ordinary, Severity::III), &from_afar).unwrap().state, Handled);
}

#[test]
fn nobody_is_done_while_people_are_trapped() {
    let trapped = case(Plan::Entrapment, Severity::I);
    let there = play(trapped, &[CaseInput::Contact, CaseInput::Accept, CaseInput::Arrive]).unwrap();
    let handle = CaseInput::Handle(CauseCode::Equipment);
    assert_eq!(play(there.clone(), std::slice::from_ref(&handle)), Err(CaseRefusal::StillTrapped));
    assert_eq!(play(there.clone(), &[CaseInput::Contact]), Err(CaseRefusal::AlreadyNoted));
    assert_eq!(play(there, &[CaseInput::Free, handle]).unwrap().state, Handled);
    assert_eq!(play(case(Plan::Ordinary, Severity::I), &[CaseInput::Free]), Err(CaseRefusal::NoEntrapment));
}

#[test]
fn people_who_are_trapped_again_have_clocks_of_their_own() {
    let there = play(case(Plan::Entrapment, Severity::I), &[CaseInput::Accept, CaseInput::Arrive]).unwrap();
    assert_eq!(there.trapped(START, START), None, "that is known");
    let done = play(there, &[CaseInput::Free, CaseInput::Handle(CauseCode::Equipment)]).unwrap();
    let later = START.plus_ms(3_600_000);
    let again = done.trapped(later, later.plus_ms(5000)).unwrap();
    assert_eq!((again.state, again.freed, again.outcome, again.began), (Accepted, None, None, later));
    assert_eq!(POLICY.accident(&again), Some(later.plus_ms(7_200_000)));
    assert_eq!(again.handler, Some(name(0)));
    let ordinary = case(Plan::Ordinary, Severity::II).trapped(later, START).unwrap();
    assert_eq!((ordinary.plan, ordinary.began, ordinary.state), (Plan::Entrapment, START, Opened));
}

#[test]
fn an_alarm_that_goes_on_keeps_its_case_open_unless_it_was_a_false_one() {
    let accepted = play(case(Plan::Ordinary, Severity::III), &[CaseInput::Accept]).unwrap();
    let verify = |case: &Case| case.after(&CaseInput::Verify, &name(1), START, true).map(|(case, _)| case.state);
    let handled = play(accepted.clone(), &[CaseInput::Handle(CauseCode::Other)]).unwrap();
    assert_eq!(verify(&handled), Err(CaseRefusal::AlarmActive));
    let unreal = play(accepted, &[CaseInput::FalseAlarm]).unwrap();
    assert_eq!(verify(&unreal), Ok(Verified));
}

#[test]
fn what_is_not_done_goes_back_to_who_did_it() {
    let done = play(
        case(Plan::Ordinary, Severity::I),
        &[CaseInput::Accept, CaseInput::Arrive, CaseInput::Handle(CauseCode::Other)],
    )
    .unwrap();
    let (again, what) = done.after(&CaseInput::Return, &name(1), START, false).unwrap();
    assert_eq!((again.state, what, again.outcome, again.handled_by), (Accepted, CaseWhat::Returned, None, None));
    assert_eq!(again.handler, Some(name(0)));
}

#[test]
fn the_clock_of_an_entrapment_runs_from_its_beginning() {
    let mut trapped = Case::opened(Plan::Entrapment, Severity::I, START, START.plus_ms(30_000));
    assert_eq!(POLICY.due(&trapped), Some(START.plus_ms(180_000)));
    assert_eq!(POLICY.accident(&trapped), Some(START.plus_ms(7_200_000)));
    trapped = play(trapped, &[CaseInput::Accept]).unwrap();
    assert_eq!(POLICY.due(&trapped), Some(START.plus_ms(1_800_000)));
    trapped = play(trapped, &[CaseInput::Arrive]).unwrap();
    assert_eq!(POLICY.due(&trapped), Some(START.plus_ms(7_200_000)));
    let (freed, _) = trapped.after(&CaseInput::Free, &name(0), START.plus_ms(600_000), false).unwrap();
    assert_eq!(POLICY.accident(&freed), None);
    assert_eq!(POLICY.due(&freed), Some(freed.entered.plus_ms(40_000)));
}

#[test]
fn two_hours_make_an_accident_once() {
    let trapped = case(Plan::Entrapment, Severity::I);
    let before = POLICY.look(&trapped, Watch::default(), START.plus_ms(7_199_999));
    assert!(!before.becomes_accident);
    assert_eq!(before.next, Some(START.plus_ms(7_200_000)));
    assert_eq!(before.milestones.len(), 1);
    let at = POLICY.look(&trapped, before.watch, START.plus_ms(7_200_000));
    assert!(at.becomes_accident && at.tell.is_empty());
    let later = POLICY.look(&trapped, at.watch, START.plus_ms(9_000_000));
    assert!(!later.becomes_accident);
    assert_eq!(later.next, None);
}

#[test]
fn each_milestone_is_told_once_unless_what_it_asks_for_has_happened() {
    let policy = Policy::default();
    let minutes = |minutes: i64| START.plus_ms(minutes * 60_000);
    let after = |look: &Look| look.milestones.iter().map(|milestone| milestone.after_s / 60).collect::<Vec<_>>();
    let trapped = case(Plan::Entrapment, Severity::I);
    let first = policy.look(&trapped, Watch::default(), minutes(1));
    assert_eq!(after(&first), [1], "nobody has spoken with them");
    assert_eq!(after(&policy.look(&trapped, first.watch, minutes(2))), [0_u32; 0], "once");
    // A gateway that was away tells all that it would have told.
    assert_eq!(after(&policy.look(&trapped, first.watch, minutes(95))), [10, 60, 90]);
    // Somebody has spoken with them, somebody has accepted: only the time itself is told.
    let underway = play(trapped, &[CaseInput::Contact, CaseInput::Accept]).unwrap();
    let look = policy.look(&underway, Watch::default(), minutes(61));
    assert_eq!(after(&look), [60]);
    assert_eq!(look.watch.milestones_told_s, 3600);
    let freed = play(underway, &[CaseInput::Free]).unwrap();
    assert_eq!(after(&policy.look(&freed, look.watch, minutes(95))), [0_u32; 0]);
    // Trapped again: the clocks begin anew, and so do the milestones.
    assert_eq!(after(&policy.look(&case(Plan::Ordinary, Severity::I), Watch::default(), minutes(95))), [0_u32; 0]);
}

#[test]
fn a_new_step_has_a_new_limit_that_nobody_was_told_of() {
    let opened = case(Plan::Ordinary, Severity::II);
    let late = POLICY.look(&opened, Watch::default(), START.plus_ms(120_000));
    assert_eq!(late.tell, [Rung::Ground, Rung::Office]);
    let accepted = play(opened.clone(), &[CaseInput::Accept]).unwrap();
    assert_eq!(POLICY.watch_after(&opened, &accepted, late.watch).reached, None);
    // Passing an entrapment on does not give more time.
    let trapped = case(Plan::Entrapment, Severity::I);
    let passed_on = play(trapped.clone(), &[CaseInput::Assign(Assignee::Post(Post::Centre))]).unwrap();
    let told = Watch { reached: Some(Rung::Office), milestones_told_s: 60, ..Watch::default() };
    assert_eq!(POLICY.watch_after(&trapped, &passed_on, told), told);
}

proptest! {
    /// Whatever people do, in whatever order.
    #[test]
    fn a_case_is_never_lost(new in new_case(), story in story()) {
        let mut case = new;
        let (mut now, mut was_closed) = (START, false);
        for (input, person, pause_ms, has_active_alarm) in story {
            now = now.plus_ms(pause_ms);
            let by = name(person);
            let Ok((after, what)) = case.after(&input, &by, now, has_active_alarm) else { continue };
            prop_assert!(!was_closed, "a closed case has changed");
            // Whoever is at work has a name; and what is done was done by somebody, on whose word another one looked.
            prop_assert_eq!(after.handler.is_some(), !matches!(after.state, Opened | Assigned));
            prop_assert!(after.assignee.is_some() || after.state == Opened);
            let is_done = matches!(after.state, Handled | Verified | Closed);
            prop_assert_eq!(after.handled_by.is_some(), is_done);
            prop_assert_eq!(after.outcome.is_some(), is_done);
            if what == CaseWhat::Verified {
                prop_assert_ne!(after.handled_by.as_ref(), Some(&by));
            }
            if matches!(after.outcome, Some(Outcome::Handled(_))) {
                prop_assert!(after.plan == Plan::Ordinary || after.freed.is_some());
                prop_assert!(after.severity > Severity::II || after.arrived.is_some());
            }
            if after.state == Closed {
                prop_assert_eq!(case.state, Verified);
            }
            // Facts stay; every open case has a limit.
            prop_assert!(case.arrived.is_none() || after.arrived == case.arrived);
            prop_assert!(case.freed.is_none() || after.freed == case.freed);
            prop_assert_eq!(POLICY.due(&after).is_some(), after.state.is_open());
            was_closed = after.state == Closed;
            case = after;
        }
    }

    /// From every state that can be reached, a case can be closed by two people who do their work.
    #[test]
    fn a_case_can_always_be_finished(new in new_case(), story in story()) {
        let mut case = new;
        for (input, person, _, has_active_alarm) in story {
            if let Ok((after, _)) = case.after(&input, &name(person), START, has_active_alarm) {
                case = after;
            }
        }
        let way = [
            CaseInput::Accept,
            CaseInput::Arrive,
            CaseInput::Free,
            CaseInput::Handle(CauseCode::Other),
            CaseInput::Verify,
            CaseInput::Close,
        ];
        for input in &way {
            let by = if matches!(input, CaseInput::Verify) && case.handled_by == Some(name(1)) { 2 } else { 1 };
            if let Ok((after, _)) = case.after(input, &name(by), START, false) {
                case = after;
            }
        }
        prop_assert_eq!(case.state, CaseState::Closed);
    }

    /// However often one looks, and however long the gateway was away, everybody is told once and in time.
    #[test]
    fn looking_often_and_looking_late_tell_the_same(new in new_case(), looks in prop::collection::vec(0_i64..9_000_000, 1..12)) {
        let mut looks = looks;
        looks.sort_unstable();
        let (mut watch, mut told, mut milestones, mut accidents) = (Watch::default(), Vec::new(), Vec::new(), 0);
        for look in &looks {
            let now = START.plus_ms(*look);
            let seen = POLICY.look(&new, watch, now);
            prop_assert!(seen.next.is_none_or(|next| next > now));
            told.extend(seen.tell);
            milestones.extend(seen.milestones);
            accidents += u32::from(seen.becomes_accident);
            watch = seen.watch;
        }
        let once = POLICY.look(&new, Watch::default(), START.plus_ms(*looks.last().unwrap()));
        prop_assert_eq!(told, once.tell);
        prop_assert_eq!(milestones, once.milestones);
        prop_assert_eq!(accidents, u32::from(once.becomes_accident));
        prop_assert_eq!(watch, once.watch);
    }
}

#[test]
fn a_policy_that_contradicts_itself_is_refused() {
    assert_eq!(Policy::default().check(), Ok(()));
    let mut turned = Policy::default();
    turned.escalation.two = Ladder { office_s: Some(60), centre_s: Some(30) };
    assert_eq!(turned.check(), Err(PolicyError::LadderOrder));
    let mut turned = Policy::default();
    turned.entrapment.on_site_s = 7201;
    assert_eq!(turned.check(), Err(PolicyError::EntrapmentOrder));
    let mut turned = Policy::default();
    turned.entrapment.milestone[0].tell.clear();
    assert_eq!(turned.check(), Err(PolicyError::SilentMilestone));
    assert_eq!(Policy::default().plan(&"EL-01".parse().unwrap()), Plan::Entrapment);
}

#[test]
fn on_site_is_reached_only_by_arriving() {
    assert_eq!(play(case(Plan::Ordinary, Severity::I), &[CaseInput::Arrive]), Err(CaseRefusal::OutOfTurn));
    let there = play(case(Plan::Ordinary, Severity::I), &[CaseInput::Accept, CaseInput::Arrive]).unwrap();
    assert_eq!(there.state, OnSite);
    // Somebody else takes over from there: the new one accepts, and has the arrival still to come.
    let passed_on = play(there, &[CaseInput::Assign(Assignee::Post(Post::Centre))]).unwrap();
    assert_eq!((passed_on.state, passed_on.handler), (Assigned, None));
}
