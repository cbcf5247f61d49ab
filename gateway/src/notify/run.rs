//! The tasks: one finds out where notices go, one a channel sends what waits for it. A channel that hangs or fails holds
//! up nobody but itself.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    alarm::Severity,
    notice::{Occasion, Policy},
    registry::Registry,
    time::UnixMs,
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Channels, Config, Notifier,
    attempt::{Failure, Verdict},
    channel::Channel,
    desk::{Desk, Limits, Minute, Outgoing, Room},
    message::channel_notice,
    picture::Pictures,
    route::{Known, Routes},
    state::{News, States},
};
use crate::{
    clock::Clock,
    ops::health::Health,
    store::{Attempt, AttemptOutcome, DeliveryId, NewDelivery, NoticeId, Store, StoreError, WaitingDelivery},
    video::Evidence,
};

/// Notices that are addressed in one transaction.
const NOTICES_AT_ONCE: u32 = 200;
/// Deliveries that are looked at together: so many may become one message.
const DELIVERIES_AT_ONCE: u32 = 1000;
/// Attempts of one channel under way at a time.
const UNDER_WAY_MAX: usize = 8;
/// The same with those of severity I, which do not wait for the others.
const UNDER_WAY_URGENT_MAX: usize = 24;
/// Pause after the database failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long attempts under way may take when the gateway stops. What is cut off goes again, marked.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// A target that cannot be reached is tried again after as long as it has waited already, but within these bounds.
const TARGET_PAUSE_MS: (i64, i64) = (5000, 600_000);

/// What telling people works with.
pub struct Parts {
    /// Section `[notify]`.
    pub config: Config,
    /// The channels of that section.
    pub channels: Channels,
    /// The process's clocks.
    pub clock: Clock,
    /// Where notices and deliveries are.
    pub store: Store,
    /// The registry, and every change of it.
    pub registry: watch::Receiver<Arc<Registry>>,
    /// The pictures of alarms.
    pub evidence: Evidence,
    /// Told whether every channel works.
    pub health: Health,
}

impl Config {
    /// Who is told of which alarms at once.
    pub fn policy(&self) -> Policy {
        self.tell.into()
    }
}

/// Starts the tasks; they end after `stop`, when what is under way has come to an end.
///
/// # Errors
/// [`StoreError`] when what an earlier process left cannot be settled.
pub async fn start(parts: Parts, stop: &CancellationToken) -> Result<(Notifier, JoinSet<()>), StoreError> {
    let Parts { config, channels, clock, store, registry, evidence, health } = parts;
    let names = channels.list.iter().map(|channel| channel.name().to_owned()).collect();
    store.settle_attempts(names, clock.steady()).await?;
    let dead = store.dead_channels().await?.into_iter();
    let dead = dead.filter(|name| channels.list.iter().any(|channel| channel.name() == name));
    let states = States::new(health, dead);
    let channels = Arc::new(channels);
    let (bell, wake) = watch::channel(0_u64);
    let mut tasks = JoinSet::new();
    // A robot's minute is the same by whichever channel it speaks.
    let mut minutes: HashMap<&str, Minute> = HashMap::new();
    for channel in &channels.list {
        let limits = Limits {
            group_ms: config.group_s.saturating_mul(1000),
            per_minute: channel.per_minute(),
            quiet: channel.quiet(),
        };
        let minute = channel.robot().map_or_else(Minute::default, |robot| minutes.entry(robot).or_default().clone());
        let sender = Sender {
            channel: Arc::clone(channel),
            pictures: Pictures::new(evidence.clone(), registry.clone(), minute.clone()),
            store: store.clone(),
            clock,
            states: states.clone(),
            dead_after: Duration::from_secs(config.dead_after_s),
            give_up_ms: i64::from(config.give_up_h) * 3_600_000,
        };
        tasks.spawn(sender.run(Desk::new(limits, minute), wake.clone(), stop.clone()));
    }
    let addresser = Addresser {
        channels: Arc::clone(&channels),
        store: store.clone(),
        clock,
        registry,
        states: states.clone(),
        bell,
    };
    tasks.spawn(addresser.run(stop.clone()));
    Ok((Notifier { store, channels, states, clock }, tasks))
}

/// Finds out where notices go.
struct Addresser {
    channels: Arc<Channels>,
    store: Store,
    clock: Clock,
    registry: watch::Receiver<Arc<Registry>>,
    states: States,
    /// Rung when there is something to send.
    bell: watch::Sender<u64>,
}

