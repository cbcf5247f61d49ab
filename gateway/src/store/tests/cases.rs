//! Cases and escalation: an alarm becomes work with a name on it, and nobody can lose it.

use std::sync::Arc;

use domain::{
    access::Role,
    alarm::{AlarmState, Severity, Transition, What},
    case::{CaseInput, CaseRefusal, CaseState, CaseWhat, CauseCode, Plan},
    escalation::Rung,
    id::{AlarmId, CaseId, RuleId},
    notice::{Audience, Notice, Occasion},
    roster::Assignee,
    text::Text,
    time::{MonoMs, Now},
};
use protocol::rest;

use super::fixture::{Fixture, START, batch, sign_in, transition};
use crate::{
    duty::ClockWatch,
    store::{
        BatchCommit, CaseDeed, CaseFilter, CaseRequest, CaseSelection, CaseTrouble, PHOTOS_MAX, Photo, Scope, Store,
        StoreError,
    },
};

const MINUTE: i64 = 60_000;

fn raised(alarm: i64, device: &str, severity: Severity) -> Transition {
    let rule = RuleId::new(format!("R-{alarm}")).unwrap();
    Transition { severity, rule, ..transition(alarm, device, What::Raised, AlarmState::ActiveUnacknowledged) }
}

fn trapped(alarm: i64, device: &str) -> Transition {
    let title = Text::new("困人", "Trapped");
    Transition { title, rule: RuleId::new("EL-01").unwrap(), ..raised(alarm, device, Severity::I) }
}

async fn commit(store: &Store, transitions: impl IntoIterator<Item = Transition>) {
    let transitions = transitions.into_iter().collect();
    store.commit_batch(Arc::new(BatchCommit { transitions, ..batch([]) })).await.unwrap();
}

fn request(key: &str) -> CaseRequest {
    CaseRequest { note: format!("note of {key}"), key: format!("key-{key}") }
}

async fn open(store: &Store, scope: &Scope, alarms: &[i64], key: &str) -> Result<CaseId, CaseTrouble> {
    let alarms = alarms.iter().copied().map(AlarmId).collect();
    store.open_case(scope, alarms, None, request(key), START).await.unwrap()
}

async fn step(store: &Store, scope: &Scope, case: CaseId, input: CaseInput, key: &str) -> Result<(), CaseTrouble> {
    store.act_on_case(scope, case, CaseDeed::Step(input), request(key), START.plus_ms(1000)).await.unwrap()
}

async fn list(store: &Store, scope: &Scope) -> Vec<rest::Case> {
    store.cases(scope, &CaseFilter { limit: 100, ..CaseFilter::default() }, START).await.unwrap().cases
}

async fn history(store: &Store, scope: &Scope, case: CaseId) -> Vec<CaseWhat> {
    let record = store.case(scope, case, START).await.unwrap().unwrap();
    record.history.iter().map(|event| event.what).collect()
}

/// Tells everything that is due so long after the start.
async fn look(store: &Store, after_ms: i64) {
    while store.watch_duty(START.plus_ms(after_ms)).await.unwrap() {}
}

/// What was told of since the beginning, and to whom.
async fn told(store: &Store) -> Vec<(Occasion, Audience)> {
    let notices = store.notices_to_address(1000).await.unwrap();
    notices.into_iter().map(|(_, Notice { occasion, audience, .. })| (occasion, audience)).collect()
}

