//! Where log lines go and how they look.

use std::io::IsTerminal as _;

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Section `[log]` of gateway.toml.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is logged, such as `info` or `info,gateway::ingest=debug`. The environment variable `BRIGHTWATCH_LOG` goes
    /// before it.
    pub filter: String,
    /// How lines look.
    pub format: Format,
}

impl Default for Config {
    fn default() -> Self {
        Self { filter: "info".into(), format: Format::Text }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line, for a log collector.
    Json,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one.
    #[error("log filter `{filter}` is not valid")]
    Filter {
        /// The text.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody set up logging before.
    #[error("logging is set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Makes everything after this call log to the standard error.
pub fn init(config: &Config) -> Result<(), LoggingError> {
    let filter = parse(&std::env::var("BRIGHTWATCH_LOG").unwrap_or_else(|_| config.filter.clone()))?;
    // Colours are for a terminal; in a file they are rubbish.
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let subscriber = tracing_subscriber::registry().with(filter);
    match config.format {
        Format::Text => subscriber.with(lines.with_target(false)).try_init(),
        Format::Json => subscriber.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(LoggingError::Twice)
}

/// Whether [`init`] would take it.
pub fn check(config: &Config) -> Result<(), LoggingError> {
    parse(&config.filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(filter).map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })
}
