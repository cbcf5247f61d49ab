//! How often somebody may try to sign in: a bucket of attempts for each account and for each network address. Pure.
//!
//! An attempt is taken out before the password is looked at, so that parallel guesses count too, and given back when it
//! was right, so that people who sign in often are never slowed down.

use std::{collections::HashMap, hash::Hash, net::IpAddr, time::Duration};

use domain::time::MonoMs;

/// How many accounts, and how many addresses, are remembered. Beyond it the full buckets are forgotten; they are as
/// good as unknown.
const REMEMBERED: usize = 10_000;

/// A bucket's size and how fast it fills again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Attempts in a row.
    pub burst: u32,
    /// Milliseconds until one more is allowed.
    pub refill_ms: u64,
}

/// Remembers who tried how often.
#[derive(Debug)]
pub struct Throttle {
    accounts: Buckets<String>,
    addresses: Buckets<IpAddr>,
}

impl Throttle {
    /// Nobody has tried yet.
    pub fn new(account: Allowance, address: Allowance) -> Self {
        Self { accounts: Buckets::new(account), addresses: Buckets::new(address) }
    }

    /// Takes an attempt out of both buckets.
    ///
    /// # Errors
    /// How long to wait, when either is empty; then nothing is taken.
    pub fn take(&mut self, account: &str, address: IpAddr, now: MonoMs) -> Result<(), Duration> {
        let account = account.to_lowercase();
        let address = network_of(address);
        let wait_ms = self.accounts.wait_ms(&account, now).max(self.addresses.wait_ms(&address, now));
        if wait_ms > 0 {
            return Err(Duration::from_millis(wait_ms));
        }
        self.accounts.take(account, now);
        self.addresses.take(address, now);
        Ok(())
    }

    /// Gives an attempt back: the password was right.
    pub fn give_back(&mut self, account: &str, address: IpAddr) {
        self.accounts.give_back(&account.to_lowercase());
        self.addresses.give_back(&network_of(address));
    }
}

/// One household or office has a whole /64 of IPv6 addresses; all of it counts as one.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            },
            IpAddr::V4,
        ),
    }
}

/// The moment at which a bucket is full again says all about it: each missing attempt is `refill_ms` of waiting.
#[derive(Debug)]
struct Buckets<Key> {
    allowance: Allowance,
    full_at: HashMap<Key, MonoMs>,
}

impl<Key: Hash + Eq> Buckets<Key> {
    fn new(allowance: Allowance) -> Self {
        Self { allowance, full_at: HashMap::new() }
    }

    fn wait_ms(&self, key: &Key, now: MonoMs) -> u64 {
        let Some(full_at) = self.full_at.get(key) else { return 0 };
        let patience_ms = u64::from(self.allowance.burst.saturating_sub(1)) * self.allowance.refill_ms;
        full_at.since_ms(now).saturating_sub(patience_ms)
    }

    fn take(&mut self, key: Key, now: MonoMs) {
        if self.full_at.len() >= REMEMBERED {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        if self.full_at.len() >= REMEMBERED
            && let Some(soonest) = self.full_at.values().min().copied()
        {
            self.full_at.retain(|_, full_at| *full_at > soonest);
        }
        let full_at = self.full_at.entry(key).or_insert(now);
        *full_at = (*full_at).max(now).plus_ms(self.allowance.refill_ms);
    }

    fn give_back(&mut self, key: &Key) {
        if let Some(full_at) = self.full_at.get_mut(key) {
            *full_at = MonoMs(full_at.0.saturating_sub(self.allowance.refill_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(Allowance { burst: 3, refill_ms: 10_000 }, Allowance { burst: 5, refill_ms: 1000 })
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_account_is_slowed_down_whoever_tries() {
        let mut throttle = throttle();
        for from in 1..=3 {
            assert_eq!(throttle.take("admin", address(from), MonoMs(0)), Ok(()));
        }
        assert_eq!(throttle.take("ADMIN", address(4), MonoMs(0)), Err(Duration::from_secs(10)));
        assert_eq!(throttle.take("admin", address(4), MonoMs(9_999)), Err(Duration::from_millis(1)));
        assert_eq!(throttle.take("admin", address(4), MonoMs(10_000)), Ok(()));
        assert_eq!(throttle.take("admin", address(4), MonoMs(10_000)), Err(Duration::from_secs(10)));
        assert_eq!(throttle.take("other", address(4), MonoMs(10_000)), Ok(()));
    }

    #[test]
    fn an_address_is_slowed_down_whatever_account_it_tries() {
        let mut throttle = throttle();
        for account in ["a", "b", "c", "d", "e"] {
            assert_eq!(throttle.take(account, address(1), MonoMs(0)), Ok(()));
        }
        assert_eq!(throttle.take("f", address(1), MonoMs(0)), Err(Duration::from_secs(1)));
        assert_eq!(throttle.take("f", address(2), MonoMs(0)), Ok(()));
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let mut throttle = throttle();
        for _ in 0..50 {
            assert_eq!(throttle.take("admin", address(1), MonoMs(0)), Ok(()));
            throttle.give_back("admin", address(1));
        }
    }

    #[test]
    fn a_v6_network_counts_as_one_address() {
        let mut throttle = throttle();
        for (n, account) in ["a", "b", "c", "d", "e"].iter().enumerate() {
            let from: IpAddr = format!("2001:db8:1:2::{n}").parse().unwrap();
            assert_eq!(throttle.take(account, from, MonoMs(0)), Ok(()));
        }
        assert!(throttle.take("f", "2001:db8:1:2:ffff::1".parse().unwrap(), MonoMs(0)).is_err());
        assert!(throttle.take("f", "2001:db8:1:3::1".parse().unwrap(), MonoMs(0)).is_ok());
        assert_eq!(network_of("::ffff:192.0.2.7".parse().unwrap()), address(7));
    }

    #[test]
    fn memory_stays_bounded() {
        let mut throttle = throttle();
        for n in 0..u32::try_from(REMEMBERED + 500).unwrap() {
            let from = IpAddr::from(n.to_be_bytes());
            assert_eq!(throttle.take(&format!("account-{n}"), from, MonoMs(u64::from(n / 100))), Ok(()));
        }
        assert!(throttle.accounts.full_at.len() <= REMEMBERED);
        assert!(throttle.addresses.full_at.len() <= REMEMBERED);
    }
}
