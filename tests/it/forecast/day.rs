//! A whole day of the district with scripted troubles, played through the real rules: the list of alarms is day.txt,
//! which people read, and nothing else may come of it.

use std::{fmt::Write as _, fs};

use domain::alarm::{Severity, Transition, What};
use harness::process::workspace;

use super::{Forecast, text};

const DAY_S: u64 = 24 * 3600;
const EXPECTED: &str = "tests/it/forecast/day.txt";

/// `07:31:30  I    fr-hospital-lift-2   EL-01     raised             电梯困人 / …: …`.
fn line(second: u64, transition: &Transition) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let severity = match transition.severity {
        Severity::I => "I",
        Severity::II => "II",
        Severity::III => "III",
        Severity::IV => "IV",
    };
    let what = format!("{:?}", transition.what);
    let mut line = format!(
        "{hour:02}:{minute:02}:{second:02}  {severity:<4} {:<20} {:<9} {what:<18}",
        transition.device.as_str(),
        transition.rule.as_str(),
    );
    let words = match transition.what {
        What::Raised | What::Reoccurred | What::SeverityChanged => {
            format!("{}: {}", transition.title.en, transition.cause.en)
        }
        What::Returned => transition.cause.en.clone(),
        _ => String::new(),
    };
    let aside = if transition.state.is_set_aside() { " [calls nobody]" } else { "" };
    let _ = write!(line, " {words}{aside}");
    line.trim_end().to_owned()
}

/// With `UPDATE=1` in the environment it writes the list anew, for a person to read and commit.
#[test]
fn the_alarms_of_a_day_are_those_that_are_written_down() {
    let mut told = String::new();
    Forecast::new(&text("tests/it/forecast/day.toml")).tell(DAY_S, |second, transition| {
        told.push_str(&line(second, transition));
        told.push('\n');
    });
    let path = workspace().join(EXPECTED);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &told).expect("a writable workspace");
    }
    let expected = fs::read_to_string(&path).expect("the list of the day's alarms");
    let first = told.lines().zip(expected.lines()).find(|(told, expected)| told != expected);
    assert_eq!(first, None, "the first difference; see {EXPECTED}");
    assert_eq!(told.lines().count(), expected.lines().count(), "as many lines as {EXPECTED}");
}
