//! The tree of dependencies holds only the licences of deny.toml, and none of what it bans. `cargo deny` checks the same
//! and more; this runs where it is not installed.

use std::{collections::BTreeSet, process::Command};

use harness::process::workspace;
use serde::Deserialize;

use super::read;

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    source: Option<String>,
}

fn tree() -> (Deny, Vec<Package>) {
    let deny = toml::from_str(&read(&workspace().join("deny.toml"))).expect("deny.toml is as cargo-deny wants it");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    (deny, metadata.packages.into_iter().filter(|package| package.source.is_some()).collect())
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write `OR`; `AND` binds closer.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ");
    match expression.split_once('(').and_then(|(before, rest)| Some((before, rest.split_once(')')?))) {
        // The tree has parentheses only as the whole of one side: `(A OR B) AND C`.
        Some((before, (inner, after))) => {
            let rest = format!("{before} {after}");
            let rest = rest.trim().trim_start_matches("AND ").trim_end_matches(" AND");
            is_met(inner, allowed) && is_met(rest, allowed)
        }
        None => {
            expression.split(" OR ").any(|choice| choice.split(" AND ").all(|license| allowed.contains(license.trim())))
        }
    }
}

#[test]
fn every_licence_is_allowed_and_nothing_banned_is_there() {
    let (deny, packages) = tree();
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(|it| is_met(it, &deny.licenses.allow)))
        .map(|package| format!("{} ({})", package.name, package.license.as_deref().unwrap_or("no licence")))
        .collect();
    assert!(refused.is_empty(), "licences that deny.toml does not allow: {refused:#?}");
    let banned: Vec<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .filter(|name| deny.bans.deny.iter().any(|ban| ban.name == *name))
        .collect();
    assert!(banned.is_empty(), "banned by deny.toml: {banned:?}");
}

#[test]
fn licence_expressions_are_read_as_written() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND ISC", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR GPL-3.0) AND GPL-3.0", false),
    ] {
        assert_eq!(is_met(expression, &allowed), expected, "{expression}");
    }
}
