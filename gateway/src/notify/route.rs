//! Which notice goes by which channel to which address. Pure.

use std::sync::Arc;

use domain::{
    access::Role,
    id::UserId,
    notice::{Audience, Notice},
    registry::Registry,
};

use super::channel::{Channel, is_phone};
use crate::store::{Contact, NewDelivery, NoticeId};

/// What decides where a notice goes.
pub(super) struct Routes<'a> {
    pub(super) channels: &'a [Arc<Channel>],
    /// Everybody who can be reached.
    pub(super) contacts: &'a [Contact],
    pub(super) registry: &'a Registry,
}

impl Routes<'_> {
    /// The deliveries of a notice, each target of a channel once; empty: nobody can be reached.
    pub(super) fn deliveries(&self, id: NoticeId, notice: &Notice) -> Vec<NewDelivery> {
        let carrying = self.channels.iter().filter(|channel| channel.carries(notice));
        let of_channel = |channel: &Arc<Channel>| {
            let channel_name = channel.name().to_owned();
            let targets = self.targets(channel, &notice.audience).into_iter();
            targets.map(move |(address, account)| {
                let channel = channel_name.clone();
                NewDelivery { notice: id, channel, address, account, severity: notice.severity }
            })
        };
        carrying.flat_map(of_channel).collect()
    }

    /// Where a channel reaches an audience, each address once, in the order in which they are told.
    fn targets(&self, channel: &Channel, audience: &Audience) -> Vec<(String, Option<UserId>)> {
        let of_audience = self.contacts.iter().filter(|contact| is_of(contact, audience));
        let people = of_audience.filter_map(|contact| Some((channel.address_of(contact)?, Some(contact.account))));
        let places = channel.places(audience).into_iter().map(|address| (address, None));
        let mut targets: Vec<(String, Option<UserId>)> = Vec::new();
        for target in people.chain(places) {
            if !targets.iter().any(|(address, _)| *address == target.0) {
                targets.push(target);
            }
        }
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
