//! Rows of the registry: owners, sites, devices. Townships and offices are configuration and not stored.
//!
//! Every change is written together with its entry in the audit log. What is removed keeps its row, marked, so that
//! old alarms keep their names; putting it again revives it.

use domain::{
    access::Permission,
    id::{DeviceId, OwnerId, SiteId},
    registry::{Device, Owner, Site},
    time::UnixMs,
};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};

use super::{
    Store, audit,
    error::StoreError,
    row::{Columns, json_of},
    scope::Actor,
    writer::Priority,
};

const OPERATION: &str = "changing the registry";

/// Everything registered, as rows; the caller builds the registry of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RegistryRows {
    /// By id.
    pub owners: Vec<Owner>,
    /// By id.
    pub sites: Vec<Site>,
    /// By id.
    pub devices: Vec<Device>,
}

impl Store {
    /// All rows, for building the registry in memory.
    pub async fn load_registry(&self) -> Result<RegistryRows, StoreError> {
        Ok(RegistryRows {
            owners: self.registered(&OWNER, owner_of).await?,
            sites: self.registered(&SITE, site_of).await?,
            devices: self.registered(&DEVICE, device_of).await?,
        })
    }

    async fn registered<T>(
        &self,
        kind: &'static Kind,
        read: fn(&AnyRow) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = format!("SELECT * FROM {} WHERE removed_at_ms IS NULL ORDER BY id", kind.table);
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::read("reading the registry"))?;
        rows.iter().map(read).collect()
    }

    /// Adds or changes an owner.
    pub async fn put_owner(&self, actor: Actor<'_>, owner: Owner, at: UnixMs) -> Result<(), StoreError> {
        self.import(actor, RegistryRows { owners: vec![owner], ..RegistryRows::default() }, at).await
    }

    /// Adds or changes a site. Its owner must be registered.
    pub async fn put_site(&self, actor: Actor<'_>, site: Site, at: UnixMs) -> Result<(), StoreError> {
        self.import(actor, RegistryRows { sites: vec![site], ..RegistryRows::default() }, at).await
    }

    /// Adds or changes a device. Its site must be registered.
    pub async fn put_device(&self, actor: Actor<'_>, device: Device, at: UnixMs) -> Result<(), StoreError> {
        self.import(actor, RegistryRows { devices: vec![device], ..RegistryRows::default() }, at).await
    }

    /// Adds or changes many rows, all or none: owners first, then sites, then devices, so that later ones may refer to
    /// earlier ones.
    ///
    /// # Errors
    /// [`StoreError::Dangling`] names a reference that leads nowhere; nothing was changed.
    pub async fn import(&self, actor: Actor<'_>, rows: RegistryRows, at: UnixMs) -> Result<(), StoreError> {
        actor.require(Permission::ManageRegistry)?;
        let actor = actor.name();
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| Box::pin(async move { put_rows(connection, &actor, &rows, at).await }),
                |()| {},
            )
            .await
    }

    /// Removes an owner without sites.
    pub async fn remove_owner(&self, actor: Actor<'_>, id: OwnerId, at: UnixMs) -> Result<(), StoreError> {
        self.remove(actor, &OWNER, id.to_string(), at).await
    }

    /// Removes a site without devices.
    pub async fn remove_site(&self, actor: Actor<'_>, id: SiteId, at: UnixMs) -> Result<(), StoreError> {
        self.remove(actor, &SITE, id.to_string(), at).await
    }

    /// Removes a device. Its readings and alarms stay, for the district's eyes only.
    pub async fn remove_device(&self, actor: Actor<'_>, id: DeviceId, at: UnixMs) -> Result<(), StoreError> {
        self.remove(actor, &DEVICE, id.to_string(), at).await
    }

    async fn remove(&self, actor: Actor<'_>, kind: &'static Kind, id: String, at: UnixMs) -> Result<(), StoreError> {
        actor.require(Permission::ManageRegistry)?;
        let actor = actor.name();
        self.writer()
            .write(
                Priority::Operator,
                OPERATION,
                move |connection| Box::pin(async move { remove_row(connection, kind, &actor, &id, at).await }),
                |()| {},
            )
            .await
    }
}

/// A table of the registry.
struct Kind {
    table: &'static str,
    /// Table and column of the rows that hang on one of these.
    dependant: Option<(&'static str, &'static str)>,
    put: &'static str,
    removed: &'static str,
}

const OWNER: Kind =
    Kind { table: "owner", dependant: Some(("site", "owner_id")), put: "owner.put", removed: "owner.remove" };
const SITE: Kind =
    Kind { table: "site", dependant: Some(("device", "site_id")), put: "site.put", removed: "site.remove" };
const DEVICE: Kind = Kind { table: "device", dependant: None, put: "device.put", removed: "device.remove" };

