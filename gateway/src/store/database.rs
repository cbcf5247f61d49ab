//! The two engines behind one door: where they differ is here, in the migrations, and nowhere else.
//!
//! Statements elsewhere are written so that both understand them: `$1` placeholders, whole numbers as 64-bit, times as
//! milliseconds, flags as 0 and 1, no optional floating-point parameters (PostgreSQL would keep the type of the first
//! NULL for the prepared statement).

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use percent_encoding::percent_decode_str;
use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Connection, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
};

use super::{config::StoreConfig, error::StoreError};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a reader waits for a free connection, or a new connection for the server: longer than any query that people
/// wait for, shorter than their patience.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a PostgreSQL server may take over one write before the connection is given up.
const POSTGRES_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two looks whether the gateway before this one has let go.
const CLAIM_PAUSE: Duration = Duration::from_millis(100);
/// A lock of the session: the server lets go of it when the connection ends, and not before it is done with what was sent.
const POSTGRES_CLAIM: &str = "SELECT CAST(CASE WHEN pg_try_advisory_lock(hashtext('brightwatch'), \
     hashtext(current_schema())) THEN 1 ELSE 0 END AS BIGINT)";
/// The server notices within 25 s that the gateway's machine is gone, and lets another in.
const POSTGRES_KEEPALIVE: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

/// How to reach the database.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) engine: Engine,
    /// The file of SQLite; None: a server keeps it.
    pub(super) file: Option<PathBuf>,
    options: AnyConnectOptions,
}

impl Database {
    /// Works out engine and address; `data_dir` is where a relative SQLite path starts.
    pub(super) fn from_config(config: &StoreConfig, data_dir: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let location = |why: String| StoreError::Location { url: without_password(&config.url), why };
        let (engine, file, url) = if let Some(path) = config.url.strip_prefix("sqlite:") {
            let path = std::path::absolute(data_dir.join(path.trim_start_matches("//")))
                .map_err(|error| location(error.to_string()))?;
            let url = sqlite_url(&path, "mode=rwc").map_err(location)?;
            (Engine::Sqlite, Some(path), url)
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            (Engine::Postgres, None, with_password(config).map_err(location)?)
        } else {
            return Err(location("it starts with neither `sqlite:` nor `postgres:`".into()));
        };
        let options = options_of(&url).map_err(location)?;
        Ok(Self { engine, file, options })
    }

    /// A file of SQLite that nobody writes to and that is to stay as it is, to the byte: that of a backup.
    pub(super) fn of_still_file(path: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let location = |why: String| StoreError::Location { url: path.display().to_string(), why };
        let path = std::path::absolute(path).map_err(|error| location(error.to_string()))?;
        let url = sqlite_url(&path, "mode=ro&immutable=1").map_err(location)?;
        let options = options_of(&url).map_err(location)?;
        Ok(Self { engine: Engine::Sqlite, file: Some(path), options })
    }

