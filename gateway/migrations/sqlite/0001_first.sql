-- One logical schema with migrations/postgres: same tables, columns and meanings. Times are milliseconds since 1970
-- UTC. Ids of things are the texts of the registry; numbers are given by the gateway.

-- Who is responsible for what. A removed row stays, so that what happened there keeps its names.
CREATE TABLE owner (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    phone         TEXT NOT NULL,
    removed_at_ms INTEGER
) STRICT;

CREATE TABLE site (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    township_code TEXT NOT NULL,
    owner_id      TEXT NOT NULL REFERENCES owner (id),
    address       TEXT NOT NULL,
    removed_at_ms INTEGER
) STRICT;
CREATE INDEX site_of_township ON site (township_code);
CREATE INDEX site_of_owner ON site (owner_id);

CREATE TABLE device (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    site_id       TEXT NOT NULL REFERENCES site (id),
    profile_id    TEXT NOT NULL,
    node_id       TEXT NOT NULL,
    nameplate     TEXT NOT NULL, -- JSON object of numbers
    removed_at_ms INTEGER
) STRICT;
CREATE INDEX device_of_site ON device (site_id);

-- Devices that gave birth; listed as discovered while no registered device has the id.
CREATE TABLE discovered_device (
    device_id        TEXT PRIMARY KEY,
    node_id          TEXT NOT NULL,
    first_seen_at_ms INTEGER NOT NULL,
    last_seen_at_ms  INTEGER NOT NULL,
    metrics          TEXT NOT NULL -- JSON array of names
) STRICT;

-- Readings: the journal holds what is not sealed yet, the chunks what is.
CREATE TABLE series (
    id        INTEGER PRIMARY KEY,
    device_id TEXT NOT NULL,
    metric    TEXT NOT NULL,
    UNIQUE (device_id, metric)
) STRICT;

-- One row a micro-batch; never before the commit on which everything else waits.
CREATE TABLE journal (
    id             INTEGER PRIMARY KEY,
    received_at_ms INTEGER NOT NULL,
    reading_count  INTEGER NOT NULL,
    readings       BLOB NOT NULL
) STRICT;

-- How far a series is sealed: its readings of journal rows up to `through_journal` stand in chunks.
CREATE TABLE series_seal (
    series_id       INTEGER PRIMARY KEY REFERENCES series (id),
    through_journal INTEGER NOT NULL,
    latest          BLOB NOT NULL -- newest sealed reading by event time, as a journal frame of one
) STRICT;

CREATE TABLE chunk (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    series_id       INTEGER NOT NULL REFERENCES series (id),
    through_journal INTEGER NOT NULL, -- the series' seal after this chunk was added
    first_at_ms     INTEGER NOT NULL, -- smallest event time
    last_at_ms      INTEGER NOT NULL, -- largest event time, inclusive
    reading_count   INTEGER NOT NULL,
    usable_count    INTEGER NOT NULL, -- readings in the three figures that follow; with 0 they mean nothing
    min_value       REAL NOT NULL,
    max_value       REAL NOT NULL,
    sum_value       REAL NOT NULL,
    readings        BLOB NOT NULL
) STRICT;
CREATE INDEX chunk_by_time ON chunk (series_id, last_at_ms, first_at_ms);

-- Alarms: the row is the present state, the events are its history.
CREATE TABLE alarm (
    id                 INTEGER PRIMARY KEY,
    device_id          TEXT NOT NULL,
    rule_id            TEXT NOT NULL,
    severity           INTEGER NOT NULL,
    title_zh           TEXT NOT NULL,
    title_en           TEXT NOT NULL,
    cause_zh           TEXT NOT NULL,
    cause_en           TEXT NOT NULL,
    state              TEXT NOT NULL,
    raised_at_ms       INTEGER NOT NULL,
    returned_at_ms     INTEGER,
    acknowledged_at_ms INTEGER,
    acknowledged_by    TEXT,
    closed_at_ms       INTEGER,
    occurrence_count   INTEGER NOT NULL,
    cause_metric       TEXT,
    cause_reading      BLOB -- as a journal frame of one
) STRICT;
-- The promise that a rule has at most one open alarm on a device is kept here, whatever the program does.
CREATE UNIQUE INDEX alarm_open_once ON alarm (device_id, rule_id) WHERE closed_at_ms IS NULL;
CREATE INDEX alarm_of_device ON alarm (device_id, id);
CREATE INDEX alarm_open ON alarm (id) WHERE closed_at_ms IS NULL;

CREATE TABLE alarm_event (
    alarm_id         INTEGER NOT NULL REFERENCES alarm (id),
    number           INTEGER NOT NULL, -- from 1 within the alarm
    at_ms            INTEGER NOT NULL,
    event_time_at_ms INTEGER NOT NULL,
    what             TEXT NOT NULL,
    by_username      TEXT,
    note             TEXT NOT NULL,
    PRIMARY KEY (alarm_id, number)
) STRICT, WITHOUT ROWID;

-- People.
CREATE TABLE account (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    username           TEXT NOT NULL,
    display_name       TEXT NOT NULL,
    role               TEXT NOT NULL,
    office_id          TEXT,
    township_code      TEXT,
    owner_id           TEXT,
    is_disabled        INTEGER NOT NULL,
    password_hash      TEXT NOT NULL, -- PHC string
    created_at_ms      INTEGER NOT NULL,
    last_sign_in_at_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX account_by_name ON account (lower(username));

CREATE TABLE session (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash      BLOB NOT NULL UNIQUE, -- SHA-256 of the token; the token itself stands nowhere
    account_id      INTEGER NOT NULL REFERENCES account (id),
    created_at_ms   INTEGER NOT NULL,
    last_used_at_ms INTEGER NOT NULL,
    idle_limit_ms   INTEGER NOT NULL, -- unused for so long, it is over
    expires_at_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX session_of_account ON session (account_id);

-- What people did. Rows are only ever added; each carries the hash of the one before it.
CREATE TABLE audit (
    id            INTEGER PRIMARY KEY,
    at_ms         INTEGER NOT NULL,
    actor         TEXT NOT NULL,
    action        TEXT NOT NULL,
    object        TEXT NOT NULL,
    detail        TEXT NOT NULL,
    previous_hash BLOB NOT NULL,
    hash          BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