async fn put_rows(
    connection: &mut AnyConnection,
    actor: &str,
    rows: &RegistryRows,
    at: UnixMs,
) -> Result<(), StoreError> {
    for owner in &rows.owners {
        let was = registered(connection, &OWNER, owner.id.as_str(), owner_of).await?;
        sqlx::query(
            "INSERT INTO owner (id, name, phone) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, phone = excluded.phone, removed_at_ms = NULL",
        )
        .bind(owner.id.as_str())
        .bind(owner.name.as_str())
        .bind(owner.phone.as_str())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
        let detail = json_of(&Change { was, is: owner });
        audit::note(connection, actor, OWNER.put, owner.id.as_str(), detail, at).await?;
    }
    for site in &rows.sites {
        require(connection, &OWNER, site.owner.as_str()).await?;
        let was = registered(connection, &SITE, site.id.as_str(), site_of).await?;
        sqlx::query(
            "INSERT INTO site (id, name, township_code, owner_id, address) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, township_code = excluded.township_code, \
             owner_id = excluded.owner_id, address = excluded.address, removed_at_ms = NULL",
        )
        .bind(site.id.as_str())
        .bind(site.name.as_str())
        .bind(site.township.as_str())
        .bind(site.owner.as_str())
        .bind(site.address.as_str())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
        let detail = json_of(&Change { was, is: site });
        audit::note(connection, actor, SITE.put, site.id.as_str(), detail, at).await?;
    }
    for device in &rows.devices {
        require(connection, &SITE, device.site.as_str()).await?;
        let was = registered(connection, &DEVICE, device.id.as_str(), device_of).await?;
        if was.as_ref().is_none_or(|was| was.nameplate != device.nameplate) {
            note_nameplate(connection, device, at).await?;
        }
        sqlx::query(
            "INSERT INTO device (id, name, site_id, profile_id, node_id, nameplate) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, site_id = excluded.site_id, \
             profile_id = excluded.profile_id, node_id = excluded.node_id, nameplate = excluded.nameplate, \
             removed_at_ms = NULL",
        )
        .bind(device.id.as_str())
        .bind(device.name.as_str())
        .bind(device.site.as_str())
        .bind(device.profile.as_str())
        .bind(device.node.as_str())
        .bind(json_of(&device.nameplate))
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
        let detail = json_of(&Change { was, is: device });
        audit::note(connection, actor, DEVICE.put, device.id.as_str(), detail, at).await?;
    }
    Ok(())
}

/// What the audit log says of a row: how it was, and how it is.
#[derive(Serialize)]
struct Change<'a, T> {
    /// None: it is new, or was removed.
    was: Option<T>,
    is: &'a T,
}

/// A row as it is before it is written; None: there is none, or it was removed.
async fn registered<T>(
    connection: &mut AnyConnection,
    kind: &'static Kind,
    id: &str,
    read: fn(&AnyRow) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let sql = format!("SELECT * FROM {} WHERE id = $1 AND removed_at_ms IS NULL", kind.table);
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    row.as_ref().map(read).transpose()
}

/// Keeps a nameplate that is another than before: an old alarm is told with the numbers of its time.
async fn note_nameplate(connection: &mut AnyConnection, device: &Device, at: UnixMs) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO nameplate_version (device_id, since_ms, nameplate) VALUES ($1, $2, $3) \
         ON CONFLICT (device_id, since_ms) DO UPDATE SET nameplate = excluded.nameplate",
    )
    .bind(device.id.as_str())
    .bind(at.0)
    .bind(json_of(&device.nameplate))
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::failed(OPERATION))
}

async fn require(connection: &mut AnyConnection, kind: &'static Kind, id: &str) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM {} WHERE id = $1 AND removed_at_ms IS NULL", kind.table);
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    row.map(drop).ok_or_else(|| StoreError::Dangling { what: kind.table, id: id.to_owned() })
}

async fn remove_row(
    connection: &mut AnyConnection,
    kind: &'static Kind,
    actor: &str,
    id: &str,
    at: UnixMs,
) -> Result<(), StoreError> {
    if let Some((table, column)) = kind.dependant {
        let sql = format!("SELECT COUNT(*) AS uses FROM {table} WHERE {column} = $1 AND removed_at_ms IS NULL");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(&mut *connection)
            .await
            .map_err(StoreError::failed(OPERATION))?;
        let count: i64 = row.get_as("uses")?;
        if count > 0 {
            return Err(StoreError::InUse { what: kind.table, count, by: table });
        }
    }
    let sql = format!("UPDATE {} SET removed_at_ms = $2 WHERE id = $1 AND removed_at_ms IS NULL", kind.table);
    let removed = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .bind(at.0)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::failed(OPERATION))?;
    if removed.rows_affected() == 0 {
        return Err(StoreError::NotFound(kind.table));
    }
    audit::note(connection, actor, kind.removed, id, String::new(), at).await
}

fn owner_of(row: &AnyRow) -> Result<Owner, StoreError> {
    Ok(Owner { id: row.id("id")?, name: row.get_as("name")?, phone: row.get_as("phone")? })
}

fn site_of(row: &AnyRow) -> Result<Site, StoreError> {
    Ok(Site {
        id: row.id("id")?,
        name: row.get_as("name")?,
        township: row.id("township_code")?,
        owner: row.id("owner_id")?,
        address: row.get_as("address")?,
    })
}

fn device_of(row: &AnyRow) -> Result<Device, StoreError> {
    Ok(Device {
        id: row.id("id")?,
        name: row.get_as("name")?,
        site: row.id("site_id")?,
        profile: row.id("profile_id")?,
        node: row.id("node_id")?,
        nameplate: row.json("nameplate")?,
    })
}
