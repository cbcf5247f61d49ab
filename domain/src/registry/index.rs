//! The registry as a whole: checked once, then only looked up.

use std::collections::HashSet;

use super::{Device, Office, Owner, Place, Site, Township};
use crate::id::{DeviceId, NodeId, OfficeId, OwnerId, SiteId, TownshipCode};
use foldhash::{HashMap, fast::RandomState};

/// What is wrong between the entries of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// An id is used twice.
    #[error("{kind} `{id}` is there twice")]
    Duplicate {
        /// `township`, `office`, `owner`, `site` or `device`.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// An entry names another that does not exist.
    #[error("{kind} `{id}` names {named_kind} `{named}`, which does not exist")]
    Missing {
        /// Which kind of entry names it.
        kind: &'static str,
        /// Which entry.
        id: String,
        /// Which kind is named.
        named_kind: &'static str,
        /// The id that does not exist.
        named: String,
    },
    /// A township belongs to two offices, so nobody would know who answers.
    #[error("township `{township}` belongs to office `{office}` and to office `{other}`")]
    TwoOffices {
        /// Which township.
        township: TownshipCode,
        /// The first office.
        office: OfficeId,
        /// The second office.
        other: OfficeId,
    },
    /// A device is used as an edge node, but another node speaks for it.
    #[error("device `{device}` is the edge node of other devices, so its own node must be itself, not `{node}`")]
    NodeOfAnotherNode {
        /// The device.
        device: DeviceId,
        /// The node it names.
        node: NodeId,
    },
    /// A nameplate value is not a number.
    #[error("device `{device}`: nameplate `{key}` is not a finite number")]
    Nameplate {
        /// The device.
        device: DeviceId,
        /// The key.
        key: String,
    },
}

/// Rows sorted by id, found by id.
#[derive(Debug, Clone)]
struct Table<Id, Row> {
    rows: Vec<Row>,
    index: HashMap<Id, usize>,
}

impl<Id: Clone + Eq + std::hash::Hash + Ord + std::fmt::Display, Row> Table<Id, Row> {
    fn build(
        kind: &'static str,
        mut rows: Vec<Row>,
        id: impl Fn(&Row) -> &Id,
        errors: &mut Vec<RegistryError>,
    ) -> Self {
        rows.sort_by(|a, b| id(a).cmp(id(b)));
        let mut index = HashMap::with_capacity_and_hasher(rows.len(), RandomState::default());
        for (at, row) in rows.iter().enumerate() {
            if index.insert(id(row).clone(), at).is_some() {
                errors.push(RegistryError::Duplicate { kind, id: id(row).to_string() });
            }
        }
        Self { rows, index }
    }

    fn get(&self, id: &Id) -> Option<&Row> {
        self.index.get(id).map(|&at| &self.rows[at])
    }
}

/// Who is responsible for what, in one district. Unchanging: a change builds a new one.
#[derive(Debug, Clone)]
pub struct Registry {
    townships: Table<TownshipCode, Township>,
    offices: Table<OfficeId, Office>,
    owners: Table<OwnerId, Owner>,
    sites: Table<SiteId, Site>,
    devices: Table<DeviceId, Device>,
    /// In the order of `devices`.
    places: Vec<Place>,
    devices_by_node: HashMap<NodeId, Vec<usize>>,
    devices_by_site: HashMap<SiteId, Vec<usize>>,
    office_by_township: HashMap<TownshipCode, usize>,
}

impl Default for Registry {
    /// A registry without any entry.
    fn default() -> Self {
        let mut none = Vec::new();
        Self {
            townships: Table::build("township", Vec::new(), |row: &Township| &row.code, &mut none),
            offices: Table::build("office", Vec::new(), |row: &Office| &row.id, &mut none),
            owners: Table::build("owner", Vec::new(), |row: &Owner| &row.id, &mut none),
            sites: Table::build("site", Vec::new(), |row: &Site| &row.id, &mut none),
            devices: Table::build("device", Vec::new(), |row: &Device| &row.id, &mut none),
            places: Vec::new(),
            devices_by_node: HashMap::default(),
            devices_by_site: HashMap::default(),
            office_by_township: HashMap::default(),
        }
    }
}

