use std::{path::Path, sync::Arc};

use arc_swap::ArcSwap;
use domain::{access::Role, id::UserName, profile::Profiles, registry::Registry};
use tokio_util::sync::CancellationToken;

use super::{socket::SocketError, *};
use crate::{clock::Clock, identity, store::StoreConfig};

async fn executor(folder: &Path) -> Executor {
    let (store, _task) = Store::open(&StoreConfig::default(), folder).await.unwrap();
    let clock = Clock::start();
    let registry = Arc::new(ArcSwap::from_pointee(Registry::default()));
    let registrar = Registrar::new(store.clone(), clock, Arc::new(Profiles::default()), registry);
    Executor {
        identity: Identity::new(store.clone(), clock, identity::Config::default()).unwrap(),
        nodes: NodeCredentials::new(None, registrar.clone(), store.clone(), clock),
        store,
        registrar,
    }
}

fn admin(name: &str) -> Command {
    Command::AddUser(UserDraft {
        username: UserName::new(name).unwrap(),
        display_name: name.into(),
        role: Role::Admin,
        office: None,
        township: None,
        owner: None,
        is_disabled: false,
        password: Some("correct horse battery".into()),
    })
}

#[tokio::test]
async fn a_running_gateway_does_what_the_command_line_asks_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    assert!(socket::ask(folder.path(), &Command::ListUsers).await.is_none(), "nobody runs");

    let executor = executor(folder.path()).await;
    let stop = CancellationToken::new();
    let listener = socket::listen(folder.path()).unwrap();
    let serving = tokio::spawn(socket::serve(listener, executor, stop.clone()));
    let ask = async |command: Command| socket::ask(folder.path(), &command).await.unwrap();
    assert!(matches!(ask(admin("first")).await, Ok(Answer::User(user)) if user.username.as_str() == "first"));
    let refused = |answer: Result<Answer, SocketError>| answer.err().unwrap().to_string();
    assert_eq!(refused(ask(admin("FIRST")).await), "an account of this name exists already");
    let nobody = Command::ResetPassword { username: "nobody".into(), password: "correct horse battery".into() };
    assert_eq!(refused(ask(nobody).await), "there is no account `nobody`");
    let node = NodeId::new("edge-1").unwrap();
    assert_eq!(refused(ask(Command::EnrolNode(node)).await), "`edge-1` is not a registered edge node");

    let import = |text: &str, mode| Command::ImportRegistry { format: Format::Csv, text: text.into(), mode };
    let Ok(Answer::Imported(report)) = ask(import("kind,id,name\nowner,a,A\nship,b,B\n", Mode::Apply)).await else {
        panic!("not imported")
    };
    assert!(!report.is_applied && report.errors[0].at == "line 3", "{report:?}");
    let Ok(Answer::Imported(report)) = ask(import("kind,id,name\nowner,a,A\n", Mode::Apply)).await else {
        panic!("not imported")
    };
    assert!(report.is_applied && report.errors.is_empty(), "{report:?}");
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn only_the_owner_of_the_data_directory_may_ask() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let _listener = socket::listen(folder.path()).unwrap();
    let mode = std::fs::metadata(folder.path().join("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    socket::listen(folder.path()).expect("what a killed gateway left is replaced");
}
