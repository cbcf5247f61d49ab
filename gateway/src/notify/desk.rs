//! What of the deliveries that wait for a channel goes now, and what of it goes as one message. Pure but for its own
//! memory of what went lately.
//!
//! - Severity I goes at once, alone; only more of it than a minute holds goes as one. A part of each minute is its own.
//! - What tells the same to several audiences at one target is one message.
//! - Of one site, or one edge node, the first goes at once; what comes within the window behind it goes together when the
//!   window ends. What shares either goes as one message.
//! - A target that has had its number of messages in this minute gets all that waits for it as one.
//! - In quiet hours, the channel's or those of whom it goes to, severity III and IV wait.
//! - What was tried before goes again as the message that it was.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    alarm::Severity,
    notice::Notice,
    profile::Daily,
    time::{MonoMs, Now},
};

use super::{
    group,
    message::{Message, is_same},
};
use crate::store::{DeliveryId, WaitingDelivery};

/// Deliveries of the same matter follow each other closely: looking back so far finds them, however many wait.
const LOOK_BACK: usize = 64;
/// A minute, in milliseconds.
const MINUTE_MS: u64 = 60_000;
/// Targets that are remembered. A district has some thousands of people; what is forgotten is only when they were told.
const TARGETS_MAX: usize = 10_000;

/// What a channel keeps to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) group_ms: u64,
    /// Messages a minute to one target; None: any number.
    pub(super) per_minute: Option<u32>,
    pub(super) quiet: Option<Daily>,
}

/// A message to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) message: Message,
    pub(super) address: String,
    pub(super) deliveries: Vec<DeliveryId>,
    /// It was tried before.
    pub(super) is_again: bool,
    /// Since when the longest of them waits, by the clock that nobody sets.
    pub(super) waiting_since: domain::time::UnixMs,
}

/// How many messages may be added to those under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) ordinary: usize,
    /// For those of severity I.
    pub(super) urgent: usize,
}

/// What to do now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The gravest first.
    pub(super) now: Vec<Outgoing>,
    /// How long until something that waits may go, in milliseconds; None: nothing is held back.
    pub(super) look_again_ms: Option<u64>,
}

impl Limits {
    /// Messages of this minute that others than severity I may use up: three quarters, but one at least. A service that
    /// refuses the next message refuses every message for a minute, the one that counts included.
    const fn per_minute_ordinary(per_minute: usize) -> usize {
        let ordinary = per_minute - per_minute.div_ceil(4);
        if ordinary == 0 { per_minute } else { ordinary }
    }
}

/// When the messages of this minute went, by target. The channels of one robot share one: its service counts them together.
#[derive(Debug, Clone, Default)]
pub(super) struct Minute(Arc<Mutex<HashMap<String, Vec<MonoMs>>>>);

/// A message is alone with its target when no other went there for so long, in milliseconds: a picture without words is then
/// taken for that message's.
const ALONE_MS: u64 = 15_000;

impl Minute {
    /// Takes a place for a message that may as well not go: only of the first half of a minute, and, if it says nothing of
    /// itself, only where at most one other went lately. False: there is none.
    pub(super) fn take_spare(&self, address: &str, per_minute: Option<u32>, needs_quiet: bool, now: MonoMs) -> bool {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = sent.entry(address.to_owned()).or_default();
        times.retain(|sent| left_ms(*sent, MINUTE_MS, now) > 0);
        let lately = times.iter().filter(|sent| now.since_ms(**sent) < ALONE_MS).count();
        let has_room = per_minute.is_none_or(|per_minute| times.len() < per_minute as usize / 2);
        let is_spare = has_room && (!needs_quiet || lately <= 1);
        if is_spare {
            times.push(now);
        }
        is_spare
    }
}

/// One channel's memory.
#[derive(Debug)]
pub(super) struct Desk {
    limits: Limits,
    minute: Minute,
    /// When the last message about a site, an edge node, or whatever else groups, went, by target.
    groups: HashMap<String, HashMap<String, MonoMs>>,
}

/// Deliveries that say the same.
struct Item<'a> {
    notice: &'a Notice,
    of: Vec<&'a WaitingDelivery>,
}

impl Desk {
    pub(super) fn new(limits: Limits, minute: Minute) -> Self {
        Self { limits, minute, groups: HashMap::new() }
    }

