//! A host's side of Sparkplug for one node, as a state machine without a socket: messages in, in any order and however
//! broken; births, deaths and named values out, in the right order and only when their meaning is certain.
//!
//! Strict, with five allowances for what foreign nodes really send, each where nothing can be confused:
//! - a death whose `bdSeq` is *ahead* of the birth's counts: only one *behind* can be a late will of an older session;
//! - a device's birth without its node's birth counts for that device (and the node is asked for its birth): it names
//!   all its metrics. Until then only metrics that name themselves are read, and their order is not checked, because
//!   such devices number their messages each on their own;
//! - a device's death without `seq` counts;
//! - after lost messages, metrics that carry name and datatype themselves are read; those that lean on the birth are
//!   withheld until the next birth;
//! - a birth that keeps all its metrics in the groups `DATA/`, `ATTR/` and `CMD/` may leave them out in data.

mod birth;
mod event;
mod order;
mod settings;

use domain::{
    id::{DeviceId, MetricName},
    time::MonoMs,
};
use foldhash::HashMap;

use self::{
    birth::{Birth, bd_seq_of},
    order::{Order, Verdict},
};
pub use self::{
    birth::{Heard, Unread},
    event::{Event, Ignored, Link, RebirthReason},
    settings::Settings,
};
use super::{
    command::MetricRef,
    metric::DataType,
    outbox::{self, Gap, Hello},
    payload::Payload,
    topic::NodeVerb,
};

/// A message that may have to wait for its turn.
#[derive(Debug)]
struct Sequenced {
    verb: NodeVerb,
    device: Option<DeviceId>,
    payload: Payload,
}

#[derive(Debug)]
struct DeviceSession {
    birth: Birth,
    /// False between the node's rebirth and the device's own.
    is_born: bool,
}

/// One node as the host knows it.
#[derive(Debug)]
pub struct NodeSession {
    settings: Settings,
    link: Link,
    bd_seq: Option<u8>,
    order: Order<Sequenced>,
    node: Option<Birth>,
    devices: HashMap<DeviceId, DeviceSession>,
    /// Until when the devices have to be born again after the node's rebirth.
    rebirth_until: Option<MonoMs>,
}

