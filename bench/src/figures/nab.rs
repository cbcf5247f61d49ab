//! The anomaly detector on the Numenta Anomaly Benchmark: the program of `make bench-nab`, whose table is printed as it is.
//! The data are no part of this repository, so where they are not there, that is said instead.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use harness::process::workspace;

/// Scores the detector, if the data are there.
pub(crate) fn measure() -> anyhow::Result<()> {
    let folder = folder();
    if !folder.join("data").is_dir() {
        println!(
            "\nNumenta Anomaly Benchmark: not measured, {} has no data. NAB_DIR names a checkout of it.",
            folder.display()
        );
        return Ok(());
    }
    let program = program()?;
    println!("\nNumenta Anomaly Benchmark, from {}", folder.display());
    let status = Command::new(&program).env("NAB_DIR", &folder).status();
    let status = status.with_context(|| format!("{} was not built: `make build-bench` does", program.display()))?;
    anyhow::ensure!(status.success(), "the detector was not scored: {status}");
    Ok(())
}

/// `NAB_DIR`, or the folder `nab` among the data that lie beside the repository.
fn folder() -> PathBuf {
    let named = env::var_os("NAB_DIR").map(PathBuf::from);
    let beside = || env::var_os("BRIGHTWATCH_DATA").map(|data| Path::new(&data).join("nab"));
    named.or_else(beside).unwrap_or_else(|| workspace().join("../shared/data/nab"))
}

/// Beside this program.
fn program() -> anyhow::Result<PathBuf> {
    let own = env::current_exe().context("a running program has a path")?;
    Ok(own.with_file_name("examples").join("nab"))
}
