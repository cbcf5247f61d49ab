//! Changing the registry: what somebody wrote is read ([`import`]), checked as a whole, stored, and only then made known.

mod amend;
mod gaps;
pub mod import;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arc_swap::ArcSwap;
use domain::{
    id::{DeviceId, OwnerId, SiteId},
    profile::Profiles,
    registry::{Registry, RegistryError},
};
use protocol::rest::{FieldError, ImportReport};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use self::import::{Entry, Line};
pub use self::{
    amend::{AmendError, amendments},
    gaps::gaps_of,
};
use crate::{
    clock::Clock,
    config::District,
    store::{Actor, RegistryRows, Store, StoreError},
};

/// Keeps the registry of a running gateway. Cheap to clone.
#[derive(Clone)]
pub struct Registrar {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    profiles: Arc<Profiles>,
    current: Arc<ArcSwap<Registry>>,
    changes: watch::Sender<Arc<Registry>>,
    /// One change at a time: each is checked against what the one before left.
    changing: Mutex<()>,
}

/// Why the registry was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    /// The change does not fit; each place and what would be right.
    #[error("{}", .0.iter().map(|error| format!("{}: {}", error.at, error.message)).collect::<Vec<_>>().join("; "))]
    Misfit(Vec<FieldError>),
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to take out of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// An owner without sites.
    Owner(OwnerId),
    /// A site without devices.
    Site(SiteId),
    /// A device.
    Device(DeviceId),
}

impl Registrar {
    /// Keeps `current`, which other parts read, in step with the store.
    pub fn new(store: Store, clock: Clock, profiles: Arc<Profiles>, current: Arc<ArcSwap<Registry>>) -> Self {
        let changes = watch::Sender::new(current.load_full());
        Self { inner: Arc::new(Inner { store, clock, profiles, current, changes, changing: Mutex::new(()) }) }
    }

    /// The kinds of devices it registers.
    pub fn profiles(&self) -> &Profiles {
        &self.inner.profiles
    }

    /// The registry at this moment.
    pub fn current(&self) -> Arc<Registry> {
        self.inner.current.load_full()
    }

    /// The registry whenever it has changed: for the pipeline, the broker's permissions, and open video streams.
    pub fn changes(&self) -> watch::Receiver<Arc<Registry>> {
        self.inner.changes.subscribe()
    }

    /// Adds or changes one entry.
    pub async fn put(&self, actor: Actor<'_>, entry: Entry) -> Result<(), RegistrarError> {
        self.import(actor, vec![Line { number: 1, entry }], Mode::Apply).await.map(drop)
    }

    /// Adds or changes all entries, or says what that would do.
    ///
    /// # Errors
    /// [`RegistrarError::Misfit`] with every line that does not fit; nothing is changed then.
    pub async fn import(&self, actor: Actor<'_>, lines: Vec<Line>, mode: Mode) -> Result<ImportReport, RegistrarError> {
        let inner = &self.inner;
        let _turn = inner.changing.lock().await;
        let before = self.current();
        let plan = Plan::make(&before, &inner.profiles, lines).map_err(RegistrarError::Misfit)?;
        let mut report = plan.report;
        gaps::note(&mut report, &inner.profiles, &plan.after, &plan.devices);
        if mode == Mode::Apply {
            if let Some(changed) = plan.changed {
                inner.store.import(actor, changed, inner.clock.now().wall).await?;
                self.make_known(plan.after);
            }
            report.is_applied = true;
        }
        Ok(report)
    }

    /// Takes an entry out.
    pub async fn remove(&self, actor: Actor<'_>, removal: Removal) -> Result<(), RegistrarError> {
        let inner = &self.inner;
        let _turn = inner.changing.lock().await;
        let at = inner.clock.now().wall;
        match removal {
            Removal::Owner(id) => inner.store.remove_owner(actor, id, at).await?,
            Removal::Site(id) => inner.store.remove_site(actor, id, at).await?,
            Removal::Device(id) => inner.store.remove_device(actor, id, at).await?,
        }
        self.read_again().await
    }

    /// Takes over what another process, such as the command line, wrote into the store.
    pub async fn reload(&self) -> Result<(), RegistrarError> {
        let _turn = self.inner.changing.lock().await;
        self.read_again().await
    }

    async fn read_again(&self) -> Result<(), RegistrarError> {
        let rows = self.inner.store.load_registry().await?;
        let registry = build(&self.current(), rows).map_err(misfit)?;
        self.make_known(registry);
        Ok(())
    }

    fn make_known(&self, registry: Registry) {
        let registry = Arc::new(registry);
        self.inner.current.store(Arc::clone(&registry));
        self.inner.changes.send_replace(registry);
    }
}

/// The registry of a starting gateway: the district's files and the stored rows.
pub fn assemble(district: &District, rows: RegistryRows) -> Result<Registry, RegistrarError> {
    let townships = district.townships.township.clone();
    let offices = district.offices.office.clone();
    Registry::build(townships, offices, rows.owners, rows.sites, rows.devices).map_err(misfit)
}

