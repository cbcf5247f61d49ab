//! What may go wrong in the district, and the schedule that makes it come and go.
//!
//! The schedule is a function of elapsed time and a seed: two runs of the demonstration see the same day.

use std::{collections::BTreeMap, str::FromStr};

use rand::{RngExt, SeedableRng};
use serde::Deserialize;

use crate::equipment::chance::Chance;

/// One way to fail. The number in brackets is what `magnitude` means; a kind without one takes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The serial gateway answers for a device that does not (exception 0x0B).
    Unreachable,
    /// No answer at all.
    Silent,
    /// The device answers that it cannot read its own sensors (exception 0x04).
    ReadException,
    /// 门未关.
    DoorLeftOpen,
    /// 压缩机停机.
    CompressorDead,
    /// 传感器断线: shows what no room can be.
    SensorBroken,
    /// 加热停机.
    HeaterDead,
    /// A leak behind the shut-off valve (where the concentration would end, %LEL).
    GasLeak,
    /// A leak before the valve, which the valve cannot stop (the same).
    GasMainLeak,
    /// The detector's self-test fails.
    DetectorFault,
    /// 风机停机.
    VentilationDead,
    /// 困人.
    Entrapment,
    /// 报警按钮.
    AlarmButton,
    /// 门关不上.
    DoorJammed,
    /// 门区外停梯, empty.
    StopOffFloor,
    /// 安全回路断路.
    SafetyCircuitOpen,
    /// 开门走车.
    MovesWithDoorOpen,
    /// 超速.
    Overspeed,
    /// 检修.
    Inspection,
    /// 停电.
    MainsLost,
    /// The set point was turned up (share of the allowed pressure).
    PressureSetTooHigh,
    /// 给水泵停机.
    FeedPumpDead,
    /// 熄火.
    FlameFailure,
    /// The thermostat was turned up (°C).
    TemperatureSetTooHigh,
    /// 循环泵停机.
    CirculationStopped,
    /// 大风 (mean wind, m/s).
    Storm,
    /// The picture goes black.
    CameraBlack,
    /// The picture stands still.
    CameraFrozen,
    /// The camera stays connected but sends nothing.
    CameraStalled,
    /// The camera stops answering.
    CameraStopped,
}

impl Kind {
    /// Whether it befalls a camera, which the RTSP server then acts out.
    pub fn is_of_camera(self) -> bool {
        matches!(self, Kind::CameraBlack | Kind::CameraFrozen | Kind::CameraStalled | Kind::CameraStopped)
    }

    fn takes_magnitude(self) -> bool {
        matches!(
            self,
            Kind::GasLeak | Kind::GasMainLeak | Kind::PressureSetTooHigh | Kind::TemperatureSetTooHigh | Kind::Storm
        )
    }
}

/// What is wrong with one device at one moment, each kind with its magnitude (0 where it takes none).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Troubles(BTreeMap<Kind, f64>);

impl Troubles {
    /// From pairs of kind and magnitude.
    pub fn of(pairs: &[(Kind, f64)]) -> Self {
        Self(pairs.iter().copied().collect())
    }

    /// Whether this is wrong.
    pub fn is_active(&self, kind: Kind) -> bool {
        self.0.contains_key(&kind)
    }

    /// How wrong; None: not at all.
    pub fn magnitude(&self, kind: Kind) -> Option<f64> {
        self.0.get(&kind).copied()
    }
}

/// One entry of the schedule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whom it befalls.
    pub device: String,
    /// What happens.
    pub kind: Kind,
    /// How bad; see [`Kind`].
    pub magnitude: Option<f64>,
    /// Seconds from the start of the demonstration to the first time.
    pub first_after_s: f64,
    /// Seconds it lasts.
    pub lasts_s: f64,
    /// Seconds from its end to the next time, drawn anew from this range; absent: it happens once.
    pub again_after_s: Option<[f64; 2]>,
}

/// Why a schedule cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not TOML, or a wrong key.
    #[error("the schedule cannot be read")]
    Syntax(#[from] toml::de::Error),
    /// A number that makes no sense.
    #[error("trouble {number} ({device}, {kind:?}): {reason}")]
    Entry {
        /// Position in the file, from 1.
        number: usize,
        /// Whom it should befall.
        device: String,
        /// What should happen.
        kind: Kind,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    trouble: Vec<Entry>,
}

/// Entries as read from a file, each checked.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    entries: Vec<Entry>,
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let File { trouble: entries } = toml::from_str(text)?;
        for (position, entry) in entries.iter().enumerate() {
            if let Some(reason) = wrong_with(entry) {
                let Entry { device, kind, .. } = entry.clone();
                return Err(ScheduleError::Entry { number: position + 1, device, kind, reason });
            }
        }
        Ok(Self { entries })
    }
}

