//! `gateway check-config`: reads everything that the configuration names, and changes nothing.

use std::path::Path;

use anyhow::Context;
use domain::registry::Registry;

use crate::{config::Config, notify::Channels, ops::logging};

pub(super) fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    let district = config.read_district()?;
    let (townships, offices) = (district.townships.township, district.offices.office);
    let counts = (townships.len(), offices.len(), district.profiles.iter().count());
    let registry = Registry::build(townships, offices, vec![], vec![], vec![]).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}: {}", config.offices_file.display(), errors.join("; "))
    })?;
    // Building a channel that speaks TLS asks for it.
    rustls::crypto::ring::default_provider().install_default().ok();
    let channels = Channels::build(&config.notify, &registry, None)?.count();
    logging::check(&config.log)?;
    config.broker.check()?;
    let of_http = config.http.tls.iter().flat_map(|tls| [&tls.certificate_file, &tls.key_file]);
    for file in of_http.chain(&config.store.password_file) {
        std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    if config.http.is_exposed() {
        println!(
            "note: {} is reachable without TLS; passwords and pictures can be read on the way",
            config.http.listen
        );
    }
    let (townships, offices, profiles) = counts;
    println!(
        "{} is right: {townships} townships, {offices} offices, {profiles} profiles, {channels} channels",
        path.display()
    );
    Ok(())
}
