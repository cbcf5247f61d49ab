-- One logical schema with migrations/sqlite: same tables, columns and meanings. Times are milliseconds since 1970
-- UTC. Ids of things are the texts of the registry; numbers are given by the gateway.

-- Who is responsible for what. A removed row stays, so that what happened there keeps its names.
CREATE TABLE owner (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    phone         TEXT NOT NULL,
    removed_at_ms BIGINT
);

CREATE TABLE site (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    township_code TEXT NOT NULL,
    owner_id      TEXT NOT NULL REFERENCES owner (id),
    address       TEXT NOT NULL,
    removed_at_ms BIGINT
);
CREATE INDEX site_of_township ON site (township_code);
CREATE INDEX site_of_owner ON site (owner_id);

CREATE TABLE device (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    site_id       TEXT NOT NULL REFERENCES site (id),
    profile_id    TEXT NOT NULL,
    node_id       TEXT NOT NULL,
    nameplate     TEXT NOT NULL, -- JSON object of numbers
    removed_at_ms BIGINT
);
CREATE INDEX device_of_site ON device (site_id);

-- Devices that gave birth; listed as discovered while no registered device has the id.
CREATE TABLE discovered_device (
    device_id        TEXT PRIMARY KEY,
    node_id          TEXT NOT NULL,
    first_seen_at_ms BIGINT NOT NULL,
    last_seen_at_ms  BIGINT NOT NULL,
    metrics          TEXT NOT NULL -- JSON array of names
);

-- Readings: the journal holds what is not sealed yet, the chunks what is.
CREATE TABLE series (
    id        BIGINT PRIMARY KEY,
    device_id TEXT NOT NULL,
    metric    TEXT NOT NULL,
    UNIQUE (device_id, metric)
);

-- One row a micro-batch; never before the commit on which everything else waits.
CREATE TABLE journal (
    id             BIGINT PRIMARY KEY,
    received_at_ms BIGINT NOT NULL,
    reading_count  BIGINT NOT NULL,
    readings       BYTEA NOT NULL
);

-- How far a series is sealed: its readings of journal rows up to `through_journal` stand in chunks.
CREATE TABLE series_seal (
    series_id       BIGINT PRIMARY KEY REFERENCES series (id),
    through_journal BIGINT NOT NULL,
    latest          BYTEA NOT NULL -- newest sealed reading by event time, as a journal frame of one
);

CREATE TABLE chunk (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id       BIGINT NOT NULL REFERENCES series (id),
    through_journal BIGINT NOT NULL, -- the series' seal after this chunk was added
    first_at_ms     BIGINT NOT NULL, -- smallest event time
    last_at_ms      BIGINT NOT NULL, -- largest event time, inclusive
    reading_count   BIGINT NOT NULL,
    usable_count    BIGINT NOT NULL, -- readings in the three figures that follow; with 0 they mean nothing
    min_value       DOUBLE PRECISION NOT NULL,
    max_value       DOUBLE PRECISION NOT NULL,
    sum_value       DOUBLE PRECISION NOT NULL,
    readings        BYTEA NOT NULL
);
CREATE INDEX chunk_by_time ON chunk (series_id, last_at_ms, first_at_ms);

-- Alarms: the row is the present state, the events are its history.
CREATE TABLE alarm (
    id                 BIGINT PRIMARY KEY,
    device_id          TEXT NOT NULL,
    rule_id            TEXT NOT NULL,
    severity           BIGINT NOT NULL,
    title_zh           TEXT NOT NULL,
    title_en           TEXT NOT NULL,
    cause_zh           TEXT NOT NULL,
    cause_en           TEXT NOT NULL,
    state              TEXT NOT NULL,
    raised_at_ms       BIGINT NOT NULL,
    returned_at_ms     BIGINT,
    acknowledged_at_ms BIGINT,
    acknowledged_by    TEXT,
    closed_at_ms       BIGINT,
    occurrence_count   BIGINT NOT NULL,
    cause_metric       TEXT,
    cause_reading      BYTEA -- as a journal frame of one
);
-- The promise that a rule has at most one open alarm on a device is kept here, whatever the program does.
CREATE UNIQUE INDEX alarm_open_once ON alarm (device_id, rule_id) WHERE closed_at_ms IS NULL;
CREATE INDEX alarm_of_device ON alarm (device_id, id);
CREATE INDEX alarm_open ON alarm (id) WHERE closed_at_ms IS NULL;

CREATE TABLE alarm_event (
    alarm_id         BIGINT NOT NULL REFERENCES alarm (id),
    number           BIGINT NOT NULL, -- from 1 within the alarm
    at_ms            BIGINT NOT NULL,
    event_time_at_ms BIGINT NOT NULL,
    what             TEXT NOT NULL,
    by_username      TEXT,
    note             TEXT NOT NULL,
    PRIMARY KEY (alarm_id, number)
);

-- People.
CREATE TABLE account (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username           TEXT NOT NULL,
    display_name       TEXT NOT NULL,
    role               TEXT NOT NULL,
    office_id          TEXT,
    township_code      TEXT,
    owner_id           TEXT,
    is_disabled        BIGINT NOT NULL,
    password_hash      TEXT NOT NULL, -- PHC string
    created_at_ms      BIGINT NOT NULL,
    last_sign_in_at_ms BIGINT
);
CREATE UNIQUE INDEX account_by_name ON account (lower(username));

CREATE TABLE session (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash      BYTEA NOT NULL UNIQUE, -- SHA-256 of the token; the token itself stands nowhere
    account_id      BIGINT NOT NULL REFERENCES account (id),
    created_at_ms   BIGINT NOT NULL,
    last_used_at_ms BIGINT NOT NULL,
    idle_limit_ms   BIGINT NOT NULL, -- unused for so long, it is over
    expires_at_ms   BIGINT NOT NULL
);
CREATE INDEX session_of_account ON session (account_id);

-- What people did. Rows are only ever added; each carries the hash of the one before it.
CREATE TABLE audit (
    id            BIGINT PRIMARY KEY,
    at_ms         BIGINT NOT NULL,
    actor         TEXT NOT NULL,
    action        TEXT NOT NULL,
    object        TEXT NOT NULL,
    detail        TEXT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash          BYTEA NOT NULL
);
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
