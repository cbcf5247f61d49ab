//! `dynamic-security.json`: who may connect and what they may do. Mosquitto's plugin owns the file while it runs and
//! writes the nodes' credentials into it; before each start the gateway's own users are put right in it, and nothing
//! else is touched.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pbkdf2::pbkdf2_hmac;
use serde_json::{Value, json};
use sha2::Sha512;

use super::{access::Credential, enrolment::SIREN_TOPIC, secrets::Secrets};

/// Rounds of PBKDF2: the plugin's own number. The passwords are 192 random bits, which no number of rounds would help.
const ITERATIONS: u32 = 101;

/// The file's text with the gateway's users in it; `existing` None: a new one.
pub(super) fn with_gateway_users(existing: Option<&[u8]>, secrets: &Secrets) -> Result<String, serde_json::Error> {
    let mut file = match existing {
        Some(content) => serde_json::from_slice::<serde_json::Map<String, Value>>(content)?,
        None => serde_json::Map::new(),
    };
    file.insert(
        "defaultACLAccess".into(),
        json!({ "publishClientSend": false, "publishClientReceive": true, "subscribe": false, "unsubscribe": true }),
    );
    let role_of = |credential: &Credential| {
        if *credential == secrets.ingest {
            INGEST_ROLE
        } else if *credential == secrets.publish {
            PUBLISH_ROLE
        } else if *credential == secrets.siren {
            SIREN_ROLE
        } else {
            ADMIN_ROLE
        }
    };
    for role in [ingest_role(), publish_role(), siren_role(), admin_role()] {
        put(&mut file, "roles", "rolename", role);
    }
    for credential in secrets.all() {
        put(&mut file, "clients", "username", client(credential, role_of(credential)));
    }
    serde_json::to_string_pretty(&file)
}

/// Replaces the entry of the same name in a list, or adds it.
fn put(file: &mut serde_json::Map<String, Value>, list: &str, key: &str, entry: Value) {
    let entries = file.entry(list).or_insert_with(|| json!([]));
    let mut kept: Vec<Value> = entries.as_array().cloned().unwrap_or_default();
    kept.retain(|existing| existing[key] != entry[key]);
    kept.push(entry);
    *entries = Value::Array(kept);
}

const INGEST_ROLE: &str = "brightwatch-ingest";
const PUBLISH_ROLE: &str = "brightwatch-publish";
const SIREN_ROLE: &str = "brightwatch-siren";
const ADMIN_ROLE: &str = "brightwatch-admin";

/// One permission, as the plugin writes it.
pub(super) fn allow(kind: &str, topic: &str) -> Value {
    json!({ "acltype": kind, "topic": topic, "priority": 0, "allow": true })
}

fn ingest_role() -> Value {
    json!({ "rolename": INGEST_ROLE, "acls": [
        allow("subscribePattern", "spBv1.0/#"),
        allow("publishClientSend", "spBv1.0/STATE/+"),
    ]})
}

fn publish_role() -> Value {
    json!({ "rolename": PUBLISH_ROLE, "acls": [
        allow("publishClientSend", "spBv1.0/+/NCMD/+"),
        allow("publishClientSend", "spBv1.0/+/DCMD/+/+"),
    ]})
}

fn siren_role() -> Value {
    json!({ "rolename": SIREN_ROLE, "acls": [allow("publishClientSend", &format!("{SIREN_TOPIC}/+"))] })
}

fn admin_role() -> Value {
    json!({ "rolename": ADMIN_ROLE, "acls": [
        allow("subscribePattern", "$CONTROL/dynamic-security/#"),
        // What holds for all other topics by default does not hold for these.
        allow("publishClientReceive", "$CONTROL/dynamic-security/#"),
        allow("publishClientSend", "$CONTROL/dynamic-security/#"),
    ]})
}

fn client(credential: &Credential, role: &str) -> Value {
    let salt = rand::random::<[u8; 12]>();
    let mut hash = [0; 64];
    pbkdf2_hmac::<Sha512>(credential.password.as_bytes(), &salt, ITERATIONS, &mut hash);
    json!({
        "username": credential.username,
        "password": STANDARD.encode(hash),
        "salt": STANDARD.encode(salt),
        "iterations": ITERATIONS,
        "roles": [{ "rolename": role }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let folder = tempfile::tempdir().unwrap();
        Secrets::load_or_create(folder.path()).unwrap()
    }

    #[test]
    fn the_nodes_credentials_are_kept() {
        let existing = json!({
            "clients": [{ "username": "edge-1", "password": "x" }, { "username": "brightwatch-ingest", "password": "old" }],
            "roles": [{ "rolename": "node:edge-1", "acls": [] }],
            "groups": [],
        });
        let text = with_gateway_users(Some(existing.to_string().as_bytes()), &secrets()).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let names = |list: &str, key: &str| -> Vec<String> {
            file[list].as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            names("clients", "username"),
            ["edge-1", "brightwatch-ingest", "brightwatch-publish", "brightwatch-admin", "brightwatch-siren"]
        );
        assert_eq!(
            names("roles", "rolename"),
            ["node:edge-1", "brightwatch-ingest", "brightwatch-publish", "brightwatch-siren", "brightwatch-admin"]
        );
        assert_ne!(file["clients"][1]["password"], "old");
        assert_eq!(file["defaultACLAccess"]["subscribe"], false);
    }

    #[test]
    fn a_damaged_file_is_not_overwritten() {
        assert!(with_gateway_users(Some(b"{ \"clients\": ["), &secrets()).is_err());
        assert!(with_gateway_users(Some(b"[]"), &secrets()).is_err());
    }
}
