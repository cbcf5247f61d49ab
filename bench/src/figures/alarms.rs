//! Alarms: one after another, and how soon they are told; ten thousand in ten seconds with people at their screens; and a
//! hundred thousand open ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant, UNIX_EPOCH},
};

use anyhow::Context as _;
use domain::id::{AlarmId, DeviceId};
use harness::{inbox::Inbox, person::Person, process::free_port};
use protocol::{
    live::LiveMessage,
    rest::{Alarm, AlarmCount, AlarmGroups, AlarmPage},
};
use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::latency::percentile;
use crate::{
    crowd::{Arrival, Crowd},
    load::Shape,
    rig::{Pace, Rig},
    station::{self, Station, TOWNSHIP},
    table::{Table, Targets, number, whole},
};

/// People who watch meanwhile.
const CLIENTS: usize = 10;
/// Lifts that go too fast one after another, so that each is told alone.
const CALM: Shape = Shape { nodes: 10, devices_per_node: 10, declared: 10, sent: 10 };
const CALM_MESSAGES_PER_S: u64 = 10;
const CALM_LASTS: Duration = Duration::from_secs(8);
/// What signs the webhook's messages.
const KEY: &str = "only for figures, nowhere else";
/// How long a lift has to be too fast before it is an alarm.
const RULE_DELAY_MS: u32 = 500;
/// Within so long a duty officer is to know.
const TOLD_TARGET_MS: f64 = 1000.0;
/// Lifts of the flood. Four of five of them go faster than the flood's registry allows.
const FLOOD: Shape = Shape { nodes: 128, devices_per_node: 100, declared: 10, sent: 10 };
const FLOOD_MESSAGES_PER_S: u64 = 1_280;
const FLOOD_LASTS: Duration = Duration::from_secs(10);
/// Makes almost every ride an overspeed, which half a second later is an alarm of severity I.
const SLOW_LIFT: &str = "rated_speed_m_per_s = 0.3";
/// Lifts with open alarms, five each.
const LIFTS: usize = 20_000;
/// Townships they stand in.
const TOWNSHIPS: [&str; 10] = [
    "500156001",
    "500156002",
    "500156003",
    "500156004",
    "500156101",
    "500156102",
    "500156104",
    "500156105",
    "500156107",
    "500156108",
];
const REQUESTS: usize = 400;
const TARGET_MS: f64 = 50.0;

/// Measures all three.
pub(crate) async fn measure(targets: &mut Targets) -> anyhow::Result<()> {
    calm(targets).await?;
    flood(targets).await?;
    many_open(targets).await
}

async fn calm(targets: &mut Targets) -> anyhow::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let inbox = Inbox::start(address).await?;
    let secrets = station::folder()?;
    let key = secrets.path().join("key");
    fs::write(&key, KEY)?;
    let settings = format!(
        "[[notify.channel]]\nname = \"program\"\nserves.townships = [\"{TOWNSHIP}\"]\nper_minute = 10_000\n\
         via.webhook = {{ url = \"http://{address}/\", secret_file = \"{}\" }}\n",
        key.display()
    );
    let (station, credentials) = Station::with_lifts(CALM, SLOW_LIFT, &settings).await?;
    let rig = Rig::set_up_on(station, credentials, CALM, 1).await?;
    rig.crowd.keep();
    let (_, rig) = rig.run(Pace::PerSecond(CALM_MESSAGES_PER_S), CALM_LASTS).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let arrivals = rig.crowd.arrivals().await;
    let seen = Seen::of(arrivals.first().context("nobody kept anything")?)?;

    let mut table =
        Table::new("Alarms of severity I, one after another: reading sent → told", &["", "alarms", "p50 ms", "p99 ms"]);
    let told = [("on a screen", seen.since_sent_ms.clone()), ("at a webhook", told_ms(&inbox, &seen)?)];
    for (name, mut ages) in told {
        ages.sort_unstable_by(f64::total_cmp);
        let p99 = percentile(&ages, 99.0);
        table.row([name.into(), whole(ages.len() as u64), number(percentile(&ages, 50.0)), number(p99)]);
        targets.at_most(&format!("reading sent → alarm {name}, p99"), p99, TOLD_TARGET_MS, "ms");
    }
    let mut since_raised = seen.ages_ms.clone();
    since_raised.sort_unstable_by(f64::total_cmp);
    table.note(format!(
        "The rule itself waits {RULE_DELAY_MS} ms of it; raised → on a screen, p50 / p99: {} ms.",
        both(&since_raised)
    ));
    table.print();
    Ok(())
}

