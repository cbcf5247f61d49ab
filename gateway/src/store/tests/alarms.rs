//! What is asked of alarms that are stored: similar ones, and the figures of their quality.

use std::sync::Arc;

use domain::{
    access::Role,
    alarm::{
        AlarmState,
        Severity::{I, II, IV},
        Transition, What,
    },
    id::{AlarmId, TownshipCode, UserName},
};
use protocol::rest::AlarmEventKind;

use super::fixture::{Fixture, START, batch, sign_in, transition};
use crate::store::{AlarmFilter, BatchCommit, Store};

/// An alarm's steps, each so many seconds after the start.
async fn live_through(store: &Store, alarm: i64, device: &str, steps: &[(What, AlarmState, i64)]) {
    let transitions = steps.iter().map(|&(what, state, at_s)| {
        let is_person = what == What::Acknowledged;
        Transition {
            at: START.plus_ms(at_s * 1000),
            event_time: START.plus_ms(at_s * 1000),
            by: is_person.then(|| UserName::new("wang").unwrap()),
            note: if is_person { format!("note {alarm}") } else { String::new() },
            ..transition(alarm, device, what, state)
        }
    });
    let commit = BatchCommit { transitions: transitions.collect(), ..batch([]) };
    store.commit_batch(Arc::new(commit)).await.unwrap();
}

pub(super) async fn similar_alarms_tell_how_they_ended(fixture: Fixture) {
    use AlarmState::{ActiveAcknowledged, ActiveUnacknowledged, Closed, ReturnedUnacknowledged};
    let store = fixture.open_district().await;
    let (raised, acknowledged) = (What::Raised, What::Acknowledged);
    for alarm in 1..=6 {
        let steps = [
            (raised, ActiveUnacknowledged, alarm * 100),
            (acknowledged, ActiveAcknowledged, alarm * 100 + 10),
            (What::Returned, Closed, alarm * 100 + 60),
        ];
        live_through(&store, alarm, "school-fridge", &steps).await;
    }
    live_through(&store, 7, "hotel-fridge", &[(raised, ActiveUnacknowledged, 0), (What::Closed, Closed, 9)]).await;
    let steps = [
        (raised, ActiveUnacknowledged, 700),
        (What::Returned, ReturnedUnacknowledged, 710),
        (acknowledged, Closed, 720),
    ];
    live_through(&store, 8, "school-fridge", &steps).await;
    live_through(&store, 9, "school-fridge", &[(raised, ActiveUnacknowledged, 800)]).await;

    let scope = sign_in(&store, Role::Admin, "").await;
    let similar = async |id| store.alarm(&scope, AlarmId(id)).await.unwrap().unwrap().similar;
    let told: Vec<_> = similar(9).await.iter().map(|one| (one.id.0, one.ended_by, one.note.clone())).collect();
    let returned = |id| (id, AlarmEventKind::Returned, format!("note {id}"));
    assert_eq!(
        told,
        [(8, AlarmEventKind::Acknowledged, "note 8".into()), returned(6), returned(5), returned(4), returned(3)]
    );
    assert!(similar(7).await.is_empty(), "another device's are not similar");
    assert_eq!(similar(2).await.len(), 1, "what came later is no experience");
}

pub(super) async fn figures_count_what_happened_in_the_scope(fixture: Fixture) {
    use AlarmState::{ActiveAcknowledged, ActiveUnacknowledged, Closed};
    let store = fixture.open_district().await;
    live_through(
        &store,
        1,
        "school-fridge",
        &[
            (What::Raised, ActiveUnacknowledged, 0),
            (What::Acknowledged, ActiveAcknowledged, 30),
            (What::Returned, Closed, 90),
        ],
    )
    .await;
    live_through(&store, 2, "school-fridge", &[(What::Raised, ActiveUnacknowledged, 600)]).await;
    live_through(&store, 3, "hotel-fridge", &[(What::Raised, ActiveUnacknowledged, 1_300)]).await;

    let admin = sign_in(&store, Role::Admin, "").await;
    let hour = START..START.plus_ms(3_600_000);
    let quality = store.alarm_quality(&admin, None, hour.clone()).await.unwrap().unwrap();
    assert_eq!((quality.whole.call_count, quality.whole.standing_count), (3, 2));
    assert_eq!(quality.slots, [1, 1, 1, 0, 0, 0]);
    assert_eq!((quality.whole.acknowledge.median_s, quality.whole.close.median_s), (Some(30.0), Some(90.0)));
    assert_eq!(quality.bad_actors[0].device.as_str(), "school-fridge");
    let operators: Vec<_> = quality.operators.iter().map(|one| (one.name.as_str(), one.acknowledge.count)).collect();
    assert_eq!(operators, [("wang", 1)]);
    let by_office: Vec<_> = quality.offices.iter().map(|(id, figures)| (id.as_str(), figures.call_count)).collect();
    assert_eq!(by_office, [("baima", 1)], "the other township has no office");

    let school = TownshipCode::new("500156001").unwrap();
    let of_school = store.alarm_quality(&admin, Some(&school), hour.clone()).await.unwrap().unwrap();
    assert_eq!((of_school.whole.call_count, of_school.townships.len()), (2, 1));
    let officer = sign_in(&store, Role::TownshipOfficer, "500156003").await;
    let of_officer = store.alarm_quality(&officer, None, hour.clone()).await.unwrap().unwrap();
    assert_eq!((of_officer.whole.call_count, of_officer.devices[0].0.as_str()), (1, "hotel-fridge"));
    let beyond = store.alarm_quality(&officer, Some(&school), hour).await.unwrap().unwrap();
    assert_eq!(beyond.whole.call_count, 0, "a foreign township is empty");

    // As it stood before the second alarm came, and long after.
    let early = store.alarm_quality(&admin, None, START..START.plus_ms(60_000)).await.unwrap().unwrap();
    assert_eq!((early.whole.call_count, early.whole.standing_count), (1, 1), "then the first was still open");
    let days = store.alarm_quality(&admin, None, START..START.plus_ms(25 * 3_600_000)).await.unwrap().unwrap();
    assert_eq!(days.whole.stale_count, 2);
}

