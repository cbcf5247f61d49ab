//! Accounts, sessions, the audit log.

use std::sync::Arc;

use domain::{
    access::{Jurisdiction, Role},
    id::{OwnerId, TownshipCode},
};

use super::fixture::{Fixture, LIMITS, START, draft, sign_in, token};
use crate::store::{Actor, AuditEntry, StoreError};

pub(super) async fn a_session_yields_the_scope_of_its_account(fixture: Fixture) {
    let store = fixture.open_district().await;
    let townships = |codes: &[&str]| Jurisdiction::Townships {
        codes: Arc::new(codes.iter().map(|code| TownshipCode::new(code).unwrap()).collect()),
    };
    let cases = [
        (Role::Admin, "", Jurisdiction::District),
        (Role::CentreOperator, "", Jurisdiction::District),
        (Role::OfficeOfficer, "baima", townships(&["500156003", "500156004"])),
        (Role::OfficeOfficer, "closed-office", townships(&[])),
        (Role::TownshipOfficer, "500156001", townships(&["500156001"])),
        (Role::Owner, "hotel", Jurisdiction::Owner { id: OwnerId::new("hotel").unwrap() }),
    ];
    for (role, place, expected) in cases {
        let scope = sign_in(&store, role, place).await;
        assert_eq!((scope.role(), scope.jurisdiction()), (role, &expected));
    }
    assert!(store.session(&token(99), START).await.unwrap().is_none());
}

pub(super) async fn a_session_ends_by_time_and_by_change(fixture: Fixture) {
    let store = fixture.open().await;
    let user = store.add_user(Actor::Shell, draft("wang", Role::Admin, ""), "$1".into(), START).await.unwrap();
    let mut seed = 0;
    let open = async |at| {
        let fresh = token(at);
        store.open_session(user.id, &fresh, LIMITS, START).await.unwrap();
        fresh
    };
    let alive = async |token, after_ms| store.session(token, START.plus_ms(after_ms)).await.unwrap().is_some();
    let mut next = || {
        seed += 1;
        seed
    };

    let idle = open(next()).await;
    assert!(alive(&idle, LIMITS.idle_ms - 1).await && !alive(&idle, LIMITS.idle_ms * 2).await);

    // In use every half idle time, it lives to the end of its lifetime and no longer.
    let busy = open(next()).await;
    let mut after_ms = 0;
    while after_ms + LIMITS.idle_ms / 2 < LIMITS.lifetime_ms {
        after_ms += LIMITS.idle_ms / 2;
        assert!(alive(&busy, after_ms).await, "in use until {after_ms} ms");
        // The use is noted in the background, in order: once another write is through, so is it.
        store.audit(entry("use")).await.unwrap();
    }
    assert!(!alive(&busy, LIMITS.lifetime_ms).await);

    let changes = store.session_changes();
    let signed_out = open(next()).await;
    let id = store.session(&signed_out, START).await.unwrap().unwrap().id;
    store.end_session(id).await.unwrap();
    assert!(!alive(&signed_out, 0).await && changes.has_changed().unwrap());

    let disabled = open(next()).await;
    let closed = protocol::rest::UserDraft { is_disabled: true, ..draft("wang", Role::Admin, "") };
    store.change_user(Actor::Shell, user.id, closed, None, START).await.unwrap();
    assert!(!alive(&disabled, 0).await);
    let reopened = open(next()).await;
    assert!(!alive(&reopened, 0).await, "a closed account has no valid session");
}

pub(super) async fn a_name_is_taken_in_whatever_case(fixture: Fixture) {
    let store = fixture.open().await;
    store.add_user(Actor::Shell, draft("Wang", Role::Admin, ""), "$1".into(), START).await.unwrap();
    let taken = store.add_user(Actor::Shell, draft("wANG", Role::Admin, ""), "$2".into(), START).await;
    assert!(matches!(taken, Err(StoreError::Exists(_))));
    let credential = store.credential("WANG").await.unwrap().unwrap();
    assert_eq!((credential.user.username.as_str(), credential.password_hash.as_str()), ("Wang", "$1"));
    assert!(store.credential("li").await.unwrap().is_none());
}

pub(super) async fn passwords_end_other_sessions(fixture: Fixture) {
    let store = fixture.open().await;
    let user = store.add_user(Actor::Shell, draft("wang", Role::Admin, ""), "$1".into(), START).await.unwrap();
    for seed in [1, 2] {
        store.open_session(user.id, &token(seed), LIMITS, START).await.unwrap();
    }
    let mine = store.session(&token(1), START).await.unwrap().unwrap();
    store.change_own_password(&mine.scope, mine.id, "$2".into(), START).await.unwrap();
    assert!(store.session(&token(1), START).await.unwrap().is_some());
    assert!(store.session(&token(2), START).await.unwrap().is_none());
    assert_eq!(store.credential("wang").await.unwrap().unwrap().password_hash, "$2");
    store.reset_password(Actor::Shell, user.id, "$3".into(), START).await.unwrap();
    assert!(store.session(&token(1), START).await.unwrap().is_none());
}

pub(super) async fn only_administrators_manage_people(fixture: Fixture) {
    let store = fixture.open_district().await;
    let admin = sign_in(&store, Role::Admin, "").await;
    let names: Vec<_> = store.users(Actor::Person(&admin)).await.unwrap();
    assert_eq!(names.len(), 1);
    for (role, place) in [(Role::CentreOperator, ""), (Role::OfficeOfficer, "baima"), (Role::Owner, "hotel")] {
        let scope = sign_in(&store, role, place).await;
        let actor = Actor::Person(&scope);
        let refused = [
            store.users(actor).await.map(drop),
            store.add_user(actor, draft("x", Role::Admin, ""), String::new(), START).await.map(drop),
            store.change_user(actor, admin.user_id(), draft("x", role, place), None, START).await.map(drop),
            store.reset_password(actor, admin.user_id(), String::new(), START).await,
            store.import(actor, super::fixture::district(), START).await,
            store.audit_log(&scope, None, 10).await.map(drop),
        ];
        for outcome in refused {
            assert!(matches!(outcome, Err(StoreError::NotPermitted)), "{role:?}: {outcome:?}");
        }
    }
}

pub(super) async fn the_audit_log_only_grows_and_is_chained(fixture: Fixture) {
    let store = fixture.open().await;
    let admin = sign_in(&store, Role::Admin, "").await;
    for object in ["lift-1", "lift-2"] {
        store.audit(entry(object)).await.unwrap();
    }
    let log = store.audit_log(&admin, None, 10).await.unwrap();
    let actions: Vec<_> = log.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["camera.view", "camera.view", "session.open", "user.add"]);
    assert_eq!(store.audit_log(&admin, Some(log[0].id), 1).await.unwrap()[0].object, "lift-1");
    assert_eq!(store.check_audit_log().await.unwrap(), None);

    for attack in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"] {
        let refusal = fixture.execute(attack).await.unwrap_err().to_string();
        assert!(refusal.contains("append-only"), "{refusal}");
    }
    // Who can alter the schema can alter the log; it is then found.
    fixture.without_audit_protection("UPDATE audit SET actor = 'nobody' WHERE object = 'lift-1'").await;
    assert_eq!(store.check_audit_log().await.unwrap(), Some(3));
}

fn entry(object: &str) -> AuditEntry {
    AuditEntry { at: START, actor: "wang".into(), action: "camera.view", object: object.into(), detail: String::new() }
}