impl NodeSession {
    /// A node of which nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            link: Link::Unknown,
            bd_seq: None,
            order: Order::new(settings.reorder_window),
            node: None,
            devices: HashMap::default(),
            rebirth_until: None,
        }
    }

    /// Whether the node is there.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The devices that are there.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.devices.iter().filter(|(_, session)| session.is_born).map(|(device, _)| device)
    }

    /// How to command a metric of a device, or of the node itself (None); None when no birth declared it.
    pub fn command_target(&self, device: Option<&DeviceId>, metric: &MetricName) -> Option<(MetricRef, DataType)> {
        match device {
            None => self.node.as_ref()?.command_target(metric),
            Some(device) => self.devices.get(device).filter(|session| session.is_born)?.birth.command_target(metric),
        }
    }

    /// This host lost its own connection: whatever the node says meanwhile is missed, so nothing is known any more.
    pub fn forget(&mut self) {
        *self = Self::new(self.settings);
    }

    /// Takes a message.
    pub fn receive(
        &mut self,
        verb: NodeVerb,
        device: Option<DeviceId>,
        payload: Payload,
        now: MonoMs,
        events: &mut Vec<Event>,
    ) {
        match verb {
            NodeVerb::NBirth => self.node_birth(payload, now, events),
            NodeVerb::NDeath => self.node_death(&payload, now, events),
            NodeVerb::NCmd | NodeVerb::DCmd => events.push(Event::Ignored(Ignored::Command)),
            NodeVerb::DBirth | NodeVerb::DDeath | NodeVerb::NData | NodeVerb::DData => {
                self.sequenced(Sequenced { verb, device, payload }, now, events);
            }
        }
    }

    /// When [`Self::tick`] has something to do; None: not before the next message.
    pub fn next_due(&self) -> Option<MonoMs> {
        let waiting = self.order.waiting_since().map(|since| since.plus_ms(self.settings.reorder_timeout_ms));
        [waiting, self.rebirth_until].into_iter().flatten().min()
    }

    /// Does what is due: gives up missing messages, and devices that were not born again.
    pub fn tick(&mut self, now: MonoMs, events: &mut Vec<Event>) {
        let timeout_ms = self.settings.reorder_timeout_ms;
        if self.order.waiting_since().is_some_and(|since| now.since_ms(since) >= timeout_ms) {
            self.give_up(now, events);
        }
        if self.rebirth_until.is_some_and(|until| now >= until) {
            self.rebirth_until = None;
            let missing = self.devices.extract_if(|_, session| !session.is_born);
            let mut missing: Vec<_> = missing.map(|(device, _)| device).collect();
            missing.sort_unstable();
            events.extend(missing.into_iter().map(|device| Event::DeviceDied { device }));
        }
    }

    fn node_birth(&mut self, payload: Payload, now: MonoMs, events: &mut Vec<Event>) {
        if payload.metrics.len() > self.settings.metrics_max {
            events.push(Event::Ignored(Ignored::TooMany));
            return;
        }
        self.take_held(now, events);
        let bd_seq = bd_seq_of(&payload);
        let is_rebirth = self.link == Link::Online && bd_seq == self.bd_seq;
        self.order.restart(seq_of(&payload));
        self.bd_seq = bd_seq;
        self.link = Link::Online;
        for session in self.devices.values_mut() {
            session.is_born = false;
        }
        self.rebirth_until = (!self.devices.is_empty()).then(|| now.plus_ms(self.settings.device_rebirth_ms));
        let mut unread = Vec::new();
        let outbox = Hello::read(&payload.metrics).unwrap_or_else(|error| {
            unread.push(Unread::Outbox(error));
            None
        });
        let (birth, metrics) = Birth::read(payload, &mut unread);
        self.node = Some(birth);
        events.push(Event::NodeBorn { bd_seq, is_rebirth, outbox, metrics });
        report_unread(None, unread, events);
    }

    fn node_death(&mut self, payload: &Payload, now: MonoMs, events: &mut Vec<Event>) {
        if self.link == Link::Offline {
            events.push(Event::Ignored(Ignored::RepeatedDeath));
            return;
        }
        let death = bd_seq_of(payload);
        if let (Some(birth), Some(death)) = (self.bd_seq, death)
            && matches!(birth.wrapping_sub(death), 1..=128)
        {
            events.push(Event::Ignored(Ignored::StaleDeath));
            return;
        }
        self.take_held(now, events);
        *self = Self { link: Link::Offline, bd_seq: self.bd_seq, ..Self::new(self.settings) };
        events.push(Event::NodeDied);
    }

    fn sequenced(&mut self, message: Sequenced, now: MonoMs, events: &mut Vec<Event>) {
        if self.link != Link::Online {
            self.without_node(message, events);
            return;
        }
        let Some(seq) = seq_of(&message.payload) else {
            self.unnumbered(message, events);
            return;
        };
        match self.order.offer(seq, message, now) {
            Verdict::Next(message) => self.take(message, events),
            Verdict::Held => {}
            Verdict::Late => events.push(Event::Ignored(Ignored::Late)),
            Verdict::Beyond(message) => {
                while self.order.waiting_since().is_some() {
                    self.give_up(now, events);
                }
                let lost = self.order.jump(seq);
                self.gap(lost, events);
                // More than half the range ahead may as well be an old one: it is not taken, the next in order is.
                if lost < 128 {
                    self.take(message, events);
                } else {
                    events.push(Event::Ignored(Ignored::Late));
                }
            }
        }
        self.take_ready(now, events);
    }

    fn take_ready(&mut self, now: MonoMs, events: &mut Vec<Event>) {
        while let Some(message) = self.order.take_ready(now) {
            self.take(message, events);
        }
    }

    fn give_up(&mut self, now: MonoMs, events: &mut Vec<Event>) {
        let lost = self.order.give_up();
        self.gap(lost, events);
        self.take_ready(now, events);
    }

    /// What still waits for its turn is taken, and what it waited for is counted as lost: the order begins anew. The births
    /// come by themselves.
    fn take_held(&mut self, now: MonoMs, events: &mut Vec<Event>) {
        let before = events.len();
        while self.order.waiting_since().is_some() {
            self.give_up(now, events);
        }
        let mut taken = events.split_off(before);
        taken.retain(|event| !matches!(event, Event::RebirthNeeded(_)));
        events.append(&mut taken);
    }

    /// Messages are lost, perhaps a birth among them: what leans on a birth is not certain any more.
    fn gap(&mut self, lost: u8, events: &mut Vec<Event>) {
        for birth in self.node.iter_mut().chain(self.devices.values_mut().map(|session| &mut session.birth)) {
            birth.is_certain = false;
        }
        events.push(Event::Gap { lost });
        events.push(Event::RebirthNeeded(RebirthReason::Gap));
    }

    /// A message in its turn.
    fn take(&mut self, message: Sequenced, events: &mut Vec<Event>) {
        let Sequenced { verb, device, payload } = message;
        match (verb, device) {
            (NodeVerb::DBirth, Some(device)) => self.device_birth(&device, payload, true, events),
            (NodeVerb::DDeath, Some(device)) => self.device_death(device, events),
            (NodeVerb::DData, Some(device)) => match self.devices.get(&device).filter(|session| session.is_born) {
                Some(session) => data(&session.birth, Some(device), payload, events),
                None => not_born(RebirthReason::DeviceNotBorn, events),
            },
            _ => match &self.node {
                Some(birth) => data(birth, None, payload, events),
                None => not_born(RebirthReason::NodeNotBorn, events),
            },
        }
    }

    /// A message of a node without a birth: some devices speak for themselves only.
    fn without_node(&mut self, message: Sequenced, events: &mut Vec<Event>) {
        let Sequenced { verb, device, payload } = message;
        match (verb, device) {
            (NodeVerb::DBirth, Some(device)) => self.device_birth(&device, payload, false, events),
            (NodeVerb::DDeath, Some(device)) => return self.device_death(device, events),
            (NodeVerb::DData, Some(device)) => match self.devices.get(&device) {
                Some(session) => return data(&session.birth, Some(device), payload, events),
                None => events.push(Event::Ignored(Ignored::NotBorn)),
            },
            _ => events.push(Event::Ignored(Ignored::NotBorn)),
        }
        events.push(Event::RebirthNeeded(RebirthReason::NodeNotBorn));
    }

    /// A message without a number: it cannot be put in order, so nothing that depends on order is taken from it.
    fn unnumbered(&mut self, message: Sequenced, events: &mut Vec<Event>) {
        match (message.verb, message.device) {
            (NodeVerb::DDeath, Some(device)) => self.device_death(device, events),
            _ => events.push(Event::Ignored(Ignored::Late)),
        }
    }

    fn device_birth(&mut self, device: &DeviceId, payload: Payload, is_certain: bool, events: &mut Vec<Event>) {
        let known = self.devices.get(device).map_or(0, |session| session.birth.len());
        let others = self.devices.values().map(|session| session.birth.len()).sum::<usize>() - known;
        let is_new = known == 0 && !self.devices.contains_key(device);
        if (is_new && self.devices.len() >= self.settings.devices_max)
            || others + payload.metrics.len() > self.settings.metrics_max
        {
            events.push(Event::Ignored(Ignored::TooMany));
            return;
        }
        let mut unread = Vec::new();
        let is_numbered = payload.metrics.iter().any(|metric| metric.name.as_deref() == Some(outbox::SEQ));
        let (mut birth, metrics) = Birth::read(payload, &mut unread);
        birth.is_certain = is_certain;
        self.devices.insert(device.clone(), DeviceSession { birth, is_born: true });
        events.push(Event::DeviceBorn { device: device.clone(), is_numbered, metrics });
        report_unread(Some(device), unread, events);
    }

    fn device_death(&mut self, device: DeviceId, events: &mut Vec<Event>) {
        match self.devices.remove(&device) {
            Some(_) => events.push(Event::DeviceDied { device }),
            None => events.push(Event::Ignored(Ignored::UnknownDevice)),
        }
    }
}

