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
    reading::Quality,
    registry::{Place, Registry},
    time::UnixMs,
};
use protocol::{
    live::{DeviceLive, MetricLive, Storing},
    rest::{Alarm, LinkState, Point, SeverityNumber},
};

use slab::Slab;

use super::open::{OpenAlarms, Spot};

/// Whether a value takes the place of the one that is shown: it is not older, or its node's clock is not to be trusted
/// while it says what is so now.
pub(super) fn displaces(new: &Point, shown: &Point) -> bool {
    new.at_ms >= shown.at_ms || new.quality == Quality::ClockSuspect
}

/// One change to what is true now.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The newest reading of each series that got one; of two for one series the later event time stays, unless a clock is
    /// not to be trusted.
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

/// Key of a device in [`Present::devices`]: nothing is looked up by its name for each of a million readings a second.
type Slot = usize;

#[derive(Debug)]
struct DevicePresent {
    id: DeviceId,
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
    /// In order, each once: the device, and the index of the value within it.
    values: Vec<(Slot, usize)>,
    /// Devices whose link changed, or how bad their worst alarm is.
    devices: BTreeSet<Slot>,
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
        self.values.is_empty() && self.devices.is_empty() && self.spots.is_empty() && !self.needs_snapshot
    }
}

/// Everything that is true now, in the whole district.
#[derive(Debug)]
pub struct Present {
    devices: Slab<DevicePresent>,
    slots: BTreeMap<DeviceId, Slot>,
    /// By series number: the device and the index of the value within it.
    series: Vec<Option<(Slot, usize)>>,
    open: OpenAlarms,
    started: UnixMs,
    storing: Storing,
}

impl Present {
    /// Nothing known yet; `started` is the moment since which every link is unknown.
    pub fn new(started: UnixMs) -> Self {
        Self {
            devices: Slab::new(),
            slots: BTreeMap::new(),
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
            let Some(&Some((slot, index))) = self.series.get(series.0 as usize) else { continue };
            let value = &mut self.devices[slot].values[index].1;
            if value.as_ref().is_some_and(|latest| !displaces(&point, latest)) {
                continue;
            }
            *value = Some(point);
            touched.values.push((slot, index));
        }
        touched.values.sort_unstable();
        touched.values.dedup();
        for (device, link, since) in changes.links {
            let slot = self.slot(device);
            let present = &mut self.devices[slot];
            if present.link != link {
                (present.link, present.link_since) = (link, since);
                touched.devices.insert(slot);
            }
        }
        for alarm in changes.alarms {
            self.take_alarm(alarm, &mut touched);
        }
        touched
    }

    /// All devices within a jurisdiction, by id.
    pub fn devices(&self, jurisdiction: &Jurisdiction) -> Vec<DeviceLive> {
        self.covered(jurisdiction).map(|present| present.to_live(0..present.values.len())).collect()
    }

    /// The devices within a jurisdiction that somebody speaks for.
    pub fn online(&self, jurisdiction: &Jurisdiction) -> BTreeSet<DeviceId> {
        let online = self.covered(jurisdiction).filter(|present| present.link == LinkState::Online);
        online.map(|present| present.id.clone()).collect()
    }

    /// Since when nobody speaks for a device; None: somebody does, or nothing is known yet.
    pub(super) fn offline_since(&self, id: &DeviceId) -> Option<UnixMs> {
        let present = self.find(id).filter(|present| present.link == LinkState::Offline)?;
        Some(present.link_since)
    }

    /// The open alarms.
    pub fn open(&self) -> &OpenAlarms {
        &self.open
    }

    /// The devices within a jurisdiction that one round of changes touched, each with what changed of it.
    pub fn touched_devices(&self, touched: &Touched, jurisdiction: &Jurisdiction) -> Vec<DeviceLive> {
        let values = &touched.values;
        let of_values = values.chunk_by(|(one, _), (next, _)| one == next).map(|values| (values[0].0, values));
        let has_values = |slot: &Slot| values.binary_search_by_key(slot, |(of, _)| *of).is_ok();
        let alone = touched.devices.iter().filter(|slot| !has_values(slot)).map(|slot| (*slot, [].as_slice()));
        let devices = of_values.chain(alone).filter_map(|(slot, values)| {
            let present = self.devices.get(slot)?;
            let is_covered = jurisdiction.covers(present.place.as_ref());
            is_covered.then(|| present.to_live(values.iter().map(|(_, index)| *index)))
        });
        devices.collect()
    }

