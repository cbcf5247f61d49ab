//! A store with a district, and telling people started on it; and notices to be told.

use std::{path::Path, sync::Arc, time::Duration};

use domain::{
    access::Role,
    alarm::{AlarmState, Severity, Transition, What},
    document::Document,
    id::{AlarmId, DeviceId, OwnerId, RuleId, SiteId, TownshipCode},
    notice::{Audience, Notice, Occasion, Subject},
    registry::{Owner, Registry, Township},
    text::Text,
    time::UnixMs,
};
use protocol::rest::{ContactDraft, Delivery, DeliveryState, ShiftDraft, UserDraft};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::Access,
    clock::Clock,
    notify::{Channels, Config, Notifier, Parts, start},
    ops::health::Health,
    store::{Actor, BatchCommit, Scope, SessionLimits, SessionToken, Store, StoreConfig},
    video::{self, Evidence},
};

/// For anything that takes a moment on a quiet machine.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
pub(super) const TOWNSHIP: &str = "500156001";

/// The store of a gateway, whether it runs or not.
pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) store: Store,
    pub(super) admin: Scope,
}

/// Telling people, while it runs.
pub(super) struct Running {
    pub(super) notifier: Notifier,
    pub(super) health: Health,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl House {
    pub(super) async fn build() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let (store, _task) = Store::open(&StoreConfig::default(), folder.path()).await.unwrap();
        let admin = sign_in(&store, "admin", Role::Admin, |_| {}).await;
        Self { folder, store, admin }
    }

    /// Writes a file that the configuration names.
    pub(super) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Somebody with an account, who can be reached.
    pub(super) async fn person(&self, name: &str, role: Role, place: &str, phone: &str, email: &str) {
        let scope = sign_in(&self.store, name, role, |draft| match role {
            Role::TownshipOfficer => draft.township = Some(place.parse().unwrap()),
            Role::Owner => draft.owner = Some(place.parse().unwrap()),
            _ => {}
        })
        .await;
        self.store.put_contact(&scope, None, reached(phone, email), now()).await.unwrap();
    }

    /// Puts somebody with an account on duty at the sub-centre, for hours.
    pub(super) async fn on_duty(&self, name: &str) {
        let hour = 3_600_000;
        let draft = ShiftDraft {
            post: format!("township:{TOWNSHIP}").parse().unwrap(),
            from_ms: now().0 - hour,
            to_ms: now().0 + hour,
            person: name.into(),
            phone: String::new(),
            username: Some(name.parse().unwrap()),
        };
        self.store.add_shift(&self.admin, draft, now()).await.unwrap();
    }