/// The message's number; None when it has none in 0..=255.
fn seq_of(payload: &Payload) -> Option<u8> {
    payload.seq.and_then(|seq| u8::try_from(seq).ok())
}

fn not_born(reason: RebirthReason, events: &mut Vec<Event>) {
    events.push(Event::Ignored(Ignored::NotBorn));
    events.push(Event::RebirthNeeded(reason));
}

fn data(birth: &Birth, device: Option<DeviceId>, payload: Payload, events: &mut Vec<Event>) {
    let mut unread = Vec::new();
    let number = outbox::seq_of(&payload.metrics).unwrap_or_else(|error| {
        unread.push(error.into());
        None
    });
    let gap = Gap::read(&payload.metrics).unwrap_or_else(|error| {
        unread.push(error.into());
        None
    });
    let metrics = birth.hear(payload, &mut unread);
    let is_birth_outdated = unread.iter().any(|reason| matches!(reason, Unread::Undeclared(_) | Unread::Alias(_)));
    let is_whole = !unread.contains(&Unread::Uncertain);
    report_unread(device.as_ref(), unread, events);
    if !metrics.is_empty() || number.is_some() {
        events.push(Event::Data { device, metrics, number, gap, is_whole });
    }
    if is_birth_outdated {
        events.push(Event::RebirthNeeded(RebirthReason::Undeclared));
    }
}

fn report_unread(device: Option<&DeviceId>, unread: Vec<Unread>, events: &mut Vec<Event>) {
    events.extend(unread.into_iter().map(|reason| Event::Unread { device: device.cloned(), reason }));
}

#[cfg(test)]
mod tests;
