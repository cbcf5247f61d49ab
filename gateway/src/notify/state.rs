//! How each channel is doing: when it failed last and since when, and whether that is long enough to tell others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::time::{MonoMs, Now, UnixMs};
use protocol::rest::ChannelState;
use tokio::sync::watch;

use super::attempt::pause;
use crate::ops::health::Health;

/// Failures in a row before a channel can be dead: one may be the network's.
const FAILURES_MIN: u32 = 2;
/// What is told of in `/readyz`.
const HEALTH_PART: &str = "notify";

/// One channel's health.
#[derive(Debug, Clone, Default)]
pub struct ChannelHealth {
    /// Where it stands.
    pub state: State,
    /// When an attempt failed last; None: none has.
    pub last_failed_at: Option<UnixMs>,
    /// Why.
    pub last_error: Option<String>,
    /// Failures since the last success.
    failures: u32,
    failing_since: Option<MonoMs>,
    /// Nothing is tried before; None: at any time.
    paused_until: Option<MonoMs>,
    /// The service asked for the pause, so that not even severity I is tried.
    is_pause_asked_for: bool,
}

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing was sent yet.
    #[default]
    Untried,
    /// The last message got through.
    Works,
    /// The last message did not.
    Failing,
    /// Nothing has got through for long.
    Dead,
}

impl State {
    /// As the API calls it.
    pub const fn word(self) -> ChannelState {
        match self {
            Self::Untried => ChannelState::Untried,
            Self::Works => ChannelState::Works,
            Self::Failing => ChannelState::Failing,
            Self::Dead => ChannelState::Dead,
        }
    }
}

/// What others have to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Died,
    WorksAgain,
}

impl ChannelHealth {
    /// A message got through.
    pub(super) fn succeeded(&mut self) -> Option<News> {
        let was_dead = self.state == State::Dead;
        let (last_failed_at, last_error) = (self.last_failed_at, self.last_error.take());
        *self = Self { state: State::Works, last_failed_at, last_error, ..Self::default() };
        was_dead.then_some(News::WorksAgain)
    }

    /// A message did not, because of the channel; `wait` is what the service asks for.
    pub(super) fn failed(
        &mut self,
        why: &str,
        wait: Option<Duration>,
        spread: f64,
        dead_after: Duration,
        now: Now,
    ) -> Option<News> {
        let news = self.failed_at_target(why, dead_after, now);
        self.paused_until = Some(now.mono.plus_ms(ms(pause(self.failures, wait, spread))));
        self.is_pause_asked_for = wait.is_some();
        news
    }

    /// A message did not, because of its target: others may get through, so that nothing pauses. Should none do so for
    /// long, it was the channel after all.
    pub(super) fn failed_at_target(&mut self, why: &str, dead_after: Duration, now: Now) -> Option<News> {
        self.failures = self.failures.saturating_add(1);
        self.last_failed_at = Some(now.wall);
        self.last_error = Some(why.to_owned());
        let since = *self.failing_since.get_or_insert(now.mono);
        let is_dead = self.failures >= FAILURES_MIN && now.mono.since_ms(since) >= ms(dead_after);
        let news = (is_dead && self.state != State::Dead).then_some(News::Died);
        self.state = if is_dead || self.state == State::Dead { State::Dead } else { State::Failing };
        news
    }

    /// How long nothing is to be tried, in milliseconds; 0: something may.
    pub(super) fn paused_ms(&self, now: MonoMs) -> u64 {
        self.paused_until.map_or(0, |until| until.since_ms(now))
    }

    /// Whether the service itself asked for the pause.
    pub(super) const fn is_pause_asked_for(&self) -> bool {
        self.is_pause_asked_for
    }

    /// Whether the last message did not get through.
    pub(super) const fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Of all channels. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct States {
    channels: Arc<Mutex<BTreeMap<String, ChannelHealth>>>,
    health: Health,
    /// The names of those on which nothing gets through.
    dead: watch::Sender<BTreeSet<String>>,
}

impl States {
    /// Of channels of which these were dead when the process before ended: they are until something gets through.
    pub(super) fn new(health: Health, dead: impl IntoIterator<Item = String>) -> Self {
        let states = Self { channels: Arc::default(), health, dead: watch::Sender::default() };
        for channel in dead {
            states.change(&channel, |health| {
                *health = ChannelHealth { state: State::Dead, failures: FAILURES_MIN, ..ChannelHealth::default() };
            });
        }
        states
    }

