//! Tests that cannot run on this machine say so by name.

use std::{fs::OpenOptions, io::Write as _, thread};

/// Names the calling test and the reason in the list that `make test` prints (the file `BRIGHTWATCH_SKIPPED`), and on
/// standard error. The test should then return.
pub fn skipped(reason: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED {name}: {reason}");
    let Some(path) = std::env::var_os("BRIGHTWATCH_SKIPPED") else { return };
    let line = format!("{name}: {reason}\n");
    let written =
        OpenOptions::new().create(true).append(true).open(path).and_then(|mut it| it.write_all(line.as_bytes()));
    if let Err(error) = written {
        eprintln!("the list of skipped tests cannot be written: {error}");
    }
}

/// Where a program of this machine is; None when it is not installed.
pub fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