pub(super) async fn an_alarm_of_severity_one_is_somebodys_work_at_once(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    commit(&store, [raised(1, "school-fridge", Severity::II), raised(2, "school-fridge", Severity::I)]).await;
    let cases = list(&store, &centre).await;
    assert_eq!(cases.len(), 1);
    assert_eq!(
        (cases[0].opened_by.as_deref(), cases[0].state, cases[0].plan),
        (None, CaseState::Opened, Plan::Ordinary)
    );
    assert_eq!(cases[0].due_at_ms, Some(START.plus_ms(2).0 + 2 * MINUTE));

    // People in the same equipment: the same case, which is an entrapment from now on. Another alarm that gets worse too.
    commit(&store, [trapped(3, "school-fridge")]).await;
    let worse = Transition { severity: Severity::I, ..raised(1, "school-fridge", Severity::II) };
    commit(&store, [Transition { what: What::SeverityChanged, ..worse }]).await;
    let cases = list(&store, &centre).await;
    assert_eq!((cases.len(), cases[0].plan, cases[0].title_en.as_str()), (1, Plan::Entrapment, "Trapped"));
    let record = store.case(&centre, cases[0].id, START).await.unwrap().unwrap();
    assert_eq!(record.alarms.iter().map(|alarm| alarm.id.0).collect::<Vec<_>>(), [1, 2, 3]);
    let entrapment = record.case.entrapment.unwrap();
    assert_eq!(entrapment.rescue_due_at_ms, START.0 + 30 * MINUTE);
    assert_eq!(entrapment.accident_at_ms, START.0 + 120 * MINUTE);
    assert_eq!(store.case_of_alarm(AlarmId(3), START).await.unwrap().unwrap().id, cases[0].id);

    // One elsewhere is another one; one that is set aside is none.
    let aside = Transition { state: AlarmState::OutOfService, ..raised(5, "hotel-fridge", Severity::I) };
    commit(&store, [aside]).await;
    assert_eq!(list(&store, &centre).await.len(), 1);
    commit(&store, [raised(4, "hotel-fridge", Severity::I)]).await;
    assert_eq!(list(&store, &centre).await.len(), 2);
}

pub(super) async fn a_flood_of_severity_one_is_as_many_cases_as_devices(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    // A case is under way on one of the devices, and each has a second alarm in the same batch; on the other the first that
    // calls opens the case. What a device that nobody registered says is on screen, and no case.
    commit(&store, [raised(1, "school-fridge", Severity::I)]).await;
    let mut flood: Vec<Transition> = vec![
        raised(2, "hotel-fridge", Severity::II),
        raised(3, "school-fridge", Severity::I),
        raised(4, "hotel-fridge", Severity::I),
        raised(5, "stranger", Severity::I),
        trapped(6, "hotel-fridge"),
    ];
    flood.extend((7..40).map(|alarm| raised(alarm, "school-fridge", Severity::I)));
    commit(&store, flood).await;
    let mut cases = list(&store, &centre).await;
    cases.sort_by_key(|case| case.id);
    let plans: Vec<_> = cases.iter().map(|case| (case.site.as_str(), case.plan)).collect();
    assert_eq!(plans, [("school-kitchen", Plan::Ordinary), ("hotel-kitchen", Plan::Entrapment)]);
    let alarms = async |at: usize| {
        let record = store.case(&centre, cases[at].id, START).await.unwrap().unwrap();
        record.alarms.iter().map(|alarm| alarm.id.0).collect::<Vec<_>>()
    };
    assert_eq!(alarms(1).await, [4, 6]);
    assert_eq!(alarms(0).await, [1, 3].into_iter().chain(7..40).collect::<Vec<_>>());
    assert_eq!(history(&store, &centre, cases[1].id).await, [CaseWhat::Opened, CaseWhat::AlarmAdded]);
}

pub(super) async fn a_case_of_one_person_is_known_as_such(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    let officer = sign_in(&store, Role::TownshipOfficer, "500156001").await;
    commit(&store, [raised(1, "school-fridge", Severity::II), raised(2, "school-fridge", Severity::III)]).await;
    let to_officer = Assignee::Person(officer.username().clone());
    let one = store.open_case(&centre, vec![AlarmId(1)], Some(to_officer), request("one"), START).await.unwrap();
    let to_post = Assignee::Post("township:500156001".parse().unwrap());
    store.open_case(&centre, vec![AlarmId(2)], Some(to_post.clone()), request("two"), START).await.unwrap().unwrap();
    step(&store, &centre, one.unwrap(), CaseInput::Assign(to_post), "anybody").await.unwrap();
    let ids: Vec<_> = store.notices_to_address(9).await.unwrap().into_iter().map(|(id, _)| id).collect();
    let told = store.assignees_told(&ids).await.unwrap();
    assert_eq!(ids.len(), 3);
    let mut names: Vec<_> = told.values().collect();
    names.dedup();
    assert_eq!((told.len(), names), (1, vec![officer.username()]), "the others are for whoever is on duty");
}

