//! The loop: gather, evaluate, commit, take over, announce.
//!
//! When the disk is full the loop goes on without readings, then from memory ([`shortage`](super::shortage)), and every few
//! seconds looks whether there is room again ([`full_disk`]).

mod attempt;
mod full_disk;
mod unknown;

use std::{sync::Arc, time::Duration};

use domain::{
    alarm::Call,
    engine::{Action, Engine, Input, Outcome},
    id::{NodeId, SeriesId, UserName},
    notice::{Notice, Policy, Telling, notices_of},
    reading::Reading,
    registry::Registry,
};
use foldhash::HashMap;
use metrics::gauge;
use protocol::{live::Storing, rest::LedgerFigures};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use self::{attempt::Attempt, unknown::Unsettled};
use super::{
    Config, Outlet, Requests,
    announce::{self, Announced},
    answers::Answers,
    batch::Batch,
    checkpoint::{self, Checkpoints},
    shortage::{Judged, Owed, without_readings},
};
use crate::{
    clock::Clock,
    ingest::{Acknowledger, Ingested, SeriesIndex},
    ledger::Ledger,
    live::{Hub, present::Changes},
    ops::health::Health,
    store::{BatchCommit, JournalId, SeriesDefinition, Store, StoreError},
    video::Evidence,
};

/// What the pipeline works with.
pub struct Parts {
    /// Section `[pipeline]`.
    pub config: Config,
    /// The process's clocks.
    pub clock: Clock,
    /// Rules and their state, as it was after the last commit.
    pub engine: Engine,
    /// What called lately in an earlier process, in order.
    pub calls: Vec<Call>,
    /// The registry, and every change of it; the engine knows the present one.
    pub registry: watch::Receiver<Arc<Registry>>,
    /// Where everything is made true.
    pub store: Store,
    /// Who is told afterwards.
    pub live: Hub,
    /// Which number is which (device, metric).
    pub series: Arc<SeriesIndex>,
    /// Series up to this number are stored, and known to engine and live.
    pub stored_series: SeriesId,
    /// Who tells edge nodes what is committed.
    pub acknowledger: Acknowledger,
    /// Where it is counted.
    pub ledger: Ledger,
    /// Decoded messages.
    pub from_ingest: Outlet,
    /// What people do.
    pub requests: Requests,
    /// Who is told of which alarms.
    pub telling: Policy,
    /// Who keeps pictures of alarms.
    pub evidence: Evidence,
    /// Told whether batches can be stored.
    pub health: Health,
}

/// Pause after a failed commit; doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(50);
/// What is told of in [`Parts::health`].
const HEALTH_PART: &str = "store";
/// Longest pause between attempts to commit: a disk that has room again is noticed within so long.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// After so long without a commit, for whatever reason, what is decided is shown from memory: as long as a database may be
/// busy with something else.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest pause between two looks whether more can be stored.
const RECOVER_MAX: Duration = Duration::from_secs(30);