    pub(super) fn of(&self, channel: &str) -> ChannelHealth {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).get(channel).cloned().unwrap_or_default()
    }

    /// The names of those on which nothing gets through.
    pub(super) fn dead(&self) -> BTreeSet<String> {
        self.dead.borrow().clone()
    }

    /// The same, and every change of it.
    pub(super) fn dead_changes(&self) -> watch::Receiver<BTreeSet<String>> {
        self.dead.subscribe()
    }

    /// Changes one, and tells the rest of the gateway.
    pub(super) fn change<T>(&self, channel: &str, change: impl FnOnce(&mut ChannelHealth) -> T) -> T {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let health = channels.entry(channel.to_owned()).or_default();
        let answer = change(health);
        let is_dead = if health.state == State::Dead { 1.0 } else { 0.0 };
        metrics::gauge!("gateway_notify_channel_dead", "channel" => channel.to_owned()).set(is_dead);
        let dead = channels.iter().filter(|(_, health)| health.state == State::Dead);
        let dead: BTreeSet<String> = dead.map(|(name, _)| name.clone()).collect();
        if dead.is_empty() {
            self.health.works(HEALTH_PART);
        } else {
            // People are told by the others; the gateway itself does its work.
            self.health.limps(
                HEALTH_PART,
                format!("dead: {}", dead.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
            );
        }
        self.dead.send_if_modified(|known| {
            let has_changed = *known != dead;
            *known = dead;
            has_changed
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD_AFTER: Duration = Duration::from_mins(2);

    fn now(ms: u64) -> Now {
        Now { wall: UnixMs(ms.cast_signed()), mono: MonoMs(ms) }
    }

    #[test]
    fn a_channel_is_dead_after_two_minutes_of_failures_and_that_is_told_once() {
        let mut health = ChannelHealth::default();
        let mut fail = |at| {
            let news = health.failed("no route", None, 0.5, DEAD_AFTER, now(at));
            (news, health.state, health.paused_ms(MonoMs(at)))
        };
        assert_eq!(fail(1000), (None, State::Failing, 1000));
        assert_eq!(fail(90_000), (None, State::Failing, 2000));
        assert_eq!(fail(121_000), (Some(News::Died), State::Dead, 4000));
        assert_eq!(fail(180_000), (None, State::Dead, 8000));
        assert_eq!(health.succeeded(), Some(News::WorksAgain));
        assert_eq!((health.state, health.succeeded(), health.paused_ms(MonoMs(180_000))), (State::Works, None, 0));
        assert_eq!(health.failed("no route", None, 0.5, DEAD_AFTER, now(400_000)), None, "it counts anew");
    }

    #[test]
    fn what_was_dead_when_the_process_ended_is_dead_until_something_gets_through() {
        let states = States::new(Health::default(), ["w".to_owned()]);
        let mut changes = states.dead_changes();
        assert!(states.dead().contains("w") && states.of("w").is_failing());
        let fail = |health: &mut ChannelHealth| health.failed("no route", None, 0.5, DEAD_AFTER, now(0));
        assert_eq!(states.change("w", fail), None, "that is known");
        assert!(!changes.has_changed().unwrap());
        assert_eq!(states.change("w", ChannelHealth::succeeded), Some(News::WorksAgain));
        assert!(changes.borrow_and_update().is_empty());
    }

    #[test]
    fn what_the_service_asks_for_is_kept_to() {
        let mut health = ChannelHealth::default();
        health.failed("429", Some(Duration::from_secs(30)), 0.5, DEAD_AFTER, now(0));
        assert_eq!((health.paused_ms(MonoMs(10_000)), health.is_pause_asked_for()), (20_000, true));
        health.failed("500", None, 0.5, DEAD_AFTER, now(40_000));
        assert!(!health.is_pause_asked_for());
    }
}