pub(super) async fn people_who_are_trapped_again_are_not_taken_for_freed(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    commit(&store, [trapped(1, "school-fridge")]).await;
    let case = list(&store, &centre).await[0].id;
    for (input, key) in [(CaseInput::Accept, "accept"), (CaseInput::Arrive, "arrive"), (CaseInput::Free, "free")] {
        step(&store, &centre, case, input, key).await.unwrap();
    }
    step(&store, &centre, case, CaseInput::Handle(CauseCode::Equipment), "handle").await.unwrap();
    let later = START.plus_ms(60 * MINUTE);
    let again = Transition { what: What::Reoccurred, at: later, event_time: later, ..trapped(1, "school-fridge") };
    let gone = Transition { what: What::Returned, state: AlarmState::ReturnedUnacknowledged, ..again.clone() };
    commit(&store, [gone, again]).await;
    let cases = list(&store, &centre).await;
    let entrapment = cases[0].entrapment.clone().unwrap();
    assert_eq!((cases.len(), cases[0].state), (1, CaseState::Accepted));
    assert_eq!((entrapment.freed_at_ms, entrapment.accident_at_ms), (None, later.plus_ms(120 * MINUTE).0));
    assert_eq!(history(&store, &centre, case).await.last(), Some(&CaseWhat::Noted));
}

pub(super) async fn a_refused_alarm_leaves_no_case(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    // The second open alarm of the same rule is refused, and the case of the first goes with the batch.
    let again = Transition { alarm: AlarmId(2), ..trapped(1, "school-fridge") };
    let refused = BatchCommit { transitions: vec![trapped(1, "school-fridge"), again], ..batch([]) };
    assert!(matches!(store.commit_batch(Arc::new(refused)).await, Err(StoreError::Exists(_))));
    assert_eq!(list(&store, &centre).await, []);
}

