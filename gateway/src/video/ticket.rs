//! One-time rights to push one stream of one camera. Pure: time and randomness come in.

use std::collections::HashMap;

use domain::{id::DeviceId, time::MonoMs};
use protocol::video::{StreamKind, Ticket};

/// Which stream of which camera.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StreamKey {
    pub(super) device: DeviceId,
    pub(super) stream: StreamKind,
}

/// Tickets that were given out and not used yet: at most one a stream, since a new one makes the old one void.
#[derive(Debug, Default)]
pub(super) struct TicketBook {
    open: HashMap<Ticket, (StreamKey, MonoMs)>,
}

impl TicketBook {
    /// Gives out a ticket for a stream, good until `expires`.
    pub(super) fn issue(&mut self, key: &StreamKey, random: u128, expires: MonoMs) -> Ticket {
        self.void(key);
        let ticket = Ticket::new(&format!("{random:032x}")).expect("32 hexadecimal digits are a ticket");
        self.open.insert(ticket.clone(), (key.clone(), expires));
        ticket
    }

    /// Takes a ticket in: what it is for, if it is good. It is good once.
    pub(super) fn redeem(&mut self, ticket: &Ticket, now: MonoMs) -> Option<StreamKey> {
        let (key, expires) = self.open.remove(ticket)?;
        (now < expires).then_some(key)
    }

    /// Makes the ticket of a stream void.
    pub(super) fn void(&mut self, key: &StreamKey) {
        self.open.retain(|_, (of, _)| of != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_in_time_and_until_the_next() {
        let key = |stream| StreamKey { device: DeviceId::new("camera-1").unwrap(), stream };
        let (main, sub) = (key(StreamKind::Main), key(StreamKind::Sub));
        let mut book = TicketBook::default();
        let first = book.issue(&main, 1, MonoMs(100));
        let second = book.issue(&main, 2, MonoMs(100));
        let late = book.issue(&sub, 3, MonoMs(100));
        assert_eq!(book.redeem(&first, MonoMs(1)), None, "made void by the second");
        assert_eq!(book.redeem(&second, MonoMs(99)), Some(main));
        assert_eq!(book.redeem(&second, MonoMs(99)), None, "used");
        assert_eq!(book.redeem(&late, MonoMs(100)), None, "too late");
        assert!(book.open.is_empty());
    }
}
