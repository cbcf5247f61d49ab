//! Which notice goes by which channel to which address. Pure.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    access::Role,
    alarm::Severity,
    id::{UserId, UserName},
    notice::{Audience, Notice, Subject},
    registry::Registry,
    time::UnixMs,
};
use protocol::rest::Shift;

use super::channel::{Channel, is_mobile, is_phone};
use crate::store::{Contact, KnownTarget, NewDelivery, NoticeId};

/// What decides where a notice goes.
pub(super) struct Routes<'a> {
    pub(super) channels: &'a [Arc<Channel>],
    /// Everybody who can be reached.
    pub(super) contacts: &'a [Contact],
    pub(super) registry: &'a Registry,
    /// Who is on duty at which post now.
    pub(super) on_duty: &'a [Shift],
    /// The channels on which nothing gets through at present: they reach nobody.
    pub(super) dead: &'a BTreeSet<String>,
    pub(super) now: UnixMs,
}

/// What was decided of a notice before, and what its audience does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    /// Where it was sent already.
    pub(super) targets: &'a [KnownTarget],
    /// Of the audience, the person whose work the case is that it tells of; None: whoever is on duty, or no such news.
    pub(super) assignee: Option<&'a UserName>,
}

/// An address, and whose it is; None: nobody's in particular.
type Target = (String, Option<UserId>);

impl Known<'_> {
    fn find(&self, channel: &Channel, (address, _): &Target) -> Option<&KnownTarget> {
        self.targets.iter().find(|known| known.channel == channel.name() && known.address == *address)
    }

    fn is_lost(&self, channel: &Channel, target: &Target) -> bool {
        self.find(channel, target).is_some_and(|known| known.is_lost)
    }
}

