//! What a running program costs: processor time and resident memory, as Linux tells them under `/proc`.

use std::{fs, path::PathBuf};

use anyhow::Context as _;

/// Ticks of processor time a second, as `/proc` counts them on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// Processor time since the start of the process, in user and system mode together, in seconds.
pub(crate) fn cpu_seconds(id: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).with_context(|| format!("process {id} is gone"))?;
    // The second field, the name in brackets, may hold anything; after it come 11 fields, then user and system time.
    let (_, rest) = stat.rsplit_once(')').context("/proc/…/stat has no name")?;
    let ticks: u32 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    Ok(f64::from(ticks) / TICKS_PER_S)
}

/// Resident memory now, in MiB.
pub(crate) fn resident_mib(id: u32) -> anyhow::Result<f64> {
    mib_in(&format!("/proc/{id}/status"), "VmRSS:")
}

/// Resident memory now in MiB, of a page that several processes share only this one's part.
pub(crate) fn proportional_mib(id: u32) -> anyhow::Result<f64> {
    mib_in(&format!("/proc/{id}/smaps_rollup"), "Pss:")
}

fn mib_in(path: &str, name: &str) -> anyhow::Result<f64> {
    let lines = fs::read_to_string(path).with_context(|| format!("{path}: the process is gone"))?;
    let line = lines.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{path}: no {name}"))?;
    let kib: f64 =
        line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{path}: {name} is no number"))?;
    Ok(kib / 1024.0)
}

/// The processes that this one started and that still run.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// A program of the same build as this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(path.is_file(), "{} is not built; run `make bench`", path.display());
    Ok(path)
}

/// Allows this process and those it starts as many open files as the machine allows: a thousand sockets are few here.
pub(crate) fn allow_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("the limit of open files stays as it is: {error}");
    }
}

/// Processor seconds spent by some processes since this was made.
pub(crate) struct Cost {
    ids: Vec<u32>,
    at_start: f64,
}

impl Cost {
    pub(crate) fn of(ids: &[u32]) -> anyhow::Result<Self> {
        Ok(Self { ids: ids.to_vec(), at_start: total(ids)? })
    }

    pub(crate) fn seconds(&self) -> anyhow::Result<f64> {
        Ok(total(&self.ids)? - self.at_start)
    }
}

fn total(ids: &[u32]) -> anyhow::Result<f64> {
    ids.iter().map(|&id| cpu_seconds(id)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        let me = std::process::id();
        let (resident, proportional) = (resident_mib(me).unwrap(), proportional_mib(me).unwrap());
        assert!(proportional > 0.1 && resident > 0.1, "{proportional} of {resident}");
        assert!(cpu_seconds(me).unwrap() >= 0.0);
        assert!(Cost::of(&[me]).unwrap().seconds().unwrap() >= 0.0);
    }
}