pub(super) async fn a_case_goes_its_way_and_a_repeated_key_changes_nothing(fixture: Fixture) {
    let store = fixture.open_district().await;
    let township = sign_in(&store, Role::TownshipOfficer, "500156003").await;
    let office = sign_in(&store, Role::OfficeOfficer, "baima").await;
    commit(&store, [raised(1, "hotel-fridge", Severity::II)]).await;
    let case = open(&store, &township, &[1, 1], "open").await.unwrap();
    assert_eq!(open(&store, &township, &[1], "open").await, Ok(case), "answered, not repeated");

    let to_office = CaseInput::Assign(Assignee::Post("office:baima".parse().unwrap()));
    let foreign = CaseInput::Assign(Assignee::Post("township:500156001".parse().unwrap()));
    let refused = step(&store, &township, case, foreign, "foreign").await.unwrap_err();
    assert_eq!(refused, CaseTrouble::ForeignAssignee("township:500156001".into()));
    step(&store, &township, case, to_office, "assign").await.unwrap();
    step(&store, &office, case, CaseInput::Accept, "accept").await.unwrap();
    step(&store, &office, case, CaseInput::Accept, "accept").await.unwrap();
    let other_deed = step(&store, &office, case, CaseInput::Arrive, "accept").await;
    assert_eq!(other_deed, Err(CaseTrouble::KeyReused));
    let out_of_turn = step(&store, &office, case, CaseInput::Accept, "accept-2").await;
    assert_eq!(out_of_turn, Err(CaseTrouble::Refused(CaseRefusal::OutOfTurn)));

    // A crash between two steps loses none.
    drop(store);
    let store = fixture.open().await;
    step(&store, &office, case, CaseInput::Arrive, "arrive").await.unwrap();
    step(&store, &office, case, CaseInput::Handle(CauseCode::Operation), "handle").await.unwrap();
    let own = step(&store, &office, case, CaseInput::Verify, "verify").await;
    assert_eq!(own, Err(CaseTrouble::Refused(CaseRefusal::OwnWork)));
    let active = step(&store, &township, case, CaseInput::Verify, "verify").await;
    assert_eq!(active, Err(CaseTrouble::Refused(CaseRefusal::AlarmActive)));
    let gone = transition(1, "hotel-fridge", What::Returned, AlarmState::ReturnedUnacknowledged);
    commit(&store, [gone]).await;
    step(&store, &township, case, CaseInput::Verify, "verify").await.unwrap();
    step(&store, &township, case, CaseInput::Close, "close").await.unwrap();

    let record = store.case(&township, case, START).await.unwrap().unwrap();
    assert_eq!((record.case.state, record.case.due_at_ms), (CaseState::Closed, None));
    assert_eq!(record.case.cause, Some(CauseCode::Operation));
    assert_eq!(record.history[3].note, "note of arrive");
    assert_eq!(
        history(&store, &township, case).await,
        [
            CaseWhat::Opened,
            CaseWhat::Assigned,
            CaseWhat::Accepted,
            CaseWhat::ArrivedOnSite,
            CaseWhat::Handled,
            CaseWhat::Verified,
            CaseWhat::Closed,
        ]
    );
    let occasions: Vec<Occasion> = told(&store).await.into_iter().map(|(occasion, _)| occasion).collect();
    assert_eq!(occasions, [Occasion::CaseAssigned, Occasion::CaseClosed, Occasion::CaseClosed]);
    let admin = sign_in(&store, Role::Admin, "").await;
    let audit = store.audit_log(&admin, None, 100).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.action.starts_with("case.")).count(), 7);
    assert_eq!(store.check_audit_log().await.unwrap(), None);
    // The alarm is free again for another case.
    open(&store, &township, &[1], "open-again").await.unwrap();
    let closed = CaseFilter { selection: CaseSelection::Closed, limit: 10, ..CaseFilter::default() };
    assert_eq!(store.cases(&township, &closed, START).await.unwrap().total, 1);
}

pub(super) async fn an_alarm_is_in_one_open_case(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    let one = raised(1, "hotel-fridge", Severity::II);
    commit(&store, [one, raised(2, "hotel-fridge", Severity::III), raised(3, "school-fridge", Severity::III)]).await;
    assert_eq!(open(&store, &centre, &[2, 3], "two-sites").await, Err(CaseTrouble::SeveralSites));
    assert_eq!(open(&store, &centre, &[], "none").await, Err(CaseTrouble::AlarmCount));
    assert_eq!(open(&store, &centre, &[2, 9], "no-alarm").await, Err(CaseTrouble::NotFound));
    let case = open(&store, &centre, &[2], "open").await.unwrap();
    let taken = Err(CaseTrouble::AlarmTaken { alarm: AlarmId(2), case });
    assert_eq!(open(&store, &centre, &[1, 2], "taken").await, taken);
    let add = |alarm, key: &'static str| {
        store.act_on_case(&centre, case, CaseDeed::AddAlarm(AlarmId(alarm)), request(key), START)
    };
    assert_eq!(add(3, "add-3").await.unwrap(), Err(CaseTrouble::NotFound));
    assert_eq!(add(2, "add-2").await.unwrap(), taken.map(drop));
    add(1, "add-1").await.unwrap().unwrap();
    let record = store.case(&centre, case, START).await.unwrap().unwrap();
    assert_eq!((record.alarms.len(), record.case.severity.0), (2, Severity::II));
    // Whatever the program does.
    let twice = "INSERT INTO duty_case SELECT id + 1, site_id, plan, severity, state, title_zh, title_en, opened_at_ms, \
                 opened_by, began_at_ms, entered_at_ms, due_at_ms, check_at_ms, 0, 0, assignee, handler, handled_by, \
                 outcome, contacted_at_ms, arrived_at_ms, freed_at_ms, closed_at_ms, event_count FROM duty_case";
    // PostgreSQL gives numbers itself and refuses this at once; what follows is refused by both.
    let _ = fixture.execute(twice).await;
    let link = "INSERT INTO case_alarm (case_id, alarm_id, device_id) SELECT MAX(id), 2, 'x' FROM duty_case";
    assert!(fixture.execute(link).await.is_err());
    let gone =
        Transition { what: What::Closed, state: AlarmState::Closed, ..raised(3, "school-fridge", Severity::III) };
    commit(&store, [gone]).await;
    assert_eq!(open(&store, &centre, &[3], "closed").await, Err(CaseTrouble::AlarmClosed(AlarmId(3))));
}