    /// One device as it is now; None: not known, or outside the jurisdiction.
    pub fn device(&self, jurisdiction: &Jurisdiction, id: &DeviceId) -> Option<DeviceLive> {
        let present = self.find(id).filter(|present| jurisdiction.covers(present.place.as_ref()))?;
        Some(present.to_live(0..present.values.len()))
    }

    fn find(&self, id: &DeviceId) -> Option<&DevicePresent> {
        self.devices.get(*self.slots.get(id)?)
    }

    fn covered(&self, jurisdiction: &Jurisdiction) -> impl Iterator<Item = &DevicePresent> {
        let present = self.slots.values().map(|slot| &self.devices[*slot]);
        present.filter(|present| jurisdiction.covers(present.place.as_ref()))
    }

    fn take_alarm(&mut self, alarm: Arc<Alarm>, touched: &mut Touched) {
        let at = self.slots.get(&alarm.device).copied();
        let spot = spot_of(at.map(|slot| &self.devices[slot]));
        let township = alarm.township.clone();
        let before = self.open.get(&Jurisdiction::District, alarm.id).map(|before| before.severity);
        let after = alarm.closed_at_ms.is_none().then_some(alarm.severity);
        if after.is_none() {
            touched.over.insert(alarm.id, Arc::clone(&alarm));
        }
        let changed = self.open.put(alarm, spot);
        touched.spots.extend(changed.into_iter().flatten().map(|spot| (spot, township.clone())));
        if let Some(slot) = at {
            let present = &mut self.devices[slot];
            let worst = present.worst();
            present.count(before, after);
            if present.worst() != worst {
                touched.devices.insert(slot);
            }
        }
    }

    fn take_registry(&mut self, registry: &Registry) {
        for device in registry.devices() {
            let slot = self.slot(device.id.clone());
            self.devices[slot].profile = Some(device.profile.clone());
        }
        for (_, present) in &mut self.devices {
            present.place = registry.place(&present.id).cloned();
        }
        // A device that left the registry and never spoke is gone; one that spoke, and so has series, stays as unregistered.
        self.devices.retain(|_, present| present.place.is_some() || !present.values.is_empty());
        self.slots.retain(|_, slot| self.devices.contains(*slot));
        let (devices, slots) = (&self.devices, &self.slots);
        self.open.relocate(|alarm| spot_of(slots.get(&alarm.device).map(|slot| &devices[*slot])));
    }

    fn take_series(&mut self, series: SeriesId, device: DeviceId, metric: MetricName) {
        let slot = self.slot(device);
        let values = &mut self.devices[slot].values;
        let index = values.iter().position(|(name, _)| *name == metric).unwrap_or_else(|| {
            values.push((metric, None));
            values.len() - 1
        });
        let number = series.0 as usize;
        if self.series.len() <= number {
            self.series.resize(number + 1, None);
        }
        self.series[number] = Some((slot, index));
    }

    /// Where a device is; a new one if it is not known.
    fn slot(&mut self, id: DeviceId) -> Slot {
        if let Some(slot) = self.slots.get(&id) {
            return *slot;
        }
        let slot = self.devices.insert(DevicePresent {
            id: id.clone(),
            place: None,
            profile: None,
            link: LinkState::Unknown,
            link_since: self.started,
            open: [0; 4],
            values: Vec::new(),
        });
        self.slots.insert(id, slot);
        slot
    }
}

/// Who may see an alarm of this device, and where it is counted.
fn spot_of(device: Option<&DevicePresent>) -> Spot {
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

    fn to_live(&self, indices: impl Iterator<Item = usize>) -> DeviceLive {
        let values = indices
            .filter_map(|index| {
                let (metric, point) = &self.values[index];
                Some(MetricLive { metric: metric.clone(), point: point.clone()? })
            })
            .collect();
        DeviceLive {
            id: self.id.clone(),
            link: self.link,
            link_since_ms: self.link_since.0,
            worst: self.worst(),
            values,
        }
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
