//! PostgreSQL: one table of readings with an index on series and time, written by arrays, each write synced.

use harness::postgres::Postgres as Server;
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

use super::subscriber::Row;

/// A server with an open connection.
pub(super) struct Postgres {
    connection: PgConnection,
    /// The backend that serves the connection; it does nearly all of the work.
    backend: u32,
    /// Series up to this one have their names in the database.
    known: usize,
    empty_bytes: i64,
    _server: Server,
}

impl Postgres {
    pub(super) async fn start() -> anyhow::Result<Option<Self>> {
        let Some(server) = Server::start().await? else { return Ok(None) };
        let mut connection = PgConnection::connect(server.url()).await?;
        connection
            .execute(
                "CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE); \
                 CREATE TABLE reading (series_id INTEGER NOT NULL, at_ms BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL); \
                 CREATE INDEX reading_by_time ON reading (series_id, at_ms)",
            )
            .await?;
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
        let mut postgres =
            Self { connection, backend: backend.unsigned_abs(), known: 0, empty_bytes: 0, _server: server };
        postgres.empty_bytes = postgres.size().await?;
        Ok(Some(postgres))
    }

    pub(super) const fn process(&self) -> u32 {
        self.backend
    }

    pub(super) async fn write(&mut self, names: &[String], rows: &[Row]) -> anyhow::Result<()> {
        let mut transaction = self.connection.begin().await?;
        for (id, name) in names.iter().enumerate().skip(self.known) {
            sqlx::query("INSERT INTO series (id, name) VALUES ($1, $2)")
                .bind(i32::try_from(id)?)
                .bind(name)
                .execute(&mut *transaction)
                .await?;
        }
        self.known = names.len();
        sqlx::query(
            "INSERT INTO reading (series_id, at_ms, value) SELECT * FROM UNNEST($1::INTEGER[], $2::BIGINT[], $3::DOUBLE PRECISION[])",
        )
        .bind(rows.iter().map(|row| row.series.cast_signed()).collect::<Vec<i32>>())
        .bind(rows.iter().map(|row| row.at_ms).collect::<Vec<i64>>())
        .bind(rows.iter().map(|row| row.value).collect::<Vec<f64>>())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(super) async fn tidy_up(&mut self) -> anyhow::Result<()> {
        self.connection.execute("VACUUM ANALYZE reading").await?;
        self.connection.execute("CHECKPOINT").await?;
        Ok(())
    }

    /// Tables and indexes; the write-ahead log is not counted.
    pub(super) async fn bytes(&mut self) -> anyhow::Result<u64> {
        Ok((self.size().await? - self.empty_bytes).unsigned_abs())
    }

    pub(super) async fn buckets(&mut self, series: &str, count: u32) -> anyhow::Result<usize> {
        let rows = sqlx::query(
            "WITH own AS (SELECT at_ms, value FROM reading WHERE series_id = (SELECT id FROM series WHERE name = $1)), \
             span AS (SELECT MIN(at_ms) AS first, GREATEST((MAX(at_ms) - MIN(at_ms)) / $2 + 1, 1) AS width FROM own) \
             SELECT (at_ms - first) / width AS bucket, MIN(value), MAX(value), AVG(value), COUNT(*) FROM own, span \
             GROUP BY 1 ORDER BY 1",
        )
        .bind(series)
        .bind(i64::from(count))
        .fetch_all(&mut self.connection)
        .await?;
        let _: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(rows.len())
    }

    async fn size(&mut self) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut self.connection).await?)
    }
}