pub(super) async fn nobody_sees_or_changes_cases_beyond_their_jurisdiction(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    let here = sign_in(&store, Role::TownshipOfficer, "500156001").await;
    let office = sign_in(&store, Role::OfficeOfficer, "baima").await;
    let school = sign_in(&store, Role::Owner, "school").await;
    commit(&store, [raised(1, "school-fridge", Severity::I), raised(2, "hotel-fridge", Severity::I)]).await;
    commit(&store, [raised(3, "hotel-fridge", Severity::III)]).await;
    let sites = |cases: Vec<rest::Case>| cases.into_iter().map(|case| case.site.to_string()).collect::<Vec<_>>();
    assert_eq!(list(&store, &centre).await.len(), 2);
    assert_eq!(sites(list(&store, &here).await), ["school-kitchen"]);
    assert_eq!(sites(list(&store, &school).await), ["school-kitchen"]);
    assert_eq!(sites(list(&store, &office).await), ["hotel-kitchen"]);

    let foreign = list(&store, &office).await[0].id;
    assert!(store.case(&here, foreign, START).await.unwrap().is_none());
    assert_eq!(step(&store, &here, foreign, CaseInput::Accept, "accept").await, Err(CaseTrouble::NotFound));
    assert_eq!(open(&store, &here, &[3], "open").await, Err(CaseTrouble::NotFound));
    let photo = Photo { media_type: "image/png", width: 1, height: 1, picture: vec![7] };
    let added = store.add_case_photo(&here, foreign, photo.clone(), request("photo"), START).await.unwrap();
    assert_eq!(added, Err(CaseTrouble::NotFound));
    store.add_case_photo(&office, foreign, photo, request("photo"), START).await.unwrap().unwrap();
    assert!(store.case_photo(&here, foreign, 1).await.unwrap().is_none());
    assert_eq!(store.case_photo(&office, foreign, 1).await.unwrap(), Some(("image/png".into(), vec![7])));
    // Who may be given it: the officers of its place, and nobody else.
    let place = store.case(&centre, foreign, START).await.unwrap().unwrap().place;
    let officers = store.case_officers(&place).await.unwrap();
    let names: Vec<String> = officers.iter().map(|officer| officer.username.to_string()).collect();
    assert_eq!(names, [centre.username().to_string(), office.username().to_string()]);
    let to_stranger = CaseInput::Assign(Assignee::Person(here.username().clone()));
    let refused = step(&store, &centre, foreign, to_stranger, "stranger").await;
    assert!(matches!(refused, Err(CaseTrouble::ForeignAssignee(_))));
    let to_officer = CaseInput::Assign(Assignee::Person(office.username().clone()));
    step(&store, &centre, foreign, to_officer, "officer").await.unwrap();
    let mine = CaseFilter { of_person: Some(office.username().clone()), limit: 10, ..CaseFilter::default() };
    assert_eq!(store.cases(&office, &mine, START).await.unwrap().total, 1);
}

