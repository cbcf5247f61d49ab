//! The table: one row a route.

use domain::access::Permission::{
    self, AcknowledgeAlarm, AmendRule, HandleCase, KeepRoster, ManageChannels, ManageRegistry, ManageService,
    ManageUsers, ReadAudit, ReportOnCase, ShelveAlarm, View, ViewStorage,
};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Anybody.
    Nothing,
    /// Whoever is signed in.
    Session,
    /// Whose role has this permission.
    Permission(Permission),
}

/// What is sent along.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(&'static str),
    /// A picture, as small as can be.
    Picture,
    /// A table.
    Csv(&'static str),
    /// The request opens a WebSocket.
    Socket,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) method: &'static str,
    /// As in the OpenAPI document.
    pub(crate) route: &'static str,
    pub(crate) needs: Needs,
    /// A path that every role's jurisdiction covers.
    pub(crate) inside: &'static str,
    /// A path that only the district covers; None: the route names nothing that lies somewhere.
    pub(crate) outside: Option<&'static str>,
    pub(crate) body: Body,
    /// The statuses of success.
    pub(crate) done: &'static [u16],
    /// What the answer shows to everyone who may.
    pub(crate) shows: &'static [&'static str],
}

const BASE: Row = Row {
    method: "GET",
    route: "",
    needs: Needs::Permission(View),
    inside: "",
    outside: None,
    body: Body::None,
    done: &[200],
    shows: &[],
};

/// A row whose path names nothing.
const fn plain(method: &'static str, route: &'static str, needs: Needs) -> Row {
    Row { method, route, needs, inside: route, ..BASE }
}

/// A row for people's data that lies somewhere.
const fn placed(method: &'static str, route: &'static str, inside: &'static str, outside: &'static str) -> Row {
    Row { method, route, inside, outside: Some(outside), ..BASE }
}

/// A row of the registry's or the accounts' keepers.
const fn kept(method: &'static str, route: &'static str, inside: &'static str, permission: Permission) -> Row {
    Row { method, route, inside, needs: Needs::Permission(permission), ..BASE }
}

/// A question about one series that every role may see.
const HISTORY_INSIDE: &str = r#"{"series": [{"device": "cold-inside", "metric": "cold_store.temperature"}],
    "from_ms": 1790000000000, "to_ms": 1800000000000}"#;

/// The cold store's rule with a limit of its own.
const AMENDED: &str = r#"{"reach": "device", "why": "an old cold store", "definition": "id = \"FR-01\"\ntitle = { zh = \"冷库温度高\", en = \"Cold store warm\" }\nseverity = \"III\"\ncondition.limit = { metric = \"cold_store.temperature\", above = 9.5, deadband = 0.5 }\non_delay_s = 60\noff_delay_s = 60\nsource = { citation = \"test\", confidence = \"proposal\" }\nguidance = { zh = \"看\", en = \"look\" }"}"#;

