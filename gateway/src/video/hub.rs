//! All streams that are watched, and the tickets for those that are to come.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
    registry::Registry,
};
use protocol::video::{OPEN_METRIC, OpenVideo, StreamKind, Ticket};
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    CameraCommand, Config,
    relay::{Misfit, Relay, SeatNumber},
    ticket::{StreamKey, TicketBook},
    uplink::Uplink,
    viewer::{Seat, Viewer},
};
use crate::{clock::Clock, store::Scope};

/// How often edges that do not answer are asked again, idle uplinks closed, and jurisdictions looked at: half of the
/// second within which a viewer must be gone.
const UPKEEP_INTERVAL: Duration = Duration::from_millis(500);

/// Why somebody may not watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchRefused {
    /// There is no such camera for this person.
    #[error("no such camera in this jurisdiction")]
    NotFound,
    /// As many players as the configuration allows are open.
    #[error("too many players are open")]
    TooMany,
}

/// Where people's players and the edges' uplinks meet. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// What the hub, its viewers and its uplinks have in common.
pub(super) struct Shared {
    config: Config,
    clock: Clock,
    registry: Arc<ArcSwap<Registry>>,
    commands: mpsc::Sender<CameraCommand>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    relays: HashMap<StreamKey, Relay>,
    tickets: TicketBook,
    next_number: u64,
    viewer_count: usize,
}

impl Hub {
    /// A hub that sends its commands to cameras through `commands`; nothing is kept up until [`Hub::run`] runs.
    pub fn new(
        config: Config,
        clock: Clock,
        registry: Arc<ArcSwap<Registry>>,
        commands: mpsc::Sender<CameraCommand>,
    ) -> Self {
        Self { shared: Arc::new(Shared { config, clock, registry, commands, state: Mutex::default() }) }
    }

    /// Keeps streams going until `stop`; then everyone's watching ends.
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => self.shared.upkeep(),
            }
        }
        self.shared.lock().relays.clear();
    }

    /// A place at a stream for this person.
    pub fn watch(&self, scope: &Scope, device: &DeviceId, stream: StreamKind) -> Result<Viewer, WatchRefused> {
        let shared = &self.shared;
        let registry = shared.registry.load();
        if !scope.covers(registry.place(device)) {
            return Err(WatchRefused::NotFound);
        }
        let key = StreamKey { device: device.clone(), stream };
        let seat = Arc::new(Seat::new(scope.clone()));
        let now = shared.clock.now().mono;
        let mut state = shared.lock();
        if state.viewer_count >= shared.config.viewers_max {
            return Err(WatchRefused::TooMany);
        }
        state.viewer_count += 1;
        let number = state.number();
        let relay = state.relays.entry(key.clone()).or_insert_with(|| Relay::new(key.clone(), now));
        relay.take_seat(number, Arc::clone(&seat));
        shared.ask_where_due(&mut state);
        metrics::gauge!("gateway_video_viewers").set(count(state.viewer_count));
        drop(state);
        Ok(Viewer { shared: Arc::clone(shared), key, number, seat })
    }

    /// Takes in a ticket; None: it is not good, or nobody wants to see its stream any more.
    pub fn redeem(&self, ticket: &str) -> Option<Uplink> {
        let ticket = Ticket::new(ticket).ok()?;
        let mut state = self.shared.lock();
        let key = state.tickets.redeem(&ticket, self.shared.clock.now().mono)?;
        let number = state.number();
        let relay = state.relays.get_mut(&key)?;
        let hang_up = CancellationToken::new();
        relay.attach(number, hang_up.clone());
        drop(state);
        Some(Uplink { shared: Arc::clone(&self.shared), key, number, hang_up })
    }
}

impl State {
    /// A number that nobody had before.
    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

impl Shared {
    fn upkeep(&self) {
        let registry = self.registry.load();
        let now = self.clock.now().mono;
        let linger_ms = self.config.linger_s * 1000;
        let mut state = self.lock();
        let State { relays, tickets, .. } = &mut *state;
        relays.retain(|key, relay| {
            let is_kept = !relay.is_idle(linger_ms, now);
            if !is_kept {
                tickets.void(key);
            }
            is_kept
        });
        for relay in relays.values_mut() {
            let place = registry.place(&relay.key().device);
            relay.dismiss(|seat| seat.scope().covers(place));
        }
        self.ask_where_due(&mut state);
        metrics::gauge!("gateway_video_streams").set(count(state.relays.len()));
    }

    /// Gives the edges of streams that nobody pushes a ticket.
    fn ask_where_due(&self, state: &mut State) {
        let now = self.clock.now().mono;
        let expires = now.plus_ms(self.config.ticket_s * 1000);
        let State { relays, tickets, .. } = state;
        for relay in relays.values_mut() {
            if !relay.ask(now) {
                continue;
            }
            let key = relay.key();
            let ticket = tickets.issue(key, rand::random(), expires);
            let open = OpenVideo { ticket, stream: key.stream };
            let value = Value::Text(serde_json::to_string(&open).unwrap_or_default().into());
            self.command(&key.device, OPEN_METRIC, value);
        }
    }

    /// Leaves a command to be sent. When the queue is full nothing waits: the stream is asked for again.
    pub(super) fn command(&self, device: &DeviceId, metric: &str, value: Value) {
        let metric = MetricName::new(metric).expect("a camera's controls have names");
        let command = CameraCommand { device: device.clone(), metric, value };
        if self.commands.try_send(command).is_err() {
            warn!(device.id = %device, "a command to a camera was dropped: too many wait");
        }
    }

    /// Lets an uplink change its relay; one whose relay is gone is being hung up and does nothing.
    pub(super) fn with_relay(
        &self,
        uplink: &Uplink,
        change: impl FnOnce(&mut Relay) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        if uplink.hang_up.is_cancelled() {
            return Ok(());
        }
        self.lock().relays.get_mut(&uplink.key).map_or(Ok(()), change)
    }

    pub(super) fn detach(&self, key: &StreamKey, uplink: u64) {
        let now = self.clock.now().mono;
        if let Some(relay) = self.lock().relays.get_mut(key) {
            relay.detach(uplink, now);
        }
    }

    pub(super) fn leave(&self, key: &StreamKey, number: SeatNumber) {
        let now = self.clock.now().mono;
        let mut state = self.lock();
        state.viewer_count = state.viewer_count.saturating_sub(1);
        metrics::gauge!("gateway_video_viewers").set(count(state.viewer_count));
        if let Entry::Occupied(mut relay) = state.relays.entry(key.clone()) {
            relay.get_mut().leave_seat(number, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is whole: a panic in between leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For a gauge.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