/// How long after the sending of its reading each alarm of the screen came to the webhook.
#[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
fn told_ms(inbox: &Inbox, seen: &Seen) -> anyhow::Result<Vec<f64>> {
    let mut told = Vec::new();
    for post in inbox.posts() {
        let at = post.at.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0;
        let body = post.json();
        let notices = body["notices"].as_array().into_iter().flatten();
        let raised = notices.filter(|notice| notice["occasion"] == "raised");
        let sent = raised.filter_map(|notice| seen.sent_at_ms.get(&AlarmId(notice["subject"]["id"].as_i64()?)));
        told.extend(sent.map(|sent| at - *sent as f64));
    }
    Ok(told)
}

async fn flood(targets: &mut Targets) -> anyhow::Result<()> {
    let (station, credentials) = Station::with_lifts(FLOOD, SLOW_LIFT, "").await?;
    let rig = Rig::set_up_on(station, credentials, FLOOD, CLIENTS).await?;
    rig.crowd.keep();
    let person = rig.station.person.clone();
    let operator = tokio::spawn(async move { work(&person, FLOOD_LASTS).await });
    // The crowd keeps everything from before the flood on; warming up is part of it.
    let (run, rig) = rig.run(Pace::PerSecond(FLOOD_MESSAGES_PER_S), FLOOD_LASTS).await?;
    let Work { lists, answers, late_count } = operator.await??;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let page: AlarmPage = rig.station.person.get("/alarms?limit=500").await?;
    let arrivals = rig.crowd.arrivals().await;
    let one = arrivals.iter().max_by_key(|one| one.len()).context("nobody kept anything")?;
    let seen = Seen::of(one)?;

    let mut table = Table::new(
        format!(
            "A flood: {} lifts too fast within {} s, {CLIENTS} live clients, one of whom works",
            FLOOD.device_count(),
            FLOOD_LASTS.as_secs()
        ),
        &["", "figure", ""],
    );
    let mut row = |name: &str, figure: String, unit: &str| table.row([name.to_owned(), figure, unit.to_owned()]);
    row("alarms open afterwards, as the screen counts them", whole(seen.open_count()), "");
    row("alarms the screen holds", whole(seen.alarms.len() as u64), "");
    let shown: Vec<AlarmId> = page.alarms.iter().map(|alarm| alarm.id).collect();
    let is_right = shown.iter().all(|id| seen.alarms.contains_key(id)) && shown.len() == seen.alarms.len();
    row("the screen's list is the gateway's", if is_right { "yes" } else { "NO" }.into(), "");
    let mut ages = seen.ages_ms.clone();
    ages.sort_unstable_by(f64::total_cmp);
    row("raised → on screen, p50 / p99", both(&ages), "ms");
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let (longest_kib, kib_per_s) =
        (seen.longest as f64 / 1024.0, run.received.bytes as f64 / CLIENTS as f64 / run.seconds / 1024.0);
    row("largest message", number(longest_kib), "KiB");
    row("to each client", number(kib_per_s), "KiB/s");
    row("list, p50 / p99", both(&lists), "ms");
    row("acknowledge, p50 / p99", both(&answers), "ms");
    row("answered before it was stored", whole(late_count), "");
    row("gateway", number(run.cores.gateway), "cores");
    table.print();
    targets.at_most("list of alarms in a flood, p99", percentile(&lists, 99.0), TARGET_MS, "ms");
    targets.at_most("acknowledge in a flood, p99", percentile(&answers, 99.0), TARGET_MS, "ms");
    Ok(())
}