impl Addresser {
    async fn run(self, stop: CancellationToken) {
        let mut changes = self.store.notice_changes();
        loop {
            changes.mark_unchanged();
            let outcome = self.address_all().await;
            self.bell.send_modify(|count| *count += 1);
            let pause = match outcome {
                Ok(()) => None,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "notices could not be addressed");
                    Some(STORE_PAUSE)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = changes.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    async fn address_all(&self) -> Result<(), StoreError> {
        loop {
            let notices = self.store.notices_to_address(NOTICES_AT_ONCE).await?;
            if notices.is_empty() {
                return Ok(());
            }
            let ids: Vec<NoticeId> = notices.iter().map(|(id, _)| *id).collect();
            let targets = self.store.targets_of(&ids).await?;
            let assignees = self.store.assignees_told(&ids).await?;
            let contacts = self.store.contacts().await?;
            let registry = Arc::clone(&self.registry.borrow());
            let now = self.clock.now().wall;
            let on_duty = self.store.on_duty(now).await?;
            let routes = Routes {
                channels: &self.channels.list,
                contacts: &contacts,
                registry: &registry,
                on_duty: &on_duty,
                dead: &self.states.dead(),
                now,
            };
            let mut deliveries: Vec<NewDelivery> = Vec::new();
            let mut looked_at = Vec::with_capacity(notices.len());
            for (id, notice) in &notices {
                let targets = targets.get(id).map_or(&[][..], Vec::as_slice);
                let known = Known { targets, assignee: assignees.get(id) };
                deliveries.extend(routes.deliveries(*id, notice, known));
                looked_at.push((*id, targets.iter().filter(|target| target.is_lost).count()));
            }
            self.store.address_notices(looked_at, deliveries, now, self.clock.steady()).await?;
            self.bell.send_modify(|count| *count += 1);
        }
    }
}

/// Sends what waits for one channel.
#[derive(Clone)]
struct Sender {
    channel: Arc<Channel>,
    pictures: Pictures,
    store: Store,
    clock: Clock,
    states: States,
    dead_after: Duration,
    give_up_ms: i64,
}

impl Sender {
    async fn run(self, mut desk: Desk, mut wake: watch::Receiver<u64>, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        while !stop.is_cancelled() {
            wake.mark_unchanged();
            let pause = match self.round(&mut desk, &mut under_way).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        channel = self.channel.name(),
                        "what waits for a channel could not be taken up"
                    );
                    Some(STORE_PAUSE)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                changed = wake.changed() => if changed.is_err() { break },
                Some(ended) = under_way.join_next() => ended.expect("sending does not panic"),
                () = sleep(pause) => {}
            }
        }
        // An outcome is better noted than unknown, but the gateway does not wait for a dead service to stop.
        let last = async { while under_way.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_PATIENCE, last).await.is_err() {
            under_way.shutdown().await;
        }
    }

    /// Takes up what may go now; answers how long nothing more will, if nothing else happens.
    async fn round(&self, desk: &mut Desk, under_way: &mut JoinSet<()>) -> Result<Option<Duration>, StoreError> {
        let (now, steady) = (self.clock.now(), self.clock.steady());
        let name = self.channel.name();
        let (mut waiting, next_due) = self.store.waiting_deliveries(name, steady, now.wall, DELIVERIES_AT_ONCE).await?;
        self.pass_over(&mut waiting).await?;
        self.give_up(&mut waiting, steady).await?;
        let health = self.states.of(name);
        let paused_ms = health.paused_ms(now.mono);
        if paused_ms > 0 {
            // What endangers life and was not tried yet is tried all the same, unless the service said not to.
            waiting.retain(|one| {
                !health.is_pause_asked_for() && one.notice.severity == Severity::I && one.message.is_none()
            });
        }
        // While it fails, one message finds out whether it still does.
        let ordinary_max = if health.is_failing() { 1 } else { UNDER_WAY_MAX };
        let room = Room {
            ordinary: ordinary_max.saturating_sub(under_way.len()),
            urgent: UNDER_WAY_URGENT_MAX.saturating_sub(under_way.len()),
        };
        let plan = desk.plan(&waiting, room, now);
        let attempts = plan
            .now
            .iter()
            .map(|outgoing| Attempt { message: outgoing.message.id, deliveries: outgoing.deliveries.clone() });
        let attempts: Vec<Attempt> = attempts.collect();
        if !attempts.is_empty() {
            self.store.begin_attempts(attempts, now.wall).await?;
        }
        for outgoing in plan.now {
            under_way.spawn(self.clone().send(outgoing));
        }
        let due_ms = next_due.map(|due| due.since_ms(steady).max(1).cast_unsigned());
        let pauses = [plan.look_again_ms, due_ms, (paused_ms > 0).then_some(paused_ms)];
        Ok(pauses.into_iter().flatten().min().map(Duration::from_millis))
    }

    /// Nobody is called for what is over.
    async fn pass_over(&self, waiting: &mut Vec<WaitingDelivery>) -> Result<(), StoreError> {
        let over: Vec<DeliveryId> = waiting.iter().filter(|one| one.is_over).map(|one| one.id).collect();
        if over.is_empty() {
            return Ok(());
        }
        waiting.retain(|one| !one.is_over);
        tracing::info!(
            channel = self.channel.name(),
            count = over.len(),
            "what was over before it was told is not told"
        );
        self.count("over");
        self.store.pass_over(over).await
    }

