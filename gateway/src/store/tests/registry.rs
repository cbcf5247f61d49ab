//! Owners, sites, devices, and devices that nobody registered.

use std::sync::Arc;

use domain::{
    access::Role,
    id::{DeviceId, MetricName, NodeId, OwnerId, SiteId},
};

use super::fixture::{Fixture, START, batch, device, district, owner, sign_in, site};
use crate::store::{Actor, BatchCommit, DiscoveredBirth, RegistryRows, StoreError};

pub(super) async fn rows_come_back_and_references_are_checked(fixture: Fixture) {
    let store = fixture.open_district().await;
    assert_eq!(store.load_registry().await.unwrap(), district());

    let dangling = store.put_device(Actor::Shell, device("oven", "no-such-site"), START).await;
    assert!(matches!(dangling, Err(StoreError::Dangling { what: "site", .. })));
    let rows = RegistryRows {
        owners: vec![owner("temple")],
        sites: vec![site("temple-kitchen", "500156001", "nobody")],
        devices: Vec::new(),
    };
    assert!(matches!(store.import(Actor::Shell, rows, START).await, Err(StoreError::Dangling { what: "owner", .. })));
    assert_eq!(store.load_registry().await.unwrap(), district(), "a refused import changes nothing");

    let moved = device("school-fridge", "hotel-kitchen");
    store.put_device(Actor::Shell, moved.clone(), START).await.unwrap();
    assert!(store.load_start().await.unwrap().registry.devices.contains(&moved));
}

pub(super) async fn what_is_removed_can_be_put_again(fixture: Fixture) {
    let store = fixture.open_district().await;
    let in_use = store.remove_owner(Actor::Shell, OwnerId::new("hotel").unwrap(), START).await;
    assert!(matches!(in_use, Err(StoreError::InUse { what: "owner", count: 1, by: "site" })));
    store.remove_device(Actor::Shell, DeviceId::new("hotel-fridge").unwrap(), START).await.unwrap();
    store.remove_site(Actor::Shell, SiteId::new("hotel-kitchen").unwrap(), START).await.unwrap();
    store.remove_owner(Actor::Shell, OwnerId::new("hotel").unwrap(), START).await.unwrap();
    let again = store.remove_owner(Actor::Shell, OwnerId::new("hotel").unwrap(), START).await;
    assert!(matches!(again, Err(StoreError::NotFound("owner"))));
    assert_eq!(store.load_registry().await.unwrap().owners.len(), 1);
    let orphan = store.put_site(Actor::Shell, site("hotel-kitchen", "500156003", "hotel"), START).await;
    assert!(matches!(orphan, Err(StoreError::Dangling { what: "owner", .. })));

    store.import(Actor::Shell, district(), START).await.unwrap();
    assert_eq!(store.load_registry().await.unwrap(), district());
}

pub(super) async fn only_the_registry_manager_sees_discovered_devices(fixture: Fixture) {
    let store = fixture.open_district().await;
    let birth = |device: &str, after_ms, metric: &str| DiscoveredBirth {
        device: DeviceId::new(device).unwrap(),
        node: NodeId::new("node-2").unwrap(),
        at: START.plus_ms(after_ms),
        metrics: vec![MetricName::new(metric).unwrap()],
    };
    let discovered = vec![birth("stranger", 1, "old"), birth("stranger", 2, "new"), birth("hotel-fridge", 3, "x")];
    store.commit_batch(Arc::new(BatchCommit { discovered, ..batch([]) })).await.unwrap();

    let admin = sign_in(&store, Role::Admin, "").await;
    let listed = store.discovered(&admin).await.unwrap();
    assert_eq!(listed.len(), 1, "a registered device is not discovered");
    assert_eq!((listed[0].first_seen_at_ms, listed[0].last_seen_at_ms), (START.0 + 1, START.0 + 2));
    assert_eq!(listed[0].metrics, ["new"]);
    for (role, place) in [(Role::CentreOperator, ""), (Role::TownshipOfficer, "500156001"), (Role::Owner, "hotel")] {
        let scope = sign_in(&store, role, place).await;
        assert!(matches!(store.discovered(&scope).await, Err(StoreError::NotPermitted)));
    }
}