pub(super) async fn a_list_is_narrowed_by_severity_site_and_rule(fixture: Fixture) {
    let store = fixture.open_district().await;
    live_through(&store, 1, "school-fridge", &[(What::Raised, AlarmState::ActiveUnacknowledged, 0)]).await;
    live_through(&store, 2, "hotel-fridge", &[(What::Raised, AlarmState::ActiveUnacknowledged, 0)]).await;
    let scope = sign_in(&store, Role::Admin, "").await;
    let listed = async |filter: AlarmFilter| {
        let (alarms, _) = store.alarms(&scope, &AlarmFilter { limit: 9, ..filter }).await.unwrap();
        alarms.iter().map(|alarm| alarm.id.0).collect::<Vec<_>>()
    };
    assert_eq!(listed(AlarmFilter { severities: vec![I, II], ..Default::default() }).await, [2, 1]);
    assert_eq!(listed(AlarmFilter { severities: vec![I, IV], ..Default::default() }).await, [0_i64; 0]);
    assert_eq!(listed(AlarmFilter { site: "hotel-kitchen".parse().ok(), ..Default::default() }).await, [2]);
    assert_eq!(listed(AlarmFilter { rule: "FR-02".parse().ok(), ..Default::default() }).await, [0_i64; 0]);
    let officer = sign_in(&store, Role::TownshipOfficer, "500156003").await;
    assert!(store.has_alarm(&officer, AlarmId(2)).await.unwrap());
    assert!(
        !store.has_alarm(&officer, AlarmId(1)).await.unwrap() && !store.has_alarm(&scope, AlarmId(3)).await.unwrap()
    );
}

pub(super) async fn the_latest_calls_are_there_for_a_new_process(fixture: Fixture) {
    use AlarmState::{ActiveUnacknowledged, ReturnedUnacknowledged};
    let store = fixture.open_district().await;
    let (raised, returned) = ((What::Raised, ActiveUnacknowledged), (What::Returned, ReturnedUnacknowledged));
    let old = [(raised.0, raised.1, 0)];
    live_through(&store, 1, "hotel-fridge", &old).await;
    let steps = [
        (raised.0, raised.1, 400),
        (returned.0, returned.1, 405),
        (What::Reoccurred, ActiveUnacknowledged, 410),
        (returned.0, returned.1, 700),
    ];
    live_through(&store, 2, "school-fridge", &steps).await;
    drop(store);

    let calls = fixture.open().await.load_start().await.unwrap().calls;
    let calls: Vec<_> = calls.iter().map(|call| (call.alarm.0, call.device.as_str(), call.at)).collect();
    let at = |seconds: i64| START.plus_ms(seconds * 1000);
    assert_eq!(calls, [(2, "school-fridge", at(400)), (2, "school-fridge", at(410))]);
}

pub(super) async fn past_alarms_are_found_by_words_and_days(fixture: Fixture) {
    use AlarmState::{ActiveUnacknowledged, Closed};
    let store = fixture.open_district().await;
    for (alarm, device, day) in [(1, "school-fridge", 0), (2, "hotel-fridge", 1), (3, "school-fridge", 2)] {
        let at_s = day * 24 * 3600;
        let steps = [(What::Raised, ActiveUnacknowledged, at_s), (What::Closed, Closed, at_s + 60)];
        live_through(&store, alarm, device, &steps).await;
    }
    let admin = sign_in(&store, Role::Admin, "").await;
    let found = async |scope: &_, filter: AlarmFilter| {
        let filter = AlarmFilter { is_open: Some(false), limit: 9, ..filter };
        let (alarms, _) = store.alarms(scope, &filter).await.unwrap();
        alarms.iter().map(|alarm| alarm.id.0).collect::<Vec<_>>()
    };
    let words = |text: &str| AlarmFilter {
        words: text.split(' ').map(str::to_owned).collect(),
        from: Some(START),
        ..Default::default()
    };
    assert_eq!(found(&admin, words("school")).await, [3, 1]);
    assert_eq!(found(&admin, words("fr-01")).await, [3, 2, 1], "the case is of no matter");
    assert_eq!(found(&admin, words("厨房 hotel")).await, [2], "all words together");
    assert_eq!(found(&admin, words("sch%l")).await, [0_i64; 0], "nothing has a meaning of its own");
    assert_eq!(found(&admin, words("fr_01")).await, [0_i64; 0]);
    let day = |day: i64| Some(START.plus_ms(day * 24 * 3_600_000));
    assert_eq!(found(&admin, AlarmFilter { from: day(1), to: day(2), ..Default::default() }).await, [2]);
    assert_eq!(found(&admin, AlarmFilter { from: day(1), before: Some(AlarmId(3)), ..Default::default() }).await, [2]);
    let edge = store.load_registry().await.unwrap().devices[0].node.clone();
    assert_eq!(found(&admin, AlarmFilter { edge: Some(edge), ..Default::default() }).await.len(), 3);
    assert_eq!(found(&admin, AlarmFilter { edge: "nobody".parse().ok(), ..Default::default() }).await, [0_i64; 0]);
    let officer = sign_in(&store, Role::TownshipOfficer, "500156003").await;
    assert_eq!(found(&officer, words("fridge")).await, [2], "of the own township alone");
}
