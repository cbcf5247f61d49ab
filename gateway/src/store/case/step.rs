//! What people do with a case: decided by the machine on the row as it is in the transaction, stored and audited with it.

use domain::{
    access::{Permission, Role},
    case::{CaseInput, CaseWhat},
    id::{AlarmId, CaseId},
    notice::CaseNews,
    registry::Place,
    roster::{Assignee, Post},
    time::UnixMs,
};
use protocol::rest;
use sqlx::AnyConnection;

use super::{
    CaseRequest, CaseTrouble, KeyOf, open,
    row::{Event, Stored, load, save},
    tell::tell,
    use_of_key,
};
use crate::store::{Store, audit, error::StoreError, row::Columns, scope::Scope, user, writer::Priority};

const OPERATION: &str = "changing a case";

/// What a person does with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseDeed {
    /// A step of its life.
    Step(CaseInput),
    /// Writes something down.
    Note,
    /// Puts another alarm of its site to it.
    AddAlarm(AlarmId),
}

impl CaseDeed {
    /// What it is called in the time line.
    const fn what(&self) -> CaseWhat {
        match self {
            Self::Note => CaseWhat::Noted,
            Self::AddAlarm(_) => CaseWhat::AlarmAdded,
            Self::Step(input) => match input {
                CaseInput::Assign(_) => CaseWhat::Assigned,
                CaseInput::Accept => CaseWhat::Accepted,
                CaseInput::Contact => CaseWhat::Contacted,
                CaseInput::Arrive => CaseWhat::ArrivedOnSite,
                CaseInput::Free => CaseWhat::Freed,
                CaseInput::Handle(_) => CaseWhat::Handled,
                CaseInput::FalseAlarm => CaseWhat::FalseAlarm,
                CaseInput::Return => CaseWhat::Returned,
                CaseInput::Verify => CaseWhat::Verified,
                CaseInput::Close => CaseWhat::Closed,
            },
        }
    }
}

/// What the audit log calls it.
const fn audit_action(what: CaseWhat) -> &'static str {
    match what {
        CaseWhat::Opened => "case.open",
        CaseWhat::AlarmAdded => "case.add_alarm",
        CaseWhat::Assigned => "case.assign",
        CaseWhat::Accepted => "case.accept",
        CaseWhat::Contacted => "case.contact",
        CaseWhat::ArrivedOnSite => "case.arrive",
        CaseWhat::Freed => "case.free",
        CaseWhat::Handled => "case.handle",
        CaseWhat::FalseAlarm => "case.false_alarm",
        CaseWhat::Returned => "case.return",
        CaseWhat::Verified => "case.verify",
        CaseWhat::Closed => "case.close",
        CaseWhat::Noted => "case.note",
        CaseWhat::PhotoAdded => "case.photo",
        CaseWhat::Overdue | CaseWhat::Milestone | CaseWhat::BecameAccident => "case.time",
    }
}

impl Store {
    /// Does something with a case in the name of a person. With the same key again it changes nothing more.
    pub async fn act_on_case(
        &self,
        scope: &Scope,
        case: CaseId,
        deed: CaseDeed,
        request: CaseRequest,
        at: UnixMs,
    ) -> Result<Result<(), CaseTrouble>, StoreError> {
        let (store, told, scope) = (self.clone(), self.clone(), scope.clone());
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| {
                    Box::pin(async move { act(connection, &store, &scope, case, deed, &request, at).await })
                },
                move |_| told.notices_have_come(),
            )
            .await
    }
}

async fn act(
    connection: &mut AnyConnection,
    store: &Store,
    scope: &Scope,
    case: CaseId,
    deed: CaseDeed,
    request: &CaseRequest,
    at: UnixMs,
) -> Result<Result<(), CaseTrouble>, StoreError> {
    let by = scope.username();
    let mut stored = match find(connection, scope, case, &request.key, deed.what()).await? {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(Ok(())),
        Err(trouble) => return Ok(Err(trouble)),
    };
    let policy = store.duty_policy();
    let event = Event::plain(at, deed.what()).by_person(by.as_str(), &request.note, &request.key);
    match &deed {
        CaseDeed::AddAlarm(alarm) => {
            return open::add_alarm(connection, store, &mut stored, *alarm, by.as_str(), &request.key, at).await;
        }
        CaseDeed::Note => {
            if !stored.case.state.is_open() {
                return Ok(Err(CaseTrouble::Refused(domain::case::CaseRefusal::Closed)));
            }
            save(connection, &mut stored, &policy, &[event], at).await?;
        }
        CaseDeed::Step(input) => {
            let has_active_alarm = has_active_alarm(connection, case).await?;
            let (after, _) = match stored.case.after(input, by, at, has_active_alarm) {
                Ok(done) => done,
                Err(refusal) => return Ok(Err(CaseTrouble::Refused(refusal))),
            };
            let mut assignee = None;
            if let CaseInput::Assign(to) = input {
                let Some(target) = resolve(connection, store, to, &stored.place).await? else {
                    return Ok(Err(CaseTrouble::ForeignAssignee(to.to_string())));
                };
                tell(connection, store, &stored, target.news(), at).await?;
                assignee = Some(to);
            }
            if *input == CaseInput::Close {
                tell(connection, store, &stored, CaseNews::Closed, at).await?;
            }
            stored.watch = policy.watch_after(&stored.case, &after, stored.watch);
            stored.case = after;
            save(connection, &mut stored, &policy, &[Event { assignee, ..event }], at).await?;
        }
    }
    let action = audit_action(deed.what());
    audit::note(connection, by.as_str(), action, &case.to_string(), request.note.clone(), at).await?;
    Ok(Ok(()))
}