pub(super) async fn a_case_has_a_bounded_number_of_photos(fixture: Fixture) {
    let store = fixture.open_district().await;
    let owner = sign_in(&store, Role::Owner, "hotel").await;
    commit(&store, [raised(1, "hotel-fridge", Severity::I)]).await;
    let case = list(&store, &owner).await[0].id;
    let add = |key: String| {
        let photo = Photo { media_type: "image/jpeg", width: 640, height: 480, picture: vec![1, 2, 3] };
        store.add_case_photo(&owner, case, photo, request(&key), START)
    };
    for number in 1..=PHOTOS_MAX {
        add(number.to_string()).await.unwrap().unwrap();
    }
    assert_eq!(add("1".into()).await.unwrap(), Ok(()), "answered, not repeated");
    assert_eq!(add("13".into()).await.unwrap(), Err(CaseTrouble::TooManyPhotos));
    let record = store.case(&owner, case, START).await.unwrap().unwrap();
    assert_eq!(record.photos.len(), 12);
    assert_eq!(
        (record.photos[11].number, record.photos[11].width, record.photos[11].by.as_str()),
        (12, 640, "Owner-hotel")
    );
}

pub(super) async fn what_is_overdue_is_told_once_through_crashes(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    commit(&store, [trapped(1, "hotel-fridge")]).await;
    let case = list(&store, &centre).await[0].id;
    look(&store, MINUTE - 1).await;
    assert_eq!(history(&store, &centre, case).await, [CaseWhat::Opened]);
    // Nobody has spoken with the people for a minute: owner and sub-centre are told, once.
    look(&store, MINUTE + 1000).await;
    look(&store, 3 * MINUTE - 1).await;
    assert_eq!(history(&store, &centre, case).await, [CaseWhat::Opened, CaseWhat::Milestone]);
    for after_ms in [3 * MINUTE, 3 * MINUTE + 1, 4 * MINUTE] {
        look(&store, after_ms).await;
    }
    let filter = CaseFilter { selection: CaseSelection::Overdue, limit: 9, ..CaseFilter::default() };
    let overdue = store.cases(&centre, &filter, START.plus_ms(3 * MINUTE)).await.unwrap();
    assert_eq!((overdue.total, overdue.overdue, overdue.cases[0].overdue_told), (1, 1, Some(Rung::Ground)));
    drop(store);

    // The gateway was away for two hours: what it would have told meanwhile is told at its start.
    let store = fixture.open().await;
    store.begin_duty().await.unwrap();
    look(&store, 125 * MINUTE).await;
    store.begin_duty().await.unwrap();
    look(&store, 126 * MINUTE).await;
    let record = store.case(&centre, case, START.plus_ms(126 * MINUTE)).await.unwrap().unwrap();
    let told_rungs: Vec<Option<Rung>> =
        record.history.iter().filter(|event| event.what == CaseWhat::Overdue).map(|event| event.told).collect();
    assert_eq!(told_rungs, [Some(Rung::Ground), Some(Rung::Office), Some(Rung::Centre)]);
    assert_eq!(record.history.iter().filter(|event| event.what == CaseWhat::BecameAccident).count(), 1);
    assert!(record.case.entrapment.unwrap().is_accident && record.case.is_overdue);
    let milestones: Vec<&str> = record
        .history
        .iter()
        .filter(|event| event.what == CaseWhat::Milestone)
        .map(|event| event.note.split_once(' ').unwrap().0)
        .collect();
    assert_eq!(milestones.len(), 4, "contact, ten minutes, an hour, an hour and a half: {milestones:?}");
    let is_milestone = |(occasion, _): &(Occasion, Audience)| *occasion == Occasion::CaseMilestone;
    assert_eq!(told(&store).await.into_iter().filter(is_milestone).count(), 2 + 3 * 4);
    let of_cases = told(&store).await.into_iter().filter(|(occasion, _)| *occasion == Occasion::CaseOverdue).count();
    // Owner and sub-centre, office, centre; and all four of the accident.
    assert_eq!(of_cases, 8);

    let overdue = store.notices_to_address(1000).await.unwrap();
    let overdue = overdue.iter().find(|(_, notice)| notice.occasion == Occasion::CaseOverdue).unwrap();
    let body = &overdue.1.body.en;
    assert!(body.starts_with("Overdue: to be accepted within 3 min") || body.contains("Whose: nobody's yet"), "{body}");
    assert!(body.contains("Cause: ") && body.contains("Device: "), "{body}");

    // Somebody does something: another step, another limit, nobody told yet.
    step(&store, &centre, case, CaseInput::Accept, "accept").await.unwrap();
    assert_eq!(list(&store, &centre).await[0].overdue_told, None);
}