    /// What of `waiting` goes now, as far as there is room.
    pub(super) fn plan(&mut self, waiting: &[WaitingDelivery], room: Room, now: Now) -> Plan {
        let minute = self.minute.clone();
        // Until the plan is made: what it takes of a minute, no other channel can.
        let mut sent = minute.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget(&mut sent, now.mono);
        let mut by_address: BTreeMap<&str, Vec<&WaitingDelivery>> = BTreeMap::new();
        for delivery in waiting {
            by_address.entry(&delivery.address).or_default().push(delivery);
        }
        let mut plan = Plan::default();
        let mut ready = Vec::new();
        for (address, deliveries) in by_address {
            let sent = sent.get(address).map_or(&[][..], Vec::as_slice);
            self.plan_target(address, &deliveries, sent, now, &mut ready, &mut plan);
        }
        ready.sort_by_key(|outgoing: &Outgoing| (outgoing.message.severity(), outgoing.waiting_since));
        for outgoing in ready {
            let is_urgent = outgoing.message.severity() == Severity::I;
            if plan.now.len() < if is_urgent { room.urgent } else { room.ordinary } {
                sent.entry(outgoing.address.clone()).or_default().push(now.mono);
                self.note(&outgoing, now.mono);
                plan.now.push(outgoing);
            }
        }
        plan
    }

    fn plan_target(
        &self,
        address: &str,
        deliveries: &[&WaitingDelivery],
        sent: &[MonoMs],
        now: Now,
        ready: &mut Vec<Outgoing>,
        plan: &mut Plan,
    ) {
        let known = self.groups.get(address);
        let before = ready.len();
        let mut ordinary: Vec<Vec<Item<'_>>> = Vec::new();
        let mut by_message: BTreeMap<i64, Vec<&WaitingDelivery>> = BTreeMap::new();
        let mut fresh = Vec::new();
        for delivery in deliveries {
            let is_mild = delivery.notice.severity > Severity::II;
            let mut quiet = [self.limits.quiet, delivery.quiet].into_iter().flatten();
            if let Some(quiet) = quiet.find(|quiet| is_mild && quiet.contains(now.wall)) {
                look_again(plan, quiet.until_change_ms(now.wall));
                continue;
            }
            match delivery.message {
                Some(message) => by_message.entry(message).or_default().push(delivery),
                None => fresh.push(*delivery),
            }
        }
        for of in by_message.into_values() {
            let items = items(&of);
            if items.iter().any(|item| item.notice.severity == Severity::I) {
                ready.push(outgoing(address, &items));
            } else {
                ordinary.push(items);
            }
        }
        let (mut urgent, fresh): (Vec<_>, Vec<_>) =
            items(&fresh).into_iter().partition(|item| item.notice.severity == Severity::I);
        let left =
            self.limits.per_minute.map(|limit| (limit as usize).saturating_sub(sent.len() + ready.len() - before));
        let together = match left {
            Some(left) if urgent.len() > left => urgent.split_off(left.saturating_sub(1)),
            _ => Vec::new(),
        };
        ready.extend(urgent.into_iter().map(|item| outgoing(address, &[item])));
        if !together.is_empty() {
            ready.push(outgoing(address, &together));
        }
        let mut open = Vec::new();
        for item in fresh {
            let keys = group::keys_of(item.notice);
            let last = keys.iter().filter_map(|key| known?.get(key)).max();
            let open_in_ms = last.map_or(0, |last| left_ms(*last, self.limits.group_ms, now.mono));
            if open_in_ms == 0 {
                open.push((keys, item));
            } else {
                look_again(plan, open_in_ms);
            }
        }
        ordinary.extend(group::gathered(open));
        let Some(per_minute) = self.limits.per_minute.map(|limit| limit as usize) else {
            ready.extend(ordinary.into_iter().map(|items| outgoing(address, &items)));
            return;
        };
        let urgent_count = ready.len() - before;
        let free = Limits::per_minute_ordinary(per_minute).saturating_sub(sent.len() + urgent_count);
        if ordinary.len() <= free {
            ready.extend(ordinary.into_iter().map(|items| outgoing(address, &items)));
        } else if free > 0 {
            // What was tried before stays the message that it was, so that it is recognised when it comes twice.
            let (again, fresh): (Vec<_>, Vec<_>) =
                ordinary.into_iter().partition(|items| items[0].of[0].message.is_some());
            let all: Vec<Item<'_>> = fresh.into_iter().flatten().collect();
            let together = (!all.is_empty()).then_some(all);
            let chosen = together.into_iter().chain(again).take(free);
            ready.extend(chosen.map(|items| outgoing(address, &items)));
            look_again(plan, MINUTE_MS / 60);
        } else if !ordinary.is_empty() {
            let oldest = sent.first().copied().unwrap_or(now.mono);
            look_again(plan, left_ms(oldest, MINUTE_MS, now.mono).max(1));
        }
    }

