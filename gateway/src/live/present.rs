//! What is true now: the latest reading of every series, who speaks for which device, and every open alarm. Pure:
//! changes go in, the part that one jurisdiction may see comes out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    access::Jurisdiction,
    alarm::Severity,
    id::{AlarmId, DeviceId, MetricName, ProfileId, SeriesId, TownshipCode},
    registry::{Place, Registry},
    time::UnixMs,
};
use protocol::{
    live::{DeviceLive, MetricLive, Storing},
    rest::{Alarm, LinkState, Point, SeverityNumber},
};

use super::open::{OpenAlarms, Spot};

/// One change to what is true now.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The newest reading of each series that got one. Order does not matter; of two for one series the later event
    /// time stays.
    pub values: Vec<(SeriesId, Point)>,
    /// Devices that came or went.
    pub links: Vec<(DeviceId, LinkState, UnixMs)>,
    /// Alarms that were raised or changed, whole, in the order of the changes.
    pub alarms: Vec<Arc<Alarm>>,
    /// Series that are new.
    pub series: Vec<(SeriesId, DeviceId, MetricName)>,
    /// The registry, when it changed.
    pub registry: Option<Arc<Registry>>,
    /// How much of what happens is stored, when that changed.
    pub storing: Option<Storing>,
}

#[derive(Debug)]
struct DevicePresent {
    place: Option<Place>,
    profile: Option<ProfileId>,
    link: LinkState,
    link_since: UnixMs,
    /// Open alarms by severity, I to IV.
    open: [u32; 4],
    /// In order of first appearance.
    values: Vec<(MetricName, Option<Point>)>,
}

/// Which values of which devices one round of changes touched, and which alarms.
#[derive(Debug, Default)]
pub struct Touched {
    /// Device → indices of its touched values; an empty list is a change of the link alone.
    devices: BTreeMap<DeviceId, Vec<usize>>,
    /// Where alarms changed: what each of these places counts is another number now.
    pub spots: BTreeSet<(Spot, TownshipCode)>,
    /// Alarms that are over.
    pub over: BTreeMap<AlarmId, Arc<Alarm>>,
    /// Places changed: what was sent before may now lie outside a jurisdiction. Or how much is stored did, which is told
    /// in snapshots alone.
    pub needs_snapshot: bool,
}

impl Touched {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.spots.is_empty() && !self.needs_snapshot
    }
}

/// Everything that is true now, in the whole district.
#[derive(Debug)]
pub struct Present {
    devices: BTreeMap<DeviceId, DevicePresent>,
    /// By series number: the device and the index of the value within it.
    series: Vec<Option<(DeviceId, usize)>>,
    open: OpenAlarms,
    started: UnixMs,
    storing: Storing,
}

impl Present {
    /// Nothing known yet; `started` is the moment since which every link is unknown.
    pub fn new(started: UnixMs) -> Self {
        Self {
            devices: BTreeMap::new(),
            series: Vec::new(),
            open: OpenAlarms::default(),
            started,
            storing: Storing::Everything,
        }
    }

    /// How much of what happens is stored.
    pub const fn storing(&self) -> Storing {
        self.storing
    }

    /// Takes the changes in and says what they touched.
    pub fn apply(&mut self, changes: Changes) -> Touched {
        let mut touched = Touched::default();
        if let Some(registry) = &changes.registry {
            self.take_registry(registry);
            touched.needs_snapshot = true;
        }
        if let Some(storing) = changes.storing {
            touched.needs_snapshot |= storing != self.storing;
            self.storing = storing;
        }
        for (series, device, metric) in changes.series {
            self.take_series(series, device, metric);
        }
        for (series, point) in changes.values {
            let slot = self.series.get(series.0 as usize).and_then(Option::as_ref);
            let Some((device, index)) = slot else { continue };
            let Some(present) = self.devices.get_mut(device) else { continue };
            let value = &mut present.values[*index].1;
            if value.as_ref().is_some_and(|latest| latest.at_ms > point.at_ms) {
                continue;
            }
            *value = Some(point);
            let indices = touched.devices.entry(device.clone()).or_default();
            if !indices.contains(index) {
                indices.push(*index);
            }
        }
        for (device, link, since) in changes.links {
            let present = self.device_mut(device.clone());
            if present.link != link {
                (present.link, present.link_since) = (link, since);
                touched.devices.entry(device).or_default();
            }
        }
        for alarm in changes.alarms {
            self.take_alarm(alarm, &mut touched);
        }
        touched
    }