async fn many_open(targets: &mut Targets) -> anyhow::Result<()> {
    eprintln!("… {LIFTS} lifts with five open alarms each");
    let station = Station::start_after(&registry(), "", seed).await?;
    let crowd = Crowd::open(&station.person, CLIENTS).await?;
    let mut table = Table::new(
        format!("{} open alarms, {CLIENTS} live clients", 5 * LIFTS),
        &["through HTTP, one after another", "p50 ms", "p99 ms", "max ms"],
    );
    let township = TOWNSHIPS[3];
    let reads = [
        ("list, the first 100", "/alarms?limit=100".to_owned()),
        ("list, 100 of one township", format!("/alarms?limit=100&township={township}")),
        ("list, 100 of a township without any", "/alarms?limit=100&township=500156212".to_owned()),
        ("list, 100 of severity III", "/alarms?limit=100&severity=3".to_owned()),
        ("list, 100 that hold a word of one site", "/alarms?limit=100&search=site-7".to_owned()),
        ("list, 100 that hold a word of none", "/alarms?limit=100&search=nowhere".to_owned()),
        ("counts by township", "/overview".to_owned()),
    ];
    for (name, path) in reads {
        let times = ask(&station.person, &path).await?;
        let p99 = percentile(&times, 99.0);
        match path.as_str() {
            "/alarms?limit=100" => targets.at_most("list of alarms, 100 000 open, p99", p99, TARGET_MS, "ms"),
            "/alarms?limit=100&search=site-7" => {
                targets.at_most("search for a word, 100 000 open, p99", p99, TARGET_MS, "ms");
            }
            _ => {}
        }
        add(&mut table, name, &times);
    }
    let mut times = Vec::new();
    for _ in 0..REQUESTS / 4 {
        let started = Instant::now();
        let groups: AlarmGroups = station.person.get("/alarms/groups?by=site").await?;
        times.push(ms(started));
        anyhow::ensure!(groups.groups.len() == TOWNSHIPS.len(), "{} groups", groups.groups.len());
    }
    times.sort_unstable_by(f64::total_cmp);
    targets.at_most("groups by site, 100 000 open, p99", percentile(&times, 99.0), TARGET_MS, "ms");
    add(&mut table, "groups by site", &times);
    let pages = walk(&station.person).await?;
    add(&mut table, "list, page after page of 500", &pages);
    let answers = answer(&station.person).await?;
    targets.at_most("acknowledge, 100 000 open, p99", percentile(&answers, 99.0), TARGET_MS, "ms");
    add(&mut table, "acknowledge", &answers);
    let received = crowd.received();
    table.note(format!("A screen's snapshot is at most {:.0} KiB with it.", snapshot_kib(&station.person).await?));
    table.note(format!("{} frames were heard meanwhile.", received.frames));
    table.print();
    Ok(())
}

/// What an operator did: how long each took, sorted.
#[derive(Default)]
struct Work {
    lists: Vec<f64>,
    answers: Vec<f64>,
    /// Answers of these that only said that it was accepted.
    late_count: u64,
}

/// An operator who lists and answers for so long.
async fn work(person: &Person, lasts: Duration) -> anyhow::Result<Work> {
    let (begun, mut done) = (Instant::now(), Work::default());
    while begun.elapsed() < lasts {
        let asked = Instant::now();
        let page: AlarmPage = person.get("/alarms?limit=100&state=waiting").await?;
        done.lists.push(ms(asked));
        if let Some(alarm) = page.alarms.last() {
            let asked = Instant::now();
            let is_stored = person.ask_to_acknowledge(alarm, "").await?.is_some();
            done.answers.push(ms(asked));
            done.late_count += u64::from(!is_stored);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    done.lists.sort_unstable_by(f64::total_cmp);
    done.answers.sort_unstable_by(f64::total_cmp);
    Ok(done)
}

async fn ask(person: &Person, path: &str) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let started = Instant::now();
        let _: serde_json::Value = person.get(path).await?;
        times.push(ms(started));
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times)
}

/// The whole list, page by page.
async fn walk(person: &Person) -> anyhow::Result<Vec<f64>> {
    let (mut times, mut after, mut count) = (Vec::new(), None, 0);
    loop {
        let cursor = after.map_or_else(String::new, |after: i64| format!("&after={after}"));
        let started = Instant::now();
        let page: AlarmPage = person.get(&format!("/alarms?limit=500{cursor}")).await?;
        times.push(ms(started));
        count += page.alarms.len();
        after = page.next_after;
        if after.is_none() {
            break;
        }
    }
    anyhow::ensure!(count == 5 * LIFTS, "the pages hold {count} alarms");
    times.sort_unstable_by(f64::total_cmp);
    Ok(times)
}