/// Whether an import is done or only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Do it.
    Apply,
    /// Say what would be done.
    DryRun,
}

/// What an import comes to. Pure.
struct Plan {
    after: Registry,
    /// Rows to write; None: there is nothing to do.
    changed: Option<RegistryRows>,
    report: ImportReport,
    /// The devices that were named.
    devices: Vec<DeviceId>,
}

impl Plan {
    fn make(before: &Registry, profiles: &Profiles, lines: Vec<Line>) -> Result<Self, Vec<FieldError>> {
        let mut rows = RegistryRows {
            owners: before.owners().cloned().collect(),
            sites: before.sites().cloned().collect(),
            devices: before.devices().cloned().collect(),
        };
        let mut changed = RegistryRows::default();
        let mut report = ImportReport::default();
        let mut line_numbers = HashMap::new();
        let mut errors: Vec<(usize, FieldError)> = Vec::new();
        let mut devices = Vec::new();
        for Line { number, entry } in lines {
            line_numbers.insert((entry.kind(), entry.id().to_owned()), number);
            if let Entry::Device(device) = &entry
                && profiles.get(&device.profile).is_none()
            {
                let right = profiles.iter().map(|profile| profile.id.as_str()).collect::<Vec<_>>().join(", ");
                let message = format!("profile `{}` is not known; there are {right}", device.profile);
                errors.push((number, FieldError { at: line(number), message }));
            }
            if let Entry::Device(device) = &entry {
                devices.push(device.id.clone());
            }
            let kind = entry.kind();
            let counts = match entry {
                Entry::Owner(owner) => take(&mut rows.owners, &mut changed.owners, owner, |owner| &owner.id),
                Entry::Site(site) => take(&mut rows.sites, &mut changed.sites, site, |site| &site.id),
                Entry::Device(device) => take(&mut rows.devices, &mut changed.devices, device, |device| &device.id),
            };
            *counts.of(&mut report).entry(kind.to_owned()).or_default() += 1;
        }
        let is_changed = !(changed.owners.is_empty() && changed.sites.is_empty() && changed.devices.is_empty());
        match build(before, rows) {
            Ok(after) if errors.is_empty() => {
                Ok(Self { after, changed: is_changed.then_some(changed), report, devices })
            }
            built => {
                errors.extend(built.err().into_iter().flatten().map(|error| {
                    let at = subject(&error).and_then(|subject| line_numbers.get(&subject).copied());
                    (at.unwrap_or(usize::MAX), place(at.map_or_else(|| "registry".to_owned(), line), &error))
                }));
                errors.sort_by_key(|(number, _)| *number);
                Err(errors.into_iter().map(|(_, error)| error).collect())
            }
        }
    }
}

fn line(number: usize) -> String {
    format!("line {number}")
}

/// What does not fit, when no line brought it.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn misfit(errors: Vec<RegistryError>) -> RegistrarError {
    RegistrarError::Misfit(errors.iter().map(|error| place("registry".to_owned(), error)).collect())
}

fn place(at: String, error: &RegistryError) -> FieldError {
    FieldError { at, message: error.to_string() }
}

/// Kind and id of the entry that an error is about.
fn subject(error: &RegistryError) -> Option<(&'static str, String)> {
    match error {
        RegistryError::Duplicate { kind, id } | RegistryError::Missing { kind, id, .. } => Some((kind, id.clone())),
        RegistryError::NodeOfAnotherNode { device, .. } | RegistryError::Nameplate { device, .. } => {
            Some(("device", device.to_string()))
        }
        RegistryError::TwoOffices { .. } => None,
    }
}

/// The registry with other owners, sites and devices; townships and offices stay.
fn build(before: &Registry, rows: RegistryRows) -> Result<Registry, Vec<RegistryError>> {
    Registry::build(
        before.townships().cloned().collect(),
        before.offices().cloned().collect(),
        rows.owners,
        rows.sites,
        rows.devices,
    )
    .map(|registry| registry.with_amendments(Arc::clone(before.amendments())))
}

/// What an entry does to the registry.
enum Effect {
    Added,
    Changed,
    Unchanged,
}

impl Effect {
    fn of(self, report: &mut ImportReport) -> &mut BTreeMap<String, u64> {
        match self {
            Self::Added => &mut report.added,
            Self::Changed => &mut report.changed,
            Self::Unchanged => &mut report.unchanged,
        }
    }
}

/// Puts a row among rows sorted by id.
fn take<Row: Clone + PartialEq, Id: Ord>(
    rows: &mut Vec<Row>,
    changed: &mut Vec<Row>,
    row: Row,
    id: impl Fn(&Row) -> &Id,
) -> Effect {
    match rows.binary_search_by(|known| id(known).cmp(id(&row))) {
        Ok(at) if rows[at] == row => Effect::Unchanged,
        Ok(at) => {
            rows[at].clone_from(&row);
            changed.push(row);
            Effect::Changed
        }
        Err(at) => {
            rows.insert(at, row.clone());
            changed.push(row);
            Effect::Added
        }
    }
}

#[cfg(test)]
mod tests;
