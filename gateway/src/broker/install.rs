//! Where mosquitto and its plugin are, and as which user it runs.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

use super::Config;

/// Why mosquitto cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Not found.
    #[error("mosquitto is not installed (apt-get install mosquitto), or broker.program is wrong; looked at {0}")]
    Program(String),
    /// Not found.
    #[error("mosquitto's plugin mosquitto_dynamic_security.so is not there, or broker.plugin is wrong; looked at {0}")]
    Plugin(String),
    /// The user to run as does not exist.
    #[error("the user `{0}`, as which mosquitto is to run, does not exist")]
    User(String),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    pub(super) program: PathBuf,
    pub(super) plugin: PathBuf,
    /// The user to run as; None: the gateway's own, which is not root.
    pub(super) user: Option<User>,
}

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    uid: u32,
    gid: u32,
}

/// Folders of programs beyond `PATH`: an ordinary user's does not name Debian's sbin.
const PROGRAM_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
const PLUGIN: &str = "mosquitto_dynamic_security.so";
/// Tried in this order when root starts the gateway and the configuration names no user.
const UNPRIVILEGED_USERS: [&str; 2] = ["mosquitto", "nobody"];

pub(super) fn find(config: &Config) -> Result<Installation, InstallError> {
    let program = find_file(config.program.as_deref(), &program_candidates()).map_err(InstallError::Program)?;
    let plugin = find_file(config.plugin.as_deref(), &plugin_candidates()).map_err(InstallError::Plugin)?;
    let user = if is_root() { Some(find_user(config.user.as_deref())?) } else { None };
    Ok(Installation { program, plugin, user })
}

fn find_file(configured: Option<&Path>, candidates: &[PathBuf]) -> Result<PathBuf, String> {
    let candidates = configured.map_or_else(|| candidates.to_vec(), |path| vec![path.to_owned()]);
    let found = candidates.iter().find(|path| path.is_file()).cloned();
    found.ok_or_else(|| candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))
}

fn program_candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(PROGRAM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join("mosquitto")).collect()
}

fn plugin_candidates() -> Vec<PathBuf> {
    // Debian keeps libraries in a folder per machine type, such as /usr/lib/x86_64-linux-gnu.
    let machine_types = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let machine_types = machine_types.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    let others = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    machine_types.chain(others).map(|folder| folder.join(PLUGIN)).collect()
}

/// Whether this process is root. Its own entry in /proc belongs to its effective user.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn find_user(configured: Option<&str>) -> Result<User, InstallError> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match configured {
        Some(name) => user_named(&passwd, name).ok_or_else(|| InstallError::User(name.to_owned())),
        None => UNPRIVILEGED_USERS
            .iter()
            .find_map(|name| user_named(&passwd, name))
            .ok_or_else(|| InstallError::User(UNPRIVILEGED_USERS[0].to_owned())),
    }
}

fn user_named(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { name: name.to_owned(), uid, gid })
    })
}

impl Installation {
    /// Gives a folder and its files to the user that mosquitto runs as.
    pub(super) fn give(&self, folder: &Path) -> io::Result<()> {
        let Some(user) = &self.user else { return Ok(()) };
        chown(folder, Some(user.uid), Some(user.gid))?;
        for entry in fs::read_dir(folder)? {
            chown(entry?.path(), Some(user.uid), Some(user.gid))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nmosquitto:x:102:105::/var/lib/mosquitto:/usr/sbin/nologin\n";
        assert_eq!(user_named(passwd, "mosquitto"), Some(User { name: "mosquitto".into(), uid: 102, gid: 105 }));
        assert_eq!(user_named(passwd, "mosq"), None);
        assert_eq!(user_named("mosquitto:x", "mosquitto"), None);
    }

    #[test]
    fn what_is_missing_is_named_with_the_places_looked_at() {
        let config = Config { program: Some("/nowhere/mosquitto".into()), ..Config::default() };
        let error = find(&config).unwrap_err().to_string();
        assert!(error.ends_with("looked at /nowhere/mosquitto"), "{error}");
    }
}