    /// The address of a PostgreSQL database without its password, and the password, for programs of PostgreSQL.
    pub(super) fn postgres_address(&self) -> (String, Option<String>) {
        let mut url = self.options.database_url.clone();
        let password = url.password().map(|encoded| percent_decode_str(encoded).decode_utf8_lossy().into_owned());
        // Cannot fail for an address with a host; one without has no password.
        let _ = url.set_password(None);
        let known_to_libpq: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(key, _)| key != "statement-cache-capacity")
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        if !known_to_libpq.is_empty() {
            url.query_pairs_mut().extend_pairs(known_to_libpq);
        }
        (url.to_string(), password)
    }

    /// Brings the schema to this version.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.connect_writer().await.map_err(StoreError::Open)?;
        self.migrate_by(&mut connection).await?;
        connection.close().await.map_err(StoreError::Open)
    }

    /// The same by a connection that goes on being used: what it knows of the schema is then that of this version.
    pub(super) async fn migrate_by(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        // `Migrator::run` would tie the future to one thread.
        self.migrations().run_direct(None, connection, false).await.map_err(StoreError::Migrate)
    }

    /// All versions of the schema.
    pub(super) const fn migrations(&self) -> &'static Migrator {
        match self.engine {
            Engine::Sqlite => &SQLITE_MIGRATIONS,
            Engine::Postgres => &POSTGRES_MIGRATIONS,
        }
    }

    /// The connection that writes. Durable means fsync'd: `synchronous=FULL`.
    pub(super) async fn connect_writer(&self) -> Result<AnyConnection, sqlx::Error> {
        let connecting = AnyConnection::connect_with(&self.options);
        let mut connection =
            tokio::time::timeout(ACQUIRE_TIMEOUT, connecting).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        let set_up = match self.engine {
            Engine::Sqlite => {
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA busy_timeout = 5000; PRAGMA journal_size_limit = 67108864"
            }
            Engine::Postgres => "SET synchronous_commit = on; SET idle_in_transaction_session_timeout = '60s'",
        };
        connection.execute(set_up).await?;
        Ok(connection)
    }

    /// The connection that the gateway itself writes by. Of a PostgreSQL database there is one at a time, so that no
    /// reading is stored by two gateways, nor again while the server still commits what an earlier, broken connection
    /// sent. A file of SQLite is guarded by the lock of its data directory and by SQLite.
    ///
    /// # Errors
    /// Those of connecting; [`sqlx::Error::Configuration`]: another connection of a gateway is alive.
    pub(super) async fn connect_gateway(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = self.connect_writer().await?;
        if self.engine == Engine::Postgres {
            connection.execute(POSTGRES_KEEPALIVE).await?;
            let claiming = async {
                while sqlx::query_scalar::<_, i64>(POSTGRES_CLAIM).fetch_one(&mut connection).await? == 0 {
                    tokio::time::sleep(CLAIM_PAUSE).await;
                }
                Ok(())
            };
            let claimed: Result<Result<(), sqlx::Error>, _> = tokio::time::timeout(ACQUIRE_TIMEOUT, claiming).await;
            claimed.map_err(|_| sqlx::Error::Configuration("another gateway writes to this database".into()))??;
        }
        Ok(connection)
    }

    /// The connections that read, and cannot write.
    pub(super) async fn connect_readers(&self, count: u32) -> Result<AnyPool, StoreError> {
        let (set_up, cache) = match self.engine {
            // Chunks are read once, and the system keeps the file's pages anyhow: 512 KiB a connection, for the way to them.
            Engine::Sqlite => ("PRAGMA query_only = ON; PRAGMA busy_timeout = 5000", Some("PRAGMA cache_size = -512")),
            Engine::Postgres => ("SET default_transaction_read_only = on; SET statement_timeout = '30s'", None),
        };
        AnyPoolOptions::new()
            .max_connections(count.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    connection.execute(set_up).await?;
                    if let Some(cache) = cache {
                        // It reads the schema. That this is damaged is told by who reads from it, not by a pool that waits.
                        let _ = connection.execute(cache).await;
                    }
                    Ok(())
                })
            })
            .connect_with(self.options.clone())
            .await
            .map_err(StoreError::Open)
    }

    /// The statement that opens a writing transaction. SQLite takes its write lock at once, so that a transaction
    /// never fails in its middle because another process wrote.
    pub(super) const fn begin(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        }
    }

    /// How long one write may take; None: as long as the local disk takes, because giving up on it would not stop it.
    pub(super) const fn write_timeout(&self) -> Option<Duration> {
        match self.engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(POSTGRES_WRITE_TIMEOUT),
        }
    }
}

fn sqlite_url(path: &Path, mode: &str) -> Result<String, String> {
    let path = path.to_str().ok_or("the path is not UTF-8")?;
    let escaped = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    Ok(format!("sqlite://{escaped}?{mode}"))
}

fn options_of(url: &str) -> Result<AnyConnectOptions, String> {
    AnyConnectOptions::from_str(url).map(ConnectOptions::disable_statement_logging).map_err(|error| error.to_string())
}

fn with_password(config: &StoreConfig) -> Result<String, String> {
    let Some(file) = &config.password_file else { return Ok(config.url.clone()) };
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let password = text.lines().next().unwrap_or_default().trim();
    let (scheme, rest) = config.url.split_once("://").ok_or("`://` is missing")?;
    let (user, host) = rest.split_once('@').ok_or("`password_file` needs `user@` in the URL")?;
    let user = user.split(':').next().unwrap_or_default();
    Ok(format!("{scheme}://{user}:{}@{host}", percent_encoded(password)))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 3), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").expect("writing to a string never fails");
        encoded
    })
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(without_password("postgres://bw:s3:cr@t@db/bw"), "postgres://bw@db/bw");
        assert_eq!(without_password("postgres://bw@db/bw"), "postgres://bw@db/bw");
        assert_eq!(without_password("mysql:bw"), "mysql:bw");
    }

    #[test]
    fn other_programs_get_the_password_apart_from_the_address() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3:cr@t/% 密\n").unwrap();
        let url = "postgres://bw@db:5433/bw?sslmode=require&statement-cache-capacity=7".into();
        let config = StoreConfig { url, password_file: Some(file), ..StoreConfig::default() };
        let database = Database::from_config(&config, Path::new("/tmp")).unwrap();
        let address = ("postgres://bw@db:5433/bw?sslmode=require".to_owned(), Some("s3:cr@t/% 密".to_owned()));
        assert_eq!(database.postgres_address(), address);
    }

    #[test]
    fn a_wrong_address_says_what_would_be_right() {
        let config = StoreConfig { url: "mysql://root@db/x".into(), ..StoreConfig::default() };
        let error = Database::from_config(&config, Path::new("/tmp")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`mysql://root@db/x` is not a database the gateway can use: it starts with neither `sqlite:` nor `postgres:`"
        );
    }
}