/// Why the pipeline ended although nobody asked it to. Ending the process is right then: a start reads everything anew
/// from disk.
#[derive(Debug, thiserror::Error)]
#[error("a batch can never be stored")]
pub struct PipelineError(#[source] StoreError);

/// Runs until `stop`; what was received and not committed by then is sent again by its edge.
///
/// # Errors
/// [`PipelineError`] when trying again cannot help.
pub async fn run(parts: Parts, stop: CancellationToken) -> Result<(), PipelineError> {
    let (checkpoints, portions) = Checkpoints::new(parts.config.checkpoint_s, parts.clock.now().mono);
    let announced = Announced::recalling(&parts.calls, parts.clock.now());
    let writing = tokio::spawn(checkpoint::write(parts.store.clone(), portions));
    let mut pipeline = Pipeline {
        bound_series: parts.stored_series,
        committed: parts.store.last_journal(),
        checkpoints,
        parts,
        answers: Answers::default(),
        announced,
        storing: Storing::Everything,
        owed: Owed::default(),
        judged: Judged::default(),
        unsettled: None,
        failing_since: None,
        recover_at: None,
        recover_pause: RETRY_MAX,
    };
    gauge!("gateway_storing").set(2.0);
    pipeline.take_registry();
    while let Some(mut batch) = pipeline.gather(&stop).await {
        if !pipeline.settle_timers(&mut batch, &stop).await? || !pipeline.settle(batch, &stop).await? {
            break;
        }
        pipeline.checkpoint();
    }
    if pipeline.storing == Storing::Nothing {
        // What is owed has this last chance.
        pipeline.recover(&stop).await?;
    }
    drop(pipeline);
    if let Err(error) = writing.await {
        tracing::error!(%error, "what the rules remember could not be written to the end");
    }
    Ok(())
}

struct Pipeline {
    parts: Parts,
    /// Engine and live know every series up to this one.
    bound_series: SeriesId,
    /// The newest batch that is on disk, and in the engine.
    committed: JournalId,
    checkpoints: Checkpoints,
    answers: Answers,
    announced: Announced,
    storing: Storing,
    owed: Owed,
    judged: Judged,
    /// The batch of which nobody knows whether it is stored; None: there is none, or it is still being asked for.
    unsettled: Option<Unsettled>,
    /// The first of the attempts to commit that failed since the last one that did not.
    failing_since: Option<Instant>,
    /// When to look whether more can be stored; None: everything is.
    recover_at: Option<Instant>,
    recover_pause: Duration,
}

/// What became of the readings of a batch.
#[derive(Debug, Clone, Copy)]
enum Readings {
    /// They are on disk, and their edge nodes are told.
    Stored,
    /// Their edge nodes are to send them again.
    Refused,
    /// Nobody knows; [`Unsettled`] will.
    Unknown,
}

impl Pipeline {
    /// The next batch: opened by a message, a request or a due timer; closed by its size, an action, or `linger_ms`.
    async fn gather(&mut self, stop: &CancellationToken) -> Option<Batch> {
        let mut batch = Batch::default();
        let checkpoint = if self.storing == Storing::Everything { self.checkpoints.due() } else { None };
        let due = [self.parts.engine.next_due(), checkpoint].into_iter().flatten().min();
        let due = due.map(|due| self.parts.clock.instant_of(due));
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            Ok(()) = self.parts.registry.changed() => {
                // Waiting has marked it seen; what settles the batch takes it over only if it is news.
                self.parts.registry.mark_changed();
                return Some(batch);
            }
            waiting = self.parts.requests.0.recv() => batch.waiting.push(waiting?),
            () = until(self.recover_at) => return Some(batch),
            message = self.parts.from_ingest.recv(), if !self.owed.is_full() => self.add(&mut batch, message?),
            () = until(due) => return Some(batch),
        }
        let close_at = Instant::now() + Duration::from_millis(self.parts.config.linger_ms);
        while batch.readings.len() + batch.judged.len() < self.parts.config.batch_readings {
            self.take_requests(&mut batch);
            if !batch.waiting.is_empty() {
                break;
            }
            match timeout_at(close_at, self.parts.from_ingest.recv()).await {
                Ok(Some(message)) => self.add(&mut batch, message),
                Ok(None) | Err(_) => break,
            }
        }
        Some(batch)
    }

    /// What people have asked for by now.
    fn take_requests(&mut self, batch: &mut Batch) {
        batch.waiting.extend(std::iter::from_fn(|| self.parts.requests.0.try_recv().ok()));
    }

    fn add(&self, batch: &mut Batch, message: Ingested) {
        let is_judged = self.judged.covers(&message);
        batch.add(message, is_judged);
    }

    /// Many timers that are due at once are settled in portions before the batch is, with what people do meanwhile. False:
    /// stopped before that.
    async fn settle_timers(&mut self, batch: &mut Batch, stop: &CancellationToken) -> Result<bool, PipelineError> {
        while self.parts.engine.is_crowded(self.parts.clock.now().mono) {
            let mut portion = Batch::default();
            portion.waiting.append(&mut batch.waiting);
            self.take_requests(&mut portion);
            if stop.is_cancelled() || !self.settle(portion, stop).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decides and commits, again and again until it is stored or shown from memory. False: stopped before that.
    async fn settle(&mut self, mut batch: Batch, stop: &CancellationToken) -> Result<bool, PipelineError> {
        if self.recover_at.is_some_and(|at| at <= Instant::now()) && !self.recover(stop).await? {
            return Ok(false);
        }
        let new_series = self.bind_new_series();
        if self.parts.registry.has_changed().unwrap_or(false) {
            self.take_registry();
        }
        batch.waiting = self.answers.answer_repeated(batch.waiting);
        let actions: Vec<Action> = batch.waiting.iter().map(|one| one.action.clone()).collect();
        let readings: Arc<[Reading]> = std::mem::take(&mut batch.readings).into();
        let to_store = match std::mem::take(&mut batch.judged) {
            judged if judged.is_empty() => Arc::clone(&readings),
            judged => readings.iter().cloned().chain(judged).collect(),
        };
        let outboxes = std::mem::take(&mut batch.outboxes);
        let mut retry = RETRY_MIN;
        loop {
            let now = self.parts.clock.now();
            let input = Input { readings: &readings, links: &batch.links, actions: &actions };
            let outcome = self.parts.engine.evaluate(&input, now);
            let whole = Arc::new(BatchCommit {
                received: now.wall,
                new_series: new_series.clone(),
                readings: Arc::clone(&to_store),
                transitions: outcome.transitions.clone(),
                service: outcome.service.clone(),
                notices: self.notices(&outcome),
                discovered: batch.discovered.clone(),
                outboxes: outboxes.clone(),
            });
            let commit = match self.storing {
                Storing::Everything => Arc::clone(&whole),
                Storing::AlarmsOnly => Arc::new(without_readings(&whole)),
                Storing::Nothing => {
                    self.owed.add(&whole);
                    self.take_over(outcome, batch, &whole, Readings::Refused);
                    return Ok(true);
                }
            };
            let attempt = if is_empty(&commit) { Attempt::Stored } else { self.attempt(&commit, stop).await? };
            match attempt {
                Attempt::Stored => {
                    self.take_over(outcome, batch, &whole, self.readings_if_stored());
                    return Ok(true);
                }
                Attempt::Full if self.storing == Storing::Everything => {
                    self.parts.store.release_reserve();
                    self.store_only(Storing::AlarmsOnly);
                }
                Attempt::Full => self.store_only(Storing::Nothing),
                Attempt::Failed if self.failing_since.is_some_and(|since| since.elapsed() >= PATIENCE) => {
                    self.store_only(Storing::Nothing);
                }
                Attempt::Failed => tokio::select! {
                    () = stop.cancelled() => return Ok(false),
                    () = tokio::time::sleep(retry) => retry = (retry * 2).min(RETRY_MAX),
                },
                Attempt::Unknown(journal) => {
                    // What was refused beforehand is not in it, and counts as refused.
                    let (readings, figures) = match self.readings_if_stored() {
                        Readings::Stored => (Readings::Unknown, batch.figures.clone()),
                        refused => (refused, HashMap::default()),
                    };
                    self.unsettled = Some(Unsettled { journal, commit, figures });
                    self.store_only(Storing::Nothing);
                    self.take_over(outcome, batch, &whole, readings);
                    return Ok(true);
                }
                Attempt::Stopped => return Ok(false),
            }
        }
    }

    /// Who has to be told of an outcome.
    fn notices(&self, outcome: &Outcome) -> Vec<Notice> {
        let engine = &self.parts.engine;
        let (registry, profiles, policy) = (engine.registry(), engine.profiles(), &self.parts.telling);
        let telling = Telling { registry, profiles, policy };
        notices_of(&telling, &outcome.transitions, |alarm| engine.open_alarm(alarm))
    }

    /// What is on disk becomes true in memory, on screens, and for those who wait. While not everything can be stored, what
    /// is not becomes so too, and is marked.
    fn take_over(&mut self, outcome: Outcome, batch: Batch, whole: &BatchCommit, readings: Readings) {
        let is_stored = self.storing != Storing::Nothing;
        if let Some(by_ms) = outcome.clock_put_right_ms {
            tracing::warn!(by_ms, "the clock was wrong at the start; rules go by the right one from now on");
        }
        for transition in &outcome.transitions {
            tracing::info!(alarm.id = transition.alarm.0, device.id = %transition.device, rule.id = %transition.rule,
                severity = ?transition.severity, what = ?transition.what, state = ?transition.state, is_stored,
                by = transition.by.as_ref().map(UserName::as_str), "alarm");
        }
        self.checkpoints.note(!outcome.delta.is_empty());
        self.parts.engine.apply(outcome.delta);
        match readings {
            Readings::Stored => self.tell_edges(whole, &batch.figures),
            Readings::Refused => self.refuse(&batch, whole),
            Readings::Unknown => {}
        }
        let registry = Arc::clone(&self.parts.registry.borrow());
        let alarms = self.announced.follow(&outcome.transitions, &registry, is_stored, self.parts.clock.now().mono);
        let mut values = announce::values(&batch.present);
        values.extend(announce::values(&whole.readings));
        self.parts.live.publish(Changes {
            values,
            links: announce::links(&batch.links, &registry),
            alarms: alarms.clone(),
            ..Changes::default()
        });
        self.parts.evidence.follow(&outcome.transitions, &alarms, &registry);
        // Last, so that whoever is answered finds on every screen what the answer says.
        self.answers.answer(batch.waiting, &outcome.rejected, &alarms);
    }

    /// What becomes of a batch's readings when what is stored at present was committed.
    fn readings_if_stored(&self) -> Readings {
        if self.storing == Storing::Everything { Readings::Stored } else { Readings::Refused }
    }

    /// The edge nodes may forget what a batch held, and the ledger counts it.
    fn tell_edges(&self, commit: &BatchCommit, figures: &HashMap<NodeId, LedgerFigures>) {
        self.parts.acknowledger.committed(&commit.outboxes);
        self.parts.ledger.reported(&commit.outboxes);
        for (node, figures) in figures {
            self.parts.ledger.note(node, commit.received, figures);
        }
    }

    /// Writes down the next portion of what the rules remember, when it is time and there is room for it.
    fn checkpoint(&mut self) {
        if self.storing != Storing::Everything {
            return;
        }
        self.checkpoints.write_due(&self.parts.engine, self.committed, self.parts.clock.now());
    }

    /// Tells engine and live of the series that appeared since; they are also the ones to be stored.
    fn bind_new_series(&mut self) -> Vec<SeriesDefinition> {
        let new = self.parts.series.definitions_above(self.bound_series);
        if new.is_empty() {
            return new;
        }
        for definition in &new {
            self.parts.engine.bind_series(definition.id, definition.device.clone(), definition.metric.clone());
            self.bound_series = definition.id;
        }
        let series = new.iter().map(|new| (new.id, new.device.clone(), new.metric.clone())).collect();
        self.parts.live.publish(Changes { series, ..Changes::default() });
        new
    }

    /// From here on, devices are judged by, and alarms carry the names of, the newest registry.
    fn take_registry(&mut self) {
        let registry = Arc::clone(&self.parts.registry.borrow_and_update());
        self.parts.engine.set_registry(Arc::clone(&registry), self.parts.clock.now());
        let alarms = self.announced.rename(self.parts.engine.open_alarms(), &registry);
        self.parts.live.publish(Changes { registry: Some(registry), alarms, ..Changes::default() });
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn is_empty(commit: &BatchCommit) -> bool {
    let BatchCommit { received: _, new_series, readings, transitions, service, notices, discovered, outboxes } = commit;
    new_series.is_empty()
        && readings.is_empty()
        && transitions.is_empty()
        && service.is_empty()
        && notices.is_empty()
        && discovered.is_empty()
        && outboxes.is_empty()
}