    /// All devices within a jurisdiction, by id.
    pub fn devices(&self, jurisdiction: &Jurisdiction) -> Vec<DeviceLive> {
        self.covered(jurisdiction).map(|(id, present)| present.to_live(id, 0..present.values.len())).collect()
    }

    /// The devices within a jurisdiction that somebody speaks for.
    pub fn online(&self, jurisdiction: &Jurisdiction) -> BTreeSet<DeviceId> {
        let online = self.covered(jurisdiction).filter(|(_, present)| present.link == LinkState::Online);
        online.map(|(id, _)| id.clone()).collect()
    }

    /// Since when nobody speaks for a device; None: somebody does, or nothing is known yet.
    pub(super) fn offline_since(&self, id: &DeviceId) -> Option<UnixMs> {
        let present = self.devices.get(id).filter(|present| present.link == LinkState::Offline)?;
        Some(present.link_since)
    }

    /// The open alarms.
    pub fn open(&self) -> &OpenAlarms {
        &self.open
    }

    /// The devices within a jurisdiction that one round of changes touched, each with what changed of it.
    pub fn touched_devices(&self, touched: &Touched, jurisdiction: &Jurisdiction) -> Vec<DeviceLive> {
        touched
            .devices
            .iter()
            .filter_map(|(id, indices)| {
                let present = self.devices.get(id)?;
                jurisdiction.covers(present.place.as_ref()).then(|| present.to_live(id, indices.iter().copied()))
            })
            .collect()
    }

    /// One device as it is now; None: not known, or outside the jurisdiction.
    pub fn device(&self, jurisdiction: &Jurisdiction, id: &DeviceId) -> Option<DeviceLive> {
        let present = self.devices.get(id).filter(|present| jurisdiction.covers(present.place.as_ref()))?;
        Some(present.to_live(id, 0..present.values.len()))
    }

    fn covered(&self, jurisdiction: &Jurisdiction) -> impl Iterator<Item = (&DeviceId, &DevicePresent)> {
        self.devices.iter().filter(|(_, present)| jurisdiction.covers(present.place.as_ref()))
    }

    fn take_alarm(&mut self, alarm: Arc<Alarm>, touched: &mut Touched) {
        let spot = spot_of(&self.devices, &alarm);
        let (device, township) = (alarm.device.clone(), alarm.township.clone());
        let before = self.open.get(&Jurisdiction::District, alarm.id).map(|before| before.severity);
        let after = alarm.closed_at_ms.is_none().then_some(alarm.severity);
        if after.is_none() {
            touched.over.insert(alarm.id, Arc::clone(&alarm));
        }
        let changed = self.open.put(alarm, spot);
        touched.spots.extend(changed.into_iter().flatten().map(|spot| (spot, township.clone())));
        if let Some(present) = self.devices.get_mut(&device) {
            let worst = present.worst();
            present.count(before, after);
            if present.worst() != worst {
                touched.devices.entry(device).or_default();
            }
        }
    }

    fn take_registry(&mut self, registry: &Registry) {
        for device in registry.devices() {
            self.device_mut(device.id.clone()).profile = Some(device.profile.clone());
        }
        for (id, present) in &mut self.devices {
            present.place = registry.place(id).cloned();
        }
        // A device that left the registry and never spoke is gone; one that spoke stays, as unregistered.
        self.devices.retain(|_, present| present.place.is_some() || !present.values.is_empty());
        let devices = &self.devices;
        self.open.relocate(|alarm| spot_of(devices, alarm));
    }

    fn take_series(&mut self, series: SeriesId, device: DeviceId, metric: MetricName) {
        let values = &mut self.device_mut(device.clone()).values;
        let index = values.iter().position(|(name, _)| *name == metric).unwrap_or_else(|| {
            values.push((metric, None));
            values.len() - 1
        });
        let number = series.0 as usize;
        if self.series.len() <= number {
            self.series.resize(number + 1, None);
        }
        self.series[number] = Some((device, index));
    }

