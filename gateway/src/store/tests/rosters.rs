//! Who is on duty where, and who may write it.

use domain::{access::Role, notice::Audience, roster::Post, time::UnixMs};
use protocol::rest::{Hole, ShiftDraft};

use super::fixture::{Fixture, START, sign_in};
use crate::store::StoreError;

const fn after(hours: i64) -> UnixMs {
    START.plus_ms(hours * 3_600_000)
}

fn post(text: &str) -> Post {
    text.parse().unwrap()
}

fn draft(at: &str, from_h: i64, to_h: i64, person: &str) -> ShiftDraft {
    ShiftDraft {
        post: post(at),
        from_ms: after(from_h).0,
        to_ms: after(to_h).0,
        person: person.into(),
        phone: "023-7770".into(),
        username: None,
    }
}

pub(super) async fn who_is_on_duty_is_known_and_holes_are_shown(fixture: Fixture) {
    let store = fixture.open_district().await;
    let township = sign_in(&store, Role::TownshipOfficer, "500156003").await;
    let here = "township:500156003";
    store.add_shift(&township, draft(here, 0, 8, "Zhang"), START).await.unwrap();
    let late = store.add_shift(&township, draft(here, 7, 16, "Li"), START).await.unwrap();
    let names = async |hours| {
        let shifts = store.on_duty(after(hours)).await.unwrap();
        shifts.into_iter().map(|shift| shift.person).collect::<Vec<_>>()
    };
    assert_eq!(names(0).await, ["Zhang"]);
    assert_eq!(names(7).await, ["Li", "Zhang"]);
    assert_eq!(names(8).await, ["Li"]);
    assert_eq!(names(16).await, Vec::<String>::new());
    let post_of = |audience: Audience| audience.post();
    assert_eq!(post_of(Audience::Township("500156003".parse().unwrap())), Some(post(here)));
    assert_eq!(post_of(Audience::Owner("hotel".parse().unwrap())), None, "owners keep no roster here");

    store.hand_over(&township, post(here), "boiler 3 is cold".into(), START).await.unwrap();
    let roster = store.roster(&township, &post(here), after(-1)..after(24)).await.unwrap().unwrap();
    assert!(roster.may_change);
    assert_eq!(roster.shifts.len(), 2);
    let hole = |from, to| Hole { from_ms: after(from).0, to_ms: after(to).0 };
    assert_eq!(roster.holes, [hole(-1, 0), hole(16, 24)]);
    assert_eq!(roster.handovers[0].note, "boiler 3 is cold");

    store.change_shift(&township, late.id, draft(here, 8, 24, "Wang"), START).await.unwrap();
    let roster = store.roster(&township, &post(here), after(20)..after(24)).await.unwrap().unwrap();
    assert_eq!((roster.shifts[0].person.as_str(), roster.holes.len()), ("Wang", 0));
    store.remove_shift(&township, late.id, START).await.unwrap();
    assert_eq!(names(9).await, Vec::<String>::new());
    assert_eq!(store.check_audit_log().await.unwrap(), None);
}

pub(super) async fn a_roster_is_written_by_its_own_post_and_by_the_centre(fixture: Fixture) {
    let store = fixture.open_district().await;
    let township = sign_in(&store, Role::TownshipOfficer, "500156003").await;
    let office = sign_in(&store, Role::OfficeOfficer, "baima").await;
    let centre = sign_in(&store, Role::CentreOperator, "").await;
    let owner = sign_in(&store, Role::Owner, "hotel").await;
    let may_write = async |scope, at| match store.add_shift(scope, draft(at, 0, 8, "Zhang"), START).await {
        Ok(_) => true,
        Err(StoreError::NotFound(_)) => false,
        Err(other) => panic!("{other}"),
    };
    for (at, of_township, of_office) in [
        ("township:500156003", true, true),
        ("township:500156004", false, true),
        ("township:500156001", false, false),
        ("office:baima", false, true),
        ("centre", false, false),
    ] {
        assert_eq!(may_write(&township, at).await, of_township, "{at}");
        assert_eq!(may_write(&office, at).await, of_office, "{at}");
        assert!(may_write(&centre, at).await, "{at}");
        assert!(!may_write(&owner, at).await, "{at}");
    }
    let sees = async |scope, at| store.roster(scope, &post(at), after(0)..after(8)).await.unwrap().is_some();
    assert!(sees(&township, "office:baima").await && sees(&township, "centre").await);
    assert!(!sees(&township, "township:500156004").await && !sees(&owner, "centre").await);
    // Somebody else's shift can neither be taken out nor moved to the own post.
    let foreign = store.add_shift(&centre, draft("township:500156001", 0, 8, "Chen"), START).await.unwrap();
    let removed = store.remove_shift(&township, foreign.id, START).await;
    assert!(matches!(removed, Err(StoreError::NotFound(_))));
    let moved = store.change_shift(&township, foreign.id, draft("township:500156003", 0, 8, "Chen"), START).await;
    assert!(matches!(moved, Err(StoreError::NotFound(_))));
    let there = store.roster(&centre, &foreign.post, after(0)..after(8)).await.unwrap().unwrap();
    assert!(there.shifts.contains(&foreign));
}
