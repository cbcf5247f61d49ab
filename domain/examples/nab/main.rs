//! Scores the detector on the Numenta Anomaly Benchmark, with its rule and in its own result layout.
//!
//! `make bench-nab` runs it. The data are read where they lie and are no part of this repository.

#![allow(clippy::cast_precision_loss, reason = "rows and windows are counted in thousands")]

mod corpus;
mod gaussian;
mod scoring;
mod variants;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use domain::detector::{ALERT_SCORE, Detector};

use crate::corpus::Series;
use crate::scoring::{PROFILES, Scoreboard};
use crate::variants::VARIANTS;

const USAGE: &str = "usage: NAB_DIR=<folder with data/ and labels/> nab [--out <folder>]";
const DETECTOR: &str = "brightwatch";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let out = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => None,
        [flag, folder] if flag == "--out" => Some(PathBuf::from(folder)),
        _ => return Err(USAGE.to_owned()),
    };
    let folder = env::var("NAB_DIR").map_err(|_| format!("NAB_DIR is not set\n{USAGE}"))?;
    let corpus = corpus::load(Path::new(&folder))?;
    let rows: usize = corpus.iter().map(|series| series.values.len()).sum();

    let started = Instant::now();
    let scores: Vec<Vec<f64>> = corpus.iter().map(detect).collect();
    let seconds = started.elapsed().as_secs_f64();

    let gaussian: Vec<Vec<f64>> = corpus.iter().map(|series| gaussian::detect(&series.values)).collect();
    let null: Vec<Vec<f64>> = corpus.iter().map(|series| vec![0.0; series.values.len()]).collect();
    let all: Vec<usize> = (0..corpus.len()).collect();
    let board = Scoreboard::new(&corpus);

    println!("{} series, {} windows, {rows} readings\n", corpus.len(), board.windows(&all));
    println!("{:<50}{:>10}{:>10}{:>10}", "", "standard", "low-FP", "low-FN");
    print_swept(&board, "null detector, swept threshold", &null, &all);
    print_swept(&board, "windowed gaussian, swept threshold", &gaussian, &all);
    print_swept(&board, "brightwatch, swept threshold", &scores, &all);
    print_row(&format!("brightwatch, fixed threshold {ALERT_SCORE}"), |profile| {
        board.at(&scores, &all, &PROFILES[profile], ALERT_SCORE)
    });
    print_left_out(&corpus, &board, &scores, &all);
    println!();
    print_categories(&corpus, &board, &scores);
    println!();
    print_variants(&corpus);
    println!("\n{:.2} µs a reading, {} bytes of state a series", seconds * 1e6 / rows as f64, size_of::<Detector>());

    out.map_or(Ok(()), |out| write_results(&out, &corpus, &scores))
}

fn detect(series: &Series) -> Vec<f64> {
    let mut detector = Detector::default();
    let score = |(&at, &value)| detector.judge(at, value).map_or(0.0, |finding| finding.score);
    series.times.iter().zip(&series.values).map(score).collect()
}

fn print_row(title: &str, score: impl Fn(usize) -> f64) {
    println!("{title:<50}{:>10.2}{:>10.2}{:>10.2}", score(0), score(1), score(2));
}

fn print_swept(board: &Scoreboard, title: &str, scores: &[Vec<f64>], chosen: &[usize]) {
    print_row(title, |profile| board.best(scores, chosen, &PROFILES[profile]).score);
}

/// Each category at the thresholds of the whole corpus; a category without windows has only false alarms to count.
fn print_categories(corpus: &[Series], board: &Scoreboard, scores: &[Vec<f64>]) {
    let all: Vec<usize> = (0..corpus.len()).collect();
    let thresholds = PROFILES.map(|profile| board.best(scores, &all, &profile).threshold);
    for category in categories(corpus) {
        let chosen: Vec<usize> = all.iter().copied().filter(|&index| corpus[index].category() == category).collect();
        let title = format!("{category} ({} windows)", board.windows(&chosen));
        if board.windows(&chosen) == 0 {
            let rows = chosen.iter().flat_map(|&index| &scores[index]);
            println!("{title:<50}{:>4} alerts", rows.filter(|&&score| score >= thresholds[0]).count());
            continue;
        }
        print_row(&title, |profile| board.at(scores, &chosen, &PROFILES[profile], thresholds[profile]));
    }
}

/// Every category at the threshold swept on the other categories, all gains together: what the sweep itself is worth.
fn print_left_out(corpus: &[Series], board: &Scoreboard, scores: &[Vec<f64>], all: &[usize]) {
    print_row("brightwatch, threshold from the other categories", |profile| {
        let profile = &PROFILES[profile];
        let gained: f64 = categories(corpus)
            .into_iter()
            .map(|category| {
                let (left_out, seen): (Vec<usize>, Vec<usize>) =
                    all.iter().partition(|&&index| corpus[index].category() == category);
                board.gained(scores, &left_out, profile, board.best(scores, &seen, profile).threshold)
            })
            .sum();
        board.normalised(gained, all, profile)
    });
}

/// Swept thresholds, as for the files as they are.
fn print_variants(corpus: &[Series]) {
    let all: Vec<usize> = (0..corpus.len()).collect();
    for (name, vary) in VARIANTS {
        let varied: Vec<Series> = corpus.iter().map(vary).collect();
        let scores: Vec<Vec<f64>> = varied.iter().map(detect).collect();
        print_swept(&Scoreboard::new(&varied), &format!("{name}, swept threshold"), &scores, &all);
    }
}

fn categories(corpus: &[Series]) -> Vec<&str> {
    let mut categories: Vec<&str> = corpus.iter().map(Series::category).collect();
    categories.dedup();
    categories
}

/// `<out>/brightwatch/<category>/brightwatch_<file>.csv`.
fn write_results(out: &Path, corpus: &[Series], scores: &[Vec<f64>]) -> Result<(), String> {
    for (series, scores) in corpus.iter().zip(scores) {
        let folder = out.join(DETECTOR).join(series.category());
        let file = folder.join(format!("{DETECTOR}_{}", series.file()));
        let mut text = String::from("timestamp,value,anomaly_score,label\n");
        for (row, score) in scores.iter().enumerate() {
            let label = u8::from(series.windows.iter().any(|window| window.contains(&row)));
            let _ = writeln!(text, "{},{},{score},{label}", series.timestamps[row], series.values[row]);
        }
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, text))
            .map_err(|problem| format!("cannot write {}: {problem}", file.display()))?;
    }
    Ok(())
}
