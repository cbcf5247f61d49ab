//! Reads the benchmark's files: `data/<category>/<file>.csv` and `labels/combined_windows.json`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use domain::time::UnixMs;

/// One file with its labelled windows, which are ranges of rows.
#[derive(Clone)]
pub(crate) struct Series {
    /// `category/file.csv`.
    pub(crate) name: String,
    pub(crate) timestamps: Vec<String>,
    pub(crate) times: Vec<UnixMs>,
    pub(crate) values: Vec<f64>,
    pub(crate) windows: Vec<RangeInclusive<usize>>,
}

impl Series {
    pub(crate) fn category(&self) -> &str {
        self.name.split_once('/').map_or("", |(category, _)| category)
    }

    pub(crate) fn file(&self) -> &str {
        self.name.split_once('/').map_or(&self.name, |(_, file)| file)
    }
}

/// All series that have a file; the labels may name more.
pub(crate) fn load(folder: &Path) -> Result<Vec<Series>, String> {
    let labels = read(&folder.join("labels/combined_windows.json"))?;
    let labels: BTreeMap<String, Vec<[String; 2]>> =
        serde_json::from_str(&labels).map_err(|problem| format!("combined_windows.json: {problem}"))?;
    let present = labels.into_iter().filter(|(name, _)| folder.join("data").join(name).exists());
    present.map(|(name, windows)| series(folder, name, &windows)).collect()
}

fn series(folder: &Path, name: String, windows: &[[String; 2]]) -> Result<Series, String> {
    let text = read(&folder.join("data").join(&name))?;
    let (mut timestamps, mut times, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let bad_line = || format!("{name}: not `timestamp,value`: {line}");
        let (timestamp, value) = line.split_once(',').ok_or_else(bad_line)?;
        times.push(moment(timestamp).ok_or_else(bad_line)?);
        values.push(value.trim().parse().map_err(|_| bad_line())?);
        timestamps.push(timestamp.to_owned());
    }
    let rows = |[from, to]: &[String; 2]| {
        let first = times.iter().position(|time| Some(*time) >= moment(from))?;
        let last = times.iter().rposition(|time| Some(*time) <= moment(to))?;
        Some(first..=last)
    };
    let windows: Option<Vec<_>> = windows.iter().map(rows).collect();
    let windows = windows.ok_or_else(|| format!("{name}: a window holds no row"))?;
    Ok(Series { name, timestamps, times, values, windows })
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|problem| format!("cannot read {}: {problem}", file.display()))
}

/// `2014-04-10 07:15:00`, with or without a fraction (which is dropped).
fn moment(timestamp: &str) -> Option<UnixMs> {
    let number = |from: usize, to: usize| timestamp.get(from..to)?.parse::<i64>().ok();
    let days = days_since_1970(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some(UnixMs((days * 86_400 + seconds) * 1000))
}

/// Days of the proleptic Gregorian calendar; a year is counted from March so that a leap day ends it.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 719_469
}
