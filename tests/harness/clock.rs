//! A wall clock that a story sets for one program: libfaketime between the program and the C library. The monotonic clock
//! stays right, as it does when somebody sets the time of a machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where Debian has it, for each architecture that the product is built for.
const LIBRARIES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

/// A clock in a file; a program that runs by it reads it every time.
#[derive(Debug, Clone)]
pub struct WallClock {
    library: &'static str,
    file: PathBuf,
}

impl WallClock {
    /// A right clock for one program, whose file is in `folder`; None: libfaketime is not installed.
    pub fn right(folder: &Path, whose: &str) -> Option<Self> {
        let library = LIBRARIES.into_iter().find(|library| Path::new(library).is_file())?;
        let clock = Self { library, file: folder.join(format!("{whose}.clock")) };
        clock.set(0);
        Some(clock)
    }

    /// From now on it is wrong by so many seconds.
    pub fn set(&self, ahead_s: i32) {
        // Written beside and renamed, so that nobody reads half of it.
        let beside = self.file.with_extension("next");
        fs::write(&beside, format!("{ahead_s:+}\n")).expect("a writable folder");
        fs::rename(beside, &self.file).expect("a writable folder");
    }

    /// What a program needs in its environment to run by this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        let file = self.file.display().to_string();
        let variables = [
            ("LD_PRELOAD", self.library),
            ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}