    /// What has waited for too long is given up.
    async fn give_up(&self, waiting: &mut Vec<WaitingDelivery>, steady: UnixMs) -> Result<(), StoreError> {
        let is_over = |one: &WaitingDelivery| steady.since_ms(one.waits_since) >= self.give_up_ms;
        let over: Vec<DeliveryId> = waiting.iter().filter(|one| is_over(one)).map(|one| one.id).collect();
        if over.is_empty() {
            return Ok(());
        }
        waiting.retain(|one| !is_over(one));
        let error = self.states.of(self.channel.name()).last_error.unwrap_or_else(|| "its time is up".into());
        tracing::error!(channel = self.channel.name(), count = over.len(), error, "deliveries are given up");
        self.count("given_up");
        self.store.end_attempt(over, AttemptOutcome::GivenUp { error }, self.clock.now().wall).await
    }

    async fn send(self, outgoing: Outgoing) {
        let name = self.channel.name();
        let started = Instant::now();
        let outcome = self.channel.send(&outgoing.message, &outgoing.address, self.clock).await;
        let (written, news) = match outcome {
            Ok(receipt) => {
                let late_ms = self.clock.steady().since_ms(outgoing.waiting_since).max(0);
                tracing::info!(
                    channel = name,
                    message.id = outgoing.message.id,
                    count = outgoing.deliveries.len(),
                    late_ms,
                    took_ms = started.elapsed().as_millis(),
                    "people are told"
                );
                self.count("sent");
                metrics::histogram!("gateway_notify_seconds", "channel" => name.to_owned())
                    .record(Duration::from_millis(late_ms.cast_unsigned()).as_secs_f64());
                self.pictures.follow(&self.channel, outgoing.message.clone(), outgoing.address.clone(), self.clock);
                (AttemptOutcome::Sent { receipt }, self.states.change(name, super::state::ChannelHealth::succeeded))
            }
            Err(Failure { why, verdict }) => {
                tracing::warn!(
                    channel = name,
                    message.id = outgoing.message.id,
                    error = why,
                    ?verdict,
                    "a message was not sent"
                );
                self.failed(&outgoing, why, verdict)
            }
        };
        self.note(outgoing.deliveries, written).await;
        if let Some(news) = news {
            self.tell(news).await;
        }
    }

    fn failed(&self, outgoing: &Outgoing, why: String, verdict: Verdict) -> (AttemptOutcome, Option<News>) {
        let (name, now, steady) = (self.channel.name(), self.clock.now(), self.clock.steady());
        let dead_after = self.dead_after;
        match verdict {
            Verdict::Refused => {
                self.count("refused");
                (AttemptOutcome::Failed { error: why }, None)
            }
            Verdict::Channel { wait, is_outcome_unknown } => {
                self.count(if is_outcome_unknown { "unknown" } else { "failed" });
                let spread = rand::random::<f64>();
                let news = self.states.change(name, |health| health.failed(&why, wait, spread, dead_after, now));
                let again = AttemptOutcome::Again { due: steady, error: why, is_maybe_repeated: is_outcome_unknown };
                (again, news)
            }
            Verdict::Target => {
                self.count("failed");
                let news = self.states.change(name, |health| health.failed_at_target(&why, dead_after, now));
                let (least, most) = TARGET_PAUSE_MS;
                let waited_ms = steady.since_ms(outgoing.waiting_since).clamp(least, most);
                let due = steady.plus_ms(waited_ms);
                (AttemptOutcome::Again { due, error: why, is_maybe_repeated: false }, news)
            }
        }
    }

    /// Notes the outcome, again and again until it is written: without it the message would go twice.
    async fn note(&self, deliveries: Vec<DeliveryId>, outcome: AttemptOutcome) {
        loop {
            let now = self.clock.now().wall;
            match self.store.end_attempt(deliveries.clone(), outcome.clone(), now).await {
                // A closed store marks it as maybe repeated at the next start.
                Ok(()) | Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the outcome of a message is not noted");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// Tells by the other channels that this one has died, or works again.
    async fn tell(&self, news: News) {
        let name = self.channel.name();
        let occasion = match news {
            News::Died => Occasion::ChannelDead,
            News::WorksAgain => Occasion::ChannelWorks,
        };
        let why = self.states.of(name).last_error.unwrap_or_default();
        tracing::error!(channel = name, ?news, error = why, "a channel has changed");
        let notice = channel_notice(name, occasion, &why, self.clock.now().wall);
        if let Err(error) = self.store.write_notices(vec![notice]).await {
            tracing::error!(error = &error as &dyn std::error::Error, "nobody is told of a channel's state");
        }
    }

    fn count(&self, outcome: &'static str) {
        let channel = self.channel.name().to_owned();
        metrics::counter!("gateway_notify_messages_total", "channel" => channel, "outcome" => outcome).increment(1);
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
