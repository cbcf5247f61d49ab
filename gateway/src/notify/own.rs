//! The gateway as a device: which channels are dead is written as readings of every device of profile `gateway`, so that
//! ordinary rules raise ordinary alarms, which last until the channel works again. The same way as what the gateway notices
//! about edge nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use domain::{
    engine::{Link, LinkChange},
    id::{DeviceId, MetricName, NodeId},
    reading::{Quality, Reading, Value},
    registry::{Device, Registry},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    ingest::{Ingested, SeriesIndex},
    pipeline::Inlet,
};

/// The profile of what stands for the gateway in the registry.
const PROFILE: &str = "gateway";
/// How many channels are dead.
const DEAD_COUNT: &str = "gateway.dead_channel_count";
/// Which.
const DEAD_NAMES: &str = "gateway.dead_channels";
/// Written at least so often: the report interval of the profile.
const EVERY: Duration = Duration::from_mins(1);

/// What is needed to write readings.
pub struct Parts {
    /// The process's clocks.
    pub clock: Clock,
    /// The registry, and every change of it.
    pub registry: watch::Receiver<Arc<Registry>>,
    /// Which number is which (device, metric).
    pub series: Arc<SeriesIndex>,
    /// The way into the pipeline.
    pub to_pipeline: Inlet,
}

/// Writes which channels are dead, at each change and once a minute, until `stop`.
pub async fn report(mut parts: Parts, mut dead: watch::Receiver<BTreeSet<String>>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut connected = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
            Ok(()) = dead.changed() => {}
            Ok(()) = parts.registry.changed() => {}
        }
        let (registry, names) = (Arc::clone(&parts.registry.borrow_and_update()), dead.borrow_and_update().clone());
        connected.retain(|known| registry.device(known).is_some_and(is_gateway));
        for message in parts.messages(&registry, &names, &mut connected) {
            // Ingest reserves under a lock of its own: at worst one message more than the budget is let in.
            if parts.to_pipeline.reserve(&message) {
                parts.to_pipeline.put(message);
            }
        }
    }
}

impl Parts {
    /// What every such device has to say, and that it is connected, which is said once.
    fn messages(
        &self,
        registry: &Registry,
        dead: &BTreeSet<String>,
        connected: &mut BTreeSet<DeviceId>,
    ) -> Vec<Ingested> {
        let mut by_node: BTreeMap<NodeId, Ingested> = BTreeMap::new();
        let now = self.clock.now();
        let names = dead.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let values = [
            (DEAD_COUNT, Value::Int(i64::try_from(dead.len()).unwrap_or(i64::MAX))),
            (DEAD_NAMES, Value::Text(names.into())),
        ];
        for device in registry.devices().filter(|device| is_gateway(device)) {
            let message = by_node.entry(device.node.clone()).or_insert_with(|| Ingested::new(device.node.clone(), now));
            if connected.insert(device.id.clone()) {
                let (device, node) = (device.id.clone(), device.node.clone());
                message.links.push(LinkChange { device, node, link: Link::Online, at: now.wall });
            }
            for (name, value) in &values {
                let metric = MetricName::new(*name).expect("a valid name");
                let series = self.series.resolve(&device.id, &metric);
                let value = Some(value.clone());
                message.readings.push(Reading { series, event_time: now.wall, value, quality: Quality::Good });
            }
        }
        by_node.into_values().collect()
    }
}

fn is_gateway(device: &Device) -> bool {
    device.profile.as_str() == PROFILE
}

#[cfg(test)]
mod tests {
    use domain::{
        id::{OwnerId, ProfileId, SiteId, TownshipCode},
        registry::{Owner, Site, Township},
    };

    use super::*;
    use crate::pipeline;

    #[tokio::test]
    async fn only_what_stands_for_the_gateway_says_which_channels_are_dead() {
        let code = TownshipCode::new("500156001").unwrap();
        let township = Township {
            code: code.clone(),
            name_zh: String::new(),
            name_en: String::new(),
            latitude_deg: 29.3,
            longitude_deg: 107.7,
        };
        let owner = Owner { id: OwnerId::new("bureau").unwrap(), name: String::new(), phone: String::new() };
        let site = Site {
            id: SiteId::new("room").unwrap(),
            name: String::new(),
            township: code,
            owner: owner.id.clone(),
            address: String::new(),
        };
        let device = |id: &str, profile: &str| Device {
            id: DeviceId::new(id).unwrap(),
            name: id.into(),
            site: site.id.clone(),
            profile: ProfileId::new(profile).unwrap(),
            node: NodeId::new(id).unwrap(),
            nameplate: BTreeMap::new(),
        };
        let devices = vec![device("own", PROFILE), device("edge", "edge_node")];
        let registry = Registry::build(vec![township], vec![], vec![owner], vec![site.clone()], devices).unwrap();
        let (inlet, _outlet) = pipeline::inlet(&pipeline::Config::default());
        let parts = Parts {
            clock: Clock::start(),
            registry: watch::channel(Arc::new(registry.clone())).1,
            series: Arc::new(SeriesIndex::default()),
            to_pipeline: inlet,
        };
        let (mut connected, dead) = (BTreeSet::new(), BTreeSet::from(["sms".to_owned(), "chat".to_owned()]));
        let messages = parts.messages(&registry, &dead, &mut connected);
        assert_eq!((messages.len(), messages[0].links.len()), (1, 1));
        let values: Vec<_> = messages[0].readings.iter().map(|reading| reading.value.clone().unwrap()).collect();
        assert_eq!(values, [Value::Int(2), Value::Text("chat, sms".into())]);
        let messages = parts.messages(&registry, &BTreeSet::new(), &mut connected);
        assert!(messages[0].links.is_empty(), "once");
        assert_eq!(messages[0].readings[0].value, Some(Value::Int(0)));
    }
}
