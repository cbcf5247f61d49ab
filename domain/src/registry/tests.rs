//! What a registry refuses, and what it finds.

use super::*;

fn township(code: &str) -> Township {
    Township {
        code: TownshipCode::new(code).unwrap(),
        name_zh: String::new(),
        name_en: String::new(),
        latitude_deg: 29.3,
        longitude_deg: 107.7,
    }
}

fn office(id: &str, townships: &[&str]) -> Office {
    let townships = townships.iter().map(|code| TownshipCode::new(code).unwrap()).collect();
    Office { id: OfficeId::new(id).unwrap(), name_zh: String::new(), name_en: String::new(), townships }
}

fn owner(id: &str) -> Owner {
    Owner { id: OwnerId::new(id).unwrap(), name: String::new(), phone: String::new() }
}

fn site(id: &str, township: &str, owner: &str) -> Site {
    Site {
        id: SiteId::new(id).unwrap(),
        name: String::new(),
        township: TownshipCode::new(township).unwrap(),
        owner: OwnerId::new(owner).unwrap(),
        address: String::new(),
    }
}

fn device(id: &str, site: &str, node: &str) -> Device {
    Device {
        id: DeviceId::new(id).unwrap(),
        name: String::new(),
        site: SiteId::new(site).unwrap(),
        profile: ProfileId::new("cold_store").unwrap(),
        node: NodeId::new(node).unwrap(),
        nameplate: BTreeMap::new(),
    }
}

#[test]
fn everything_is_found_by_its_id() {
    let registry = Registry::build(
        vec![township("500156002"), township("500156001")],
        vec![office("furong", &["500156001"])],
        vec![owner("school")],
        vec![site("kitchen", "500156001", "school")],
        vec![device("fridge-2", "kitchen", "node-1"), device("node-1", "kitchen", "node-1")],
    )
    .unwrap();
    let fridge = DeviceId::new("fridge-2").unwrap();
    assert_eq!(registry.device(&fridge).unwrap().site.as_str(), "kitchen");
    let place = registry.place(&fridge).unwrap();
    assert_eq!((place.township.as_str(), place.owner.as_str()), ("500156001", "school"));
    assert_eq!(registry.place(&DeviceId::new("stranger").unwrap()), None);
    assert_eq!(registry.office_of(&place.township).unwrap().id.as_str(), "furong");
    let of_node: Vec<&str> =
        registry.devices_of_node(&NodeId::new("node-1").unwrap()).map(|device| device.id.as_str()).collect();
    assert_eq!(of_node, ["fridge-2", "node-1"]);
    let codes: Vec<&str> = registry.townships().map(|township| township.code.as_str()).collect();
    assert_eq!(codes, ["500156001", "500156002"], "sorted");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut unweighed = device("fridge-3", "kitchen", "node-1");
    unweighed.nameplate.insert("high_limit_c".to_owned(), f64::NAN);
    let errors = Registry::build(
        vec![township("500156001")],
        vec![office("furong", &["500156001"]), office("baima", &["500156001", "500156101"])],
        vec![owner("school"), owner("school")],
        vec![site("kitchen", "500156001", "school"), site("cellar", "500156999", "nobody")],
        vec![device("fridge-1", "attic", "node-1"), device("node-1", "kitchen", "node-2"), unweighed],
    )
    .unwrap_err();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "owner `school` is there twice",
            "office `baima` names township `500156101`, which does not exist",
            "township `500156001` belongs to office `baima` and to office `furong`",
            "site `cellar` names township `500156999`, which does not exist",
            "site `cellar` names owner `nobody`, which does not exist",
            "device `fridge-1` names site `attic`, which does not exist",
            "device `fridge-3`: nameplate `high_limit_c` is not a finite number",
            "device `node-1` is the edge node of other devices, so its own node must be itself, not `node-2`",
        ]
    );
}