    fn device_mut(&mut self, id: DeviceId) -> &mut DevicePresent {
        let started = self.started;
        self.devices.entry(id).or_insert_with(|| DevicePresent {
            place: None,
            profile: None,
            link: LinkState::Unknown,
            link_since: started,
            open: [0; 4],
            values: Vec::new(),
        })
    }
}

/// Who may see an alarm, and where it is counted.
fn spot_of(devices: &BTreeMap<DeviceId, DevicePresent>, alarm: &Alarm) -> Spot {
    let device = devices.get(&alarm.device);
    let place = device.and_then(|device| device.place.as_ref());
    Spot {
        place: place.map(|place| (place.township.clone(), place.owner.clone())),
        profile: device.and_then(|device| device.profile.clone()),
    }
}

impl DevicePresent {
    /// One of its alarms has another severity, is new, or is over.
    fn count(&mut self, before: Option<SeverityNumber>, after: Option<SeverityNumber>) {
        let at = |severity: SeverityNumber| severity.0 as usize - Severity::I as usize;
        if let Some(before) = before {
            self.open[at(before)] = self.open[at(before)].saturating_sub(1);
        }
        if let Some(after) = after {
            self.open[at(after)] += 1;
        }
    }

    /// How bad the worst of its open alarms is.
    fn worst(&self) -> Option<SeverityNumber> {
        [Severity::I, Severity::II, Severity::III, Severity::IV]
            .into_iter()
            .zip(self.open)
            .find(|(_, count)| *count > 0)
            .map(|(severity, _)| SeverityNumber(severity))
    }

    fn to_live(&self, id: &DeviceId, indices: impl Iterator<Item = usize>) -> DeviceLive {
        let values = indices
            .filter_map(|index| {
                let (metric, point) = &self.values[index];
                Some(MetricLive { metric: metric.clone(), point: point.clone()? })
            })
            .collect();
        DeviceLive { id: id.clone(), link: self.link, link_since_ms: self.link_since.0, worst: self.worst(), values }
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        alarm::Precedence,
        id::{OwnerId, SiteId},
        reading::{Quality, Value},
        registry::{Device, Owner, Site, Township},
    };

    use super::*;
    use crate::live::{fixture::alarm, open::Part};

    const FENGSHAN: &str = "500156001";
    const BAIMA: &str = "500156101";

    fn id(text: &str) -> DeviceId {
        DeviceId::new(text).unwrap()
    }

    /// One device in each of two townships; `moved`: both in the second.
    fn registry(moved: bool) -> Arc<Registry> {
        let township = |code: &str| Township {
            code: TownshipCode::new(code).unwrap(),
            name_zh: "镇".into(),
            name_en: "Town".into(),
            latitude_deg: 29.3,
            longitude_deg: 107.7,
        };
        let owner = Owner { id: OwnerId::new("school").unwrap(), name: "School".into(), phone: String::new() };
        let site = |name: &str, township: &str| Site {
            id: SiteId::new(name).unwrap(),
            name: name.into(),
            township: TownshipCode::new(township).unwrap(),
            owner: owner.id.clone(),
            address: String::new(),
        };
        let device = |name: &str, site: &str| Device {
            id: id(name),
            name: name.into(),
            site: SiteId::new(site).unwrap(),
            profile: domain::id::ProfileId::new("cold_store").unwrap(),
            node: domain::id::NodeId::new("node").unwrap(),
            nameplate: BTreeMap::new(),
        };
        let sites = vec![site("a", if moved { BAIMA } else { FENGSHAN }), site("b", BAIMA)];
        let devices = vec![device("fridge-a", "a"), device("fridge-b", "b")];
        let townships = vec![township(FENGSHAN), township(BAIMA)];
        Arc::new(Registry::build(townships, vec![], vec![owner], sites, devices).unwrap())
    }

    fn of_township(code: &str) -> Jurisdiction {
        Jurisdiction::Townships { codes: Arc::new([TownshipCode::new(code).unwrap()].into()) }
    }

    fn point(at_ms: i64, value: f64) -> Point {
        Point { at_ms, value: Some(Value::Float(value)), quality: Quality::Good }
    }

