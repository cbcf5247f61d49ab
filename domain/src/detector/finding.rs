//! What the detector says of one reading, in numbers and in words.

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// Which way of looking found the reading strangest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Far from the level of the last weeks.
    Level,
    /// Far from what this hour of any day usually is.
    HourOfDay,
    /// Far from what this hour of a working day, or of a weekend, usually is.
    HourOfKindOfDay,
    /// Far from what this hour of this day of the week usually is.
    HourOfWeek,
    /// Far from the readings just before.
    Jump,
    /// The level of the last readings left that of the longer time before.
    LevelChange,
    /// The readings spread more than usual.
    Spread,
    /// The steps between readings are larger than usual.
    Roughness,
    /// Not what the last few readings foretold.
    Forecast,
    /// Beyond the highest or lowest reading so far.
    Record,
}

impl Reason {
    fn expectation(self) -> Text {
        match self {
            Reason::Level => Text::new("近期水平", "the level of the last weeks"),
            Reason::HourOfDay => Text::new("该时段的惯常值", "what this hour of day usually is"),
            Reason::HourOfKindOfDay => {
                Text::new("同类日（工作日/周末）该时段的惯常值", "what this hour of such a day usually is")
            }
            Reason::HourOfWeek => {
                Text::new("每周此日该时段的惯常值", "what this hour of this day of the week usually is")
            }
            Reason::Jump => Text::new("刚才的读数", "the readings just before"),
            Reason::LevelChange => Text::new("此前的水平", "the level before"),
            Reason::Spread => Text::new("近期水平，波动比平常大", "the level, and the readings spread more than usual"),
            Reason::Roughness => Text::new("近期水平，跳动比平常大", "the level, and the steps are larger than usual"),
            Reason::Forecast => Text::new("由前几次读数推算的值", "what the last readings foretold"),
            Reason::Record => Text::new("有记录以来的所有读数", "every reading so far"),
        }
    }
}

/// The detector's judgement of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// 0 (nothing to say) to 1 (excluded); an alert is a score of at least [`super::ALERT_SCORE`].
    pub score: f64,
    /// The reading itself.
    pub value: f64,
    /// What was expected instead, in the reading's unit.
    pub expected: f64,
    /// The departure that is usual, in the reading's unit; not negative.
    pub scale: f64,
    /// Which expectation that is.
    pub reason: Reason,
}

impl Finding {
    /// Why, for the person who gets the alert: "3.1 °C above what this hour of day usually is".
    pub fn words(&self, unit: &str, decimals: usize) -> Text {
        let departure = (self.value - self.expected).abs();
        let Text { zh, en } = self.reason.expectation();
        let (direction_zh, direction_en) = if self.value < self.expected { ("低", "below") } else { ("高", "above") };
        let departure = format!("{departure:.decimals$} {unit}");
        let departure = departure.trim_end();
        Text::new(format!("比{zh}{direction_zh} {departure}"), format!("{departure} {direction_en} {en}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_how_far_and_from_what() {
        let finding = Finding { score: 0.9, value: 11.1, expected: 8.0, scale: 0.5, reason: Reason::HourOfDay };

        let words = finding.words("°C", 1);

        assert_eq!(words.en, "3.1 °C above what this hour of day usually is");
        assert_eq!(words.zh, "比该时段的惯常值高 3.1 °C");
    }
}