pub(super) async fn an_unanswered_alarm_climbs_until_somebody_answers(fixture: Fixture) {
    let store = fixture.open_district().await;
    commit(&store, [raised(1, "hotel-fridge", Severity::II), raised(2, "school-fridge", Severity::II)]).await;
    let rungs = async |store: &Store, alarm| {
        let escalations = store.escalations(AlarmId(alarm)).await.unwrap();
        escalations.into_iter().map(|escalation| escalation.told).collect::<Vec<_>>()
    };
    look(&store, 1000).await;
    assert_eq!(rungs(&store, 1).await, [Rung::Ground]);
    // Who is told next is known beforehand, to whom it concerns.
    let next = store.next_rung(AlarmId(1)).await.unwrap().unwrap();
    let due = START.plus_ms(10 * MINUTE).0..START.plus_ms(10 * MINUTE + 1000).0;
    assert!(next.rung == Rung::Office && due.contains(&next.due_at_ms), "{next:?}");
    let (centre, owner) =
        (sign_in(&store, Role::CentreOperator, "").await, sign_in(&store, Role::Owner, "hotel").await);
    let climbing = async |scope: &Scope, minutes: i64| {
        let climbing = store.climbing(scope, START.plus_ms(minutes * MINUTE), 9).await.unwrap();
        climbing.into_iter().map(|one| (one.alarm.0, one.next.rung)).collect::<Vec<_>>()
    };
    assert_eq!(climbing(&centre, 9).await, []);
    assert_eq!(climbing(&centre, 11).await, [(1, Rung::Office), (2, Rung::Office)]);
    assert_eq!(climbing(&owner, 11).await, [(1, Rung::Office)]);
    look(&store, 10 * MINUTE + 1000).await;
    let told_of = store.notices_to_address(9).await.unwrap();
    let body = &told_of[0].1.body.en;
    assert!(
        body.starts_with("Unanswered: for 10 min (the limit is 10 min), so that the office is told now\nNext: "),
        "{body}"
    );
    assert!(body.contains("Cause: ") && body.contains("Device: "), "{body}");
    assert_eq!(rungs(&store, 1).await, [Rung::Ground, Rung::Office]);
    drop(store);

    let store = fixture.open().await;
    look(&store, 11 * MINUTE).await;
    let acknowledged = transition(1, "hotel-fridge", What::Acknowledged, AlarmState::ActiveAcknowledged);
    commit(&store, [Transition { rule: RuleId::new("R-1").unwrap(), ..acknowledged.clone() }]).await;
    look(&store, 90 * MINUTE).await;
    assert_eq!(rungs(&store, 1).await, [Rung::Ground, Rung::Office], "it was answered");
    assert_eq!(rungs(&store, 2).await, Rung::ALL);
    // The school's township has no office in this district: the centre stands in for it.
    let baima = Audience::Office("baima".parse().unwrap());
    let escalated = |step| Occasion::Escalated { step };
    let mut expected = vec![(escalated(1), baima), (escalated(1), Audience::Centre), (escalated(2), Audience::Centre)];
    expected.sort_by_key(|(occasion, _)| occasion.step());
    let mut found = told(&store).await;
    found.sort_by_key(|(occasion, audience)| (occasion.step(), audience == &Audience::Centre));
    assert_eq!(found, expected);

    // It becomes worse: it is unanswered again, from now on, by the times of its new severity.
    let at = START.plus_ms(100 * MINUTE);
    let worse = Transition { severity: Severity::I, at, ..raised(1, "hotel-fridge", Severity::II) };
    commit(&store, [Transition { what: What::SeverityChanged, ..worse }]).await;
    look(&store, 102 * MINUTE).await;
    assert_eq!(rungs(&store, 1).await, [Rung::Ground, Rung::Office, Rung::Ground, Rung::Office]);
}