/// Every route of the API.
pub(crate) const ROWS: &[Row] = &[
    Row {
        body: Body::Json(r#"{"username": "of-nobody", "password": "not the right one"}"#),
        done: &[401],
        ..plain("POST", "/session", Needs::Nothing)
    },
    Row { done: &[200, 204], shows: &["permissions"], ..plain("GET", "/session", Needs::Nothing) },
    Row { done: &[204], ..plain("DELETE", "/session", Needs::Session) },
    Row {
        body: Body::Json(r#"{"current": "everybody has the same", "new": "another good password"}"#),
        done: &[204],
        ..plain("PUT", "/session/password", Needs::Session)
    },
    Row { shows: &["500156001"], ..plain("GET", "/overview", Needs::Permission(View)) },
    Row { shows: &["500156001", "furong"], ..plain("GET", "/places", Needs::Permission(View)) },
    Row { shows: &["cold_store"], ..plain("GET", "/profiles", Needs::Permission(View)) },
    Row { shows: &["cold-inside", "camera-inside"], ..plain("GET", "/devices", Needs::Permission(View)) },
    Row {
        shows: &["Owner inside", "cold_store.temperature", "-17.5"],
        ..placed("GET", "/devices/{id}", "/devices/cold-inside", "/devices/cold-outside")
    },
    Row {
        shows: &["-17.5"],
        ..placed(
            "GET",
            "/devices/{id}/history",
            "/devices/cold-inside/history?metric=cold_store.temperature&from_ms=1700000000000&to_ms=1900000000000",
            "/devices/cold-outside/history?metric=cold_store.temperature&from_ms=1700000000000&to_ms=1900000000000",
        )
    },
    Row {
        body: Body::Json(HISTORY_INSIDE),
        shows: &["cold-inside", "-17.5"],
        ..plain("POST", "/history", Needs::Permission(View))
    },
    // The same question about what lies elsewhere is refused: see `bodies_name_nothing_outside`.
    Row {
        shows: &["\"spans\"", "\"unknown_ms\""],
        ..placed(
            "GET",
            "/devices/{id}/states",
            "/devices/cold-inside/states?metric=cold_store.temperature&from_ms=1790000000000&to_ms=1800000000000",
            "/devices/cold-outside/states?metric=cold_store.temperature&from_ms=1790000000000&to_ms=1800000000000",
        )
    },
    Row {
        body: Body::Json(r#"{"devices": ["cold-inside"]}"#),
        shows: &["cold-inside", "-17.5"],
        ..plain("POST", "/latest", Needs::Permission(View))
    },
    Row {
        shows: &["device,device_name,", "cold-inside", "-17.5"],
        ..placed(
            "GET",
            "/export",
            "/export?format=csv&device=cold-inside&from_ms=1790000000000&to_ms=1800000000000",
            "/export?format=csv&device=cold-outside&from_ms=1790000000000&to_ms=1800000000000",
        )
    },
    // Ten days around the readings that the district was given.
    Row {
        needs: Needs::Permission(ManageService),
        body: Body::Json(r#"{"from_ms": 1790000000000, "to_ms": 1800000000000}"#),
        shows: &["reading_count", "\"present\""],
        ..placed(
            "POST",
            "/devices/{id}/rules/{rule}/test",
            "/devices/cold-inside/rules/FR-01/test",
            "/devices/cold-outside/rules/FR-01/test",
        )
    },
    Row {
        needs: Needs::Permission(AmendRule),
        body: Body::Json(AMENDED),
        shows: &["\"reach\":\"device\"", "an old cold store", "\"value\":9.5"],
        ..placed(
            "PUT",
            "/devices/{id}/rules/{rule}",
            "/devices/cold-inside/rules/FR-01",
            "/devices/cold-outside/rules/FR-01",
        )
    },
    Row {
        needs: Needs::Permission(AmendRule),
        done: &[204],
        ..placed(
            "DELETE",
            "/devices/{id}/rules/{rule}",
            "/devices/cold-inside/rules/FR-01?reach=device",
            "/devices/cold-outside/rules/FR-01?reach=device",
        )
    },
    Row { shows: &["cold-inside"], ..plain("GET", "/alarms", Needs::Permission(View)) },
    Row {
        inside: "/alarms/groups?by=edge",
        shows: &["node-inside", "cold-inside"],
        ..plain("GET", "/alarms/groups", Needs::Permission(View))
    },
    Row { inside: "/alarms/climbing?within_s=86400", ..plain("GET", "/alarms/climbing", Needs::Permission(View)) },
    Row { shows: &["cold-inside", "history"], ..placed("GET", "/alarms/{id}", "/alarms/1", "/alarms/2") },
    Row {
        needs: Needs::Permission(AcknowledgeAlarm),
        body: Body::Json(r#"{"note": "seen", "idempotency_key": "pressed-once"}"#),
        shows: &["cold-inside", "active_acknowledged"],
        ..placed("POST", "/alarms/{id}/acknowledge", "/alarms/1/acknowledge", "/alarms/2/acknowledge")
    },
    // Number 1 was acknowledged by the row before: the answer says so.
    Row {
        needs: Needs::Permission(AcknowledgeAlarm),
        body: Body::Json(r#"{"alarms": [1], "idempotency_key": "pressed-twice"}"#),
        shows: &["\"refused\":[{\"alarm\":1"],
        ..plain("POST", "/alarms/acknowledge", Needs::Permission(AcknowledgeAlarm))
    },
    // The cold store's rule does not latch: who may is told so.
    Row {
        needs: Needs::Permission(AcknowledgeAlarm),
        body: Body::Json(r#"{"idempotency_key": "pressed-once"}"#),
        done: &[409],
        ..placed("POST", "/alarms/{id}/reset", "/alarms/1/reset", "/alarms/2/reset")
    },
    Row {
        needs: Needs::Permission(ShelveAlarm),
        body: Body::Json(r#"{"minutes": 60, "why": "door repair", "idempotency_key": "pressed-once"}"#),
        shows: &["cold-inside", "shelved", "door repair"],
        ..placed("POST", "/alarms/{id}/shelve", "/alarms/1/shelve", "/alarms/2/shelve")
    },
    Row {
        needs: Needs::Permission(ShelveAlarm),
        body: Body::Json(r#"{"idempotency_key": "pressed-once"}"#),
        shows: &["cold-inside"],
        ..placed("POST", "/alarms/{id}/unshelve", "/alarms/1/unshelve", "/alarms/2/unshelve")
    },
    Row {
        needs: Needs::Permission(ManageService),
        body: Body::Json(r#"{"hours": 8, "why": "rebuilding", "idempotency_key": "pressed-once"}"#),
        shows: &["rebuilding"],
        ..placed(
            "POST",
            "/devices/{id}/out-of-service",
            "/devices/cold-inside/out-of-service",
            "/devices/cold-outside/out-of-service",
        )
    },
    Row {
        needs: Needs::Permission(ManageService),
        body: Body::Json(r#"{"idempotency_key": "pressed-once"}"#),
        ..placed(
            "POST",
            "/devices/{id}/in-service",
            "/devices/cold-inside/in-service",
            "/devices/cold-outside/in-service",
        )
    },
    Row { shows: &["Site inside"], ..plain("GET", "/cases", Needs::Permission(View)) },
    Row {
        needs: Needs::Permission(HandleCase),
        body: Body::Json(r#"{"alarms": [3], "note": "look", "idempotency_key": "opened-once"}"#),
        done: &[201],
        shows: &["Site inside"],
        ..plain("POST", "/cases", Needs::Permission(HandleCase))
    },
    Row { shows: &["Site inside", "history"], ..placed("GET", "/cases/{id}", "/cases/1", "/cases/2") },
    Row {
        needs: Needs::Permission(HandleCase),
        shows: &["of-township"],
        ..placed("GET", "/cases/{id}/assignees", "/cases/1/assignees", "/cases/2/assignees")
    },
    Row {
        needs: Needs::Permission(HandleCase),
        body: Body::Json(r#"{"step": "accept", "idempotency_key": "accepted-once"}"#),
        ..placed("POST", "/cases/{id}/steps", "/cases/1/steps", "/cases/2/steps")
    },
    Row {
        needs: Needs::Permission(ReportOnCase),
        body: Body::Json(r#"{"note": "the door was open", "idempotency_key": "noted-once"}"#),
        ..placed("POST", "/cases/{id}/notes", "/cases/1/notes", "/cases/2/notes")
    },
    // The alarm is in a case already: who may is told so.
    Row {
        needs: Needs::Permission(HandleCase),
        body: Body::Json(r#"{"alarm": 1, "idempotency_key": "added-once"}"#),
        done: &[404, 409],
        ..placed("POST", "/cases/{id}/alarms", "/cases/1/alarms", "/cases/2/alarms")
    },
    Row {
        needs: Needs::Permission(ReportOnCase),
        body: Body::Picture,
        ..placed(
            "POST",
            "/cases/{id}/photos",
            "/cases/1/photos?idempotency_key=photo-once",
            "/cases/2/photos?idempotency_key=photo-once",
        )
    },
    placed("GET", "/cases/{id}/photos/{number}", "/cases/1/photos/1", "/cases/2/photos/1"),
    Row { shows: &["Officer inside"], ..plain("GET", "/duty/on-duty", Needs::Permission(View)) },
    Row {
        needs: Needs::Permission(KeepRoster),
        shows: &["\"may_change\":true"],
        ..placed(
            "GET",
            "/duty/roster",
            "/duty/roster?post=township:500156001&from_ms=1700000000000&to_ms=1700003600000",
            "/duty/roster?post=township:500156003&from_ms=1700000000000&to_ms=1700003600000",
        )
    },
    Row {
        body: Body::Json(
            r#"{"post": "township:500156001", "from_ms": 1790000000000, "to_ms": 1790003600000, "person": "Zhang"}"#,
        ),
        done: &[201],
        ..plain("POST", "/duty/shifts", Needs::Permission(KeepRoster))
    },
    Row {
        body: Body::Json(
            r#"{"post": "township:500156001", "from_ms": 1790000000000, "to_ms": 1790003600000, "person": "Li"}"#,
        ),
        inside: "/duty/shifts/1",
        ..plain("PUT", "/duty/shifts/{id}", Needs::Permission(KeepRoster))
    },
    Row {
        needs: Needs::Permission(KeepRoster),
        done: &[204],
        ..placed("DELETE", "/duty/shifts/{id}", "/duty/shifts/1", "/duty/shifts/2")
    },
    Row {
        body: Body::Json(r#"{"post": "township:500156001", "note": "boiler 3 is cold"}"#),
        done: &[204],
        ..plain("POST", "/duty/handovers", Needs::Permission(KeepRoster))
    },
    Row {
        shows: &["camera-inside", "1790000000000"],
        ..placed("GET", "/alarms/{id}/pictures", "/alarms/1/pictures", "/alarms/2/pictures")
    },
    placed(
        "GET",
        "/alarms/{id}/pictures/{camera}/{taken_at_ms}",
        "/alarms/1/pictures/camera-inside/1790000000000",
        "/alarms/2/pictures/camera-outside/1790000000000",
    ),
    Row { shows: &["camera-inside"], ..plain("GET", "/cameras", Needs::Permission(View)) },
    placed("GET", "/cameras/{id}/snapshot", "/cameras/camera-inside/snapshot", "/cameras/camera-outside/snapshot"),
    Row {
        done: &[202],
        ..placed(
            "POST",
            "/cameras/{id}/snapshot",
            "/cameras/camera-inside/snapshot",
            "/cameras/camera-outside/snapshot",
        )
    },
    Row {
        body: Body::Socket,
        done: &[101],
        ..placed("GET", "/cameras/{id}/live", "/cameras/camera-inside/live", "/cameras/camera-outside/live?stream=sub")
    },
    Row { shows: &["cold-inside"], ..plain("GET", "/alarm-quality", Needs::Permission(View)) },
    Row { body: Body::Socket, done: &[101], ..plain("GET", "/live", Needs::Permission(View)) },
    kept("GET", "/owners", "/owners", ManageRegistry),
    kept("GET", "/owners/{id}", "/owners/owner-outside", ManageRegistry),
    Row {
        body: Body::Json(r#"{"id": "owner-spare", "name": "Spare"}"#),
        ..kept("PUT", "/owners/{id}", "/owners/owner-spare", ManageRegistry)
    },
    kept("GET", "/sites", "/sites", ManageRegistry),
    kept("GET", "/sites/{id}", "/sites/site-outside", ManageRegistry),
    Row {
        body: Body::Json(r#"{"id": "site-spare", "name": "Spare", "township": "500156003", "owner": "owner-spare"}"#),
        ..kept("PUT", "/sites/{id}", "/sites/site-spare", ManageRegistry)
    },
    kept("GET", "/registry/devices", "/registry/devices", ManageRegistry),
    kept("GET", "/registry/devices/{id}", "/registry/devices/cold-outside", ManageRegistry),
    Row {
        body: Body::Json(
            r#"{"id": "cold-spare", "name": "Spare", "site": "site-spare", "profile": "cold_store", "node": "n"}"#,
        ),
        ..kept("PUT", "/registry/devices/{id}", "/registry/devices/cold-spare", ManageRegistry)
    },
    Row { done: &[204], ..kept("DELETE", "/registry/devices/{id}", "/registry/devices/cold-spare", ManageRegistry) },
    Row { done: &[204], ..kept("DELETE", "/sites/{id}", "/sites/site-spare", ManageRegistry) },
    Row { done: &[204], ..kept("DELETE", "/owners/{id}", "/owners/owner-spare", ManageRegistry) },
    Row {
        body: Body::Csv("kind,id,name\nowner,owner-imported,Imported\n"),
        shows: &["\"is_applied\":false", "\"added\":{\"owner\":1}"],
        ..kept("POST", "/registry/import", "/registry/import?dry_run=true", ManageRegistry)
    },
    Row { shows: &["stranger-outside"], ..kept("GET", "/discovered", "/discovered", ManageRegistry) },
    Row { shows: &["node-inside"], ..kept("GET", "/nodes", "/nodes", ManageRegistry) },
    // The broker of this district is somebody else's, who keeps the credentials.
    Row { done: &[409], ..kept("POST", "/nodes/{id}/enrol", "/nodes/node-inside/enrol", ManageRegistry) },
    Row { done: &[409], ..kept("DELETE", "/nodes/{id}/credential", "/nodes/node-inside/credential", ManageRegistry) },
    Row {
        shows: &["node-inside"],
        inside: "/ledger?from_ms=0&to_ms=3600000",
        ..plain("GET", "/ledger", Needs::Permission(View))
    },
    Row { shows: &["bytes_per_reading"], ..kept("GET", "/storage", "/storage", ViewStorage) },
    Row { shows: &["of-owner"], ..kept("GET", "/users", "/users", ManageUsers) },
    Row {
        body: Body::Json(
            r#"{"username": "new", "display_name": "New", "role": "centre_operator", "password": "correct horse battery"}"#,
        ),
        done: &[201],
        ..kept("POST", "/users", "/users", ManageUsers)
    },
    Row {
        body: Body::Json(r#"{"username": "spare", "display_name": "Spare", "role": "centre_operator"}"#),
        ..kept("PUT", "/users/{id}", "/users/6", ManageUsers)
    },
    placed("GET", "/alarms/{id}/deliveries", "/alarms/1/deliveries", "/alarms/2/deliveries"),
    Row { shows: &["sirens"], ..kept("GET", "/notify/channels", "/notify/channels", ManageChannels) },
    Row { shows: &["channels"], ..kept("GET", "/notify/dead", "/notify/dead", HandleCase) },
    Row {
        done: &[202],
        ..kept("POST", "/notify/channels/{name}/test", "/notify/channels/sirens/test", ManageChannels)
    },
    Row { shows: &["phone"], ..plain("GET", "/session/contact", Needs::Session) },
    Row {
        body: Body::Json(r#"{"phone": "13800000000", "email": "me@example.cn"}"#),
        done: &[204],
        ..plain("PUT", "/session/contact", Needs::Session)
    },
    Row { shows: &["phone"], ..kept("GET", "/users/{id}/contact", "/users/6/contact", ManageUsers) },
    Row {
        body: Body::Json(r#"{"phone": "", "email": ""}"#),
        done: &[204],
        ..kept("PUT", "/users/{id}/contact", "/users/6/contact", ManageUsers)
    },
    Row { shows: &["user.add"], ..kept("GET", "/audit", "/audit?limit=500", ReadAudit) },
    Row {
        body: Body::Socket,
        done: &[404],
        inside: "/uplink/of-nobody",
        ..plain("GET", "/uplink/{ticket}", Needs::Nothing)
    },
    Row { shows: &["openapi"], ..plain("GET", "/openapi.json", Needs::Nothing) },
];
