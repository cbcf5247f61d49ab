//! A broker, an ingest behind it, and one registered node with one device.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use domain::{
    engine::Link,
    id::{DeviceId, MetricName, NodeId, OwnerId, ProfileId, SiteId, TownshipCode},
    profile::Profiles,
    reading::{Quality, Value},
    registry::{Device, Owner, Registry, Site, Township},
};
use gateway::{
    broker::{Broker, Config, ExternalConfig},
    clock::Clock,
    ingest::{self, Acknowledger, IngestHandle, Ingested, SeriesIndex},
    ledger::Ledger,
    pipeline::{self, Outlet},
    store::{Store, StoreConfig},
};
use protocol::sparkplug::topic::{GroupId, HostId, NodeAddress};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);
pub(crate) const GROUP: &str = "500156001";
pub(crate) const NODE: &str = "foreign-1";
pub(crate) const DEVICE: &str = "store-1";

pub(crate) fn device() -> DeviceId {
    DeviceId::new(DEVICE).unwrap()
}

pub(crate) fn node() -> NodeId {
    NodeId::new(NODE).unwrap()
}

pub(crate) fn address() -> NodeAddress {
    NodeAddress { group: GroupId::new(GROUP).unwrap(), node: node() }
}

pub(crate) fn metric(name: &str) -> MetricName {
    MetricName::new(name).unwrap()
}

pub(crate) fn registry() -> Registry {
    let township = Township {
        code: TownshipCode::new(GROUP).unwrap(),
        name_zh: "凤山街道".into(),
        name_en: "Fengshan".into(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    };
    let owner = Owner { id: OwnerId::new("inn").unwrap(), name: "Inn".into(), phone: String::new() };
    let site = Site {
        id: SiteId::new("kitchen").unwrap(),
        name: "Kitchen".into(),
        township: township.code.clone(),
        owner: owner.id.clone(),
        address: String::new(),
    };
    let registered = |id: DeviceId| Device {
        id,
        name: "x".into(),
        site: site.id.clone(),
        profile: ProfileId::new("cold_store").unwrap(),
        node: node(),
        nameplate: BTreeMap::new(),
    };
    let devices = vec![registered(node().as_device()), registered(device())];
    Registry::build(vec![township], vec![], vec![owner], vec![site.clone()], devices).unwrap()
}

/// A broker, an ingest, and all that came out of it.
pub(crate) struct Gateway {
    broker: Broker,
    pub(crate) ingest: IngestHandle,
    tasks: JoinSet<()>,
    series: Arc<SeriesIndex>,
    messages: Outlet,
    pub(crate) heard: Vec<Ingested>,
    stop_ingest: CancellationToken,
    stop_broker: CancellationToken,
    data_dir: TempDir,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let stop_broker = CancellationToken::new();
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        let broker =
            Broker::start(&config, &ExternalConfig::default(), data_dir.path(), stop_broker.clone()).await.unwrap();
        Self::with_broker(broker, stop_broker, data_dir).await
    }

    async fn with_broker(broker: Broker, stop_broker: CancellationToken, data_dir: TempDir) -> Self {
        let series = Arc::new(SeriesIndex::default());
        let (to_pipeline, messages) = pipeline::inlet(&pipeline::Config::default());
        let (store, _writing) = Store::open(&StoreConfig::default(), data_dir.path()).await.unwrap();
        let clock = Clock::start();
        let (blobs, _) = mpsc::channel(1);
        let parts = ingest::Parts {
            settings: ingest::Settings {
                access: broker.access.clone(),
                host_id: HostId::new("brightwatch").unwrap(),
                message_bytes_max: 1024 * 1024,
            },
            clock,
            registry: Arc::new(ArcSwap::from_pointee(registry())),
            profiles: Arc::new(Profiles::parse(Vec::<(String, String)>::new()).unwrap()),
            series: Arc::clone(&series),
            stored: Vec::new(),
            outboxes: store.outboxes(),
            acknowledger: Acknowledger::new(store.clone(), clock),
            ledger: Ledger::default(),
            enrolment: broker.enrolment.clone(),
            takeovers: broker.takeovers.subscribe(),
            to_pipeline,
            blobs,
        };
        let stop_ingest = CancellationToken::new();
        let (ingest, tasks) = ingest::start(parts, &stop_ingest);
        ingest.connected().wait_for(|is_connected| *is_connected).await.unwrap();
        Self { broker, ingest, tasks, series, messages, heard: Vec::new(), stop_ingest, stop_broker, data_dir }
    }

    /// Another ingest, which has heard nothing, at the same broker.
    pub(crate) async fn restart_ingest(self) -> Self {
        self.stop_ingest.cancel();
        self.tasks.join_all().await;
        Self::with_broker(self.broker, self.stop_broker, self.data_dir).await
    }

    pub(crate) async fn stop(self) {
        self.stop_ingest.cancel();
        self.tasks.join_all().await;
        self.stop_broker.cancel();
        self.broker.stopped().await;
        drop(self.data_dir);
    }

    /// Hears on until it is so.
    pub(crate) async fn hear_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            let message = timeout(LIMIT, self.messages.recv()).await;
            let message = message.unwrap_or_else(|_| panic!("{what}: not within 30 s; heard {:#?}", self.heard));
            self.heard.push(message.expect("ingest runs"));
        }
    }

    /// The newest reading of a metric of the device.
    pub(crate) fn reading(&self, name: &str) -> Option<(Value, Quality)> {
        self.reading_of(&device(), name)
    }

    /// The newest reading of a metric of a device, or of the node.
    pub(crate) fn reading_of(&self, device: &DeviceId, name: &str) -> Option<(Value, Quality)> {
        let series = self.series.find(device, &metric(name))?;
        let readings = self.heard.iter().rev().flat_map(|message| message.readings.iter().rev());
        let newest = readings.into_iter().find(|reading| reading.series == series)?;
        Some((newest.value.clone()?, newest.quality))
    }

    /// Every value of a metric of the device, in the order heard.
    pub(crate) fn values(&self, name: &str) -> Vec<Value> {
        let series = self.series.find(&device(), &metric(name));
        let readings = self.heard.iter().flat_map(|message| &message.readings);
        readings.filter(|reading| Some(reading.series) == series).filter_map(|reading| reading.value.clone()).collect()
    }

    /// Whether the device, or the node, is there, as last heard.
    pub(crate) fn link(&self, id: &DeviceId) -> Option<Link> {
        let links = self.heard.iter().rev().flat_map(|message| message.links.iter().rev());
        links.into_iter().find(|change| change.device == *id).map(|change| change.link)
    }

    pub(crate) async fn enrol(&self) -> Credential {
        let credential = self.broker.enrolment.as_ref().unwrap().enrol(&address()).await.unwrap();
        let address = self.broker.access.address();
        let (host, port) = address.rsplit_once(':').unwrap();
        Credential {
            host: host.into(),
            port: port.into(),
            username: credential.username,
            password: credential.password,
        }
    }
}

pub(crate) struct Credential {
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) username: String,
    pub(crate) password: String,
}
