//! Alarms through all of it: gas rises, until the alarm is there; somebody answers; it falls, until the alarm is over; and
//! again. However often the gateway was killed on the way, during the delay or between deciding and telling: so often the
//! alarm was raised, once each time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use harness::person::Person;
use protocol::rest::{Alarm, AlarmDetail, AlarmEventKind, AlarmPage};

const DEVICE: &str = "gas-north";
/// After two seconds above 20 %.
const RULE: &str = "GA-02";
/// In % LEL.
const LOW: u32 = 1;
const HIGH: u32 = 25;
/// A later one tells of the past: what an agent took by a clock that was hours behind and could not send in time, in
/// milliseconds.
const LATE_MS: u64 = 600_000;
/// How often the list is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// What the detector measures, and whether it is to go on.
#[derive(Debug, Clone)]
pub(super) struct Gas {
    level: Arc<AtomicU32>,
    is_over: Arc<AtomicBool>,
}

impl Gas {
    pub(super) fn new() -> Self {
        Self { level: Arc::new(AtomicU32::new(LOW)), is_over: Arc::default() }
    }

    /// In % LEL.
    pub(super) fn level(&self) -> f64 {
        f64::from(self.level.load(Ordering::Relaxed))
    }

    /// No further alarm is begun.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Raises alarms, one after another, and answers them as `operator`; how many, when it is over.
    pub(super) async fn rise_and_fall(self, operator: Person) -> usize {
        let mut count = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            self.level.store(HIGH, Ordering::Relaxed);
            let alarm = until(&operator, |alarm| alarm.is_some_and(|alarm| alarm.returned_at_ms.is_none())).await;
            let alarm = alarm.expect("it was found");
            while !is_answered(&operator).await {
                // Refused or unanswered, the list says what became of it.
                operator.acknowledge(&alarm, "收到").await.ok();
            }
            self.level.store(LOW, Ordering::Relaxed);
            until(&operator, |alarm| alarm.is_none()).await;
            count += 1;
        }
        count
    }
}

/// The open alarm; None: the gateway did not answer.
async fn open(operator: &Person) -> Option<Option<Alarm>> {
    let page: AlarmPage = operator.get(&format!("/alarms?state=open&device={DEVICE}&limit=500")).await.ok()?;
    Some(page.alarms.into_iter().find(is_of_gas))
}

fn is_of_gas(alarm: &Alarm) -> bool {
    alarm.rule.as_str() == RULE && alarm.late_ms < LATE_MS
}

async fn until(operator: &Person, is_so: impl Fn(Option<&Alarm>) -> bool) -> Option<Alarm> {
    loop {
        if let Some(alarm) = open(operator).await
            && is_so(alarm.as_ref())
        {
            return alarm;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn is_answered(operator: &Person) -> bool {
    open(operator).await.is_some_and(|alarm| alarm.is_none_or(|alarm| alarm.acknowledged_at_ms.is_some()))
}

/// Checks that so many alarms were raised, each once, answered once, and over once.
pub(super) async fn check(operator: &Person, count: usize) {
    let page: AlarmPage = operator.get(&format!("/alarms?state=all&device={DEVICE}&limit=500")).await.expect("a list");
    let alarms: Vec<_> = page.alarms.iter().filter(|alarm| is_of_gas(alarm)).collect();
    assert_eq!(alarms.len(), count, "so often the gas rose: {alarms:#?}");
    for alarm in alarms {
        let detail: AlarmDetail = operator.get(&format!("/alarms/{}", alarm.id)).await.expect("a detail");
        let mut what: Vec<_> = detail.history.iter().map(|event| event.what).collect();
        // After a long outage the backlog may be heard first: the danger is told as a past one, and is there again.
        let came_late = [AlarmEventKind::Raised, AlarmEventKind::Returned, AlarmEventKind::Reoccurred];
        if alarm.late_ms > 0 && what.starts_with(&came_late) {
            what.splice(..came_late.len(), [AlarmEventKind::Raised]);
        }
        let expected = [AlarmEventKind::Raised, AlarmEventKind::Acknowledged, AlarmEventKind::Returned];
        assert_eq!(what, expected, "{:#?}", detail.history);
    }
}
