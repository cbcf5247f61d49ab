//! Kinds of signals, and the numbers that a rule over one has where it gives none of its own. They are where ISA-18.2 and
//! EEMUA 191 have a plant begin: a value that hovers about its limit is one alarm, and one that dips for a moment is none.

use serde::Deserialize;

/// What kind of signal a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// A flow.
    Flow,
    /// A level of a liquid.
    Level,
    /// A pressure.
    Pressure,
    /// A temperature.
    Temperature,
    /// What a gas or liquid consists of, such as gas in air.
    Composition,
    /// A switch, a door, a flame.
    Discrete,
}

impl Signal {
    /// How far a value must come back inside its limit, in percent of what the instrument measures over. EEMUA 191, as cited by exida;
    /// other prints have 5 for a level.
    pub const fn deadband_percent(self) -> f64 {
        match self {
            Self::Flow => 5.0,
            Self::Level | Self::Pressure => 2.0,
            Self::Temperature | Self::Composition => 1.0,
            Self::Discrete => 0.0,
        }
    }

    /// For how long a condition must hold, in seconds. ISA-18.2 for the first four; proposed here for the others, which tell
    /// of danger.
    pub const fn on_delay_s(self) -> f64 {
        match self {
            Self::Level | Self::Temperature => 60.0,
            Self::Flow | Self::Pressure => 15.0,
            Self::Composition | Self::Discrete => 0.0,
        }
    }

    /// For how long it must be gone, in seconds. Sources as for [`Self::on_delay_s`].
    pub const fn off_delay_s(self) -> f64 {
        match self {
            Self::Level | Self::Temperature | Self::Composition => 60.0,
            Self::Flow | Self::Pressure => 15.0,
            Self::Discrete => 5.0,
        }
    }
}