    fn note(&mut self, outgoing: &Outgoing, now: MonoMs) {
        if outgoing.is_again {
            return;
        }
        let groups = self.groups.entry(outgoing.address.clone()).or_default();
        let keys = outgoing.message.notices.iter().flat_map(group::keys_of);
        groups.extend(keys.map(|key| (key, now)));
    }

    /// Forgets what no longer holds anything back.
    fn forget(&mut self, sent: &mut HashMap<String, Vec<MonoMs>>, now: MonoMs) {
        for times in sent.values_mut() {
            times.retain(|sent| left_ms(*sent, MINUTE_MS, now) > 0);
        }
        sent.retain(|_, times| !times.is_empty());
        for groups in self.groups.values_mut() {
            groups.retain(|_, last| left_ms(*last, self.limits.group_ms, now) > 0);
        }
        self.groups.retain(|_, groups| !groups.is_empty());
        if self.groups.len() > TARGETS_MAX || sent.len() > TARGETS_MAX {
            self.groups.clear();
            sent.clear();
        }
    }
}

fn left_ms(since: MonoMs, window_ms: u64, now: MonoMs) -> u64 {
    window_ms.saturating_sub(now.since_ms(since))
}

fn look_again(plan: &mut Plan, in_ms: u64) {
    plan.look_again_ms = Some(plan.look_again_ms.map_or(in_ms, |sooner| sooner.min(in_ms)));
}

/// What tells the same is one.
fn items<'a>(deliveries: &[&'a WaitingDelivery]) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::new();
    for delivery in deliveries {
        let from = items.len().saturating_sub(LOOK_BACK);
        match items[from..].iter_mut().find(|item| is_same(item.notice, &delivery.notice)) {
            Some(item) => item.of.push(delivery),
            None => items.push(Item { notice: &delivery.notice, of: vec![delivery] }),
        }
    }
    items
}

