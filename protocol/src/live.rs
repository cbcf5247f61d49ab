//! Messages of `GET /api/v1/live` (WebSocket, text, JSON): first one snapshot, then deltas. A client that lost its
//! socket comes back with `?resume=<epoch>.<sequence>` and gets the deltas it missed, or a new snapshot.

use domain::id::{AlarmId, DeviceId, MetricName};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};
use utoipa::ToSchema;

use crate::rest::{Alarm, AlarmCount, LinkState, Point, SeverityNumber};

/// One message from the gateway.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    /// Everything in the jurisdiction as it is now; forget what was before. In mid-stream it also means that the registry
    /// or what is stored may have changed: load devices and places again.
    Snapshot(Snapshot),
    /// What changed since the message before.
    Delta(Delta),
    /// Nothing changed for a second; the gateway is alive.
    Heartbeat {
        /// The gateway's wall clock.
        at_ms: i64,
    },
    /// The session has ended (signed out, disabled, password or jurisdiction changed); the socket closes next.
    SessionEnded,
}

/// Position in the stream: the gateway's start, and the number of the message since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Random per start of the gateway, below 2^53 so that every JSON reader holds it exactly.
    pub epoch: u64,
    /// Rises by one a message in this jurisdiction's stream.
    pub sequence: u64,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.epoch, self.sequence)
    }
}

impl std::str::FromStr for Version {
    type Err = String;

    /// Reads `<epoch>.<sequence>`, as `?resume=` carries it.
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (epoch, sequence) = text.split_once('.')?;
            Some(Self { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
        };
        parse().ok_or_else(|| "a version is two whole numbers with a dot between, such as `81273.42`".to_owned())
    }
}

/// Everything in the jurisdiction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Where the deltas go on from.
    pub version: Version,
    /// The gateway's wall clock.
    pub at_ms: i64,
    /// How much of what happens is stored. A change comes with a new snapshot.
    #[serde(default)]
    pub storing: Storing,
    /// All devices with their present values.
    pub devices: Vec<DeviceLive>,
    /// The open alarms that need people first, in that order (as `GET /alarms`): all of them, or in a flood as many as
    /// the gateway's `live.alarms_max`.
    pub alarms: Vec<Alarm>,
    /// All open alarms, counted; places and kinds without one are not listed.
    pub alarm_counts: Vec<AlarmCount>,
}

/// How much of what happens reaches the gateway's disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Storing {
    /// Everything.
    #[default]
    Everything,
    /// The disk is full: alarms and what people do are stored, readings are not. Edge nodes with an outbox keep theirs and
    /// send them again.
    AlarmsOnly,
    /// Nothing can be stored: alarms are shown from memory.
    Nothing,
}

/// What changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    /// The version after this delta; the sequence is one more than the message before had.
    pub version: Version,
    /// The gateway's wall clock.
    pub at_ms: i64,
    /// Devices whose link or values changed; only the changed values are listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceLive>,
    /// Alarms that are new among the first or changed there, whole. A closed one leaves the list of open alarms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// Alarms that are no longer among the first: they are open, and counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<i64>)]
    pub displaced_alarms: Vec<AlarmId>,
    /// The counts that changed, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarm_counts: Vec<AlarmCount>,
}

/// The present of one device.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceLive {
    /// Which device.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// Whether somebody speaks for it.
    pub link: LinkState,
    /// When `link` last changed.
    pub link_since_ms: i64,
    /// How bad the worst of its open alarms is; absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 4)]
    pub worst: Option<SeverityNumber>,
    /// Latest readings.
    pub values: Vec<MetricLive>,
}

/// The present of one metric.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct MetricLive {
    /// Which metric.
    #[schema(value_type = String)]
    pub metric: MetricName,
    /// Its latest reading.
    #[serde(flatten)]
    pub point: Point,
}

/// By hand: what is derived for `flatten` goes through a map, and this is the most frequent thing that is written.
impl Serialize for MetricLive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { metric, point: Point { at_ms, value, quality } } = self;
        let mut fields = serializer.serialize_struct("MetricLive", 4)?;
        fields.serialize_field("metric", metric)?;
        fields.serialize_field("at_ms", at_ms)?;
        fields.serialize_field("value", value)?;
        fields.serialize_field("quality", quality)?;
        fields.end()
    }
}