impl Registry {
    /// Checks the entries against each other and builds the look-ups.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub fn build(
        townships: Vec<Township>,
        offices: Vec<Office>,
        owners: Vec<Owner>,
        sites: Vec<Site>,
        devices: Vec<Device>,
    ) -> Result<Self, Vec<RegistryError>> {
        let mut errors = Vec::new();
        let townships = Table::build("township", townships, |row| &row.code, &mut errors);
        let offices = Table::build("office", offices, |row| &row.id, &mut errors);
        let owners = Table::build("owner", owners, |row| &row.id, &mut errors);
        let sites = Table::build("site", sites, |row| &row.id, &mut errors);
        let devices = Table::build("device", devices, |row| &row.id, &mut errors);
        let mut registry = Self {
            townships,
            offices,
            owners,
            sites,
            devices,
            places: Vec::new(),
            devices_by_node: HashMap::default(),
            devices_by_site: HashMap::default(),
            office_by_township: HashMap::default(),
        };
        registry.check_offices(&mut errors);
        registry.check_sites(&mut errors);
        registry.check_devices(&mut errors);
        if errors.is_empty() { Ok(registry) } else { Err(errors) }
    }

    fn check_offices(&mut self, errors: &mut Vec<RegistryError>) {
        for (at, office) in self.offices.rows.iter().enumerate() {
            for code in &office.townships {
                if self.townships.get(code).is_none() {
                    errors.push(missing("office", &office.id, "township", code));
                }
                if let Some(other) = self.office_by_township.insert(code.clone(), at) {
                    errors.push(RegistryError::TwoOffices {
                        township: code.clone(),
                        office: self.offices.rows[other].id.clone(),
                        other: office.id.clone(),
                    });
                }
            }
        }
    }

    fn check_sites(&self, errors: &mut Vec<RegistryError>) {
        for site in &self.sites.rows {
            if self.townships.get(&site.township).is_none() {
                errors.push(missing("site", &site.id, "township", &site.township));
            }
            if self.owners.get(&site.owner).is_none() {
                errors.push(missing("site", &site.id, "owner", &site.owner));
            }
        }
    }

    fn check_devices(&mut self, errors: &mut Vec<RegistryError>) {
        let nodes: HashSet<&str> = self.devices.rows.iter().map(|device| device.node.as_str()).collect();
        for (at, device) in self.devices.rows.iter().enumerate() {
            match self.sites.get(&device.site) {
                None => errors.push(missing("device", &device.id, "site", &device.site)),
                Some(site) => {
                    self.places.push(Place { township: site.township.clone(), owner: site.owner.clone() });
                }
            }
            if nodes.contains(device.id.as_str()) && device.node.as_str() != device.id.as_str() {
                errors.push(RegistryError::NodeOfAnotherNode { device: device.id.clone(), node: device.node.clone() });
            }
            for (key, value) in &device.nameplate {
                if !value.is_finite() {
                    errors.push(RegistryError::Nameplate { device: device.id.clone(), key: key.clone() });
                }
            }
            self.devices_by_node.entry(device.node.clone()).or_default().push(at);
            self.devices_by_site.entry(device.site.clone()).or_default().push(at);
        }
    }

    /// The township of this code.
    pub fn township(&self, code: &TownshipCode) -> Option<&Township> {
        self.townships.get(code)
    }

    /// The office of this id.
    pub fn office(&self, id: &OfficeId) -> Option<&Office> {
        self.offices.get(id)
    }

    /// The office that answers for a township; None: none does.
    pub fn office_of(&self, code: &TownshipCode) -> Option<&Office> {
        self.office_by_township.get(code).map(|&at| &self.offices.rows[at])
    }

    /// The owner of this id.
    pub fn owner(&self, id: &OwnerId) -> Option<&Owner> {
        self.owners.get(id)
    }

    /// The site of this id.
    pub fn site(&self, id: &SiteId) -> Option<&Site> {
        self.sites.get(id)
    }

    /// The device of this id.
    pub fn device(&self, id: &DeviceId) -> Option<&Device> {
        self.devices.get(id)
    }

    /// What decides who may see a device; None: nobody registered it.
    pub fn place(&self, id: &DeviceId) -> Option<&Place> {
        self.devices.index.get(id).map(|&at| &self.places[at])
    }

    /// All townships, by code.
    pub fn townships(&self) -> impl ExactSizeIterator<Item = &Township> {
        self.townships.rows.iter()
    }

    /// All offices, by id.
    pub fn offices(&self) -> impl ExactSizeIterator<Item = &Office> {
        self.offices.rows.iter()
    }

    /// All owners, by id.
    pub fn owners(&self) -> impl ExactSizeIterator<Item = &Owner> {
        self.owners.rows.iter()
    }

    /// All sites, by id.
    pub fn sites(&self) -> impl ExactSizeIterator<Item = &Site> {
        self.sites.rows.iter()
    }

    /// All devices, by id.
    pub fn devices(&self) -> impl ExactSizeIterator<Item = &Device> {
        self.devices.rows.iter()
    }

    /// All devices, by id, each with its place.
    pub fn devices_with_places(&self) -> impl ExactSizeIterator<Item = (&Device, &Place)> {
        self.devices.rows.iter().zip(&self.places)
    }

    /// The devices a node may speak for, itself included when it is registered, by id.
    pub fn devices_of_node(&self, node: &NodeId) -> impl Iterator<Item = &Device> {
        self.devices_by_node.get(node).into_iter().flatten().map(|&at| &self.devices.rows[at])
    }

    /// The devices of a site, by id.
    pub fn devices_of_site(&self, site: &SiteId) -> impl Iterator<Item = &Device> {
        self.devices_by_site.get(site).into_iter().flatten().map(|&at| &self.devices.rows[at])
    }

    /// The edge nodes that speak for any device, in no order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &NodeId> {
        self.devices_by_node.keys()
    }
}

fn missing(kind: &'static str, id: &impl ToString, named_kind: &'static str, named: &impl ToString) -> RegistryError {
    RegistryError::Missing { kind, id: id.to_string(), named_kind, named: named.to_string() }
}
