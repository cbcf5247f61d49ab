use domain::id::UserName;

use super::*;
use crate::store::StoreConfig;

struct Office {
    identity: Identity,
    store: Store,
    _folder: tempfile::TempDir,
}

async fn office() -> Office {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(&StoreConfig::default(), folder.path()).await.unwrap();
    let identity = Identity::new(store.clone(), Clock::start(), Config::default()).unwrap();
    Office { identity, store, _folder: folder }
}

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn credentials(username: &str, password: &str) -> rest::SignIn {
    rest::SignIn { username: username.into(), password: password.into() }
}

fn draft(username: &str, role: Role, password: Option<&str>) -> rest::UserDraft {
    let first = account::first_admin(String::new());
    let username = UserName::new(username).unwrap();
    rest::UserDraft { username, role, password: password.map(str::to_owned), ..first }
}

#[tokio::test]
async fn the_first_start_makes_an_administrator_and_the_second_does_not() {
    let office = office().await;
    let password = office.identity.first_start().await.unwrap().unwrap();
    assert!(office.identity.first_start().await.unwrap().is_none());
    let (token, session) = office.identity.sign_in(credentials("Admin", &password), ADDRESS).await.unwrap();
    assert_eq!(session.scope.role(), Role::Admin);

    office.identity.sign_out(&session).await.unwrap();
    let now = office.identity.inner.clock.now().wall;
    assert!(office.store.session(&token, now).await.unwrap().is_none());
}

#[tokio::test]
async fn unknown_wrong_and_closed_are_answered_alike() {
    let office = office().await;
    let password = office.identity.first_start().await.unwrap().unwrap();
    let closed = rest::UserDraft { is_disabled: true, ..draft("closed", Role::Admin, Some("correct horse battery")) };
    office.identity.add_user(Actor::Shell, closed, &Registry::default()).await.unwrap();
    for (username, tried) in [
        ("nobody", password.as_str()),
        ("admin", "not the right one"),
        ("closed", "correct horse battery"),
        ("admin", &"x".repeat(100_000)),
        (&"a".repeat(100_000), "x"),
        ("", ""),
    ] {
        let refused = office.identity.sign_in(credentials(username, tried), ADDRESS).await.unwrap_err();
        assert!(matches!(refused, IdentityError::WrongCredentials), "{refused:?}");
    }
}

#[tokio::test]
async fn the_last_administrator_cannot_be_shut_out() {
    let office = office().await;
    office.identity.first_start().await.unwrap();
    let registry = Registry::default();
    let operator = draft("admin", Role::CentreOperator, None);
    let refused = office.identity.change_user(Actor::Shell, UserId(1), operator.clone(), &registry).await.unwrap_err();
    assert!(matches!(refused, IdentityError::LastAdmin), "{refused:?}");

    let second = draft("second", Role::Admin, Some("correct horse battery"));
    office.identity.add_user(Actor::Shell, second, &registry).await.unwrap();
    office.identity.change_user(Actor::Shell, UserId(1), operator, &registry).await.unwrap();
}

#[tokio::test]
async fn guessing_the_own_present_password_is_slowed_down_too() {
    let office = office().await;
    let password = office.identity.first_start().await.unwrap().unwrap();
    let (_, session) = office.identity.sign_in(credentials("admin", &password), ADDRESS).await.unwrap();
    let change = |current: &str, new: &str| rest::PasswordChange { current: current.into(), new: new.into() };
    let weak = office.identity.change_own_password(&session, change(&password, "admin-admin-1"), ADDRESS).await;
    assert!(matches!(weak, Err(IdentityError::Weak(WeakPassword::HoldsName))), "{weak:?}");
    for _ in 0..Config::default().account_burst {
        let wrong = office.identity.change_own_password(&session, change("wrong", "correct horse"), ADDRESS).await;
        assert!(matches!(wrong, Err(IdentityError::WrongCredentials)), "{wrong:?}");
    }
    let right = office.identity.change_own_password(&session, change(&password, "correct horse"), ADDRESS).await;
    assert!(matches!(right, Err(IdentityError::TooMany { .. })), "{right:?}");
}