fn outgoing(address: &str, items: &[Item<'_>]) -> Outgoing {
    let of = || items.iter().flat_map(|item| &item.of);
    let deliveries: Vec<DeliveryId> = of().map(|delivery| delivery.id).collect();
    let first = deliveries.iter().map(|delivery| delivery.0).min().unwrap_or_default();
    let tried = of().find_map(|delivery| delivery.message);
    let is_maybe_repeated = of().any(|delivery| delivery.is_maybe_repeated);
    let waiting_since = of().map(|delivery| delivery.waits_since).min().unwrap_or(domain::time::UnixMs(0));
    let notices = items.iter().map(|item| item.notice.clone());
    Outgoing {
        message: Message::new(tried.unwrap_or(first), notices, is_maybe_repeated),
        address: address.to_owned(),
        is_again: tried.is_some(),
        waiting_since,
        deliveries,
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        id::{AlarmId, NodeId, SiteId},
        notice::{Audience, Occasion, Subject},
        text::Text,
        time::UnixMs,
    };

    use super::*;

    const ROOM: Room = Room { ordinary: 9, urgent: 9 };
    const LIMITS: Limits = Limits { group_ms: 30_000, per_minute: None, quiet: None };

    /// 2026-10-01T00:00:00 in Beijing, and so many milliseconds.
    fn at(ms: u64) -> Now {
        Now { wall: UnixMs(1_790_784_000_000 + ms.cast_signed()), mono: MonoMs(ms) }
    }

    fn waiting(id: i64, site: &str, severity: Severity) -> WaitingDelivery {
        WaitingDelivery {
            id: DeliveryId(id),
            notice: Notice {
                subject: Subject::Alarm(AlarmId(id)),
                occasion: Occasion::Raised,
                severity,
                audience: Audience::Centre,
                device: None,
                site: Some(SiteId::new(site).unwrap()),
                node: None,
                matter: Text::default(),
                at: at(0).wall,
                title: Text::same(format!("alarm {id}")),
                body: Text::default(),
            },
            address: "group".into(),
            message: None,
            is_maybe_repeated: false,
            waits_since: at(0).wall,
            quiet: None,
            is_over: false,
        }
    }

    /// One of a channel that shares its minute with no other.
    fn new_desk(limits: Limits) -> Desk {
        Desk::new(limits, Minute::default())
    }

    fn ids(plan: &Plan) -> Vec<Vec<i64>> {
        plan.now.iter().map(|outgoing| outgoing.deliveries.iter().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn the_first_of_a_site_goes_at_once_and_what_follows_goes_together() {
        let mut desk = new_desk(LIMITS);
        let first = [waiting(1, "a", Severity::III), waiting(2, "a", Severity::II), waiting(3, "b", Severity::III)];
        assert_eq!(ids(&desk.plan(&first, ROOM, at(0))), [vec![1, 2], vec![3]]);
        let later = [waiting(4, "a", Severity::III), waiting(5, "a", Severity::II), waiting(6, "c", Severity::IV)];
        let plan = desk.plan(&later, ROOM, at(10_000));
        assert_eq!((ids(&plan), plan.look_again_ms), (vec![vec![6]], Some(20_000)));
        let plan = desk.plan(&later[..2], ROOM, at(30_000));
        assert_eq!((ids(&plan), plan.look_again_ms), (vec![vec![4, 5]], None));
        assert_eq!(plan.now[0].message.id, 4);
    }

    #[test]
    fn what_one_edge_node_explains_is_one_message_over_all_its_sites() {
        let mut desk = new_desk(LIMITS);
        let of = |id, site: &str, node: &str, severity| {
            let mut one = waiting(id, site, severity);
            one.notice.node = Some(NodeId::new(node).unwrap());
            one
        };
        // The valley's node and two of its three sites; a site with a node of its own; a danger to life among them.
        let all = [
            of(1, "a", "valley", Severity::III),
            of(2, "b", "valley", Severity::II),
            of(3, "c", "hill", Severity::III),
            of(4, "b", "valley", Severity::I),
        ];
        assert_eq!(ids(&desk.plan(&all, ROOM, at(0))), [vec![4], vec![1, 2], vec![3]]);
        let later = [of(5, "d", "valley", Severity::III), of(6, "a", "valley", Severity::III)];
        let plan = desk.plan(&later, ROOM, at(10_000));
        assert_eq!((ids(&plan), plan.look_again_ms), (vec![], Some(20_000)));
        assert_eq!(ids(&desk.plan(&later, ROOM, at(30_000))), [[5, 6]]);
        // A site that two nodes speak for ties them together.
        let tied =
            [of(7, "e", "east", Severity::III), of(8, "f", "west", Severity::III), of(9, "e", "west", Severity::III)];
        assert_eq!(ids(&desk.plan(&tied, ROOM, at(40_000))), [[7, 8, 9]]);
    }

    #[test]
    fn severity_one_goes_alone_and_never_waits() {
        let quiet = Some(Daily::new(0.0, 24.0 - 1e-6));
        let many: Vec<_> = (1..=5).map(|id| waiting(id, "a", Severity::I)).collect();
        let room = Room { ordinary: 0, urgent: 9 };
        let mut desk = new_desk(Limits { quiet, ..LIMITS });
        for now in [0, 1] {
            assert_eq!(ids(&desk.plan(&many, room, at(now))), [[1], [2], [3], [4], [5]]);
        }
        // What the service would refuse goes with the last that it takes; nothing waits for the next minute.
        let mut desk = new_desk(Limits { per_minute: Some(3), quiet, ..LIMITS });
        assert_eq!(ids(&desk.plan(&many, room, at(0))), [vec![1], vec![2], vec![3, 4, 5]]);
        assert_eq!(ids(&desk.plan(&many, room, at(1))), [[1, 2, 3, 4, 5]]);
    }

    #[test]
    fn what_is_mild_leaves_severity_one_its_share_of_the_minute() {
        let mut desk = new_desk(Limits { per_minute: Some(20), ..LIMITS });
        let mut sent = 0;
        for second in 0..30_i64 {
            let sites = (0..2).map(|site| second * 2 + site);
            let mild: Vec<_> = sites.map(|id| waiting(id, &format!("s{id}"), Severity::III)).collect();
            sent += desk.plan(&mild, ROOM, at(second.unsigned_abs() * 1000)).now.len();
        }
        assert_eq!(sent, 15, "a flood of three minutes' worth");
        // Five dangers to life in the same minute, with the flood still waiting: each at once, alone, and first.
        let mut both: Vec<_> = (100..110).map(|id| waiting(id, &format!("s{id}"), Severity::II)).collect();
        both.extend((201..=205).map(|id| waiting(id, "a", Severity::I)));
        let plan = desk.plan(&both, ROOM, at(40_000));
        assert_eq!(
            (ids(&plan), plan.look_again_ms),
            (vec![vec![201], vec![202], vec![203], vec![204], vec![205]], Some(20_000))
        );
        // And when the minute is over, the rest goes as one behind the next.
        both.truncate(10);
        both.push(waiting(206, "a", Severity::I));
        let plan = desk.plan(&both, ROOM, at(90_000));
        assert_eq!(ids(&plan), [vec![206], (100..110).collect()]);
    }

    #[test]
    fn what_tells_several_audiences_the_same_is_one_message() {
        let mut desk = new_desk(LIMITS);
        let centre = waiting(1, "a", Severity::I);
        let mut office = WaitingDelivery { id: DeliveryId(2), ..centre.clone() };
        office.notice.audience = Audience::Office("furong".parse().unwrap());
        let plan = desk.plan(&[centre, office], ROOM, at(0));
        assert_eq!(ids(&plan), [[1, 2]]);
        assert_eq!(plan.now[0].message.notices.len(), 1);
    }

    #[test]
    fn beyond_the_limit_of_a_minute_everything_goes_as_one() {
        // Four, of which one is kept for severity I.
        let mut desk = new_desk(Limits { per_minute: Some(4), ..LIMITS });
        let sites: Vec<_> = (1..=5).map(|id| waiting(id, &format!("s{id}"), Severity::III)).collect();
        assert_eq!(ids(&desk.plan(&sites, ROOM, at(0))), [[1, 2, 3, 4, 5]]);
        let two: Vec<_> = (6..=7).map(|id| waiting(id, &format!("s{id}"), Severity::III)).collect();
        assert_eq!(ids(&desk.plan(&two, ROOM, at(1000))), [[6], [7]]);
        let more = [waiting(8, "s8", Severity::II)];
        let plan = desk.plan(&more, ROOM, at(2000));
        assert_eq!((ids(&plan), plan.look_again_ms), (vec![], Some(58_000)));
        assert_eq!(ids(&desk.plan(&more, ROOM, at(60_000))), [[8]]);
    }

    #[test]
    fn ten_thousand_alarms_in_ten_seconds_are_a_handful_of_messages_and_all_are_told() {
        let mut desk = new_desk(Limits { per_minute: Some(20), ..LIMITS });
        let (mut queue, mut messages, mut told) = (Vec::new(), Vec::new(), 0);
        for tick in 0..2600_u64 {
            if tick < 100 {
                let ids = (tick * 100..tick * 100 + 100).map(u64::cast_signed);
                queue.extend(ids.map(|id| waiting(id, &format!("s{}", id % 500), Severity::III)));
            }
            let taken = &queue[..queue.len().min(1000)];
            for outgoing in desk.plan(taken, ROOM, at(tick * 100)).now {
                queue.retain(|one| !outgoing.deliveries.contains(&one.id));
                told += outgoing.deliveries.len();
                messages.push(tick);
            }
        }
        assert_eq!((told, queue.len()), (10_000, 0));
        let in_first_minute = messages.iter().filter(|tick| **tick < 600).count();
        assert!(in_first_minute <= 20 && messages.len() <= 40, "{messages:?}");
    }

    #[test]
    fn two_channels_of_one_robot_share_its_minute() {
        let (minute, limits) = (Minute::default(), Limits { per_minute: Some(4), ..LIMITS });
        let (mut grave, mut mild) = (Desk::new(limits, minute.clone()), Desk::new(limits, minute));
        let of = |ids: [i64; 3], severity| ids.map(|id| waiting(id, &format!("s{id}"), severity));
        assert_eq!(ids(&mild.plan(&of([1, 2, 3], Severity::III), ROOM, at(0))), [[1], [2], [3]]);
        let plan = grave.plan(&of([4, 5, 6], Severity::II), ROOM, at(1000));
        assert_eq!((ids(&plan), plan.look_again_ms), (vec![], Some(59_000)), "the service would refuse it");
        assert_eq!(ids(&grave.plan(&[waiting(7, "s7", Severity::I)], ROOM, at(2000))), [[7]], "that part is kept");
        assert_eq!(ids(&grave.plan(&of([4, 5, 6], Severity::II), ROOM, at(60_000))), [[4, 5, 6]]);
        let plan = mild.plan(&[waiting(8, "s8", Severity::III)], ROOM, at(60_500));
        assert_eq!(ids(&plan), [[8]]);
    }

    #[test]
    fn a_picture_takes_what_is_spare_and_follows_its_own_words() {
        let minute = Minute::default();
        let mut desk = Desk::new(Limits { per_minute: Some(6), ..LIMITS }, minute.clone());
        let take = |needs_quiet, ms| minute.take_spare("group", Some(6), needs_quiet, at(ms).mono);
        desk.plan(&[waiting(1, "a", Severity::I)], ROOM, at(0));
        assert!(take(true, 1000), "the second of six");
        assert!(!take(true, 2000), "two others went lately");
        assert!(take(false, 2000), "the third of six");
        assert!(!take(false, 3000), "half of the minute is for words");
        assert!(!take(true, 59_000) && take(true, 61_500), "the first two are of another minute");
        let any: Vec<bool> = (0..100).map(|ms| minute.take_spare("mail", None, false, at(ms).mono)).collect();
        assert!(any.iter().all(|is_taken| *is_taken));
    }

    #[test]
    fn quiet_hours_hold_back_what_is_mild() {
        let mut desk = new_desk(Limits { quiet: Some(Daily::new(22.0, 7.0)), ..LIMITS });
        let night = [waiting(1, "a", Severity::III), waiting(2, "b", Severity::II)];
        let plan = desk.plan(&night, ROOM, at(0));
        assert_eq!((ids(&plan), plan.look_again_ms), (vec![vec![2]], Some(7 * 3_600_000)));
        assert_eq!(ids(&desk.plan(&night[..1], ROOM, at(7 * 3_600_000))), [[1]]);
    }

    #[test]
    fn so_do_the_quiet_hours_of_a_person_for_that_person_alone() {
        let mut desk = new_desk(LIMITS);
        let of = |id, address: &str, quiet, severity| WaitingDelivery {
            address: address.into(),
            quiet,
            ..waiting(id, &format!("s{id}"), severity)
        };
        let sleeps = Some(Daily::new(23.0, 6.5));
        let night = [
            of(1, "wang", sleeps, Severity::III),
            of(2, "wang", sleeps, Severity::II),
            of(3, "li", None, Severity::III),
        ];
        let plan = desk.plan(&night, ROOM, at(0));
        assert_eq!((ids(&plan), plan.look_again_ms), (vec![vec![2], vec![3]], Some(13 * 1_800_000)));
        assert_eq!(ids(&desk.plan(&night[..1], ROOM, at(13 * 1_800_000))), [[1]]);
    }

    #[test]
    fn what_was_tried_goes_again_as_the_message_that_it_was() {
        let mut desk = new_desk(LIMITS);
        let again = |id, repeated| WaitingDelivery {
            message: Some(3),
            is_maybe_repeated: repeated,
            ..waiting(id, "a", Severity::III)
        };
        let plan = desk.plan(&[again(3, false), again(4, true), waiting(5, "a", Severity::III)], ROOM, at(0));
        assert_eq!(ids(&plan), [vec![3, 4], vec![5]]);
        assert_eq!((plan.now[0].message.id, plan.now[0].message.is_maybe_repeated), (3, true));
        assert!(plan.now[0].is_again && !plan.now[1].message.is_maybe_repeated);
    }

    #[test]
    fn without_room_the_gravest_goes_and_the_rest_keeps_its_turn() {
        let mut desk = new_desk(LIMITS);
        let both = [waiting(1, "a", Severity::III), waiting(2, "b", Severity::II)];
        let one = Room { ordinary: 1, urgent: 1 };
        assert_eq!(ids(&desk.plan(&both, one, at(0))), [[2]]);
        assert_eq!(ids(&desk.plan(&both[..1], one, at(1))), [[1]]);
        assert_eq!(ids(&desk.plan(&[], one, at(2))), Vec::<Vec<i64>>::new());
    }
}