    fn present() -> Present {
        let mut present = Present::new(UnixMs(0));
        let series =
            |number, device: &str, metric: &str| (SeriesId(number), id(device), MetricName::new(metric).unwrap());
        present.apply(Changes {
            registry: Some(registry(false)),
            series: vec![
                series(1, "fridge-a", "temperature"),
                series(2, "fridge-b", "temperature"),
                series(3, "stranger", "temperature"),
            ],
            ..Changes::default()
        });
        present
    }

    fn open_alarms(present: &Present, jurisdiction: &Jurisdiction) -> usize {
        present.open().list(jurisdiction, &Part::default(), Precedence::FIRST).count()
    }

    fn device_ids(devices: &[DeviceLive]) -> Vec<&str> {
        devices.iter().map(|device| device.id.as_str()).collect()
    }

    #[test]
    fn a_snapshot_holds_the_jurisdiction_and_nothing_else() {
        let mut present = present();
        present.apply(Changes { alarms: vec![Arc::new(alarm(1, "fridge-a", None))], ..Changes::default() });
        let (devices, alarms) =
            (present.devices(&of_township(FENGSHAN)), open_alarms(&present, &of_township(FENGSHAN)));
        assert_eq!((device_ids(&devices), alarms), (vec!["fridge-a"], 1));
        let (devices, alarms) = (present.devices(&of_township(BAIMA)), open_alarms(&present, &of_township(BAIMA)));
        assert_eq!((device_ids(&devices), alarms), (vec!["fridge-b"], 0));
        let devices = present.devices(&Jurisdiction::District);
        assert_eq!(device_ids(&devices), ["fridge-a", "fridge-b", "stranger"]);
    }

    #[test]
    fn a_delta_holds_only_what_changed_and_may_be_seen() {
        let mut present = present();
        let touched = present.apply(Changes { values: vec![(SeriesId(1), point(10, 5.0))], ..Changes::default() });
        let devices = present.touched_devices(&touched, &of_township(FENGSHAN));
        assert_eq!(devices[0].values[0].point, point(10, 5.0));
        assert!(present.touched_devices(&touched, &of_township(BAIMA)).is_empty());
    }

    #[test]
    fn an_older_reading_does_not_replace_a_newer_one() {
        let mut present = present();
        present.apply(Changes { values: vec![(SeriesId(1), point(20, 5.0))], ..Changes::default() });
        let touched = present.apply(Changes { values: vec![(SeriesId(1), point(10, 9.0))], ..Changes::default() });
        assert!(touched.is_empty());
        let device = present.device(&Jurisdiction::District, &id("fridge-a")).unwrap();
        assert_eq!(device.values[0].point, point(20, 5.0));
    }

    #[test]
    fn a_closed_alarm_is_told_once_and_leaves_the_list() {
        let mut present = present();
        present.apply(Changes { alarms: vec![Arc::new(alarm(1, "fridge-a", None))], ..Changes::default() });
        let touched =
            present.apply(Changes { alarms: vec![Arc::new(alarm(1, "fridge-a", Some(9)))], ..Changes::default() });
        assert_eq!(touched.over[&AlarmId(1)].closed_at_ms, Some(9));
        assert_eq!(open_alarms(&present, &Jurisdiction::District), 0);
        let devices = present.touched_devices(&touched, &of_township(FENGSHAN));
        assert_eq!(devices[0].worst, None, "the device has no open alarm any more");
    }

    #[test]
    fn a_device_that_moved_is_seen_from_its_new_township_only() {
        let mut present = present();
        present.apply(Changes { alarms: vec![Arc::new(alarm(1, "fridge-a", None))], ..Changes::default() });
        let touched = present.apply(Changes { registry: Some(registry(true)), ..Changes::default() });
        assert!(touched.needs_snapshot);
        let (devices, alarms) =
            (present.devices(&of_township(FENGSHAN)), open_alarms(&present, &of_township(FENGSHAN)));
        assert!(devices.is_empty() && alarms == 0);
        let (devices, alarms) = (present.devices(&of_township(BAIMA)), open_alarms(&present, &of_township(BAIMA)));
        assert_eq!((device_ids(&devices), alarms), (vec!["fridge-a", "fridge-b"], 1));
    }
}
