//! A database of its own for each test, and the things that tests fill it with.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    access::Role,
    alarm::{AlarmState, Severity, Transition, What},
    id::{
        AlarmId, DeviceId, MetricName, NodeId, OfficeId, OwnerId, ProfileId, RuleId, SeriesId, SiteId, TownshipCode,
        UserName,
    },
    reading::{Quality, Reading, Value},
    registry::{Device, Office, Owner, Site},
    text::Text,
    time::UnixMs,
};
use protocol::rest;
use rand::SeedableRng as _;
use sqlx::Executor as _;
use tempfile::TempDir;

use crate::store::{
    Actor, BatchCommit, RegistryRows, Scope, SeriesDefinition, SessionLimits, SessionToken, Store, StoreConfig,
    StoreTask,
    database::{Database, Engine},
};

/// 2026-09-21, a moment that all tests start from.
pub(super) const START: UnixMs = UnixMs(1_790_000_000_000);
pub(super) const LIMITS: SessionLimits = SessionLimits { lifetime_ms: 12 * 3_600_000, idle_ms: 3_600_000 };

/// A database that can be opened again and again.
pub(super) struct Fixture {
    pub config: StoreConfig,
    pub directory: Arc<TempDir>,
    /// Of the database, where the directory is a server's.
    pub name: Option<String>,
}

impl Fixture {
    pub(super) fn sqlite() -> Self {
        Self { config: StoreConfig::default(), directory: Arc::new(tempfile::tempdir().unwrap()), name: None }
    }

    pub(super) async fn open(&self) -> Store {
        self.open_with_task().await.0
    }

    pub(super) async fn open_with_task(&self) -> (Store, StoreTask) {
        let (store, task) = Store::open(&self.config, self.directory.path()).await.unwrap();
        store.set_offices(&[office("baima", &["500156003", "500156004"])]);
        (store, task)
    }

    /// Runs a statement past the store, as somebody with the database's password could.
    pub(super) async fn execute(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        let database = Database::from_config(&self.config, self.directory.path()).unwrap();
        let mut connection = database.connect_writer().await?;
        connection.execute(sql).await.map(drop)
    }

    /// Alters the audit log as its owner could: by taking its protection away first.
    pub(super) async fn without_audit_protection(&self, sql: &'static str) {
        let database = Database::from_config(&self.config, self.directory.path()).unwrap();
        let drop_trigger = match database.engine {
            Engine::Sqlite => "DROP TRIGGER audit_never_changes",
            Engine::Postgres => "DROP TRIGGER audit_never_changes ON audit",
        };
        self.execute(drop_trigger).await.unwrap();
        self.execute(sql).await.unwrap();
    }

    /// A store with two townships, two owners, two devices and three series: `school` (1, 2) and `hotel` (3).
    pub(super) async fn open_district(&self) -> Store {
        let store = self.open().await;
        self.fill_district(&store).await;
        store
    }

    /// Fills an empty store with what [`Self::open_district`] promises.
    pub(super) async fn fill_district(&self, store: &Store) {
        store.import(Actor::Shell, district(), START).await.unwrap();
        let series =
            [(1, "school-fridge", "temperature"), (2, "school-fridge", "door"), (3, "hotel-fridge", "temperature")];
        let new_series = series.map(|(id, device, metric)| definition(id, device, metric)).into();
        store.commit_batch(Arc::new(BatchCommit { new_series, ..batch([]) })).await.unwrap();
    }
}

pub(super) fn office(id: &str, townships: &[&str]) -> Office {
    Office {
        id: OfficeId::new(id).unwrap(),
        name_zh: id.into(),
        name_en: id.into(),
        townships: townships.iter().map(|code| TownshipCode::new(code).unwrap()).collect(),
    }
}

pub(super) fn owner(id: &str) -> Owner {
    Owner { id: OwnerId::new(id).unwrap(), name: format!("{id} 使用单位"), phone: String::new() }
}