async fn answer(person: &Person) -> anyhow::Result<Vec<f64>> {
    let page: AlarmPage = person.get("/alarms?limit=500&state=waiting").await?;
    let mut times = Vec::with_capacity(REQUESTS);
    for alarm in page.alarms.iter().take(REQUESTS) {
        let started = Instant::now();
        person.ask_to_acknowledge(alarm, "seen").await?;
        times.push(ms(started));
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
async fn snapshot_kib(person: &Person) -> anyhow::Result<f64> {
    let live = person.live().await?;
    Ok(serde_json::to_string(&live.snapshot.alarms)?.len() as f64 / 1024.0)
}

/// What a screen knows after these messages.
#[derive(Default)]
struct Seen {
    alarms: BTreeMap<AlarmId, Alarm>,
    counts: BTreeMap<(String, String), AlarmCount>,
    /// Every alarm that was ever held: one that comes back among the first is no news.
    known: BTreeSet<AlarmId>,
    /// Raised → on screen.
    ages_ms: Vec<f64>,
    /// When the newest measurement of each device was sent.
    measured_at_ms: BTreeMap<DeviceId, i64>,
    /// When the reading was sent that brought an alarm about.
    sent_at_ms: BTreeMap<AlarmId, i64>,
    /// That → on screen.
    since_sent_ms: Vec<f64>,
    longest: usize,
}

impl Seen {
    /// Of messages that were kept from the first on.
    fn of(arrivals: &[Arrival]) -> anyhow::Result<Self> {
        let mut seen = Self::default();
        for (at, text) in arrivals {
            seen.longest = seen.longest.max(text.len());
            let LiveMessage::Delta(delta) = serde_json::from_str(text)? else { continue };
            for device in &delta.devices {
                let measured = device.values.iter().filter(|value| value.metric.as_str().starts_with("elevator."));
                if let Some(at_ms) = measured.map(|value| value.point.at_ms).max() {
                    seen.measured_at_ms.insert(device.id.clone(), at_ms);
                }
            }
            for alarm in delta.alarms {
                seen.take(&alarm, *at);
            }
            for id in delta.displaced_alarms {
                seen.alarms.remove(&id);
            }
            for count in delta.alarm_counts {
                let key =
                    (count.township.to_string(), count.profile.as_ref().map(ToString::to_string).unwrap_or_default());
                seen.counts.insert(key, count);
            }
        }
        Ok(seen)
    }

    #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
    fn take(&mut self, alarm: &Alarm, at: f64) {
        if alarm.closed_at_ms.is_some() {
            self.alarms.remove(&alarm.id);
            return;
        }
        self.alarms.insert(alarm.id, alarm.clone());
        if self.known.insert(alarm.id) && alarm.acknowledged_at_ms.is_none() && is_too_fast(alarm) {
            self.ages_ms.push(at - alarm.raised_at_ms as f64);
            if let Some(sent) = self.measured_at_ms.get(&alarm.device) {
                self.sent_at_ms.insert(alarm.id, *sent);
                self.since_sent_ms.push(at - *sent as f64);
            }
        }
    }

    fn open_count(&self) -> u64 {
        let of = |count: &AlarmCount| {
            [count.waiting, count.answered, count.set_aside].into_iter().flatten().map(u64::from).sum::<u64>()
        };
        self.counts.values().map(of).sum()
    }
}

/// Whether this is the alarm that the load brings about: a birth may raise others.
fn is_too_fast(alarm: &Alarm) -> bool {
    alarm.rule.as_str() == "EL-04"
}

fn ms(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}

fn both(times: &[f64]) -> String {
    format!("{} / {}", number(percentile(times, 50.0)), number(percentile(times, 99.0)))
}

fn add(table: &mut Table, name: &str, times: &[f64]) {
    let longest = times.last().copied().unwrap_or(f64::NAN);
    table.row([name.to_owned(), number(percentile(times, 50.0)), number(percentile(times, 99.0)), number(longest)]);
}

fn registry() -> String {
    let mut registry = String::from("[[owner]]\nid = \"bench\"\nname = \"Bench\"\nphone = \"\"\n");
    for (number, township) in TOWNSHIPS.iter().enumerate() {
        registry += &station::registry_site(&format!("site-{number}"), township);
    }
    registry += &station::registry_device("edge", "site-0", "edge_node", "edge", "");
    for lift in 0..LIFTS {
        let site = format!("site-{}", lift % TOWNSHIPS.len());
        registry += &station::registry_device(&format!("lift-{lift}"), &site, "elevator", "edge", "");
    }
    registry
}

/// Five open alarms of every lift, as the gateway would have left them.
async fn seed(database: &Path) -> anyhow::Result<()> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", database.display())).await?;
    connection
        .execute(
            "INSERT INTO alarm (id, device_id, rule_id, severity, title_zh, title_en, cause_zh, cause_en, state, \
             raised_at_ms, occurrence_count, is_latching, late_ms) \
             SELECT ROW_NUMBER() OVER (ORDER BY rule.id, device.id), device.id, rule.id, rule.severity, \
             '演示告警标题', 'A title of usual length', '1.9 m/s > 1.7 m/s', '1.9 m/s > 1.7 m/s', \
             'active_unacknowledged', CAST(strftime('%s') AS INTEGER) * 1000, 1, 0, 0 \
             FROM device, (SELECT 'EL-02' AS id, 1 AS severity UNION ALL SELECT 'EL-04', 1 UNION ALL \
             SELECT 'EL-05', 2 UNION ALL SELECT 'EL-06', 2 UNION ALL SELECT 'EL-07', 3) AS rule \
             WHERE device.profile_id = 'elevator'; \
             INSERT INTO alarm_event (alarm_id, number, at_ms, event_time_at_ms, what, note, state, severity) \
             SELECT id, 1, raised_at_ms, raised_at_ms, 'raised', cause_zh, state, severity FROM alarm",
        )
        .await?;
    connection.close().await?;
    Ok(())
}
