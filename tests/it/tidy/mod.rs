//! Rules of this project that are tests.

mod dependencies;
mod district;
mod links;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
};

use harness::process::workspace;

/// Files of the project with one of these endings, without what is built or fetched.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    gather(&workspace(), endings, &mut found);
    found.sort();
    found
}

fn gather(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the project can be read").filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            let is_ours = !["target", "node_modules", "dist"].iter().any(|&it| name == it);
            if is_ours && !name.to_string_lossy().starts_with('.') {
                gather(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.to_string_lossy().ends_with(ending)) {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The path as one would name it in a message.
fn short(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}
