//! Section `[identity]` of gateway.toml.

use serde::Deserialize;

use super::throttle::Allowance;

/// How long people stay signed in, and how often they may try.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A session ends so long after signing in, in hours, however busy: a shift and its handover.
    pub session_hours: u32,
    /// A session ends after so long without use, in minutes. An open page is use.
    pub session_idle_minutes: u32,
    /// Wrong passwords in a row before an account has to wait.
    pub account_burst: u32,
    /// Seconds until an account may try once more.
    pub account_refill_s: u32,
    /// Wrong passwords in a row before a network address has to wait. Offices share one address.
    pub address_burst: u32,
    /// Seconds until a network address may try once more.
    pub address_refill_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_hours: 14,
            session_idle_minutes: 120,
            account_burst: 5,
            account_refill_s: 15,
            address_burst: 30,
            address_refill_s: 5,
        }
    }
}

impl Config {
    pub(super) fn account(&self) -> Allowance {
        Allowance { burst: self.account_burst, refill_ms: u64::from(self.account_refill_s) * 1000 }
    }

    pub(super) fn address(&self) -> Allowance {
        Allowance { burst: self.address_burst, refill_ms: u64::from(self.address_refill_s) * 1000 }
    }
}