impl Routes<'_> {
    /// The deliveries of a notice, each target of a channel once, but for those that it has already; empty: nobody can be
    /// reached.
    pub(super) fn deliveries(&self, id: NoticeId, notice: &Notice, known: Known<'_>) -> Vec<NewDelivery> {
        let carrying = self.carrying(notice);
        let is_theirs_alone = (notice.is_for_those_on_duty() || known.assignee.is_some())
            && carrying.iter().any(|channel| self.reaches_the_first(channel, notice, known));
        let of_channel = |channel: &&Arc<Channel>| {
            let targets = self.targets(channel, notice, known, is_theirs_alone).into_iter();
            let fresh = targets.filter(|target| known.find(channel, target).is_none());
            let channel_name = channel.name().to_owned();
            let delivery = move |(address, account)| {
                let channel = channel_name.clone();
                NewDelivery { notice: id, channel, address, account, severity: notice.severity }
            };
            fresh.map(delivery).collect::<Vec<_>>()
        };
        carrying.iter().flat_map(of_channel).collect()
    }

    /// The channels by which a notice goes. That a channel is dead must reach somebody: where none that works serves the centre,
    /// every other one carries it, whomever it serves, but for sirens.
    fn carrying(&self, notice: &Notice) -> Vec<&Arc<Channel>> {
        let usual: Vec<&Arc<Channel>> = self.channels.iter().filter(|channel| channel.carries(notice)).collect();
        let works = |channel: &&Arc<Channel>| !self.dead.contains(channel.name());
        if !is_about_a_channel(notice) || usual.iter().any(works) {
            return usual;
        }
        let others = self.channels.iter().filter(works);
        let others = others.filter(|channel| !channel.is_subject_of(notice) && channel.kind() != "siren");
        usual.iter().copied().chain(others).collect()
    }

    /// Whether somebody of those who are told first hears of it by that channel: not if it is lost already, nor if the
    /// channel is dead. And when the quiet hours end, others may be on duty than those of the night.
    fn reaches_the_first(&self, channel: &Channel, notice: &Notice, known: Known<'_>) -> bool {
        let is_quiet = notice.severity > Severity::II && channel.quiet().is_some_and(|quiet| quiet.contains(self.now));
        let is_open = !self.dead.contains(channel.name()) && (known.assignee.is_some() || !is_quiet);
        is_open && self.first(channel, notice, known).iter().any(|target| !known.is_lost(channel, target))
    }

    /// Where a channel reaches an audience, each address once, in the order in which they are told. The channel's own
    /// places (a group chat, a siren) belong to everybody there.
    fn targets(&self, channel: &Channel, notice: &Notice, known: Known<'_>, is_theirs_alone: bool) -> Vec<Target> {
        let audience = &notice.audience;
        let is_meant = |contact: &&Contact| {
            is_of(contact, audience) || is_about_a_channel(notice) && contact.user.role == Role::Admin
        };
        let colleagues = self.contacts.iter().filter(|_| !is_theirs_alone).filter(is_meant);
        let colleagues = colleagues.filter_map(|contact| Some((channel.address_of(contact)?, Some(contact.account))));
        // Without an assignee they are the first.
        let others_on_duty = !is_theirs_alone && known.assignee.is_some();
        let on_duty = if others_on_duty { self.on_duty(channel, audience) } else { Vec::new() };
        let people = self.first(channel, notice, known).into_iter().chain(on_duty).chain(colleagues);
        let places = channel.places(audience).into_iter().map(|address| (address, None));
        let mut targets: Vec<Target> = people.chain(places).collect();
        // The telephone number of the registry is for who has no account of their own, or none that is reached.
        if targets.iter().all(|target| known.is_lost(channel, target))
            && channel.kind() == "sms"
            && let Audience::Owner(owner) = audience
            && let Some(owner) = self.registry.owner(owner)
            && is_phone(&owner.phone)
        {
            targets.push((owner.phone.clone(), None));
        }
        once_each(targets.into_iter())
    }

    /// Where a channel reaches those who are told first: whose case it is, else those on duty.
    fn first(&self, channel: &Channel, notice: &Notice, known: Known<'_>) -> Vec<Target> {
        match known.assignee {
            Some(name) => self.person(channel, name),
            None => self.on_duty(channel, &notice.audience),
        }
    }

    /// Where a channel reaches one person: by the account, and by the number of a shift that goes on.
    fn person(&self, channel: &Channel, name: &UserName) -> Vec<Target> {
        let is_theirs = |username: &UserName| username.as_str().eq_ignore_ascii_case(name.as_str());
        let account = self.contacts.iter().find(|contact| is_theirs(&contact.user.username));
        let by_account = account.and_then(|contact| Some((channel.address_of(contact)?, Some(contact.account))));
        let shifts = self.on_duty.iter().filter(|shift| shift.username.as_ref().is_some_and(is_theirs));
        once_each(by_account.into_iter().chain(shifts.flat_map(|shift| self.of_shift(channel, shift))))
    }

    /// Where a channel reaches those of an audience who are on duty now.
    fn on_duty(&self, channel: &Channel, audience: &Audience) -> Vec<Target> {
        let Some(post) = audience.post() else { return Vec::new() };
        let shifts = self.on_duty.iter().filter(|shift| shift.post == post);
        once_each(shifts.flat_map(|shift| self.of_shift(channel, shift)))
    }

    /// Where a channel reaches the person of a shift: by the account, and by the mobile number that the roster itself names.
    fn of_shift(&self, channel: &Channel, shift: &Shift) -> impl Iterator<Item = Target> + use<> {
        let account = self.contacts.iter().find(|contact| Some(&contact.user.username) == shift.username.as_ref());
        let by_account = account.and_then(|contact| Some((channel.address_of(contact)?, Some(contact.account))));
        let number = shift.phone.replace([' ', '-'], "");
        let by_roster =
            (channel.kind() == "sms" && is_mobile(&number)).then(|| (number, account.map(|contact| contact.account)));
        by_account.into_iter().chain(by_roster)
    }
}

/// Each address once, for whoever comes first.
fn once_each(targets: impl Iterator<Item = Target>) -> Vec<Target> {
    let mut kept: Vec<Target> = Vec::new();
    for target in targets {
        if !kept.iter().any(|(address, _)| *address == target.0) {
            kept.push(target);
        }
    }
    kept
}

/// Whether a notice is about a way of telling people. Those who look after the system are told as well.
const fn is_about_a_channel(notice: &Notice) -> bool {
    matches!(notice.subject, Subject::Channel(_))
}

/// Whether a person belongs to an audience. Administrators look after the system, not after alarms.
fn is_of(contact: &Contact, audience: &Audience) -> bool {
    let user = &contact.user;
    match audience {
        Audience::Owner(id) => user.role == Role::Owner && user.owner.as_ref() == Some(id),
        Audience::Township(code) => user.role == Role::TownshipOfficer && user.township.as_ref() == Some(code),
        Audience::Office(id) => user.role == Role::OfficeOfficer && user.office.as_ref() == Some(id),
        Audience::Centre => user.role == Role::CentreOperator,
    }
}
