//! What is asked of each database, whichever it is.

use super::{lines::Lines, postgres::Postgres, subscriber::Row};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Influx,
    Victoria,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Postgres, Self::Influx, Self::Victoria];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL, one row a reading",
            Self::Influx => "InfluxDB 1",
            Self::Victoria => "VictoriaMetrics",
        }
    }

    /// Debian's package.
    pub(super) const fn package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Influx => "influxdb",
            Self::Victoria => "victoria-metrics",
        }
    }

    pub(super) const fn promise(self) -> &'static str {
        match self {
            Self::Postgres | Self::Influx => "on disk, synced",
            // Its documentation: data younger than some seconds is in memory only.
            Self::Victoria => "in memory, on disk seconds later",
        }
    }
}

/// A running database of its own.
pub(super) enum Database {
    Postgres(Postgres),
    Lines(Lines),
}

impl Database {
    /// Starts it; None where it is not installed.
    pub(super) async fn start(kind: Kind) -> anyhow::Result<Option<Self>> {
        Ok(match kind {
            Kind::Postgres => Postgres::start().await?.map(Self::Postgres),
            Kind::Influx | Kind::Victoria => Lines::start(kind).await?.map(Self::Lines),
        })
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Postgres(_) => Kind::Postgres,
            Self::Lines(lines) => lines.kind(),
        }
    }

    /// The process that does the work.
    pub(super) fn process(&self) -> u32 {
        match self {
            Self::Postgres(postgres) => postgres.process(),
            Self::Lines(lines) => lines.process(),
        }
    }

    /// Stores rows; they are as safe as this database makes them when it returns.
    pub(super) async fn write(&mut self, names: &[String], rows: &[Row]) -> anyhow::Result<()> {
        match self {
            Self::Postgres(postgres) => postgres.write(names, rows).await,
            Self::Lines(lines) => lines.write(names, rows).await,
        }
    }

    /// Lets it bring its files into the shape they keep.
    pub(super) async fn tidy_up(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Postgres(postgres) => postgres.tidy_up().await,
            Self::Lines(lines) => lines.tidy_up().await,
        }
    }

    /// Bytes on disk.
    pub(super) async fn bytes(&mut self) -> anyhow::Result<u64> {
        match self {
            Self::Postgres(postgres) => postgres.bytes().await,
            Self::Lines(lines) => lines.bytes(),
        }
    }

    /// Asks one series over everything for so many buckets; how many came.
    pub(super) async fn buckets(&mut self, series: &str, count: u32) -> anyhow::Result<usize> {
        match self {
            Self::Postgres(postgres) => postgres.buckets(series, count).await,
            Self::Lines(lines) => lines.buckets(series, count).await,
        }
    }
}
