//! Every module says what it is for, and stays one thought.

use super::{files, read, short};

/// Lines without tests; a module beyond it holds a second thought.
const LONGEST_MODULE: usize = 450;

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = files(&[".rs"])
        .iter()
        .filter(|path| !path.ends_with("tests.rs") && !read(path).starts_with("//!"))
        .map(|path| short(path))
        .collect();
    assert!(silent.is_empty(), "no `//!` on the first line of {silent:#?}");
}

#[test]
fn every_module_is_short_enough_to_be_read() {
    let long: Vec<String> = files(&[".rs"])
        .iter()
        .filter(|path| !path.to_string_lossy().contains("test"))
        .map(|path| (path, read(path).split("#[cfg(test)]").next().unwrap_or_default().lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_MODULE)
        .map(|(path, lines)| format!("{}: {lines} lines", short(path)))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST_MODULE} lines without tests: {long:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("unimplemented", "!")];
    let left: Vec<String> = files(&[".rs", ".ts", ".vue", ".toml", ".sh", ".py"])
        .iter()
        .filter(|path| marks.iter().any(|mark| read(path).contains(mark)))
        .map(|path| short(path))
        .collect();
    assert!(left.is_empty(), "marks of unfinished work in {left:#?}");
}
