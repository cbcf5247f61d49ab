//! The benchmark's scoring rule, version 1.1: an early detection in a window earns most, every detected row outside costs.

use crate::corpus::Series;

/// What a false alarm and a missed window cost.
#[derive(Clone, Copy)]
pub(crate) struct Profile {
    false_positive: f64,
    false_negative: f64,
}

/// Standard, few false positives, few false negatives.
pub(crate) const PROFILES: [Profile; 3] = [
    Profile { false_positive: 0.11, false_negative: 1.0 },
    Profile { false_positive: 0.22, false_negative: 1.0 },
    Profile { false_positive: 0.11, false_negative: 2.0 },
];

/// A normalised score (a perfect detector has 100, one that never fires 0) and the threshold that gave it.
pub(crate) struct Best {
    pub(crate) score: f64,
    pub(crate) threshold: f64,
}

/// What a detection of one row means.
#[derive(Clone, Copy)]
enum Row {
    /// One of the first rows, which are not scored.
    Probation,
    /// In a window (its number in the series), worth so much.
    Hit(usize, f64),
    /// Outside every window, costing this part of a false positive.
    False(f64),
}

/// The worth of every row of every series.
pub(crate) struct Scoreboard {
    rows: Vec<Vec<Row>>,
    windows: Vec<usize>,
}

impl Scoreboard {
    pub(crate) fn new(corpus: &[Series]) -> Self {
        Self {
            rows: corpus.iter().map(worth).collect(),
            windows: corpus.iter().map(|series| series.windows.len()).collect(),
        }
    }

    /// Windows in the chosen series.
    pub(crate) fn windows(&self, chosen: &[usize]) -> usize {
        chosen.iter().map(|&series| self.windows[series]).sum()
    }

    /// The normalised score when every row of at least `threshold` is a detection.
    pub(crate) fn at(&self, scores: &[Vec<f64>], chosen: &[usize], profile: &Profile, threshold: f64) -> f64 {
        self.normalised(self.gained(scores, chosen, profile, threshold), chosen, profile)
    }

    /// `gained` in the chosen series, counted from the detector that never fires, as a normalised score.
    pub(crate) fn normalised(&self, gained: f64, chosen: &[usize], profile: &Profile) -> f64 {
        100.0 * gained / (self.windows(chosen) as f64 * (1.0 + profile.false_negative))
    }

    /// What a threshold gains in the chosen series over the detector that never fires.
    pub(crate) fn gained(&self, scores: &[Vec<f64>], chosen: &[usize], profile: &Profile, threshold: f64) -> f64 {
        let mut gained = 0.0;
        for &series in chosen {
            let mut best: Vec<Option<f64>> = vec![None; self.windows[series]];
            for (row, _) in self.rows[series].iter().zip(&scores[series]).filter(|(_, score)| **score >= threshold) {
                match *row {
                    Row::Probation => {}
                    Row::False(part) => gained -= profile.false_positive * part,
                    Row::Hit(window, worth) => best[window] = Some(best[window].map_or(worth, |best| best.max(worth))),
                }
            }
            gained += best.iter().flatten().map(|worth| worth + profile.false_negative).sum::<f64>();
        }
        gained
    }

    /// The best over every distinct score as the one threshold of the chosen series.
    pub(crate) fn best(&self, scores: &[Vec<f64>], chosen: &[usize], profile: &Profile) -> Best {
        let mut rows: Vec<(f64, usize, Row)> = chosen
            .iter()
            .flat_map(|&series| {
                scores[series].iter().zip(&self.rows[series]).map(move |(score, row)| (*score, series, *row))
            })
            .collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));

        let mut found: Vec<Vec<Option<f64>>> = self.windows.iter().map(|&count| vec![None; count]).collect();
        let mut best = Best { score: 0.0, threshold: f64::INFINITY };
        let mut gained = 0.0;
        for (index, &(score, series, row)) in rows.iter().enumerate() {
            match row {
                Row::Probation => {}
                Row::False(part) => gained -= profile.false_positive * part,
                Row::Hit(window, worth) => {
                    let known = &mut found[series][window];
                    gained += known.map_or(worth + profile.false_negative, |known| (worth - known).max(0.0));
                    *known = Some(known.map_or(worth, |known| known.max(worth)));
                }
            }
            let is_last_of_its_score = rows.get(index + 1).is_none_or(|next| next.0 < score);
            let normalised = self.normalised(gained, chosen, profile);
            if is_last_of_its_score && normalised > best.score {
                best = Best { score: normalised, threshold: score };
            }
        }
        best
    }
}

/// How many of the first rows are not scored.
pub(crate) fn probation(rows: usize) -> usize {
    (rows * 15 / 100).min(750)
}

fn worth(series: &Series) -> Vec<Row> {
    let rows = series.values.len();
    let probation = probation(rows);
    let row = |row: usize| {
        if row < probation {
            return Row::Probation;
        }
        let width = |window: usize| (series.windows[window].end() - series.windows[window].start() + 1) as f64;
        if let Some(window) = series.windows.iter().position(|window| window.contains(&row)) {
            let left = (series.windows[window].end() - row + 1) as f64;
            return Row::Hit(window, sigmoid(-left / width(window)) / sigmoid(-1.0));
        }
        match series.windows.iter().rposition(|window| *window.end() < row) {
            None => Row::False(1.0),
            Some(window) => {
                let past = (row - series.windows[window].end()) as f64;
                Row::False(-sigmoid(past / (width(window) - 1.0)))
            }
        }
    };
    (0..rows).map(row).collect()
}

/// 1 far before a window's end, 0 at it, -1 far behind.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}