pub(super) async fn the_colleagues_of_those_on_duty_hear_of_it_when_nobody_answers(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    let hotels = "500156003";
    let shift = rest::ShiftDraft {
        post: format!("township:{hotels}").parse().unwrap(),
        from_ms: START.0,
        to_ms: START.plus_ms(60 * MINUTE).0,
        person: "Zhang".into(),
        phone: String::new(),
        username: None,
    };
    store.add_shift(&centre, shift, START).await.unwrap();
    let of = |severity| [raised(1, "hotel-fridge", severity), raised(2, "school-fridge", severity)];
    commit(&store, of(Severity::II)).await;
    let to_township = async || {
        let found = told(&store).await.into_iter();
        found.filter(|(_, audience)| matches!(audience, Audience::Township(_))).collect::<Vec<_>>()
    };
    look(&store, 9 * MINUTE).await;
    assert_eq!(to_township().await, []);
    look(&store, 10 * MINUTE + 1000).await;
    look(&store, 40 * MINUTE).await;
    // Once; and nobody is on duty in the school's township, so that everybody there has heard.
    let colleagues = Audience::Township(hotels.parse().unwrap());
    assert_eq!(to_township().await, [(Occasion::Escalated { step: 1 }, colleagues)]);
}

pub(super) async fn a_clock_that_is_set_moves_no_deadline(fixture: Fixture) {
    let store = fixture.open_district().await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    commit(&store, [trapped(1, "hotel-fridge")]).await;
    let case = list(&store, &centre).await[0].id;
    let now = |wall_ms: i64, mono_ms: u64| Now { wall: START.plus_ms(wall_ms), mono: MonoMs(mono_ms) };
    let mut watch = ClockWatch::new(now(0, 0));
    watch.look(&store, now(1000, 1000)).await.unwrap();
    // An hour forward, then two back: nobody is late by that.
    watch.look(&store, now(3_602_000, 2000)).await.unwrap();
    watch.look(&store, now(-3_597_000, 3000)).await.unwrap();
    assert_eq!(history(&store, &centre, case).await, [CaseWhat::Opened]);
    let due = list(&store, &centre).await[0].due_at_ms.unwrap();
    assert_eq!(due, START.0 - 3_600_000 + 3 * MINUTE);
    watch.look(&store, now(-3_600_000 + 3 * MINUTE, 180_000)).await.unwrap();
    let seen = history(&store, &centre, case).await;
    assert_eq!(seen, [CaseWhat::Opened, CaseWhat::Overdue, CaseWhat::Milestone]);
    let told = store.escalations(AlarmId(1)).await.unwrap();
    assert_eq!(told.iter().map(|one| one.told).collect::<Vec<_>>(), [Rung::Ground, Rung::Office]);
}

pub(super) async fn thousands_of_alarms_climb_and_none_is_forgotten(fixture: Fixture) {
    let store = fixture.open_district().await;
    let count = 2000;
    commit(&store, (1..=count).map(|alarm| raised(alarm, "school-fridge", Severity::III))).await;
    look(&store, 60 * MINUTE + count).await;
    look(&store, 61 * MINUTE + count).await;
    for alarm in [1, count / 2, count] {
        assert_eq!(store.escalations(AlarmId(alarm)).await.unwrap().len(), 2);
    }
    let rows =
        fixture.execute("INSERT INTO alarm_told SELECT alarm_id, 1, 0, 1 FROM alarm_told WHERE number = 1").await;
    assert!(rows.is_err(), "one receipt a step");
    assert_eq!(store.notices_to_address(5000).await.unwrap().len(), usize::try_from(count).unwrap());
}
