//! Fault codes: one number that stands for events, by the code system of its maker; pure. Rules look at the events, so
//! each becomes a flag of its own beside the raw number.

use std::sync::Arc;

use domain::{code_system::CodeSystem, id::MetricName};
use serde::Deserialize;

/// How a number holds codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    /// The number is the code; one at a time.
    #[default]
    Number,
    /// Each bit that is set is a code, the lowest being 0; several at a time.
    Bits,
}

/// A code system and how a metric's number holds its codes.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultCodes {
    /// What the codes mean.
    pub system: Arc<CodeSystem>,
    /// How the number holds them.
    pub coding: Coding,
}

impl FaultCodes {
    /// The flags that the codes set, in a fixed order.
    pub fn events(&self) -> impl Iterator<Item = &MetricName> {
        self.system.events().into_iter()
    }

    /// Every flag with its value while the equipment shows `number`.
    pub fn flags(&self, number: i64) -> Vec<(MetricName, bool)> {
        let codes = self.codes(number);
        let means = |code: i64| match self.system.codes.get(&code) {
            Some(known) => known.event.as_ref(),
            None => self.system.unknown_event.as_ref(),
        };
        let is_set = |event: &MetricName| codes.iter().any(|&code| means(code) == Some(event));
        self.events().map(|event| (event.clone(), is_set(event))).collect()
    }

    /// The codes in `number` that the code system does not list.
    pub fn unknown(&self, number: i64) -> Vec<i64> {
        let mut codes = self.codes(number);
        codes.retain(|code| !self.system.codes.contains_key(code));
        codes
    }

    fn codes(&self, number: i64) -> Vec<i64> {
        match self.coding {
            Coding::Number => vec![number],
            Coding::Bits => (0..64).filter(|bit| number >> bit & 1 == 1).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(coding: Coding) -> FaultCodes {
        let text = r#"
            id = "maker"
            title = { zh = "甲", en = "A" }
            source = { citation = "a manual", confidence = "verified" }
            codes = [
                { code = 0, title = { zh = "无", en = "none" } },
                { code = 2, title = { zh = "门", en = "door" }, event = "elevator.door_fault" },
                { code = 3, title = { zh = "门", en = "door" }, event = "elevator.door_fault" },
                { code = 11, title = { zh = "困", en = "shut in" }, event = "elevator.entrapment" },
            ]
        "#;
        FaultCodes { system: Arc::new(CodeSystem::parse("maker.toml", text).unwrap()), coding }
    }

    #[test]
    fn a_code_that_nobody_knows_sets_a_flag_of_its_own() {
        let mut codes = codes(Coding::Number);
        let system = Arc::make_mut(&mut codes.system);
        system.unknown_event = Some(MetricName::new("elevator.unknown_code").unwrap());
        let set = |number: i64| -> Vec<String> {
            let flags = codes.flags(number).into_iter();
            flags.filter(|(_, is_set)| *is_set).map(|(event, _)| event.to_string()).collect()
        };
        assert_eq!(
            (set(93), set(11), set(0)),
            (vec!["elevator.unknown_code".to_owned()], vec!["elevator.entrapment".to_owned()], Vec::new(),)
        );
    }

    #[test]
    fn a_number_sets_the_flags_of_its_codes_and_clears_the_others() {
        let check = |coding: Coding, number: i64, expected: &[&str], unknown: &[i64]| {
            let codes = codes(coding);
            let flags = codes.flags(number);
            assert_eq!(flags.len(), 2);
            let set: Vec<&str> = flags.iter().filter(|(_, is_set)| *is_set).map(|(event, _)| event.as_str()).collect();
            assert_eq!((set, codes.unknown(number)), (expected.to_vec(), unknown.to_vec()), "{coding:?} {number}");
        };
        check(Coding::Number, 0, &[], &[]);
        check(Coding::Number, 3, &["elevator.door_fault"], &[]);
        check(Coding::Number, 11, &["elevator.entrapment"], &[]);
        check(Coding::Number, 93, &[], &[93]);
        check(Coding::Bits, 0, &[], &[]);
        check(Coding::Bits, 1 << 2 | 1 << 11 | 1 << 5, &["elevator.door_fault", "elevator.entrapment"], &[5]);
        check(Coding::Bits, -1, &["elevator.door_fault", "elevator.entrapment"], &codes(Coding::Bits).unknown(-1));
    }
}