    /// What a camera showed of an alarm.
    pub(super) fn picture(&self, alarm: i64, camera: &str, taken: UnixMs, jpeg: &[u8]) {
        let folder = self.folder.path().join("alarm-pictures").join(alarm.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{camera}.{}.jpg", taken.0)), jpeg).unwrap();
    }

    /// Starts telling people by the channels of this `[notify]` section.
    pub(super) async fn start(&self, config: &str) -> Running {
        self.start_with(config, None).await
    }

    /// The same by a clock that the test sets.
    pub(super) async fn start_by(&self, config: &str, clock: Clock) -> Running {
        self.start_parts(config, None, clock).await
    }

    pub(super) async fn start_with(&self, config: &str, broker: Option<&Access>) -> Running {
        self.start_parts(config, broker, Clock::start()).await
    }

    async fn start_parts(&self, config: &str, broker: Option<&Access>, clock: Clock) -> Running {
        let config = read(self.folder.path(), config);
        let registry = registry();
        let channels = Channels::build(&config, &registry, broker).unwrap();
        let (_, registry) = watch::channel(Arc::new(registry));
        let (stop, health) = (CancellationToken::new(), Health::default());
        let (evidence, _) = Evidence::open(&video::Config::default(), self.folder.path(), clock).unwrap();
        let parts =
            Parts { evidence, config, channels, clock, store: self.store.clone(), registry, health: health.clone() };
        let (notifier, tasks) = start(parts, &stop).await.unwrap();
        Running { notifier, health, stop, tasks }
    }

    pub(super) async fn tell(&self, notices: impl IntoIterator<Item = Notice>) {
        self.store.write_notices(notices.into_iter().collect()).await.unwrap();
    }

    /// Alarms take steps.
    pub(super) async fn commit(&self, transitions: impl IntoIterator<Item = Transition>) {
        let commit = BatchCommit {
            received: now(),
            new_series: vec![],
            readings: Arc::new([]),
            transitions: transitions.into_iter().collect(),
            service: vec![],
            notices: vec![],
            discovered: vec![],
            outboxes: vec![],
        };
        self.store.commit_batch(Arc::new(commit)).await.unwrap();
    }

    /// What became of everything that was told, in order.
    pub(super) async fn deliveries(&self) -> Vec<Delivery> {
        self.store.all_deliveries().await.unwrap()
    }

    /// Waits until the deliveries are as they should be.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let wait = async {
            loop {
                let deliveries = self.deliveries().await;
                if is_so(&deliveries) {
                    return deliveries;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let Ok(deliveries) = tokio::time::timeout(LIMIT, wait).await else {
            panic!("{what}, but: {:#?}", self.deliveries().await)
        };
        deliveries
    }

    pub(super) async fn until_sent(&self, count: usize) -> Vec<Delivery> {
        self.until(&format!("{count} deliveries are sent"), |all| {
            all.iter().filter(|one| one.state == DeliveryState::Sent).count() == count
        })
        .await
    }
}

impl Running {
    /// Ends it as the gateway's own end would.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }

    /// Ends it as a kill would: nothing is noted any more.
    pub(super) async fn kill(mut self) {
        self.tasks.shutdown().await;
    }
}

pub(super) fn read(folder: &Path, text: &str) -> Config {
    let mut config: Config = Document { file: "notify", text }.read().unwrap();
    for file in config.files_mut() {
        *file = folder.join(&file);
    }
    config
}

pub(super) fn registry() -> Registry {
    let township = |code: &str, name: &str| Township {
        code: TownshipCode::new(code).unwrap(),
        name_zh: name.into(),
        name_en: name.into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    let owner = Owner { id: OwnerId::new("school").unwrap(), name: "School".into(), phone: "02377720000".into() };
    let townships = vec![township(TOWNSHIP, "凤山街道"), township("500156003", "仙女山街道")];
    Registry::build(townships, vec![], vec![owner], vec![], vec![]).unwrap()
}

/// Where somebody is reached, at any time.
pub(super) fn reached(phone: &str, email: &str) -> ContactDraft {
    ContactDraft { phone: phone.into(), email: email.into(), quiet_hours: None }
}

pub(super) fn now() -> UnixMs {
    Clock::start().now().wall
}

/// An alarm of a site, to be told to an audience.
pub(super) fn notice(alarm: i64, severity: Severity, audience: Audience) -> Notice {
    Notice {
        subject: Subject::Alarm(AlarmId(alarm)),
        occasion: Occasion::Raised,
        severity,
        audience,
        device: None,
        site: Some(SiteId::new("canteen").unwrap()),
        node: None,
        matter: Text::new("燃气", "gas"),
        at: now(),
        title: Text::new(format!("告警 {alarm}"), format!("alarm {alarm}")),
        body: Text::new("原因：60 %LEL > 50 %LEL", "Cause: 60 %LEL > 50 %LEL"),
    }
}

/// A step of a mild alarm.
pub(super) fn step(alarm: i64, what: What, state: AlarmState) -> Transition {
    Transition {
        alarm: AlarmId(alarm),
        device: DeviceId::new("fridge").unwrap(),
        rule: RuleId::new("FR-01").unwrap(),
        severity: Severity::III,
        is_latching: false,
        title: Text::same("alarm"),
        cause: Text::default(),
        what,
        state,
        set_aside: None,
        at: now(),
        event_time: now(),
        late_ms: 0,
        rule_version: None,
        by: None,
        note: String::new(),
        reading: None,
    }
}

pub(super) fn township() -> Audience {
    Audience::Township(TownshipCode::new(TOWNSHIP).unwrap())
}

pub(super) fn owner() -> Audience {
    Audience::Owner(OwnerId::new("school").unwrap())
}

async fn sign_in(store: &Store, name: &str, role: Role, place: impl FnOnce(&mut UserDraft)) -> Scope {
    let mut draft = UserDraft {
        username: name.parse().unwrap(),
        display_name: name.to_owned(),
        role,
        office: None,
        township: None,
        owner: None,
        is_disabled: false,
        password: None,
    };
    place(&mut draft);
    let user = store.add_user(Actor::Shell, draft, "$phc".into(), now()).await.unwrap();
    let token = SessionToken::generate(&mut rand::rng());
    let limits = SessionLimits { lifetime_ms: 3_600_000, idle_ms: 3_600_000 };
    store.open_session(user.id, &token, limits, now()).await.unwrap();
    store.session(&token, now()).await.unwrap().unwrap().scope
}
