//! Live status: what is true now, streamed to everyone who may see it. One snapshot, then numbered deltas; each delta is
//! serialised once per jurisdiction and shared by all its clients; a slow client gets the newest state, not a queue.
//!
//! - [`present`]: what is true now (pure); [`open`]: its open alarms, in the order in which people are needed (pure).
//! - `top`: which of them clients hold (pure); `gather`: groups of them (pure).
//! - [`stream`]: one jurisdiction's numbered deltas (pure).
//! - `inbox`: what the pipeline leaves for the hub, coalesced (pure).

#[cfg(test)]
pub(crate) mod fixture;
mod gather;
mod inbox;
pub mod open;
pub mod present;
pub mod stream;
mod top;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use domain::{
    access::Jurisdiction,
    alarm::Precedence,
    id::{AlarmId, DeviceId},
    registry::Registry,
    time::{MonoMs, UnixMs},
};
use protocol::{
    live::{Delta, DeviceLive, LiveMessage, Snapshot, Storing, Version},
    rest::{Alarm, AlarmCount, AlarmGrouping, AlarmGroups},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::{
    inbox::Inbox,
    open::Part,
    present::{Changes, Present, Touched},
    stream::{Keep, Next, Stream},
    top::{Top, TopChange},
};
use crate::{clock::Clock, store::Scope};

/// Section `[live]` of gateway.toml.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// With many people watching, or a flood of readings, deltas are at most so far apart, in milliseconds; else down to
    /// 10. A change after a pause goes out at once, and an alarm always does. 100: numbers that change ten times a second
    /// are as fluent as a person can use.
    pub coalesce_ms: u64,
    /// A client may come back within so many seconds and miss nothing. 60: a page reload, a Wi-Fi hand-over.
    pub resume_s: u64,
    /// Most bytes of deltas kept for that, for each jurisdiction. 4 MiB: a snapshot of 10 000 devices is about as long,
    /// so that a client which missed more gets one sooner.
    pub resume_bytes: usize,
    /// Open alarms that a screen holds, those that need people first; of the others it knows the counts, and asks for
    /// them page by page. 500: more than anybody works through at once, and a third of a megabyte.
    pub alarms_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { coalesce_ms: 100, resume_s: 60, resume_bytes: 4 * 1024 * 1024, alarms_max: 500 }
    }
}

/// Deltas are never closer than this while changes keep coming.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// What each listener adds to the pause. A frame costs about 40 µs of processor time a listener (`make bench`, fan-out),
/// so this spends a twelfth of a core on sending, however many listen.
const PAUSE_A_LISTENER: Duration = Duration::from_micros(500);
/// And so many times what it took to make the last delta: under a flood of readings a quarter of a core is spent on
/// making deltas, and what is overtaken meanwhile is not sent.
const PAUSE_OF_MAKING: u32 = 3;

/// About as long is a device, or a value of it, in a message.
const SHORT_BYTES: usize = 112;

/// Where the pipeline leaves changes and clients find their streams. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    clock: Clock,
    epoch: u64,
    inbox: Mutex<Inbox>,
    /// Something is in the inbox.
    wake: Notify,
    /// An alarm is in the inbox: do not wait for more.
    urgent: Notify,
    district: Mutex<District>,
}

/// What is true now, and everybody's stream of it: one lock, so that a snapshot and the deltas after it fit together.
struct District {
    present: Present,
    channels: HashMap<Jurisdiction, Channel>,
    /// Rounds of changes so far. No stream's sequence is ever ahead of it, so a stream that was dropped and begins
    /// again here never repeats a number.
    rounds: u64,
}

struct Channel {
    stream: Stream,
    /// The alarms that clients hold, as of the newest sequence.
    top: Top,
    /// Tells subscribers the newest sequence.
    newest: watch::Sender<u64>,
    last_used: MonoMs,
    /// The snapshot as of the newest sequence, if anyone has asked for it: a crowd that reconnects at once shares it.
    snapshot: Option<Utf8Bytes>,
}