pub(super) fn site(id: &str, township: &str, owner: &str) -> Site {
    Site {
        id: SiteId::new(id).unwrap(),
        name: format!("{id} 厨房"),
        township: TownshipCode::new(township).unwrap(),
        owner: OwnerId::new(owner).unwrap(),
        address: String::new(),
    }
}

pub(super) fn device(id: &str, site: &str) -> Device {
    Device {
        id: DeviceId::new(id).unwrap(),
        name: format!("{id} 冷藏柜"),
        site: SiteId::new(site).unwrap(),
        profile: ProfileId::new("cold_store").unwrap(),
        node: NodeId::new("node-1").unwrap(),
        nameplate: BTreeMap::from([("limit_c".to_owned(), 8.5)]),
    }
}

pub(super) fn district() -> RegistryRows {
    RegistryRows {
        owners: vec![owner("hotel"), owner("school")],
        sites: vec![site("hotel-kitchen", "500156003", "hotel"), site("school-kitchen", "500156001", "school")],
        devices: vec![device("hotel-fridge", "hotel-kitchen"), device("school-fridge", "school-kitchen")],
    }
}

pub(super) fn definition(id: u32, device: &str, metric: &str) -> SeriesDefinition {
    SeriesDefinition {
        id: SeriesId(id),
        device: DeviceId::new(device).unwrap(),
        metric: MetricName::new(metric).unwrap(),
    }
}

pub(super) fn reading(series: u32, after_ms: i64, value: impl Into<Option<Value>>) -> Reading {
    let value = value.into();
    let quality = if value.is_some() { Quality::Good } else { Quality::Bad };
    Reading { series: SeriesId(series), event_time: START.plus_ms(after_ms), value, quality }
}

pub(super) fn batch(readings: impl IntoIterator<Item = Reading>) -> BatchCommit {
    BatchCommit {
        received: START,
        new_series: Vec::new(),
        readings: readings.into_iter().collect(),
        transitions: Vec::new(),
        service: Vec::new(),
        notices: Vec::new(),
        discovered: Vec::new(),
        outboxes: Vec::new(),
    }
}

pub(super) fn transition(alarm: i64, device: &str, what: What, state: AlarmState) -> Transition {
    Transition {
        alarm: AlarmId(alarm),
        device: DeviceId::new(device).unwrap(),
        rule: RuleId::new("FR-01").unwrap(),
        severity: Severity::II,
        is_latching: false,
        title: Text::new("冷藏温度高", "Cold store too warm"),
        cause: Text::same(format!("{alarm}.1 °C > 8 °C")),
        what,
        state,
        set_aside: None,
        at: START.plus_ms(alarm),
        event_time: START,
        late_ms: 0,
        rule_version: None,
        by: None,
        note: String::new(),
        reading: None,
    }
}

pub(super) fn draft(username: &str, role: Role, place: &str) -> rest::UserDraft {
    rest::UserDraft {
        username: UserName::new(username).unwrap(),
        display_name: format!("{username} 先生"),
        role,
        office: (role == Role::OfficeOfficer).then(|| OfficeId::new(place).unwrap()),
        township: (role == Role::TownshipOfficer).then(|| TownshipCode::new(place).unwrap()),
        owner: (role == Role::Owner).then(|| OwnerId::new(place).unwrap()),
        is_disabled: false,
        password: None,
    }
}

pub(super) fn token(seed: u64) -> SessionToken {
    SessionToken::generate(&mut rand::rngs::StdRng::seed_from_u64(seed))
}

/// Adds an account, signs it in and answers its scope: the only way to one.
pub(super) async fn sign_in(store: &Store, role: Role, place: &str) -> Scope {
    let name = format!("{role:?}-{place}");
    let user = store.add_user(Actor::Shell, draft(&name, role, place), "$phc".into(), START).await.unwrap();
    let token = token(user.id.0.cast_unsigned());
    store.open_session(user.id, &token, LIMITS, START).await.unwrap();
    store.session(&token, START).await.unwrap().expect("just opened").scope
}