/// The case within the scope; `Ok(None)`: the key has done that to it already.
pub(super) async fn find(
    connection: &mut AnyConnection,
    scope: &Scope,
    case: CaseId,
    key: &str,
    what: CaseWhat,
) -> Result<Result<Option<Stored>, CaseTrouble>, StoreError> {
    let Some(stored) = load(connection, case).await?.filter(|stored| scope.covers(Some(&stored.place))) else {
        return Ok(Err(CaseTrouble::NotFound));
    };
    Ok(match use_of_key(connection, scope.username().as_str(), key, KeyOf::Case(case)).await? {
        None => Ok(Some(stored)),
        Some(done) if done == (case, what) => Ok(None),
        Some(_) => Err(CaseTrouble::KeyReused),
    })
}

/// Makes a case that was just opened somebody's, in the same transaction.
pub(super) async fn assign_new(
    connection: &mut AnyConnection,
    store: &Store,
    stored: &mut Stored,
    (assignee, target): (Assignee, Target),
    scope: &Scope,
    at: UnixMs,
) -> Result<(), StoreError> {
    let by = scope.username();
    tell(connection, store, stored, target.news(), at).await?;
    let (after, what) = stored
        .case
        .after(&CaseInput::Assign(assignee.clone()), by, at, false)
        .expect("a case that was just opened can be assigned");
    stored.case = after;
    let event = Event { by: Some(by.as_str()), assignee: Some(&assignee), ..Event::plain(at, what) };
    save(connection, stored, &store.duty_policy(), &[event], at).await?;
    let object = stored.id.to_string();
    audit::note(connection, by.as_str(), audit_action(what), &object, assignee.to_string(), at).await
}

/// Where a case goes that is made somebody's.
pub(super) struct Target {
    post: Post,
    /// The person's name; None: whoever is on duty there.
    person: Option<String>,
}

impl Target {
    fn news(&self) -> CaseNews<'_> {
        CaseNews::Assigned { post: &self.post, person: self.person.as_deref() }
    }
}

/// Where that assignee is; None: it does not exist, or does not answer for the place.
pub(super) async fn resolve(
    connection: &mut AnyConnection,
    store: &Store,
    assignee: &Assignee,
    place: &Place,
) -> Result<Option<Target>, StoreError> {
    let name = match assignee {
        Assignee::Post(post) => {
            let answers = match post {
                Post::Centre => true,
                Post::Township(code) => *code == place.township,
                Post::Office(id) => store.offices().get(id).is_some_and(|codes| codes.contains(&place.township)),
            };
            return Ok(answers.then(|| Target { post: post.clone(), person: None }));
        }
        Assignee::Person(name) => name,
    };
    let row = sqlx::query("SELECT * FROM account WHERE lower(username) = lower($1)")
        .bind(name.as_str().to_owned())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    let Some(row) = row else { return Ok(None) };
    let account = user::user_of(&row)?;
    if !may_handle(store, &account, place)? {
        return Ok(None);
    }
    let post = match (account.office, account.township) {
        (Some(office), _) => Post::Office(office),
        (None, Some(township)) => Post::Township(township),
        (None, None) => Post::Centre,
    };
    Ok(Some(Target { post, person: Some(account.display_name) }))
}

/// Whether this account may handle cases of that place.
pub(super) fn may_handle(store: &Store, user: &rest::User, place: &Place) -> Result<bool, StoreError> {
    let is_officer = !user.is_disabled && user.role != Role::Admin && user.role.may(Permission::HandleCase);
    Ok(is_officer && store.jurisdiction_of(user)?.covers(Some(place)))
}

/// Whether the condition of one of the case's alarms holds, where it means something.
async fn has_active_alarm(connection: &mut AnyConnection, case: CaseId) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS active_count FROM case_alarm JOIN alarm ON alarm.id = case_alarm.alarm_id \
         WHERE case_alarm.case_id = $1 AND alarm.closed_at_ms IS NULL AND alarm.returned_at_ms IS NULL \
         AND alarm.state NOT IN ('shelved', 'suppressed', 'out_of_service')",
    )
    .bind(case.0)
    .fetch_one(connection)
    .await
    .map_err(StoreError::failed(OPERATION))?;
    Ok(row.get_as::<i64>("active_count")? > 0)
}