impl Hub {
    /// A hub that knows `initial`; nothing moves until [`Hub::run`] does.
    pub fn new(config: Config, clock: Clock, epoch: u64, initial: Changes) -> Self {
        let mut present = Present::new(clock.now().wall);
        present.apply(initial);
        let district = District { present, channels: HashMap::new(), rounds: 1 };
        Self {
            shared: Arc::new(Shared {
                config,
                clock,
                epoch,
                inbox: Mutex::default(),
                wake: Notify::new(),
                urgent: Notify::new(),
                district: Mutex::new(district),
            }),
        }
    }

    /// Leaves changes to be sent; never waits.
    pub fn publish(&self, changes: Changes) {
        let is_urgent = !changes.alarms.is_empty() || !changes.links.is_empty() || changes.storing.is_some();
        lock(&self.shared.inbox).add(changes);
        self.shared.wake.notify_one();
        if is_urgent {
            self.shared.urgent.notify_one();
        }
    }

    /// Sends what is published until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.shared.wake.notified() => {}
            }
            let started = Instant::now();
            let listeners = self.up_to_date().listeners();
            let longest = Duration::from_millis(self.shared.config.coalesce_ms);
            let pause = pause(listeners, started.elapsed(), longest);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = self.shared.urgent.notified() => {}
            }
        }
    }

    /// A stream for this person: what was missed since `resume` where that is still known, a snapshot otherwise.
    pub fn subscribe(&self, scope: &Scope, resume: Option<Version>) -> Subscription {
        let mut district = lock(&self.shared.district);
        let channel = district.channel(scope.jurisdiction(), &self.shared);
        let seen = resume.filter(|version| version.epoch == self.shared.epoch).map(|version| version.sequence);
        Subscription {
            shared: Arc::clone(&self.shared),
            jurisdiction: scope.jurisdiction().clone(),
            newest: channel.newest.subscribe(),
            seen,
        }
    }

    /// The present of one device; None: not known, or not this person's.
    pub fn device(&self, scope: &Scope, id: &DeviceId) -> Option<DeviceLive> {
        lock(&self.shared.district).present.device(scope.jurisdiction(), id)
    }

    /// The devices of this person's jurisdiction that somebody speaks for.
    pub fn online(&self, scope: &Scope) -> BTreeSet<DeviceId> {
        lock(&self.shared.district).present.online(scope.jurisdiction())
    }

    /// Since when nobody speaks for a device; None: somebody does, or nothing is known yet. For the gateway itself, as of
    /// what screens were told last.
    pub(crate) fn offline_since(&self, id: &DeviceId) -> Option<UnixMs> {
        lock(&self.shared.district).present.offline_since(id)
    }

    /// An open alarm of this person's jurisdiction.
    pub fn alarm(&self, scope: &Scope, id: AlarmId) -> Option<Arc<Alarm>> {
        self.up_to_date().present.open().get(scope.jurisdiction(), id).cloned()
    }

    /// Open alarms of this person's jurisdiction in the order of need, after a place in it, `limit` at most.
    pub fn alarms(&self, scope: &Scope, part: &Part, after: Precedence, limit: usize) -> Vec<Arc<Alarm>> {
        let district = self.up_to_date();
        district.present.open().list(scope.jurisdiction(), part, after).take(limit).cloned().collect()
    }

    /// Open alarms of this person's jurisdiction in the order of need, after a place in it, `limit` at most, that are wanted;
    /// `is_wanted` is given their words, in lower case, beside them. The district is let go between townships, so that the
    /// stream need not wait for a search of all that is open.
    pub fn find_alarms(
        &self,
        scope: &Scope,
        part: &Part,
        after: Precedence,
        limit: usize,
        is_wanted: impl Fn(&Alarm, &str) -> bool,
    ) -> Vec<Arc<Alarm>> {
        let keys = self.up_to_date().present.open().shelf_keys(scope.jurisdiction(), part.township.as_ref());
        let mut found: BTreeMap<Precedence, Arc<Alarm>> = BTreeMap::new();
        for key in keys {
            found.extend(self.up_to_date().present.open().find(&key, part, after, limit, &is_wanted));
            while found.len() > limit {
                found.pop_last();
            }
        }
        // Somebody may have answered one between two townships, and moved it in the order.
        let mut seen = HashSet::new();
        found.into_values().filter(|alarm| seen.insert(alarm.id)).collect()
    }

    /// The same gathered, the group that needs people first first.
    pub fn alarm_groups(&self, scope: &Scope, part: &Part, by: AlarmGrouping, registry: &Registry) -> AlarmGroups {
        gather::gather(self.up_to_date().present.open().each(scope.jurisdiction(), part), by, registry)
    }

    /// How many alarms are open where in this person's jurisdiction.
    pub fn alarm_counts(&self, scope: &Scope) -> Vec<AlarmCount> {
        self.up_to_date().present.open().counts(scope.jurisdiction())
    }

    /// The district with everything that was published: whoever was answered finds what the answer said. The district is
    /// locked first: otherwise another could take newer changes in before those that were taken out here.
    fn up_to_date(&self) -> MutexGuard<'_, District> {
        let mut district = lock(&self.shared.district);
        let changes = lock(&self.shared.inbox).take();
        district.send(changes, &self.shared);
        district
    }

    /// How much of what happens is stored.
    pub fn storing(&self) -> Storing {
        lock(&self.shared.district).present.storing()
    }
}