fn wrong_with(entry: &Entry) -> Option<&'static str> {
    let is_range = |[from, to]: [f64; 2]| from > 0.0 && from < to && to.is_finite();
    match entry {
        it if !(it.first_after_s >= 0.0 && it.first_after_s.is_finite()) => Some("`first_after_s` must be 0 or more"),
        it if !(it.lasts_s > 0.0 && it.lasts_s.is_finite()) => Some("`lasts_s` must be above 0"),
        it if it.again_after_s.is_some_and(|range| !is_range(range)) => {
            Some("`again_after_s` must be two rising numbers above 0")
        }
        it if it.kind.takes_magnitude() && it.magnitude.is_none() => Some("this kind needs a `magnitude`"),
        it if !it.kind.takes_magnitude() && it.magnitude.is_some() => Some("this kind takes no `magnitude`"),
        _ => None,
    }
}

impl Schedule {
    /// The entries, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Starts playing what befalls one device.
    pub fn play(&self, device: &str, seed: u64) -> Player {
        let windows = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.device == device)
            .map(|(position, entry)| Window {
                kind: entry.kind,
                magnitude: entry.magnitude.unwrap_or(0.0),
                lasts_s: entry.lasts_s,
                again_after_s: entry.again_after_s,
                next: Some((entry.first_after_s, entry.first_after_s + entry.lasts_s)),
                chance: Chance::seed_from_u64(seed ^ (position as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            })
            .collect();
        Player { windows }
    }
}

#[derive(Debug)]
struct Window {
    kind: Kind,
    magnitude: f64,
    lasts_s: f64,
    again_after_s: Option<[f64; 2]>,
    next: Option<(f64, f64)>,
    chance: Chance,
}

impl Window {
    /// Skips what has passed by `elapsed_s`.
    fn advance(&mut self, elapsed_s: f64) {
        while let Some((_, end_s)) = self.next
            && elapsed_s >= end_s
        {
            self.next = self.again_after_s.map(|[from, to]| {
                let start_s = end_s + self.chance.random_range(from..to);
                (start_s, start_s + self.lasts_s)
            });
        }
    }
}

/// The schedule of one device, being played.
#[derive(Debug)]
pub struct Player {
    windows: Vec<Window>,
}

impl Player {
    /// What is wrong at this many seconds after the start; must not be asked backwards.
    pub fn at(&mut self, elapsed_s: f64) -> Troubles {
        let mut troubles = Troubles::default();
        for window in &mut self.windows {
            window.advance(elapsed_s);
            if window.next.is_some_and(|(start_s, _)| elapsed_s >= start_s) {
                troubles.0.insert(window.kind, window.magnitude);
            }
        }
        troubles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAK: &str = r#"
        [[trouble]]
        device = "gas-1"
        kind = "gas_leak"
        magnitude = 30
        first_after_s = 40
        lasts_s = 20
        again_after_s = [100, 200]
    "#;

    #[test]
    fn a_trouble_comes_goes_and_comes_again_irregularly_but_alike_in_every_run() {
        let schedule: Schedule = LEAK.parse().expect("a right schedule");
        let starts = |seed| {
            let mut player = schedule.play("gas-1", seed);
            let mut starts = Vec::new();
            let mut was_active = false;
            for second in 0..2000 {
                let is_active = player.at(f64::from(second)).is_active(Kind::GasLeak);
                if is_active && !was_active {
                    starts.push(second);
                }
                was_active = is_active;
            }
            starts
        };
        let first = starts(1);
        assert_eq!(first[0], 40);
        assert!(first.len() >= 8, "{first:?}");
        for pair in first.windows(2) {
            assert!((119..=221).contains(&(pair[1] - pair[0])), "{first:?}");
        }
        assert_eq!(first, starts(1));
        assert_ne!(first, starts(2));
        assert_eq!(schedule.play("gas-2", 1).at(45.0), Troubles::default());
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for (from, to, expected) in [
            ("magnitude = 30", "", "needs a `magnitude`"),
            ("lasts_s = 20", "lasts_s = 0", "`lasts_s` must be above 0"),
            ("[100, 200]", "[200, 100]", "two rising numbers"),
            ("gas_leak", "entrapment", "takes no `magnitude`"),
        ] {
            let message = LEAK.replace(from, to).parse::<Schedule>().expect_err("a wrong schedule").to_string();
            assert!(message.contains(expected) && message.contains("trouble 1 (gas-1"), "{message}");
        }
    }
}
