//! Which notice goes by which channel to which address. Pure.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    access::Role,
    alarm::Severity,
    id::UserId,
    notice::{Audience, Notice},
    registry::Registry,
    time::UnixMs,
};
use protocol::rest::Shift;

use super::channel::{Channel, is_mobile, is_phone};
use crate::store::{Contact, NewDelivery, NoticeId};

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

/// An address, and whose it is; None: nobody's in particular.
type Target = (String, Option<UserId>);

impl Routes<'_> {
    /// The deliveries of a notice, each target of a channel once; empty: nobody can be reached.
    pub(super) fn deliveries(&self, id: NoticeId, notice: &Notice) -> Vec<NewDelivery> {
        let audience = &notice.audience;
        let carrying: Vec<&Arc<Channel>> = self.channels.iter().filter(|channel| channel.carries(notice)).collect();
        let is_theirs_alone = notice.is_for_those_on_duty()
            && carrying
                .iter()
                .any(|channel| self.is_open(channel, notice) && !self.on_duty(channel, audience).is_empty());
        let of_channel = |channel: &&Arc<Channel>| {
            let channel_name = channel.name().to_owned();
            let targets = self.targets(channel, audience, is_theirs_alone).into_iter();
            targets.map(move |(address, account)| {
                let channel = channel_name.clone();
                NewDelivery { notice: id, channel, address, account, severity: notice.severity }
            })
        };
        carrying.iter().flat_map(of_channel).collect()
    }

    /// Whether a notice goes by a channel now. By one that is dead it may never; and when the quiet hours end, others may be on
    /// duty than those of the night.
    fn is_open(&self, channel: &Channel, notice: &Notice) -> bool {
        let is_quiet = notice.severity > Severity::II && channel.quiet().is_some_and(|quiet| quiet.contains(self.now));
        !is_quiet && !self.dead.contains(channel.name())
    }

    /// Where a channel reaches an audience, each address once, in the order in which they are told. The channel's own
    /// places (a group chat, a siren) belong to everybody there.
    fn targets(&self, channel: &Channel, audience: &Audience, is_on_duty_only: bool) -> Vec<Target> {
        let colleagues = self.contacts.iter().filter(|contact| !is_on_duty_only && is_of(contact, audience));
        let colleagues = colleagues.filter_map(|contact| Some((channel.address_of(contact)?, Some(contact.account))));
        let people = self.on_duty(channel, audience).into_iter().chain(colleagues);
        let places = channel.places(audience).into_iter().map(|address| (address, None));
        let mut targets = once_each(people.chain(places));
        // The telephone number of the registry is for who has no account of their own.
        if targets.is_empty()
            && channel.kind() == "sms"
            && let Audience::Owner(owner) = audience
            && let Some(owner) = self.registry.owner(owner)
            && is_phone(&owner.phone)
        {
            targets.push((owner.phone.clone(), None));
        }
        targets
    }

    /// Where a channel reaches those of an audience who are on duty now: by their accounts, and by the mobile number that
    /// the roster itself names.
    fn on_duty(&self, channel: &Channel, audience: &Audience) -> Vec<Target> {
        let Some(post) = audience.post() else { return Vec::new() };
        let shifts = self.on_duty.iter().filter(|shift| shift.post == post);
        once_each(shifts.flat_map(|shift| {
            let account = self.contacts.iter().find(|contact| Some(&contact.user.username) == shift.username.as_ref());
            let by_account = account.and_then(|contact| Some((channel.address_of(contact)?, Some(contact.account))));
            let number = shift.phone.replace([' ', '-'], "");
            let by_roster = (channel.kind() == "sms" && is_mobile(&number))
                .then(|| (number, account.map(|contact| contact.account)));
            by_account.into_iter().chain(by_roster)
        }))
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