/// One client's place in its jurisdiction's stream.
pub struct Subscription {
    shared: Arc<Shared>,
    jurisdiction: Jurisdiction,
    newest: watch::Receiver<u64>,
    /// Sequence of the newest message handed out; None: nothing yet.
    seen: Option<u64>,
}

impl Subscription {
    /// The next messages, in order, at least one: wait for them. A client that was away too long, or whose jurisdiction's
    /// places changed, gets one new snapshot instead.
    pub async fn next(&mut self) -> Vec<Utf8Bytes> {
        loop {
            if let Some(messages) = self.take() {
                return messages;
            }
            if self.newest.changed().await.is_err() {
                // The stream was dropped while nobody was listening to it; `take` makes a new one.
                let mut district = lock(&self.shared.district);
                self.newest = district.channel(&self.jurisdiction, &self.shared).newest.subscribe();
            }
        }
    }

    fn take(&mut self) -> Option<Vec<Utf8Bytes>> {
        self.newest.mark_unchanged();
        let mut district = lock(&self.shared.district);
        let channel = district.channel(&self.jurisdiction, &self.shared);
        let newest = channel.stream.sequence();
        let next = self.seen.map_or(Next::Lost, |seen| channel.stream.after(seen));
        self.seen = Some(newest);
        match next {
            Next::Deltas(frames) => (!frames.is_empty()).then_some(frames),
            Next::Lost => Some(vec![district.snapshot(&self.jurisdiction, &self.shared)]),
        }
    }
}

impl District {
    fn channel(&mut self, jurisdiction: &Jurisdiction, shared: &Shared) -> &mut Channel {
        let now = shared.clock.now().mono;
        let (rounds, present) = (self.rounds, &self.present);
        let channel = self.channels.entry(jurisdiction.clone()).or_insert_with(|| {
            let keep = Keep { age_ms: shared.config.resume_s * 1000, bytes: shared.config.resume_bytes };
            Channel {
                top: Top::of(present.open(), jurisdiction, shared.config.alarms_max),
                stream: Stream::starting_after(rounds, keep),
                newest: watch::Sender::new(rounds),
                last_used: now,
                snapshot: None,
            }
        });
        channel.last_used = now;
        channel
    }

    /// Tells everyone whom the changes concern.
    fn send(&mut self, changes: Changes, shared: &Shared) {
        let touched = self.present.apply(changes);
        if touched.is_empty() {
            return;
        }
        self.rounds += 1;
        let now = shared.clock.now();
        let resume_ms = shared.config.resume_s * 1000;
        self.channels.retain(|_, channel| {
            channel.newest.receiver_count() > 0 || now.mono.since_ms(channel.last_used) <= resume_ms
        });
        for (jurisdiction, channel) in &mut self.channels {
            if touched.needs_snapshot {
                channel.top = Top::of(self.present.open(), jurisdiction, shared.config.alarms_max);
                channel.stream.restart();
            } else if let Some(frame) = delta_frame(&self.present, &touched, jurisdiction, channel, shared) {
                channel.stream.push(frame, now.mono);
            } else {
                continue;
            }
            channel.snapshot = None;
            channel.newest.send_replace(channel.stream.sequence());
        }
    }

    fn listeners(&self) -> usize {
        self.channels.values().map(|channel| channel.newest.receiver_count()).sum()
    }

    fn snapshot(&mut self, jurisdiction: &Jurisdiction, shared: &Shared) -> Utf8Bytes {
        let channel = self.channel(jurisdiction, shared);
        if let Some(frame) = &channel.snapshot {
            return frame.clone();
        }
        let version = Version { epoch: shared.epoch, sequence: channel.stream.sequence() };
        let alarms = channel.top.alarms().map(|alarm| Alarm::clone(alarm)).collect();
        let frame = to_frame(&LiveMessage::Snapshot(Snapshot {
            version,
            at_ms: shared.clock.now().wall.0,
            storing: self.present.storing(),
            devices: self.present.devices(jurisdiction),
            alarms,
            alarm_counts: self.present.open().counts(jurisdiction),
        }));
        self.channel(jurisdiction, shared).snapshot = Some(frame.clone());
        frame
    }
}

fn delta_frame(
    present: &Present,
    touched: &Touched,
    jurisdiction: &Jurisdiction,
    channel: &mut Channel,
    shared: &Shared,
) -> Option<Utf8Bytes> {
    let devices = present.touched_devices(touched, jurisdiction);
    let alarm_counts = present.open().counts_at(jurisdiction, &touched.spots);
    // Where no count was looked at, no alarm of this jurisdiction has changed.
    let change = if alarm_counts.is_empty() {
        TopChange::default()
    } else {
        channel.top.follow(present.open(), jurisdiction, &touched.over)
    };
    if devices.is_empty() && alarm_counts.is_empty() {
        return None;
    }
    let version = Version { epoch: shared.epoch, sequence: channel.stream.sequence() + 1 };
    let at_ms = shared.clock.now().wall.0;
    let TopChange { alarms, displaced: displaced_alarms } = change;
    Some(to_frame(&LiveMessage::Delta(Delta { version, at_ms, devices, alarms, displaced_alarms, alarm_counts })))
}

/// How long changes are gathered before the next delta.
fn pause(listeners: usize, making: Duration, longest: Duration) -> Duration {
    let listeners = u32::try_from(listeners).unwrap_or(u32::MAX);
    let spared = making.saturating_mul(PAUSE_OF_MAKING);
    PAUSE_A_LISTENER.saturating_mul(listeners).max(spared).max(SHORTEST_PAUSE).min(longest)
}

/// A message as the text that goes over the socket.
pub fn to_frame(message: &LiveMessage) -> Utf8Bytes {
    // Room for all of it at first: growing would copy megabytes again and again.
    let devices = match message {
        LiveMessage::Snapshot(Snapshot { devices, .. }) | LiveMessage::Delta(Delta { devices, .. }) => {
            devices.as_slice()
        }
        LiveMessage::Heartbeat { .. } | LiveMessage::SessionEnded => &[],
    };
    let values: usize = devices.iter().map(|device| device.values.len()).sum();
    let mut text = Vec::with_capacity(SHORT_BYTES * (1 + devices.len() + values));
    serde_json::to_writer(&mut text, message).expect("live messages have text keys only and always serialise");
    // It is kept for a while.
    text.shrink_to_fit();
    String::from_utf8(text).expect("JSON is UTF-8").into()
}

/// A poisoned lock means a panic while holding it; the state behind is plain data that is replaced whole, so go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_listeners_hear_often_and_many_as_often_as_there_is_time_for() {
        let longest = Duration::from_millis(100);
        let of = |listeners, making_ms| pause(listeners, Duration::from_millis(making_ms), longest).as_millis();
        assert_eq!([0, 10, 20, 40, 100, 1_000_000].map(|listeners| of(listeners, 1)), [10, 10, 10, 20, 50, 100]);
        assert_eq!([0, 1, 5, 9, 40].map(|making_ms| of(10, making_ms)), [10, 10, 15, 27, 100]);
        assert_eq!(pause(1, longest, Duration::ZERO), Duration::ZERO, "the configuration may ask for none");
    }
}
